"""What an account made, apart from money that came or went: where losses and highs are counted.

result = balance (or equity without credit) less all money from outside: deposits, withdrawals, transfers,
bonuses, the opening balance of a file without its beginning. In the account's currency.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections import defaultdict
from decimal import Decimal
from itertools import accumulate
from typing import Any

from django.db.models import F, Q, QuerySet, Sum

from accounts.calendar import Calendar
from accounts.models import Account, DayFigures, Deal, Position
from accounts.queries import balance_at, booked_money
from risk.facts import BestDay, Losses
from risk.kinds import Basis, Kind, Trail, Window
from risk.models import LastEquity, Limit, Usage
from tradershub.core.fields import MoneyField
from tradershub.finance.decimals import ZERO

OUTSIDE = (Deal.Kind.DEPOSIT, Deal.Kind.WITHDRAWAL, Deal.Kind.TRANSFER, Deal.Kind.BONUS)
BEGINNINGS = (Deal.Kind.OPENING, Deal.Kind.ARCHIVE)
JUST_BEFORE = dt.timedelta(microseconds=1)
NEAR_THE_START = dt.timedelta(minutes=15)
MADE = F("net") + F("other")


def result_of(account: Account, equity: Decimal) -> Decimal:
    """The result at that equity, now."""
    return equity - booked_money([account])[account.pk].credit - outside_money(account)


def outside_money(account: Account, *, until: dt.datetime | None = None) -> Decimal:
    """Deposits less withdrawals and the like, of all time or before that moment."""
    days = DayFigures.objects.filter(account=account)
    beginnings = Deal.objects.filter(account=account, kind__in=BEGINNINGS)
    if until is None:
        return _sum(days, F("deposits") + F("withdrawals")) + _sum(beginnings, F("amount"))
    calendar = Calendar.of(account)
    day = calendar.day_of(until)
    begins_at, _ = calendar.bounds(day)
    today = Deal.objects.filter(account=account, kind__in=OUTSIDE, at__gte=begins_at, at__lt=until)
    before = _sum(days.filter(day__lt=day), F("deposits") + F("withdrawals"))
    return before + _sum(today, F("amount")) + _sum(beginnings.filter(at__lt=until), F("amount"))


def result_before(account: Account, moment: dt.datetime) -> Decimal:
    """The result by the balance, of all that was booked before the moment."""
    return balance_at(account, moment - JUST_BEFORE) - outside_money(account, until=moment)


def days_made(account: Account, *, before: dt.date, calendar: Calendar) -> dict[dt.date, Decimal]:
    """What each trading day of the calendar made, oldest first: by the books' own figures where it is the broker's."""
    if calendar != Calendar.of(account):
        return _days_by_deals(account, before=before, calendar=calendar)
    days: dict[dt.date, Decimal] = defaultdict(lambda: ZERO)
    rows = DayFigures.objects.filter(account=account, day__lt=before).order_by("day")
    made = rows.values_list("day").annotate(made=Sum(MADE, output_field=MoneyField()))
    days.update(made)
    beginnings = Deal.objects.filter(account=account, kind__in=BEGINNINGS)
    for at, amount in beginnings.values_list("at", "amount"):
        if (day := calendar.day_of(at)) < before:
            days[day] -= amount
    return dict(sorted(days.items()))


def _days_by_deals(
    account: Account, *, before: dt.date, calendar: Calendar
) -> dict[dt.date, Decimal]:
    deals = Deal.objects.filter(account=account, at__lt=calendar.bounds(before)[0])
    deals = deals.exclude(kind__in=(*OUTSIDE, *BEGINNINGS, Deal.Kind.CREDIT)).order_by("at")
    days: dict[dt.date, Decimal] = {}
    day, ends_at = before, None
    for at, amount in deals.values_list("at", "amount").iterator():
        if ends_at is None or at >= ends_at:
            day = calendar.day_of(at)
            ends_at = calendar.bounds(day)[1]
        days[day] = days.get(day, ZERO) + amount
    return days


def highest_day_end(account: Account, *, before: dt.date, calendar: Calendar) -> Decimal:
    """The highest result at the end of a day before that one; never below the start, zero."""
    made = days_made(account, before=before, calendar=calendar).values()
    return max(accumulate(made, initial=ZERO))


# -- A limit's figures ---------------------------------------------------------------------------
def window_of(limit: Limit, account: Account, at: dt.datetime) -> tuple[dt.date, dt.datetime]:
    """The first day of the limit's window at that moment, and its first instant.

    By the limit's own clock and hour where it names them, else by the broker's day. A week begins on
    Monday.
    """
    calendar = calendar_of(limit, account)
    day = calendar.day_of(at)
    if limit.window == Window.WEEK:
        day -= dt.timedelta(days=day.weekday())
    elif limit.window == Window.MONTH:
        day = day.replace(day=1)
    return day, calendar.bounds(day)[0]


def calendar_of(limit: Limit, account: Account) -> Calendar:
    own = Calendar.of(account)
    zone = zoneinfo.ZoneInfo(limit.zone) if limit.zone else own.zone
    return Calendar(zone, own.rollover if limit.resets_at is None else limit.resets_at)


def losses_of(
    limit: Limit, account: Account, *, at: dt.datetime, result: Decimal | None, usage: Usage | None
) -> Losses:
    """Where the account stands against a limit of loss or drawdown. usage: its counter, where one is kept."""
    if limit.kind == Kind.DRAWDOWN:
        return _drawdown(limit, account, at=at, result=result, usage=usage)
    _, start = window_of(limit, account, at)
    reference = start_result(limit, account, start=start, usage=usage)
    if reference is None:
        return Losses(result=result, reference=None, base=None)
    base = reference + outside_money(account, until=start)
    if base <= 0:  # the first money came after the window began
        base = reference + outside_money(account)
    return Losses(result=result, reference=reference, base=base)


def start_result(
    limit: Limit, account: Account, *, start: dt.datetime, usage: Usage | None
) -> Decimal | None:
    """The result at the start of a window by the limit's basis; None where the equity then is not known."""
    booked = result_before(account, start)
    if limit.basis == Basis.BALANCE:
        return booked
    if usage is not None and usage.reference is not None:
        worth = usage.reference
    elif was_flat(account, start):
        worth = booked
    else:
        return None
    return max(worth, booked) if limit.basis == Basis.HIGHER else worth


