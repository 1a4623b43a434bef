"""Another time zone of a broker: what its files brought is read anew, as if it had been known before."""

from __future__ import annotations

import datetime as dt

import pytest

from accounts import imports, manual
from accounts.models import Deal, StatementImport
from brokers.models import Broker
from brokers.services import CHANGE, CORRECT, edit_broker
from tests.accounts.books import assert_derived
from tests.accounts.histories import START, history
from tests.accounts.reports import mt5_report
from tests.factories import make_account, make_broker, make_owner
from tradershub.core.audit import verify
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.models import AuditEntry

pytestmark = pytest.mark.django_db

WITHOUT_IDS = """Time;Type;Symbol;Volume;Price;Profit before costs;Swap;Commission (minus = cost);Deal id;Comment
2024-03-30 22:30:00;deposit;;;;500;;;;
2024-03-31 02:30:00;buy;EURUSD;0.10;1.10000;;;-0.70;;
2024-03-31 03:30:00;sell;EURUSD;0.10;1.10100;10;-0.10;-0.70;;
2024-10-27 00:30:00;buy;EURUSD;0.20;1.20000;;;-1.40;;
2024-10-27 01:30:00;sell;EURUSD;0.20;1.20100;20;;-1.40;;
2024-10-27 02:30:00;deposit;;;;7;;;;
"""
ZONES = ["UTC", "Europe/London", "America/New_York", "Asia/Tokyo"]
NETTING = "77 (USD, Example-Demo, demo, Netting)"


def account_at(time_zone):
    """An account of a person of its own, at a broker with that zone."""
    return make_account(
        owner=make_owner(),
        number="77",
        mode="netting",
        broker=make_broker(aliases=["Example Ltd"], time_zone=time_zone),
    )


def on_days_from(day, seed=1):
    """A made-up history that begins on that day."""
    later = day - START.date()
    return [
        deal._replace(time_text=f"{moved:%Y.%m.%d %H:%M:%S}")
        for deal in history(seed, netting=True)
        if (moved := dt.datetime.strptime(deal.time_text, "%Y.%m.%d %H:%M:%S") + later)  # noqa: DTZ007
    ]


@pytest.fixture
def files(tmp_path):
    """Reports over both clock changes of Europe, and a table of rows without ids."""
    spring = on_days_from(dt.date(2024, 3, 29))
    paths = [mt5_report(tmp_path / "spring.html", spring, account=NETTING)]
    paths.append(mt5_report(tmp_path / "half.html", spring[:20], account=NETTING))
    table = tmp_path / "table.csv"
    table.write_text(WITHOUT_IDS)
    return [*paths, table]


def bring(account, path):
    [imported] = imports.receive(path, name=path.name, owner=account.owner, account=account)
    assert imported.state == "preview", imported.reason
    return imports.confirm(imported, actor=account.owner, account=account)


def bring_all(account, files):
    for path in files:
        assert bring(account, path).state == "booked"


def said(account):
    """What the books say, in values that do not depend on whose they are."""
    return {
        "deals": _in_order(
            account.deals.values_list(
                "key", "at", "broker_time", "kind", "symbol__name", "volume", "amount", "source",
                "inferred", "position_ref",
            )
        ),
        "positions": _in_order(
            account.positions.values_list("symbol__name", "ref", "opened_at", "closed_at", "net")
        ),
        "days": _in_order(
            account.day_figures.values_list("day", "symbol__name", "net", "deposits", "closings")
        ),
        "orders": _in_order(account.orders.values_list("broker_order_id", "placed_at", "done_at")),
        "snapshots": _in_order(account.snapshots.values_list("at", "balance", "equity")),
        "breaks": _in_order(account.breaks.filter(state="open").values_list("kind", "difference")),
    }  # fmt: skip


def _in_order(rows):
    return sorted(map(repr, rows))


@pytest.mark.parametrize("zone", ZONES)
def test_a_corrected_zone_gives_the_books_that_it_would_have_given(files, zone):
    account, reference = account_at("Europe/Athens"), account_at(zone)
    bring_all(account, files)
    bring_all(reference, files)
    assert said(account) != said(reference)
    edit_broker(account.broker, actor="ann", time_zone=zone, time_zone_edit=CORRECT)
    assert said(account) == said(reference)
    account.refresh_from_db()
    assert_derived(account)
    assert not verify()


def test_after_it_the_same_files_are_all_duplicates(files):
    account = account_at("Europe/Athens")
    bring_all(account, files)
    edit_broker(account.broker, actor="ann", time_zone="Europe/London", time_zone_edit=CORRECT)
    before = said(account)
    for path in files:
        lines = bring(account, path).preview["lines"]
        assert (lines["booked"], lines["refused"]) == (0, 0)
        assert lines["duplicate"] > 0
    assert said(account) == before


