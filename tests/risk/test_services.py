"""Setting and loosening limits, presets, and losses that are latched between orders."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone

from accounts import manual
from accounts.calendar import Calendar
from risk import gate, services
from risk.facts import Figure
from risk.kinds import Basis, Kind, Scope, Trail, Unit, Window
from risk.models import Limit, RiskEvent, Usage
from risk.results import _days_by_deals, best_day_of, days_made, highest_day_end
from risk.watching import observe
from tests.factories import make_owner, make_strategy
from tests.risk.orders import AT, Desk, d
from tradershub.core.errors import BadInput, Conflict, NotAllowed
from tradershub.core.models import AuditEntry

pytestmark = pytest.mark.django_db
REASON = "a calmer market by far"
DAY = dt.timedelta(days=1)


@pytest.fixture
def desk():
    return Desk()


def lots(desk, **fields):
    given = {"kind": Kind.MAX_LOTS, "scope": Scope.ACCOUNT, "unit": Unit.LOTS, "value": d(2)}
    given |= {"owner": desk.owner, "account": desk.account}
    return Limit(**{**given, **fields})


def code_of(order):
    with transaction.atomic():
        verdict = gate.authorise(order)
    return verdict.refusal.code if verdict.refusal else ""


def test_a_limit_of_a_strategy_that_there_is_not_is_refused(desk):
    asked = {"scope": Scope.STRATEGY, "account": None}
    make_strategy(make_owner(), "mr")
    with pytest.raises(BadInput, match='There is no strategy "mr" of yours'):
        services.add_limit(lots(desk, strategy="mr", **asked), actor=desk.owner)
    make_strategy(desk.owner, "mr")
    limit = services.add_limit(lots(desk, strategy="MR", **asked), actor=desk.owner)
    assert limit.strategy == "mr"
    assert code_of(desk.order(lots=d(3), strategy="mr")) == "MAX_LOTS"


# -- Changes --------------------------------------------------------------------------------------
def test_lowering_needs_nothing_and_raising_a_reason(desk):
    limit = services.add_limit(lots(desk), actor=desk.owner)
    assert services.edit_limit(limit, actor=desk.owner, value=d(1)).version == 2
    with pytest.raises(BadInput, match="reason"):
        services.edit_limit(limit, actor=desk.owner, value=d("1.5"))
    raised = services.edit_limit(limit, actor=desk.owner, value=d("1.5"), reason=REASON)
    assert (raised.value, raised.version) == (d("1.5"), 3)
    actions = AuditEntry.objects.order_by("seq").values_list("action", flat=True)
    assert list(actions) == ["limit.add", "limit.edit", "limit.edit"]
    assert AuditEntry.objects.order_by("-seq").first().details["reason"] == REASON


@pytest.mark.parametrize(
    ("kind", "unit", "before", "after", "is_looser"),
    [
        (Kind.MAX_LOTS, Unit.LOTS, {"value": 2}, {"value": 3}, True),
        (Kind.MAX_LOTS, Unit.LOTS, {"value": 2}, {"value": 1}, False),
        (Kind.MAX_LOTS, Unit.LOTS, {}, {"enabled": False}, True),
        (Kind.MAX_LOTS, Unit.LOTS, {"enabled": False}, {"enabled": True}, False),
        (Kind.MAX_LOTS, Unit.LOTS, {"enabled": False}, {"value": 99}, False),
        (Kind.MARGIN_LEVEL, Unit.PERCENT, {"value": 300}, {"value": 200}, True),
        (Kind.MARGIN_LEVEL, Unit.PERCENT, {"value": 300}, {"value": 400}, False),
        (Kind.DUPLICATES, Unit.SECONDS, {"value": 5}, {"value": 1}, True),
        (Kind.SYMBOLS, Unit.SYMBOLS, {"words": ["A", "B"]}, {"words": ["A"]}, False),
        (Kind.SYMBOLS, Unit.SYMBOLS, {"words": ["A"]}, {"words": ["A", "B"]}, True),
        (Kind.LOSS, Unit.MONEY, {"window": "day"}, {"window": "week"}, True),
        (Kind.DRAWDOWN, Unit.MONEY, {"trail": Trail.INTRADAY}, {"trail": Trail.STATIC}, True),
    ],
)
def test_what_loosens(kind, unit, before, after, is_looser):
    was = {"kind": kind, "unit": unit, "value": 1, **before}
    was["value"], now = d(was["value"]), {**was, **after}
    now["value"] = d(now["value"])
    assert services.loosens(Limit(**was), Limit(**now)) is is_looser


def test_two_persons_who_edit_do_not_overwrite_each_other(desk):
    limit = services.add_limit(lots(desk), actor=desk.owner)
    services.edit_limit(limit, actor=desk.owner, version=1, value=d(1))
    with pytest.raises(Conflict, match="version 2"):
        services.edit_limit(limit, actor=desk.owner, version=1, value=d("0.5"))


def test_what_a_limit_is_set_on_stays(desk):
    limit = services.add_limit(lots(desk), actor=desk.owner)
    with pytest.raises(BadInput, match="owner of a limit stays"):
        services.edit_limit(limit, actor=desk.owner, owner=make_owner(), reason=REASON)


def test_a_limit_is_removed_and_one_of_all_is_kept_by_administrators(desk):
    stranger = make_owner()
    limit = services.add_limit(lots(desk), actor=desk.owner)
    of_all = lots(desk, scope=Scope.ALL, owner=None, account=None)
    for attempt in (
        lambda: services.edit_limit(limit, actor=stranger, value=d(0)),
        lambda: services.remove_limit(limit, actor=stranger, reason=REASON),
        lambda: services.let_go_on(limit, actor=stranger, reason=REASON),
        lambda: services.add_limit(of_all, actor=desk.owner),
    ):
        with pytest.raises(NotAllowed):
            attempt()
    with pytest.raises(BadInput, match="reason"):
        services.remove_limit(limit, actor=desk.owner, reason="")
    services.remove_limit(limit, actor=desk.owner, reason=REASON)
    assert not Limit.objects.exists()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"kind": "magic"}, "kind"),
        ({"unit": Unit.MONEY}, "unit"),
        ({"kind": Kind.WORKING_ORDERS, "unit": Unit.COUNT, "scope": Scope.STRATEGY}, "scope"),
        ({"value": d(-1)}, "value"),
        (
            {"kind": Kind.EXPOSURE, "unit": Unit.MONEY, "scope": Scope.OWNER, "account": None},
            "currency",
        ),
        (
            {"kind": Kind.EXPOSURE, "unit": Unit.PERCENT, "scope": Scope.OWNER, "account": None},
            "unit",
        ),
        ({"kind": Kind.EXPOSURE, "unit": Unit.MONEY, "currency": "EUR"}, "currency"),
        ({"kind": Kind.LOSS, "unit": Unit.MONEY}, "window"),
        ({"window": Window.DAY}, "window"),
        ({"kind": Kind.ENTRIES, "unit": Unit.COUNT}, "seconds"),
        ({"kind": Kind.OPEN_POSITIONS, "unit": Unit.COUNT, "value": d("1.5")}, "value"),
        ({"kind": Kind.SYMBOLS, "unit": Unit.SYMBOLS}, "words"),
        ({"words": ["EURUSD"]}, "words"),
        ({"kind": Kind.BEST_DAY, "unit": Unit.PERCENT}, "capital"),
        (
            {"kind": Kind.DRAWDOWN, "unit": Unit.PERCENT, "lock_at": d(1), "capital": d(1)},
            "lock_at",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused_by_name(desk, fields, param):
    with pytest.raises(BadInput) as refusal:
        services.add_limit(lots(desk, **fields), actor=desk.owner)
    assert refusal.value.param == param


def test_an_unknown_kind_is_refused_with_those_there_are(desk):
    with pytest.raises(BadInput, match="kind of limit 'nope'; expected one of best_day, .*symbols"):
        services.add_limit(lots(desk, kind="nope"), actor=desk.owner)


def test_a_limit_on_another_persons_account_is_refused(desk):
    stranger = make_owner()
    with pytest.raises(BadInput, match="another person"):
        services.add_limit(lots(desk, owner=stranger), actor=stranger)


# -- Presets --------------------------------------------------------------------------------------
def test_a_preset_sets_a_firms_rules_on_an_account(desk):
    made = services.apply_preset(desk.account, "end_of_day", capital=d(100000), actor=desk.owner)
    daily, drawdown, best = made
    assert (daily.value, daily.capital, daily.zone) == (3, 100000, "Europe/Prague")
    assert (drawdown.trail, drawdown.value) == (Trail.END_OF_DAY, 10)
    assert (best.value, best.capital) == (50, 10000)
    with pytest.raises(BadInput, match="no preset"):
        services.apply_preset(desk.account, "free money", capital=d(1), actor=desk.owner)
    with pytest.raises(BadInput, match="above zero"):
        services.apply_preset(desk.account, "static", capital=d(0), actor=desk.owner)


@pytest.mark.parametrize("preset", ["static", "end_of_day", "intraday", "higher_of_both"])
def test_every_preset_lets_an_untouched_account_trade(desk, preset):
    manual.deposit(desk.account, amount="100000", at=AT - 2 * DAY, actor=desk.owner)
    services.apply_preset(desk.account, preset, capital=d(100000), actor=desk.owner)
    assert code_of(desk.order(equity=Figure(d(100000), AT))) == ""


# -- Losses from the books ----------------------------------------------------------------------------
@pytest.fixture
def prop(desk):
    """100,000, and 2,000 won the day before: the day of AT begins with 102,000."""
    account, by = desk.account, {"actor": desk.owner}
    manual.deposit(account, amount="100000", at=AT - 5 * DAY, **by)
    manual.charge(account, amount="2000", kind="interest", at=AT - DAY, **by)
    return desk


def with_equity(desk, equity, **fields):
    return desk.order(equity=Figure(d(equity), AT), stop_loss=None, **fields)


@pytest.mark.parametrize(
    ("fields", "floor"),
    [
        ({"capital": d(100000)}, 97000),  # 102,000 less 5 % of the initial capital
        ({}, 96900),  # less 5 % of 102,000
    ],
)
def test_a_daily_loss_counts_from_the_balance_of_the_days_start(prop, fields, floor):
    prop.limit(Kind.LOSS, 5, Unit.PERCENT, window=Window.DAY, **fields)
    assert code_of(with_equity(prop, floor + 1)) == ""
    assert code_of(with_equity(prop, floor)) == "LOSS"
    assert code_of(with_equity(prop, 102000)) == "LOSS"  # latched for the day


def test_a_withdrawal_is_no_loss(prop):
    prop.limit(Kind.LOSS, 5, Unit.PERCENT, window=Window.DAY, capital=d(100000))
    prop.limit(Kind.DRAWDOWN, 10, Unit.PERCENT, trail=Trail.END_OF_DAY, capital=d(100000))
    manual.withdrawal(prop.account, amount="50000", at=AT - dt.timedelta(hours=1), actor=prop.owner)
    assert code_of(with_equity(prop, 52000)) == ""


def test_a_payout_leaves_a_firms_static_floor_where_it_is(desk):
    """100,000 and 10 % static: 90,000, whatever was won before and paid out."""
    by = {"actor": desk.owner}
    manual.deposit(desk.account, amount="100000", at=AT - 9 * DAY, **by)
    manual.charge(desk.account, amount="8000", kind="interest", at=AT - 8 * DAY, **by)
    manual.withdrawal(desk.account, amount="8000", at=AT - 7 * DAY, **by)
    services.apply_preset(desk.account, "static", capital=d(100000), actor=desk.owner)
    manual.charge(desk.account, amount="-9000", kind="fee", at=AT - 2 * DAY, **by)
    assert code_of(with_equity(desk, 90001)) == ""
    assert code_of(with_equity(desk, 90000)) == "DRAWDOWN"


def test_a_firms_static_floor_holds_for_books_that_begin_below_the_capital(desk):
    manual.deposit(desk.account, amount="92000", at=AT - 3 * DAY, actor=desk.owner)
    services.apply_preset(desk.account, "static", capital=d(100000), actor=desk.owner)
    assert code_of(with_equity(desk, 90001)) == ""
    assert code_of(with_equity(desk, 90000)) == "DRAWDOWN"


def test_money_that_is_paid_in_makes_a_firms_floor_no_lower(desk):
    manual.deposit(desk.account, amount="200000", at=AT - 3 * DAY, actor=desk.owner)
    desk.limit(Kind.DRAWDOWN, 10, Unit.PERCENT, capital=d(100000))
    assert code_of(with_equity(desk, 190001)) == ""
    assert code_of(with_equity(desk, 190000)) == "DRAWDOWN"


def test_a_payout_leaves_a_floor_where_it_was_locked(desk):
    by = {"actor": desk.owner}
    manual.deposit(desk.account, amount="100000", at=AT - 9 * DAY, **by)
    services.apply_preset(desk.account, "intraday", capital=d(100000), actor=desk.owner)
    observe(desk.account, equity=d(104000), at=AT - 9 * DAY)
    manual.charge(desk.account, amount="8000", kind="interest", at=AT - 8 * DAY, **by)
    assert code_of(with_equity(desk, 100001)) == ""
    manual.withdrawal(desk.account, amount="7000", at=AT - 7 * DAY, **by)
    assert code_of(with_equity(desk, 100001)) == ""
    assert code_of(with_equity(desk, 100000)) == "DRAWDOWN"


def test_the_firms_day_is_not_the_brokers(prop):
    """Midnight in Prague is 23:00 UTC in March; the broker's in Athens is 22:00."""
    at = dt.datetime(2024, 3, 5, 22, 30, tzinfo=dt.UTC)
    manual.charge(prop.account, amount="-3000", kind="fee", at=at, actor=prop.owner)
    broker = prop.limit(Kind.LOSS, 2500, Unit.MONEY, window=Window.DAY)
    assert code_of(with_equity(prop, 99000)) == "LOSS"  # of the broker's new day
    Limit.objects.filter(pk=broker.pk).delete()
    prop.limit(
        Kind.LOSS, 2500, Unit.MONEY, window=Window.DAY, zone="Europe/Prague", resets_at=dt.time(0)
    )
    assert code_of(with_equity(prop, 99000)) == ""


