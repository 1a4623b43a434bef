"""The way of an upload: received, read, shown, confirmed, booked, undone."""

from __future__ import annotations

import zipfile
from datetime import timedelta

import pytest

from accounts import imports, tieout
from accounts.models import Account, Deal, FileMapping, StatementFile, StatementImport
from accounts.statements import mapping
from tests.accounts.books import books_of
from tests.accounts.histories import history
from tests.accounts.reports import mt5_report
from tests.factories import make_account, make_broker, make_owner
from tradershub.core.audit import verify
from tradershub.core.errors import BadInput, Conflict, NotFound
from tradershub.core.models import AuditEntry

pytestmark = pytest.mark.django_db
CSV = """Ticket,Open Time,Type,Lots,Symbol,Open Price,Close Time,Close Price,Commission,Swap,Profit
1,2024-01-03 10:00:00,buy,0.10,EURUSD,1.10000,2024-01-03 12:00:00,1.10100,-0.70,0.00,10.00
2,2024-01-04 10:00:00,sell,0.20,EURUSD,1.10100,2024-01-05 12:00:00,1.10000,-1.40,-0.30,20.00
"""


@pytest.fixture
def owner():
    return make_owner(username="ann")


@pytest.fixture
def account(owner):
    return make_account(owner=owner, number="77", broker=make_broker(aliases=["Example Ltd"]))


@pytest.fixture
def report(tmp_path):
    return mt5_report(tmp_path / "report.html", history(1))


def receive(path, owner, **more):
    [imported] = imports.receive(path, name=path.name, owner=owner, **more)
    return imported


def test_an_upload_is_shown_and_nothing_is_booked_before_the_yes(report, owner, account):
    imported = receive(report, owner)
    assert (imported.state, imported.account, imported.format) == ("preview", account, "mt5")
    assert imported.preview["lines"]["booked"] == 40
    assert imported.preview["symbols_to_map"] == []  # EURUSD and GBPUSD are certain
    assert imported.preview["samples"]["booked"][0]["kind"] == "deposit"
    assert not account.deals.exists()


def test_confirm_books_and_undo_takes_it_back(report, owner, account):
    empty = books_of(account)
    imported = imports.confirm(receive(report, owner), actor=owner)
    assert imported.state == "booked"
    assert imports.how_far(imported).percent == 100
    assert account.deals.count() == 40
    assert account.snapshots.get().equity == history(1)[-1].balance_after
    once = books_of(account)
    again = imports.confirm(receive(report, owner), actor=owner)
    assert again.preview["lines"]["duplicate"] == 40
    imports.undo(again, actor=owner)
    assert books_of(account) == once
    imports.undo(imported, actor=owner)
    assert books_of(account) == empty
    imported.refresh_from_db()
    assert imported.state == "undone" and imported.undone_at
    actions = list(AuditEntry.objects.order_by("seq").values_list("action", flat=True))
    assert actions == ["statement.book"] * 2 + ["statement.undo"] * 2
    assert not verify()


def test_an_unknown_account_is_opened_as_the_file_says(report, owner):
    imported = receive(report, owner)
    assert imported.account is None
    assert imported.preview["opening"]["currency"] == "USD"
    with pytest.raises(BadInput):
        imports.confirm(imported, actor=owner)
    imported.refresh_from_db()
    assert imported.state == "preview"
    imported = imports.confirm(imported, actor=owner, opening={"broker": "Example"})
    opened = Account.objects.get()
    assert imported.account == opened and opened.broker.name == "Example"
    assert opened.broker.aliases == ["Example Ltd", "Example-Demo"]
    assert receive(report, owner).account == opened


def test_a_file_without_account_asks_for_it(tmp_path, owner, account):
    path = mt5_report(tmp_path / "bare.html", history(2), account="")
    imported = receive(path, owner)
    assert "Which one is it?" in imported.preview["question"]
    assert imports.confirm(imported, actor=owner, account=account).state == "booked"
    assert receive(path, owner, account=account).preview["lines"]["duplicate"] == 40


def test_anothers_account_is_not_found(report, account):
    stranger = make_owner()
    imported = receive(report, stranger)
    assert imported.account is None
    with pytest.raises(NotFound):
        imports.confirm(imported, actor=stranger, account=account)


def test_a_file_in_another_currency_is_refused(report, owner):
    make_account(owner=owner, number="77", currency="EUR", broker=make_broker(name="Example Ltd"))
    imported = receive(report, owner)
    assert imported.state == "refused"
    assert "in USD, but account 77 is in EUR" in imported.reason


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n....", "picture"),
        (b"nothing of use", "no table"),
        (b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "DTD"),
        (b"PK\x03\x04 cut off", "damaged"),
    ],
)
def test_what_is_no_statement_is_refused_with_one_sentence(tmp_path, owner, content, words):
    path = tmp_path / "file"
    path.write_bytes(content)
    imported = receive(path, owner)
    assert imported.state == "refused"
    assert words in imported.reason
    assert not Deal.objects.exists()


