"""Balances and flows day by day, summed by the database from the day figures; never from the deals.

Balance = net + deposits + withdrawals + other; credit is kept apart. Money is in the accounts' currencies.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import ExpressionWrapper, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from accounts.kept import kept
from accounts.models import DayFigures, EquitySnapshot
from accounts.queries import BALANCE
from tradershub.core.fields import MoneyField
from tradershub.finance.decimals import ZERO

MONEY = MoneyField()
SUMMED = (
    "profit", "swap", "commission", "fee", "tax", "net", "deposits", "withdrawals", "credit", "other",
)  # fmt: skip
TRADE_MONEY = ("profit", "swap", "costs", "net", "gross_profit", "gross_loss")


@dataclass(frozen=True, slots=True)
class DayOfCurrency:
    """What one trading day changed in all chosen accounts of one currency."""

    currency: str
    day: dt.date
    balance: Decimal
    net: Decimal
    deposits: Decimal
    withdrawals: Decimal


def day_figures(account_ids: Collection[int]) -> QuerySet[Any]:
    return DayFigures.objects.filter(account__in=account_ids)


def total(expression: Any) -> Coalesce:
    """The sum of a money expression, zero over no rows."""
    return Coalesce(Sum(expression, output_field=MONEY), ZERO, output_field=MONEY)


def nets(
    account_ids: Collection[int], *, starts: dict[str, dt.date]
) -> dict[str, dict[int, Decimal]]:
    """Net of the trades of each account since each named day, by that name and the account's id.

    Accounts without figures since the first of the days are absent.
    """
    rows = kept(account_ids, f"nets {starts}", lambda: _net_rows(account_ids, starts))
    return {name: {row["account"]: row[f"since_{name}"] for row in rows} for name in starts}


def _net_rows(account_ids: Collection[int], starts: dict[str, dt.date]) -> list[dict[str, Any]]:
    rows = day_figures(account_ids).filter(day__gte=min(starts.values())).order_by()
    sums = {f"since_{name}": _net_since(day) for name, day in starts.items()}
    return list(rows.values("account").annotate(**sums))


def _net_since(day: dt.date) -> Coalesce:
    amount = Sum("net", filter=Q(day__gte=day), output_field=MONEY)
    return Coalesce(amount, ZERO, output_field=MONEY)


def days_by_currency(
    account_ids: Collection[int], *, start: dt.date | None = None, end: dt.date | None = None
) -> list[DayOfCurrency]:
    """Each day's changes from start to end, both included, by currency, oldest first."""
    rows = kept(
        account_ids,
        f"days {start} {end}",
        lambda: list(_days_by_currency(day_figures(account_ids).filter(_between(start, end)))),
    )
    return [DayOfCurrency(*row) for row in rows]


def _between(start: dt.date | None, end: dt.date | None) -> Q:
    return (Q(day__gte=start) if start else Q()) & (Q(day__lte=end) if end else Q())


def _days_by_currency(rows: QuerySet[Any]) -> QuerySet[Any]:
    return (
        rows.order_by("day")
        .values_list("account__currency", "day")
        .annotate(
            balance=total(BALANCE),
            trades=total("net"),
            paid_in=total("deposits"),
            paid_out=total("withdrawals"),
        )
    )


class Marked(NamedTuple):
    """What a mark of equity says is floating, open swap included, in the account's currency."""

    account_id: int
    at: dt.datetime
    floating: Decimal


def marks(account_ids: Collection[int], moments: Q) -> Iterable[Marked]:
    """The marks of equity in a period, oldest first."""
    found = EquitySnapshot.objects.filter(moments, account__in=account_ids).order_by("at", "id")
    floating = ExpressionWrapper(F("equity") - F("balance"), output_field=MONEY)
    return map(Marked._make, found.values_list("account_id", "at", floating).iterator())


@dataclass(frozen=True, slots=True)
class TradeDay:
    """The trades of one day in all chosen accounts of one currency, counted as the platform counts."""

    currency: str
    day: dt.date
    closings: int
    wins: int
    losses: int
    profit: Decimal
    swap: Decimal
    costs: Decimal  # commission + fee + tax
    net: Decimal
    gross_profit: Decimal
    gross_loss: Decimal

    def times(self, rate: Decimal, currency: str) -> TradeDay:
        """The same trades with their money in another currency."""
        money = {name: getattr(self, name) * rate for name in TRADE_MONEY}
        return replace(self, currency=currency, **money)


def trade_days(
    account_ids: Collection[int],
    *,
    start: dt.date | None = None,
    end: dt.date | None = None,
    symbol_ids: Collection[int] | None = None,
) -> list[TradeDay]:
    """Trades by day and currency from start to end, both included. symbol_ids: None are all."""
    found = day_figures(account_ids).filter(_between(start, end), symbol__isnull=False)
    if symbol_ids is not None:
        found = found.filter(symbol__in=symbol_ids)
    what = f"trades {start} {end} {symbol_ids}"
    return [TradeDay(*row) for row in kept(account_ids, what, lambda: list(_trade_days(found)))]


def _trade_days(rows: QuerySet[Any]) -> QuerySet[Any]:
    return (
        rows.order_by("day")
        .values_list("account__currency", "day")
        .annotate(
            n=Sum("closings"),
            won=Sum("wins"),
            lost=Sum("losses"),
            sum_profit=total("profit"),
            sum_swap=total("swap"),
            sum_costs=total(F("commission") + F("fee") + F("tax")),
            sum_net=total("net"),
            sum_won=total("gross_profit"),
            sum_lost=total("gross_loss"),
        )
    )


def account_totals(
    account_id: int, *, start: dt.date | None = None, end: dt.date | None = None
) -> dict[str, Any]:
    """Sums over one account's figures from start to end, both included; keys as the fields."""
    rows = day_figures([account_id]).filter(_between(start, end))
    sums = {f"sum_{name}": total(name) for name in SUMMED}
    found = rows.aggregate(n=Coalesce(Sum("closings"), 0), **sums)
    return {"closings": found["n"], **{name: found[f"sum_{name}"] for name in SUMMED}}
