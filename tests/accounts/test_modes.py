"""Hedging or netting: what a file proves, what is only assumed, and what a later file makes of it."""

from __future__ import annotations

import pytest

from accounts import imports, services
from accounts.models import Account, Position
from tests.accounts.books import assert_derived, books_of
from tests.accounts.statements.mt5_pages import DEPOSIT, Report
from tests.factories import make_account, make_broker, make_owner
from tradershub.core.models import AuditEntry

pytestmark = pytest.mark.django_db
NO_MODE = "77 (USD, 1:100, Example-Demo, demo)"
FIRST = [
    DEPOSIT,
    "2024.01.02 10:00:00|101|EURUSD|buy|in|1.00|1.10000|501|0.00|0.00|0.00|0.00|1 000.00|",
    "2024.01.02 11:00:00|102|EURUSD|buy|in|1.00|1.10200|502|0.00|0.00|0.00|0.00|1 000.00|",
]
REVERSED = [
    *FIRST,
    "2024.01.03 11:00:00|103|EURUSD|sell|in/out|3.00|1.10300|503|0.00|0.00|0.00|400.00|1 400.00|",
]
WHOLE_CLOSED = (
    "2024.01.03 11:00:00|103|EURUSD|sell|out|2.00|1.10300|503|0.00|0.00|0.00|400.00|1 400.00|"
)


def report(path, rows, account=NO_MODE):
    balance = rows[-1].split("|")[-2]
    made = Report(
        deals=rows, positions=[], account=account, summary=(balance, "0.00", "0.00", balance),
        results=(),
    )  # fmt: skip
    return made.html(path)


@pytest.fixture
def owner():
    return make_owner()


def receive(path, owner, **more):
    [imported] = imports.receive(path, name=path.name, owner=owner, **more)
    return imported


def opened(path, owner, **opening):
    return imports.confirm(receive(path, owner), actor=owner, opening=opening).account


def test_the_assumption_is_told_and_corrected_by_the_file_that_proves_the_other(tmp_path, owner):
    first, second = report(tmp_path / "1.html", FIRST), report(tmp_path / "2.html", REVERSED)
    shown = receive(first, owner).preview
    assert shown["opening"]["mode"] == ""
    assert any("kept as hedging until" in note for note in shown["notes"])
    account = opened(first, owner)
    assert (account.mode, account.mode_is_assumed) == ("hedging", True)
    assert Position.objects.filter(account=account).count() == 2
    before = books_of(account)
    proving = imports.confirm(receive(second, owner), actor=owner)
    account.refresh_from_db()
    assert account.mode == "netting"
    assert sorted((str(p.side), p.open_volume) for p in account.positions.all()) == [
        ("buy", 0), ("sell", 1)
    ]  # fmt: skip
    assert_derived(account)
    [entry] = AuditEntry.objects.filter(action="account.edit")
    assert entry.details["mode"] == ["hedging", "netting"]
    imports.undo(proving, actor=owner)
    account.refresh_from_db()
    assert account.mode == "hedging"
    assert books_of(account) == before


def test_a_mode_that_was_said_is_not_changed_by_a_file(tmp_path, owner):
    account = opened(report(tmp_path / "1.html", FIRST), owner, mode="hedging")
    assert not account.mode_is_assumed
    refused = receive(report(tmp_path / "2.html", REVERSED), owner)
    assert refused.state == "refused"
    assert "of a netting account, but account 77 is kept as hedging" in refused.reason
    services.edit_account(account, actor=owner, mode="netting")
    assert receive(report(tmp_path / "2.html", REVERSED), owner).state == "preview"


def test_a_second_proof_against_the_first_is_refused(tmp_path, owner):
    account = opened(report(tmp_path / "1.html", FIRST), owner)
    imports.confirm(receive(report(tmp_path / "2.html", REVERSED), owner), actor=owner)
    stated = NO_MODE.replace("demo)", "demo, Hedge)")
    refused = receive(report(tmp_path / "3.html", FIRST, stated), owner)
    assert "of a hedging account, but account 77 is kept as netting" in refused.reason
    assert Account.objects.get() == account


def test_a_person_who_changes_an_assumed_mode_has_said_it(tmp_path, owner):
    account = opened(report(tmp_path / "1.html", FIRST), owner)
    services.edit_account(account, actor=owner, mode="netting")
    account.refresh_from_db()
    assert not account.mode_is_assumed


def test_a_closing_of_more_than_any_entry_proves_netting(tmp_path, owner):
    imported = receive(report(tmp_path / "1.html", [*FIRST, WHOLE_CLOSED]), owner)
    assert imported.preview["opening"]["mode"] == "netting"


def test_parts_of_one_order_closed_at_once_prove_nothing(tmp_path, owner):
    rows = [DEPOSIT, *(row.replace("|502|", "|501|") for row in FIRST[1:]), WHOLE_CLOSED]
    assert receive(report(tmp_path / "1.html", rows), owner).preview["opening"]["mode"] == ""


def test_an_extract_that_closes_and_opens_the_other_way_proves_nothing(tmp_path, owner):
    rows = [
        "2024.01.03 11:00:00|103|EURUSD|sell|out|2.00|1.10300|503|0.00|0.00|0.00|400.00|1 400.00|",
        "2024.01.04 11:00:00|104|EURUSD|buy|in|1.00|1.10300|504|0.00|0.00|0.00|0.00|1 400.00|",
    ]
    assert receive(report(tmp_path / "1.html", rows), owner).preview["opening"]["mode"] == ""


def test_an_account_entered_by_hand_keeps_the_mode_of_its_person(tmp_path, owner):
    broker = make_broker(name="Broker Ltd")
    make_account(owner=owner, broker=broker, number="77", mode="hedging")
    assert receive(report(tmp_path / "1.html", REVERSED), owner).state == "refused"