def test_a_cut_off_report_is_refused_and_the_next_is_read(report, owner, account, tmp_path):
    cut = tmp_path / "cut.html"
    cut.write_bytes(report.read_bytes()[: report.stat().st_size // 8])
    assert receive(cut, owner).state == "refused"
    assert receive(report, owner).state == "preview"


def test_a_file_beyond_the_limit_is_refused(report, owner, settings):
    settings.STATEMENT_MAX_BYTES = 1000
    imported = receive(report, owner)
    assert imported.state == "refused" and "MB" in imported.reason
    assert not StatementFile.objects.exists()


def test_an_encrypted_zip_is_refused_as_one(tmp_path, owner):
    path = tmp_path / "locked.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("report.html", "x")
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(data)
    imported = receive(path, owner)
    assert imported.state == "refused" and "encrypted" in imported.reason


def test_the_files_of_a_zip_are_one_batch(report, tmp_path, owner, account):
    path = tmp_path / "both.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(report, "a.html")
        archive.writestr("b.txt", "nothing")
    received = imports.receive(path, name="both.zip", owner=owner)
    assert [item.state for item in received] == ["preview", "refused"]
    assert len({item.batch for item in received}) == 1


def test_the_original_is_kept_encrypted_and_can_be_deleted(report, owner, account):
    imported = receive(report, owner)
    assert report.read_bytes()[:200] not in bytes(imported.file.data)
    imports.delete_file(imported, actor=owner)
    assert not StatementFile.objects.exists()
    assert imports.confirm(imported, actor=owner).state == "failed"
    assert "was deleted" in StatementImport.objects.get().reason


def test_a_table_of_no_format_waits_for_its_columns_and_is_then_known(tmp_path, owner, account):
    path = tmp_path / "table.csv"
    path.write_text(CSV)
    imported = receive(path, owner, account=account)
    if imported.state == "needs_mapping":
        suggested = mapping.Mapping.from_dict(imported.preview["mapping"])
        for question in suggested.questions:
            answer = question.suggested or (question.options or ("USD",))[0]
            suggested = suggested.answered(question.key, answer)
        imported = imports.name_columns(imported, suggested.to_dict(), save_for=account.broker)
    assert imported.state == "preview", imported.reason
    assert FileMapping.objects.exists()
    assert imports.confirm(imported, actor=owner).state == "booked"
    assert receive(path, owner, account=account).preview["lines"]["duplicate"] > 0


def test_confirming_twice_books_once(report, owner, account):
    imported = receive(report, owner)
    imports.confirm(imported, actor=owner)
    with pytest.raises(Conflict):
        imports.confirm(imported, actor=owner)
    assert imports.book(imported).state == "booked"
    assert account.deals.count() == 40


def test_a_worker_that_comes_second_adds_nothing(report, owner, account):
    """It began while the first was at work, as after a claim that was given back too early."""
    imported = imports.confirm(receive(report, owner), actor=owner)
    once = books_of(account)
    second = StatementImport.objects.get(pk=imported.pk)
    second.state = StatementImport.State.BOOKING
    assert imports.book_read(second, imports.read_file(report), actor=owner).state == "booked"
    assert second.preview["lines"] == imported.preview["lines"]
    assert books_of(account) == once


def test_a_failure_while_booking_leaves_nothing(report, owner, account, monkeypatch):
    imported = receive(report, owner)
    before = books_of(account)

    def fail(*args, **kwargs):
        raise BadInput("The books cannot keep this")

    monkeypatch.setattr(tieout, "reconcile", fail)
    assert imports.confirm(imported, actor=owner).state == "failed"
    assert books_of(account) == before


def test_times_are_read_in_the_brokers_zone(report, owner, account):
    account.broker.time_zone = "Asia/Tokyo"
    account.broker.save()
    imports.confirm(receive(report, owner), actor=owner)
    first = account.deals.earliest("at")
    assert first.broker_time == "2024.01.03 09:01:00"
    assert first.at.utcoffset() == timedelta(0)
    assert f"{first.at:%H:%M}" == "00:01"


def test_a_file_of_a_broker_unknown_to_the_account_asks_and_remembers_the_yes(report, owner):
    mine = make_account(owner=owner, number="77", broker=make_broker(name="By hand"))
    imported = receive(report, owner)
    assert imported.account is None
    assert "at Example Ltd, Example-Demo" in imported.preview["question"]
    assert imported.preview["offered_account"] == mine.pk
    assert imports.confirm(imported, actor=owner, account=mine).state == "booked"
    mine.broker.refresh_from_db()
    assert mine.broker.aliases == ["Example Ltd", "Example-Demo"]
    assert AuditEntry.objects.filter(action="broker.edit").count() == 1
    assert receive(report, owner).account == mine


def test_names_that_another_broker_bears_are_not_taken_from_it(report, owner):
    other = make_broker(name="Example Ltd")
    mine = make_account(owner=owner, number="77", broker=make_broker(name="By hand"))
    imports.confirm(receive(report, owner, account=mine), actor=owner)
    mine.broker.refresh_from_db()
    assert (mine.broker.aliases, other.aliases) == ([], [])


def test_the_server_of_an_account_entered_by_hand_tells_that_it_is_the_one(report, owner):
    broker = make_broker(name="By hand")
    mine = make_account(owner=owner, number="77", broker=broker, server="Example-Demo")
    assert receive(report, owner).account == mine