def test_an_hour_without_a_zone_is_on_the_brokers_clock(prop):
    """Two in the morning in Athens is midnight UTC: what was lost an hour before is of the day before."""
    at = dt.datetime(2024, 3, 5, 23, 0, tzinfo=dt.UTC)
    manual.charge(prop.account, amount="-3000", kind="fee", at=at, actor=prop.owner)
    prop.limit(Kind.LOSS, 2500, Unit.MONEY, window=Window.DAY, resets_at=dt.time(2))
    assert code_of(with_equity(prop, 99000)) == ""


@pytest.fixture
def won_and_lost(desk):
    """6,000 won at 22:30 UTC of Monday, lost on Tuesday noon: Prague's Monday ended with 106,000, none of Athens."""
    by = {"actor": desk.owner}
    manual.deposit(desk.account, amount="100000", at=AT - 9 * DAY, **by)
    won, lost = AT - DAY - dt.timedelta(hours=11.5), AT - DAY + dt.timedelta(hours=2)
    manual.charge(desk.account, amount="6000", kind="interest", at=won, **by)
    manual.charge(desk.account, amount="-6000", kind="fee", at=lost, **by)
    return desk


def test_a_loss_that_trails_the_ends_of_days_trails_those_of_the_firm(won_and_lost):
    """Midnights in Prague: 106,000 and 100,000 leave the floor at 96,000."""
    desk = won_and_lost
    services.apply_preset(desk.account, "end_of_day", capital=d(100000), actor=desk.owner)
    Limit.objects.filter(kind=Kind.LOSS).delete()
    assert code_of(with_equity(desk, 96001)) == ""
    assert code_of(with_equity(desk, 96000)) == "DRAWDOWN"


