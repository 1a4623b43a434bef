"""A file that waits, or is being read or booked, is cancelled: all of it, or nothing."""

from __future__ import annotations

import pytest

from accounts import imports, tieout
from accounts.imports import posting
from accounts.imports.progress import Cancelled, Watcher, ask_to_stop, how_far
from accounts.models import StatementImport
from accounts.statements import importer, storage
from accounts.tasks import book_statement, read_statement
from tests.accounts.books import books_of
from tests.accounts.histories import history
from tests.accounts.reports import mt5_report
from tests.factories import make_account, make_broker, make_owner
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_owner(username="ann")


@pytest.fixture
def account(owner):
    return make_account(owner=owner, number="77", broker=make_broker(aliases=["Example Ltd"]))


@pytest.fixture
def shown(tmp_path, owner, account):
    path = mt5_report(tmp_path / "report.html", history(1))
    [imported] = imports.receive(path, name=path.name, owner=owner)
    return imported


@pytest.fixture
def no_worker(monkeypatch):
    """Tasks wait in a queue that nobody serves."""
    for module in ("confirming", "reading", "receiving"):
        monkeypatch.setattr(f"accounts.imports.{module}.enqueue", lambda *args: None)


def at(imported, state):
    StatementImport.objects.filter(pk=imported.pk).update(state=state)
    imported.refresh_from_db()
    return imported


def cancelled_by():
    return list(
        AuditEntry.objects.filter(action="statement.cancel").values_list("actor", flat=True)
    )


@pytest.mark.parametrize("state", ["received", "reading"])
def test_a_file_not_yet_read_is_over_and_may_be_read_again(shown, owner, state):
    imports.cancel(at(shown, state), actor=owner)
    assert (shown.state, cancelled_by()) == ("cancelled", ["ann"])
    assert read_statement(shown.pk) == "cancelled"
    assert imports.read_again(shown).state == "preview"


@pytest.mark.parametrize("is_discarded", [False, True])
def test_its_reader_stores_nothing(shown, owner, monkeypatch, is_discarded):
    imported = at(shown, "received")
    read = imports.reading.read_file

    def read_while_a_person_cancels(path, *, tell, **more):
        cancelled = imports.cancel(StatementImport.objects.get(pk=imported.pk), actor=owner)
        assert cancelled.state == "cancelled"
        if is_discarded:
            imports.discard(cancelled, actor=owner)
        return read(path, tell=tell, **more)

    monkeypatch.setattr(imports.reading, "read_file", read_while_a_person_cancels)
    imports.read(imported)
    states = list(StatementImport.objects.values_list("state", flat=True))
    assert states == ([] if is_discarded else ["cancelled"])


def test_a_file_that_waits_for_its_booking_is_shown_again(shown, owner, account, no_worker):
    imports.cancel(imports.confirm(shown, actor=owner), actor=owner)
    assert (shown.state, cancelled_by()) == ("preview", ["ann"])
    assert book_statement(shown.pk) == "preview"
    assert not account.deals.exists()
    imports.confirm(shown, actor=owner)
    assert book_statement(shown.pk) == "booked"


def test_a_task_that_finds_its_file_discarded_ends_well(shown, owner, no_worker):
    number = shown.pk
    imports.discard(imports.cancel(imports.confirm(shown, actor=owner), actor=owner), actor=owner)
    assert book_statement(number) == "discarded"


STAGES = ("compare", "deals", "lines", "derive", "check")


@pytest.mark.parametrize("stage", STAGES)
def test_a_booking_stops_in_any_of_its_stages_with_nothing_booked(
    shown, owner, account, monkeypatch, stage
):
    before = books_of(account)
    begin = Watcher.begin

    def cancel_at(watcher, name, of):
        if name == stage:
            ask_to_stop(shown, actor=owner)
        begin(watcher, name, of)

    monkeypatch.setattr(Watcher, "begin", cancel_at)
    imported = imports.confirm(shown, actor=owner)
    assert (imported.state, imported.reason) == ("preview", posting.GIVEN_BACK)
    assert books_of(account) == before
    assert cancelled_by() == ["ann"]
    monkeypatch.undo()
    imported = imports.confirm(imported, actor=owner)
    assert (imported.state, imported.reason, account.deals.count()) == ("booked", "", 40)


def test_every_stage_of_a_booking_is_one_that_the_test_above_stops(shown, owner, monkeypatch):
    told = []
    monkeypatch.setattr(Watcher, "begin", lambda watcher, stage, of: told.append((stage, of)))
    imports.confirm(shown, actor=owner)
    assert told == [(stage, 0 if stage == importer.CHECK else 40) for stage in STAGES]


def test_a_wish_that_comes_too_late_leaves_the_file_booked(shown, owner, account):
    imported = imports.confirm(shown, actor=owner)
    late = StatementImport.objects.get(pk=imported.pk)
    late.state = "booking"
    with pytest.raises(Conflict, match="booked; nothing to cancel"):
        imports.cancel(late, actor=owner)
    assert account.deals.count() == 40


def test_a_second_worker_does_not_book_what_was_given_back(shown, owner, account, no_worker):
    imported = at(imports.confirm(shown, actor=owner), "booking")
    second = StatementImport.objects.get(pk=imported.pk)
    statement = imports.read_file(stored_copy(imported))
    posting.give_back(imported, by="ann")
    assert imports.book_read(second, statement, actor=owner).state == "preview"
    assert not account.deals.exists()


def stored_copy(imported):
    with storage.opened(imported.file) as path:
        copy = path.parent.parent / f"copy-{imported.pk}"
        copy.write_bytes(path.read_bytes())
    return copy


def test_a_wish_is_forgotten_before_the_work_begins_anew(shown, owner):
    imports.cancel(at(shown, "booking"), actor=owner)
    assert how_far(shown).stopping
    with pytest.raises(Cancelled):
        Watcher(shown, {"read": 1}).begin("read", 0)
    imported = imports.confirm(at(shown, "preview"), actor=owner)
    assert imported.state == "booked"


def test_what_is_not_at_work_cannot_be_cancelled(shown, owner):
    with pytest.raises(Conflict, match="ready to book; nothing to cancel"):
        imports.cancel(shown, actor=owner)


def test_a_file_that_failed_is_read_again_once_its_cause_is_gone(
    shown, owner, account, monkeypatch
):
    def fail(*args, **kwargs):
        raise BadInput("The books cannot keep this")

    monkeypatch.setattr(tieout, "reconcile", fail)
    failed = imports.confirm(shown, actor=owner)
    assert failed.state == "failed"
    monkeypatch.undo()
    again = imports.read_again(failed)
    assert (again.state, again.reason) == ("preview", "")
    with pytest.raises(Conflict, match="nothing to read again"):
        imports.read_again(again)
