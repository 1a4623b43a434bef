"""Stop and flatten: nothing is called flat before the broker has said so, and nothing is closed without it."""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import replace
from decimal import Decimal as D
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts import notify
from accounts.models import Account, Channel, Notification, Position, Topic
from accounts.services import switch_trading
from brokers.adapters.errors import OutcomeUnknown, Unavailable
from brokers.adapters.messages import Kind, OrderTicket, Search
from brokers.connecting import note_error, open_adapter
from brokers.models import Connection, SymbolTerms
from risk import kill_switch
from tests.accounts.books import assert_derived
from tests.factories import make_account, make_owner
from tests.trading.desk import Desk
from tests.trading.paper import Paper
from tradershub.core.errors import BadInput, Conflict, NotAllowed
from tradershub.core.models import AuditEntry
from trading import execution, exits, flattening, in_doubt, keeper
from trading.flattening import stop_and_flatten
from trading.models import Flattening, Lane, Order, OrderAttempt

pytestmark = pytest.mark.django_db


@pytest.fixture
def paper(monkeypatch, settings, no_queue, tmp_path):
    settings.QUOTE_SECONDS = settings.LOOK_SECONDS = settings.FLATTEN_SECONDS = 0
    settings.DATA_DIR = tmp_path
    return Paper(monkeypatch)


@pytest.fixture
def quick(settings, tmp_path):
    settings.FLATTEN_SECONDS = 0
    settings.DATA_DIR = tmp_path


def asked(one) -> Flattening:
    [row] = stop_and_flatten(kill_switch.of_account(one.account), actor=one.owner)
    return row


def worked(row: Flattening, *, rounds: int = 1) -> Flattening:
    """The row after so many rounds of the keeper."""
    for _ in range(rounds):
        for due in flattening.due():
            flattening.work(due)
    row.refresh_from_db()
    return row


def foreign(paper, client_id: str, side: str = "sell", **fields) -> None:
    """An order that somebody placed at the venue without the hub."""
    adapter = open_adapter(paper.account.connection, paper.account.number)
    adapter.place(
        OrderTicket(client_id=client_id, symbol="EURUSD", side=side, lots=D("0.3"), **fields)
    )


def test_a_paper_account_with_our_own_and_foreign_ones_becomes_flat_and_says_so(paper):
    paper.place()
    paper.place(kind="limit", price=D("1.05"))
    foreign(paper, "theirs-1")
    foreign(paper, "theirs-2", kind=Kind.LIMIT, price=D("1.3"))
    paper.turn()
    foreign(paper, "theirs-3", side="buy")  # not in the books yet
    row = worked(asked(paper))
    assert row.words == ""
    assert (row.state, row.orders, row.positions) == ("flat", 0, 0)
    assert row.looked_at and row.done_at
    adapter = open_adapter(paper.account.connection, paper.account.number)
    assert (adapter.positions(), adapter.working_orders()) == ([], [])
    paper.turn()
    assert not Position.objects.filter(account=paper.account, open_volume__gt=0).exists()
    assert not Order.objects.filter(state__in=Order.LIVE).exists()
    assert_derived(paper.account)
    done = AuditEntry.objects.filter(action__startswith="account.fla").order_by("seq")
    assert [entry.action for entry in done] == ["account.flatten", "account.flat"]


def test_stop_alone_flattens_nothing(paper):
    paper.place()
    resting = paper.place(kind="limit", price=D("1.05"))
    kill_switch.engage(kill_switch.of_owner(paper.owner), actor=paper.owner)
    assert flattening.due() == [] and not Flattening.objects.exists()
    paper.turn()
    resting.refresh_from_db()
    assert resting.state == "working"
    assert Position.objects.get(account=paper.account).open_volume == D("0.1")


def test_the_stop_stands_where_flattening_cannot_be_asked_for(paper, monkeypatch):
    def fails(*args):
        raise RuntimeError("no room")

    monkeypatch.setattr(flattening, "_ask", fails)
    with pytest.raises(RuntimeError):
        stop_and_flatten(kill_switch.of_account(paper.account), actor=paper.owner)
    assert kill_switch.standing(paper.account).engaged


def test_asked_again_it_is_one_request_and_closings_under_way_get_no_others(paper, monkeypatch):
    paper.place()
    paper.turn()
    monkeypatch.setattr(execution, "pump", lambda account: None)  # the closing waits
    row, again = asked(paper), asked(paper)
    assert row == again
    worked(row, rounds=3)
    closing = Order.objects.get(reduces=True)
    assert (closing.state, closing.lots, closing.origin_kind) == ("queued", D("0.1"), "flatten")
    assert (row.state, row.positions) == ("working", 1)


