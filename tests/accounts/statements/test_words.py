from __future__ import annotations

from decimal import Decimal

import pytest

from accounts.statements.words import operation_kind


@pytest.mark.parametrize(
    ("comment", "kind"),
    [
        ("Withdrawal fee", "fee"),
        ("Inactivity fees", "fee"),
        ("Bank wire fee-free withdrawal", "withdrawal"),
        ("Withdrawal, no fee", "withdrawal"),
        ("Withdrawal free of charge", "withdrawal"),
        ("Commission-free withdrawal", "withdrawal"),
        ("Commission", "commission"),
    ],
)
def test_what_is_free_of_a_fee_is_no_fee(comment, kind):
    assert operation_kind(comment, Decimal(-200)) == kind