def test_the_high_of_a_trailing_loss_is_never_below_the_start(desk):
    """FTMO 1-step: 97,000 at the first midnight leaves the floor at 90,000."""
    by = {"actor": desk.owner}
    manual.deposit(desk.account, amount="100000", at=AT - 9 * DAY, **by)
    manual.charge(desk.account, amount="-3000", kind="fee", at=AT - 8 * DAY, **by)
    desk.limit(Kind.DRAWDOWN, 10, Unit.PERCENT, trail=Trail.END_OF_DAY, capital=d(100000))
    assert code_of(with_equity(desk, 90001)) == ""
    assert code_of(with_equity(desk, 90000)) == "DRAWDOWN"


def test_without_a_zone_the_ends_are_those_of_the_brokers_days(won_and_lost):
    won_and_lost.limit(Kind.DRAWDOWN, 10, Unit.PERCENT, trail=Trail.END_OF_DAY, capital=d(100000))
    assert code_of(with_equity(won_and_lost, 90001)) == ""
    assert code_of(with_equity(won_and_lost, 90000)) == "DRAWDOWN"


def test_the_best_day_is_one_of_the_firms_days(won_and_lost):
    limit = won_and_lost.limit(
        Kind.BEST_DAY,
        50,
        Unit.PERCENT,
        capital=d(10000),
        zone="Europe/Prague",
        resets_at=dt.time(0),
    )
    found = {"at": AT, "result": d(0)}
    assert best_day_of(limit, won_and_lost.account, **found).earlier == 6000
    limit.zone, limit.resets_at = "", None
    assert best_day_of(limit, won_and_lost.account, **found).earlier == 0


