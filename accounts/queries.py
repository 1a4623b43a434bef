"""What pages, reports and the API read of the books. Money stands on day figures, not on a million deals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Coalesce

from accounts.calendar import Calendar
from accounts.kept import kept
from accounts.models import Account, DayFigures, Deal, EquitySnapshot, Position
from tradershub.core.fields import MoneyField
from tradershub.core.prepared import prepared
from tradershub.finance.decimals import ZERO

BALANCE = F("net") + F("deposits") + F("withdrawals") + F("other")
FLOWS = F("deposits") + F("withdrawals")


class BookedMoney(NamedTuple):
    """The sum of all deals other than credit, and of credit, in the account's currency."""

    balance: Decimal = ZERO
    credit: Decimal = ZERO


def open_positions(user: Any) -> QuerySet[Position]:
    """The person's open positions, newest first."""
    return _positions(user).filter(open_volume__gt=0)


def closed_positions(user: Any) -> QuerySet[Position]:
    """The person's closed positions, last closed first."""
    return _positions(user).filter(closed_at__isnull=False).order_by("-closed_at", "-id")


def _positions(user: Any) -> QuerySet[Position]:
    rows = Position.objects.for_user(user)
    return rows.select_related("account__broker", "symbol__broker", "symbol__instrument")


def booked_money(
    accounts: Collection[Account], *, through: dt.date | None = None
) -> dict[int, BookedMoney]:
    """Balance and credit by account id, at the end of that trading day; None: of all that is booked."""
    ids = [account.pk for account in accounts]
    if len(ids) == 1 and through is None:
        rows = _money_of(ids[0])
    else:
        rows = kept(ids, f"money {through}", lambda: list(_money_rows(ids, through)))
    found = {account_id: BookedMoney(*money) for account_id, *money in rows}
    return {pk: found.get(pk, BookedMoney()) for pk in ids}


def _money_rows(ids: list[int], through: dt.date | None) -> QuerySet[Any]:
    days = DayFigures.objects.filter(account__in=ids)
    return _sums(days.filter(day__lte=through) if through else days)


@prepared
def _money_of(account: int) -> QuerySet[Any]:
    return _sums(DayFigures.objects.filter(account=account))


def _sums(days: QuerySet[DayFigures]) -> QuerySet[Any]:
    sums = days.order_by().values_list("account_id")
    return sums.annotate(money=_sum(BALANCE), lent=_sum(F("credit")))


def _sum(expression: Any) -> Sum:
    return Sum(expression, output_field=MoneyField())


def balance_on(account: Account, day: dt.date) -> Decimal:
    """The balance at the end of that trading day of the broker, in the account's currency."""
    return booked_money([account], through=day)[account.pk].balance


def balance_at(account: Account, at: dt.datetime) -> Decimal:
    """The balance after the last deal at or before the moment, in the account's currency."""
    day = Calendar.of(account).day_of(at)
    before = balance_on(account, day - dt.timedelta(days=1))
    starts_at, _ = Calendar.of(account).bounds(day)
    deals = Deal.objects.filter(account=account, at__gte=starts_at, at__lte=at)
    today = deals.exclude(kind=Deal.Kind.CREDIT).aggregate(
        amount=Coalesce(Sum("amount"), ZERO, output_field=MoneyField())
    )
    return before + today["amount"]


class CurvePoint(NamedTuple):
    """An account at the end of a trading day, in its currency.

    flows: deposits less withdrawals of that day. equity: as last marked on that day by `source`; None
    where nothing marked it: it is not invented.
    """

    day: dt.date
    balance: Decimal
    credit: Decimal
    flows: Decimal
    equity: Decimal | None
    source: str


def equity_curve(
    account: Account, start: dt.date | None = None, end: dt.date | None = None
) -> list[CurvePoint]:
    """A point for each trading day from start to end with a deal or a mark of equity, oldest first."""
    marks = _marks_by_day(account, start, end)
    moves = _moves_by_day(account, start, end)
    money = BookedMoney()
    if start:
        money = booked_money([account], through=start - dt.timedelta(days=1))[account.pk]
    return list(_points(moves, marks, money))


def _points(
    moves: dict[dt.date, tuple[Decimal, Decimal, Decimal]],
    marks: dict[dt.date, tuple[Decimal, str]],
    money: BookedMoney,
) -> Iterator[CurvePoint]:
    balance, credit = money
    for day in sorted(moves.keys() | marks.keys()):
        change, more_credit, flows = moves.get(day, (ZERO, ZERO, ZERO))
        balance, credit = balance + change, credit + more_credit
        equity, source = marks.get(day, (None, ""))
        yield CurvePoint(day, balance, credit, flows, equity, source)


def _moves_by_day(
    account: Account, start: dt.date | None, end: dt.date | None
) -> dict[dt.date, tuple[Decimal, Decimal, Decimal]]:
    days = DayFigures.objects.filter(account=account)
    if start:
        days = days.filter(day__gte=start)
    if end:
        days = days.filter(day__lte=end)
    sums = days.order_by().values_list("day")
    rows = sums.annotate(change=_sum(BALANCE), lent=_sum(F("credit")), moved=_sum(FLOWS))
    return {day: (change, credit, flows) for day, change, credit, flows in rows}


def _marks_by_day(
    account: Account, start: dt.date | None, end: dt.date | None
) -> dict[dt.date, tuple[Decimal, str]]:
    calendar = Calendar.of(account)
    rows = EquitySnapshot.objects.filter(account=account).order_by("at")
    if start:
        rows = rows.filter(at__gte=calendar.bounds(start)[0])
    if end:
        rows = rows.filter(at__lt=calendar.bounds(end)[1])
    return {
        calendar.day_of(at): (equity, source)
        for at, equity, source in rows.values_list("at", "equity", "source")
    }