def test_the_wrong_zone_and_back_gives_the_books_of_the_beginning(files):
    account = account_at("Europe/Athens")
    bring_all(account, files)
    before = said(account)
    for zone in ("America/New_York", "Europe/Athens"):
        edit_broker(account.broker, actor="ann", time_zone=zone, time_zone_edit=CORRECT)
    assert said(account) == before


def test_a_zone_changed_on_a_day_holds_from_then_on(files):
    account = account_at("Europe/Athens")
    bring_all(account, files)
    before = dict(
        account.deals.filter(at__lt=dt.datetime(2024, 6, 1, tzinfo=dt.UTC)).values_list("key", "at")
    )
    edit_broker(
        account.broker,
        actor="ann",
        time_zone="UTC",
        time_zone_edit=CHANGE,
        time_zone_changed_on=dt.date(2024, 6, 1),
    )
    assert before == {
        key: at for key, at in account.deals.values_list("key", "at") if key in before
    }
    last = account.deals.latest("at")
    assert (last.broker_time, f"{last.at:%H:%M}") == ("2024.10.27 02:30:00", "02:30")
    for path in files:
        assert bring(account, path).preview["lines"]["booked"] == 0
    account.refresh_from_db()
    assert_derived(account)


def test_entries_by_hand_stay_where_they_are_and_stay_confirmed(files):
    account = account_at("Europe/Athens")
    at = dt.datetime(2024, 3, 30, 21, tzinfo=dt.UTC)
    own = manual.deposit(account, actor="ann", amount="500", at=at, comment="my own")
    alone = manual.deposit(account, actor="ann", amount="33", at=at)
    bring_all(account, files)
    edit_broker(account.broker, actor="ann", time_zone="UTC", time_zone_edit=CORRECT)
    own.refresh_from_db()
    assert (own.source, own.comment) == ("manual", "my own")
    assert f"{own.at:%Y-%m-%d %H:%M}" == "2024-03-30 22:30"  # the row's word
    assert Deal.objects.get(pk=alone.pk).at == at
    assert account.deals.filter(amount=500).count() == 1


def test_it_is_written_to_the_audit_log(files):
    account = account_at("Europe/Athens")
    bring_all(account, files)
    edit_broker(account.broker, actor="ann", time_zone="UTC", time_zone_edit=CORRECT)
    edited = AuditEntry.objects.get(action="broker.edit")
    assert edited.details["time_zone"] == ["Europe/Athens", "UTC"]
    entry = AuditEntry.objects.get(action="account.reread")
    assert (entry.actor, entry.owner_id) == ("ann", account.owner_id)
    assert len(entry.details["files"]) == 3


def test_with_files_booked_it_must_be_said_which_it_is(files):
    account = account_at("Europe/Athens")
    bring_all(account, files[:1])
    with pytest.raises(BadInput) as refusal:
        edit_broker(account.broker, actor="ann", time_zone="UTC")
    assert refusal.value.param == "time_zone_edit"
    with pytest.raises(BadInput) as refusal:
        edit_broker(account.broker, actor="ann", time_zone="UTC", time_zone_edit=CHANGE)
    assert refusal.value.param == "time_zone_changed_on"
    assert Broker.objects.get(pk=account.broker_id).time_zone == "Europe/Athens"


def test_files_whose_originals_were_deleted_forbid_it(files):
    account = account_at("Europe/Athens")
    bring_all(account, files[:1])
    imports.delete_file(StatementImport.objects.get(), actor="ann")
    before = said(account)
    with pytest.raises(Conflict, match="originals of 1 booked files were deleted"):
        edit_broker(account.broker, actor="ann", time_zone="UTC", time_zone_edit=CORRECT)
    assert said(account) == before
    edit_broker(
        account.broker,
        actor="ann",
        time_zone="UTC",
        time_zone_edit=CHANGE,
        time_zone_changed_on=dt.date(2025, 1, 1),
    )
    assert said(account) == before


def test_an_account_that_cannot_be_read_anew_stays_as_it_was_and_is_told(files, monkeypatch):
    account = account_at("Europe/Athens")
    bring_all(account, files)
    before = said(account)
    monkeypatch.setattr(imports.rereading, "_statement", _unreadable)
    broker = account.broker
    with pytest.raises(Conflict, match="could not be read anew"):
        imports.reread_broker(broker, actor="ann")
    assert said(account) == before
    failed = AuditEntry.objects.get(action="account.reread_failed")
    assert "no more memory" in failed.summary


def _unreadable(imported):
    raise imports.rereading.NotAStatement("There is no more memory.")