def test_days_by_deals_are_those_of_the_figures(won_and_lost):
    """The firm's way of counting, on the broker's own days."""
    account, theirs = won_and_lost.account, Calendar.of(won_and_lost.account)
    manual.withdrawal(account, amount="500", at=AT - 2 * DAY, actor=won_and_lost.owner)
    of = {"before": AT.date(), "calendar": theirs}
    by_deals = _days_by_deals(account, **of)
    by_figures = {day: made for day, made in days_made(account, **of).items() if made}
    assert {day: made for day, made in by_deals.items() if made} == by_figures


@pytest.mark.parametrize(("window", "expected"), [("day", ""), ("week", "LOSS"), ("month", "LOSS")])
def test_longer_windows_hold_the_days_together(prop, window, expected):
    manual.charge(
        prop.account, amount="-3000", kind="fee", at=AT - dt.timedelta(hours=40), actor=prop.owner
    )
    prop.limit(Kind.LOSS, 900, Unit.MONEY, window=window)
    assert code_of(with_equity(prop, 99000)) == expected


def test_the_high_is_the_same_in_whatever_order_the_days_were_booked():
    """R8: the high follows from the ledger alone."""
    moves = [(3, "4000"), (2, "-1000"), (1, "500")]
    highs = []
    for order in (moves, moves[::-1], [moves[1], moves[0], moves[2]]):
        desk = Desk()
        manual.deposit(desk.account, amount="100000", at=AT - 9 * DAY, actor=desk.owner)
        for days, amount in order:
            kind = "interest" if d(amount) > 0 else "fee"
            at = AT - days * DAY
            manual.charge(desk.account, amount=amount, kind=kind, at=at, actor=desk.owner)
        of = {"before": AT.date(), "calendar": Calendar.of(desk.account)}
        highs.append(highest_day_end(desk.account, **of))
    assert highs == [4000, 4000, 4000]