def test_a_closing_by_hand_under_way_is_counted(paper):
    paper.place("0.5")
    paper.turn()
    exits.close_position(Position.objects.get(), actor=paper.owner, lots=D("0.2"))
    row = worked(asked(paper))
    assert row.state == "flat"
    assert sorted(Order.objects.filter(reduces=True).values_list("filled", flat=True)) in (
        [D("0.2"), D("0.3")],
        [D("0.2"), D("0.5")],
    )


def test_cut_off_in_the_middle_it_goes_on(paper, monkeypatch):
    paper.place()
    foreign(paper, "theirs", kind=Kind.LIMIT, price=D("1.3"))
    row = asked(paper)
    with monkeypatch.context() as broken:
        broken.setattr(flattening, "_cancel_there", killed)
        with pytest.raises(SystemExit):
            worked(row)
    assert worked(row).state == "flat"
    assert Order.objects.filter(reduces=True).count() == 1


def killed(*args):
    raise SystemExit


def test_switched_off_for_trading_nothing_is_closed_and_it_says_so(paper):
    paper.place()
    Account.objects.update(may_trade=False)
    row = worked(asked(paper))
    assert row.state == "working" and "Trading is switched off" in row.words
    assert not Order.objects.filter(reduces=True).exists()
    Account.objects.update(may_trade=True)
    assert worked(row).state == "flat"


def test_released_before_it_was_flat_it_ends(paper):
    paper.place()
    row = asked(paper)
    scope = kill_switch.of_account(paper.account)
    kill_switch.release(scope, actor=paper.owner, reason="it was a mistake")
    row = worked(row)
    assert row.state == "withdrawn" and "released" in row.words
    assert not Order.objects.filter(reduces=True).exists()


def test_a_person_withdraws_it_once(paper):
    row = asked(paper)
    flattening.withdraw(row, actor=paper.owner)
    with pytest.raises(Conflict):
        flattening.withdraw(row, actor=paper.owner)
    assert flattening.due() == []
    flattening.work(row)  # a round that was under way
    row.refresh_from_db()
    assert row.state == "withdrawn"
    assert kill_switch.standing(paper.account).engaged
    assert asked(paper) != row


def test_a_restored_backup_makes_nothing_flat(paper):
    row = asked(paper)
    in_doubt.hold_after_restore()
    row.refresh_from_db()
    assert (row.state, flattening.due()) == ("withdrawn", [])
    assert row.done_at and "ask anew" in row.words


# -- A broker that does not do as it should ----------------------------------------------------
@pytest.fixture
def held(desk, quick):
    """A desk with a position and an order that works."""
    desk.place()
    desk.place(kind="limit", price=D("1.05"))
    desk.pump()
    return desk


def test_the_file_broker_becomes_flat_too(held):
    assert worked(asked(held)).state == "flat"
    assert [line["action"] for line in held.ledger.of("close", "cancel")] == ["cancel", "close"]


def test_a_position_larger_than_one_order_is_closed_by_several(desk, quick):
    desk.place("12")
    desk.pump()
    SymbolTerms.objects.update(lot_max=5)
    assert worked(asked(desk), rounds=3).state == "flat"
    closings = Order.objects.filter(reduces=True).order_by("id")
    assert [order.lots for order in closings] == [D(5), D(5), D(2)]


def test_a_broker_that_refuses_is_never_called_flat(held):
    row = asked(held)
    held.ledger.plan(*["reject"] * 30)
    row = worked(row, rounds=3)
    assert (row.state, row.positions, row.orders) == ("working", 1, 1)
    assert "Not enough money" in row.words
    assert row.tries > 0
    held.ledger.plan()
    assert worked(row).state == "flat"
    closings = Order.objects.filter(reduces=True)
    assert len(set(closings.values_list("client_order_id", flat=True))) == closings.count() > 1


@pytest.mark.parametrize("word", ["lose", "drop"])
def test_an_answer_that_is_lost_is_no_answer(held, settings, word):
    settings.SETTLE_SECONDS = settings.ABSENCE_SECONDS = 1000
    row = asked(held)
    held.ledger.plan(word, word)
    row = worked(row, rounds=3)
    assert row.state == "working"
    assert row.words
    assert len(held.ledger.placed) <= 3  # nothing is sent twice
    settings.SETTLE_SECONDS = settings.ABSENCE_SECONDS = 0
    OrderAttempt.objects.update(not_before=None)
    row = worked(row, rounds=8)
    assert (row.state, held.adapter.positions(), held.adapter.working_orders()) == ("flat", [], [])


@pytest.mark.parametrize("question", ["positions", "working_orders"])
@pytest.mark.parametrize(
    "error", [Unavailable("The line is down"), OutcomeUnknown("?"), KeyError("x")]
)
def test_a_broker_that_cannot_be_asked_is_never_called_flat(
    desk, quick, monkeypatch, question, error
):
    def fails():
        raise error

    monkeypatch.setattr(desk.adapter, question, fails)
    row = worked(asked(desk), rounds=2)
    assert row.state == "working" and row.looked_at is None
    assert getattr(error, "message", "KeyError") in row.words


