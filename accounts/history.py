"""Balances and flows day by day, summed by the database from the day figures; never from the deals.

Balance = net + deposits + withdrawals + other; credit is kept apart. Money is in the accounts' currencies.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.db.models import F, Max, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from accounts.models import DayFigures, EquitySnapshot
from accounts.queries import BALANCE
from tradershub.core.fields import MoneyField
from tradershub.finance.decimals import ZERO

MONEY = MoneyField()
SUMMED = (
    "profit", "swap", "commission", "fee", "tax", "net", "deposits", "withdrawals", "credit", "other",
)  # fmt: skip
TRADE_MONEY = ("net", "gross_profit", "gross_loss", "swap", "commission")


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


def nets(account_ids: Collection[int], *, since: dt.date) -> dict[int, Decimal]:
    """Net of the trades of each account from that day on; accounts without figures are absent."""
    rows = day_figures(account_ids).filter(day__gte=since).order_by()
    return dict(rows.values_list("account").annotate(sum=total("net")))


def days_by_currency(account_ids: Collection[int], days: Q = Q()) -> list[DayOfCurrency]:  # noqa: B008
    """Each day's changes, by currency, oldest first."""
    rows = (
        day_figures(account_ids)
        .filter(days)
        .order_by("day")
        .values_list("account__currency", "day")
        .annotate(
            balance=total(BALANCE),
            trades=total("net"),
            paid_in=total("deposits"),
            paid_out=total("withdrawals"),
        )
    )
    return [DayOfCurrency(*row) for row in rows]


def last_snapshots(account_ids: Collection[int]) -> dict[int, EquitySnapshot]:
    """The newest mark of equity of each account that has one."""
    newest = (
        EquitySnapshot.objects.filter(account__in=account_ids)
        .order_by()
        .values("account")
        .annotate(newest=Max("at"))
    )
    moments = {row["account"]: row["newest"] for row in newest}
    found = EquitySnapshot.objects.filter(
        account__in=moments, at__in=set(moments.values())
    ).order_by("at")
    return {one.account_id: one for one in found if moments[one.account_id] == one.at}


def snapshots(account_ids: Collection[int], moments: Q) -> Iterable[EquitySnapshot]:
    """Marks of equity in a period, oldest first."""
    found = EquitySnapshot.objects.filter(moments, account__in=account_ids)
    return found.select_related("account").order_by("at", "id")


def last_day(account_ids: Collection[int]) -> dt.date | None:
    """The newest trading day with any figures."""
    newest: dt.date | None = day_figures(account_ids).aggregate(newest=Max("day"))["newest"]
    return newest


@dataclass(frozen=True, slots=True)
class TradeDay:
    """The closed trades of one day in all chosen accounts of one currency, as the platform counts them."""

    currency: str
    day: dt.date
    closings: int
    wins: int
    losses: int
    net: Decimal
    gross_profit: Decimal
    gross_loss: Decimal
    swap: Decimal
    commission: Decimal  # with fee and tax

    def times(self, rate: Decimal, currency: str) -> TradeDay:
        """The same trades with their money in another currency."""
        money = {name: getattr(self, name) * rate for name in TRADE_MONEY}
        return replace(self, currency=currency, **money)


def trade_days(rows: QuerySet[Any]) -> list[TradeDay]:
    """Trades by day and currency, of some day figures."""
    found = (
        rows.filter(symbol__isnull=False)
        .order_by("day")
        .values_list("account__currency", "day")
        .annotate(
            n=Sum("closings"),
            won=Sum("wins"),
            lost=Sum("losses"),
            sum_net=total("net"),
            sum_won=total("gross_profit"),
            sum_lost=total("gross_loss"),
            sum_swap=total("swap"),
            costs=total(F("commission") + F("fee") + F("tax")),
        )
    )
    return [TradeDay(*row) for row in found]


def trade_totals(rows: QuerySet[Any]) -> list[dict[str, Any]]:
    """Sums over some day figures by currency of the account; keys as the fields."""
    found = rows.order_by("account__currency").values(currency=F("account__currency"))
    sums = {f"sum_{name}": total(name) for name in SUMMED}
    totals = found.annotate(n_closings=Sum("closings"), **sums)
    return [
        {
            "currency": row["currency"],
            "closings": row["n_closings"],
            **{name: row[f"sum_{name}"] for name in SUMMED},
        }
        for row in totals
    ]