def test_a_loss_from_equity_needs_to_know_what_the_day_began_with(prop):
    prop.position()
    prop.limit(Kind.LOSS, 5, Unit.PERCENT, window=Window.DAY, basis=Basis.EQUITY)
    with transaction.atomic():
        refusal = gate.authorise(with_equity(prop, 102000)).refusal
    assert refusal.figures["missing"] == "result at the start of the window"


# -- Between orders -------------------------------------------------------------------------------------
def test_a_limit_touched_between_two_orders_is_broken_for_the_day(prop):
    limit = prop.limit(Kind.LOSS, 5, Unit.PERCENT, window=Window.DAY, capital=d(100000))
    assert observe(prop.account, equity=d(97001), at=AT) == []
    later = AT + dt.timedelta(minutes=1)
    assert observe(prop.account, equity=d(96999), at=later) == [limit]
    assert observe(prop.account, equity=d(96000), at=later) == []
    assert code_of(with_equity(prop, 102000)) == "LOSS"
    assert RiskEvent.objects.filter(kind="broken", limit=limit).count() == 1
    assert AuditEntry.objects.filter(action="limit.broken").count() == 1


def test_the_next_day_begins_anew_but_a_drawdown_waits_for_a_person(prop):
    prop.limit(Kind.LOSS, 5, Unit.PERCENT, window=Window.DAY, capital=d(100000))
    drawdown = prop.limit(Kind.DRAWDOWN, 4, Unit.PERCENT, capital=d(100000))
    observe(prop.account, equity=d(95000), at=AT - DAY)
    assert code_of(with_equity(prop, 102000)) == "DRAWDOWN"
    with pytest.raises(BadInput):
        services.let_go_on(drawdown, actor=prop.owner, reason="")
    assert services.let_go_on(drawdown, actor=prop.owner, reason=REASON) == 1
    assert code_of(with_equity(prop, 102000)) == ""
    assert RiskEvent.objects.filter(kind="released", limit=drawdown).exists()


