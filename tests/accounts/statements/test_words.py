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


@pytest.mark.parametrize("comment", ["IT From 8000790 27000244", "INTRFR 4711", "it to #4711"])
def test_money_between_accounts_of_one_person_is_a_transfer(comment):
    assert operation_kind(comment, Decimal(200)) == "transfer"


def test_it_as_a_word_is_no_transfer():
    assert operation_kind("IT services", Decimal(200)) == "deposit"