def was_flat(account: Account, moment: dt.datetime) -> bool:
    """Whether nothing was open then, so that equity was balance and credit."""
    held = Position.objects.filter(account=account, opened_at__lt=moment)
    return not held.filter(Q(closed_at__isnull=True) | Q(closed_at__gte=moment)).exists()


def equity_near(
    account: Account, start: dt.datetime, *, result: Decimal, at: dt.datetime
) -> Decimal | None:
    """The result by equity at the start of a window, as last seen before or first seen after it.

    None where neither was within a quarter of an hour.
    """
    last = LastEquity.objects.filter(account=account).first()
    if last and last.at <= start and start - last.at <= NEAR_THE_START:
        return last.result
    return result if at - start <= NEAR_THE_START else None


def _drawdown(
    limit: Limit,
    account: Account,
    *,
    at: dt.datetime,
    result: Decimal | None,
    usage: Usage | None,
) -> Losses:
    high = ZERO
    if limit.trail != Trail.STATIC:
        calendar = calendar_of(limit, account)
        high = highest_day_end(account, before=calendar.day_of(at), calendar=calendar)
    if limit.trail == Trail.INTRADAY:
        seen = [usage.reference if usage else None, result]
        high = max([high, *(one for one in seen if one is not None)])
    return Losses(result=result, reference=high, base=outside_money(account) + high)


def best_day_of(
    limit: Limit, account: Account, *, at: dt.datetime, result: Decimal | None
) -> BestDay:
    """Profit of the limit's day so far, and the sum of the profitable days before."""
    calendar = calendar_of(limit, account)
    today = calendar.day_of(at)
    made = days_made(account, before=today, calendar=calendar).values()
    start = result_before(account, calendar.bounds(today)[0])
    return BestDay(
        today=None if result is None else result - start,
        earlier=sum((one for one in made if one > 0), ZERO),
    )


def _sum(rows: QuerySet[Any], expression: Any) -> Decimal:
    found = rows.aggregate(total=Sum(expression, output_field=MoneyField()))["total"]
    return found or ZERO