def test_the_high_within_a_day_only_rises_and_a_late_report_changes_nothing(prop):
    limit = prop.limit(Kind.DRAWDOWN, 5, Unit.PERCENT, trail=Trail.INTRADAY, capital=d(100000))
    minute = dt.timedelta(minutes=1)
    for n, equity in enumerate((103000, 106000, 104000)):
        observe(prop.account, equity=d(equity), at=AT + n * minute)
    assert Usage.objects.get(limit=limit).reference == 6000
    assert observe(prop.account, equity=d(1), at=AT) == []
    assert code_of(with_equity(prop, 101001)) == ""
    assert code_of(with_equity(prop, 101000)) == "DRAWDOWN"


def test_equity_is_seen_also_after_the_clock_is_set_back(prop, monkeypatch):
    limit = prop.limit(Kind.DRAWDOWN, 5, Unit.PERCENT, trail=Trail.INTRADAY, capital=d(100000))
    observe(prop.account, equity=d(100000), at=AT + dt.timedelta(hours=1))
    monkeypatch.setattr(timezone, "now", lambda: AT)
    observe(prop.account, equity=d(106000), at=AT)
    assert Usage.objects.get(limit=limit).reference == 6000
    assert observe(prop.account, equity=d(100500), at=AT + dt.timedelta(seconds=1)) == [limit]


def test_equity_at_the_days_start_is_remembered(prop):
    prop.position(opened_at=AT - 2 * DAY)
    prop.limit(Kind.LOSS, 1000, Unit.MONEY, window=Window.DAY, basis=Basis.EQUITY)
    start = dt.datetime(2024, 3, 5, 22, tzinfo=dt.UTC)  # midnight in Athens
    observe(prop.account, equity=d(105000), at=start - dt.timedelta(minutes=5))
    observe(prop.account, equity=d(104900), at=start + dt.timedelta(minutes=1))
    assert code_of(with_equity(prop, 104001)) == ""
    assert code_of(with_equity(prop, 104000)) == "LOSS"


@pytest.mark.parametrize("basis", [Basis.EQUITY, Basis.HIGHER])
def test_what_was_lost_before_the_first_look_of_a_day_is_of_that_day(prop, basis):
    """Nothing was open at midnight in Athens; the position of a minute later is seen after ten."""
    start = dt.datetime(2024, 3, 5, 22, tzinfo=dt.UTC)
    prop.limit(Kind.LOSS, 1000, Unit.MONEY, window=Window.DAY, basis=basis)
    prop.position(opened_at=start + dt.timedelta(minutes=1))
    observe(prop.account, equity=d(101100), at=start + dt.timedelta(minutes=10))
    assert code_of(with_equity(prop, 101000)) == "LOSS"