def test_empty_while_something_is_under_way_is_not_flat(desk, quick):
    desk.place()
    desk.ledger.plan("drop")
    desk.pump()
    row = worked(asked(desk))
    assert (row.state, row.positions) == ("working", 0)
    assert "not known yet" in row.words
    assert worked(row, rounds=4).state == "flat"


def never_lists(desk, monkeypatch, question):
    monkeypatch.setattr(desk.adapter, question, lambda: [])


def test_an_order_of_ours_that_is_not_listed_yet_is_cancelled_before_flat(desk, quick, monkeypatch):
    order = desk.place(kind="limit", price=D("1.05"))
    desk.pump()
    never_lists(desk, monkeypatch, "working_orders")
    row = worked(asked(desk))
    assert (row.state, desk.state(order)) == ("flat", "cancelled")
    assert len(desk.ledger.of("cancel")) == 1


def test_an_order_of_ours_that_nobody_finds_is_never_called_flat(desk, quick, monkeypatch):
    order = desk.place(kind="limit", price=D("1.05"))
    desk.pump()
    row, unknown = asked(desk), Search(found=None, watermark="1", evidence="all of it")
    with monkeypatch.context() as lost:
        never_lists(desk, lost, "working_orders")
        lost.setattr(desk.adapter, "find_by_client_id", lambda client_id, since="": unknown)
        desk.ledger.plan("reject")
        row = worked(row, rounds=3)
    number = desk.state(order) and order.broker_order_id
    assert (row.state, desk.state(order)) == ("working", "working")
    assert row.words == f"Order {number} works by the books, and the broker does not list it"
    assert OrderAttempt.objects.filter(action="cancel").count() == 1  # it is not asked again
    assert worked(row).state == "flat"


def test_an_entry_that_filled_a_moment_ago_may_have_a_position_that_is_not_listed_yet(
    desk, quick, monkeypatch
):
    slow = replace(desk.adapter.capabilities, visible_within=60)
    monkeypatch.setattr(desk.adapter, "capabilities", slow, raising=False)
    desk.place()
    desk.pump()
    with monkeypatch.context() as lagging:
        never_lists(desk, lagging, "positions")
        row = worked(asked(desk))
        assert (row.state, row.positions) == ("working", 0)
        Order.objects.update(filled=0)  # said to be filled, and its deals are not there yet
        assert worked(row).state == "working"
    row = worked(row)
    assert (row.state, row.positions, desk.adapter.positions()) == ("working", 0, [])
    Order.objects.filter(reduces=False).update(done_at=timezone.now() - dt.timedelta(minutes=2))
    assert worked(row).state == "flat"
    assert len(desk.ledger.of("close")) == 1


def test_another_round_takes_longer_while_nothing_changes(held, settings):
    settings.FLATTEN_SECONDS = 1
    row, pauses = asked(held), []
    held.ledger.plan(*["reject"] * 90)
    for _ in range(8):
        flattening.work(row)
        row.refresh_from_db()
        pauses.append(round((row.next_at - timezone.now()).total_seconds()))
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert flattening.due() == []
    asked(held)
    assert len(flattening.due()) == 1  # a person need not wait


def test_a_round_is_due_also_after_the_clock_is_set_back(held, settings, monkeypatch):
    settings.FLATTEN_SECONDS = 1
    row = asked(held)
    held.ledger.plan("reject", "reject")
    flattening.work(row)
    assert flattening.due() == []
    an_hour_ago = timezone.now() - dt.timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: an_hour_ago)
    assert flattening.due() == [row]


def test_a_closing_that_is_refused_with_the_same_word_waits_longer_each_time(
    held, settings, monkeypatch
):
    settings.FLATTEN_SECONDS = 1
    start, row = timezone.now(), asked(held)
    held.ledger.plan(*["reject"] * 900)
    for second in range(0, 1200, 30):
        at = start + dt.timedelta(seconds=second)
        monkeypatch.setattr(timezone, "now", lambda at=at: at)
        row.refresh_from_db()
        flattening.work(row)
    closings = Order.objects.filter(reduces=True)
    assert 8 <= closings.count() <= 12
    assert "Not enough money" in worked(row).words
    held.ledger.plan()
    row.refresh_from_db()
    flattening.work(row)
    assert row.state == "working"
    flattening.work(asked(held))  # a person need not wait
    row.refresh_from_db()
    assert row.state == "flat"


def test_that_closings_are_refused_again_and_again_is_told_once(held):
    Channel.objects.create(owner=held.owner, kind="telegram", name="mine", topics=["rejected"])
    notify.forget()
    row = asked(held)
    held.ledger.plan(*["reject"] * 90)
    worked(row, rounds=5)
    assert Order.objects.filter(reduces=True, state="rejected").count() == 5
    assert Notification.objects.filter(topic=Topic.REJECTED).count() == 1
    notify.forget()


def test_a_lane_that_is_held_up_lets_the_exits_out(held):
    Lane.objects.update(halted=True, halted_because="something")
    assert worked(asked(held)).state == "flat"


# -- Which accounts, and whose -----------------------------------------------------------------
def test_where_a_person_must_do_it_it_says_so(held, quick):
    manual = Connection.objects.create(
        owner=held.owner, broker=held.account.broker, platform="manual", name="By hand"
    )
    Account.objects.filter(pk=held.account.pk).update(connection=manual)
    row = worked(asked(held))
    assert row.state == "working" and "by hand" in row.words
    Account.objects.filter(pk=held.account.pk).update(connection=None)
    assert "No connection" in worked(row).words
    Connection.objects.update(enabled=False)
    Account.objects.filter(pk=held.account.pk).update(connection=manual)
    assert "switched off" in worked(row).words


def test_all_accounts_of_a_person_that_hold_or_are_connected_and_no_others(desk, quick, tmp_path):
    make_account(owner=desk.owner)
    second = Desk(tmp_path / "second")
    rows = stop_and_flatten(kill_switch.of_owner(desk.owner), actor=desk.owner)
    assert [row.account for row in rows] == [desk.account]
    for scope in (kill_switch.of_owner(second.owner), kill_switch.of_account(second.account)):
        with pytest.raises(NotAllowed):
            stop_and_flatten(scope, actor=desk.owner)
    with pytest.raises(NotAllowed):
        stop_and_flatten(kill_switch.ALL, actor=desk.owner)
    with pytest.raises(BadInput):
        stop_and_flatten(kill_switch.of_strategy(desk.owner, "one"), actor=desk.owner)
    assert Flattening.objects.count() == 1
    assert len(stop_and_flatten(kill_switch.ALL, actor="kill_switch (root)")) == 2


# -- The keeper --------------------------------------------------------------------------------
def test_an_account_that_hangs_holds_up_no_other(settings, monkeypatch):
    settings.FLATTEN_SECONDS, settings.LINK_SECONDS = 1, 0.01
    never, done, told = threading.Event(), threading.Event(), []
    rows = [Flattening(pk=n, account_id=n) for n in (1, 2)]
    monkeypatch.setattr(flattening, "due", lambda: rows)
    monkeypatch.setattr(flattening, "note_silence", lambda row, seconds: told.append(row.pk))
    monkeypatch.setattr(
        flattening, "work", lambda row: never.wait(10) if row.pk == 1 else done.set()
    )
    one = keeper.Flattened()
    assert one.flatten() == keeper.TICK
    assert done.wait(5)
    time.sleep(0.05)
    one.flatten()
    assert [pk for pk, (thread, *_) in one.running.items() if thread.is_alive()][:1] == [1]
    assert 1 in told
    never.set()
    for thread, *_ in one.running.values():
        thread.join(5)


def test_a_round_that_hangs_is_told_on_its_row(desk, quick):
    row = asked(desk)
    flattening.note_silence(row, 20.0)
    row.refresh_from_db()
    assert (row.state, row.words) == ("working", "No answer for more than 20 s")


# -- The command -------------------------------------------------------------------------------
def run(*words: str) -> str:
    out = StringIO()
    call_command("kill_switch", *words, stdout=out)
    return out.getvalue()


def test_the_command_asks_and_says_how_far_it_is(held, quick):
    pk = str(held.account.pk)
    assert "asked to become flat" in run("on", "--flatten", "--account", pk)
    assert "has not answered yet" in run("status")
    assert worked(Flattening.objects.get()).state == "flat"
    assert "Under way" not in run("status")
    with pytest.raises(CommandError, match="with on"):
        run("off", "--flatten", "--reason", "all is well")
    stranger = make_owner(username="mallory")
    assert "asked" not in run("on", "--flatten", "--owner", stranger.username)


def test_an_account_that_only_closes_is_emptied(paper):
    paper.place()
    paper.place(kind="limit", price=D("1.05"))
    switch_trading(paper.account, on=False, closes_only=True, actor=paper.owner)
    assert worked(asked(paper)).state == "flat"


def test_a_platform_that_switched_itself_off_is_emptied_all_the_same(paper, settings):
    settings.PLATFORM_ERRORS_IN_ROW = 1
    paper.place()
    paper.place(kind="limit", price=D("1.05"))
    assert note_error("paper", "no answer")
    assert worked(asked(paper)).state == "flat"
