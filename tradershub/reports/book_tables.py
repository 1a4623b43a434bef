"""The tables of the books that several pages show: positions, trades, deals, orders."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.db.models import F, Q, QuerySet, Sum
from django.urls import reverse
from django.utils import timezone

from accounts.history import TradeDay
from accounts.models import Account, BrokerOrder, Deal, Position
from accounts.valuation import AccountState, Valued
from tradershub.core import formats
from tradershub.finance.decimals import ZERO
from tradershub.reports import tables
from tradershub.reports.parts import account_link, names_accounts
from tradershub.reports.tables import Column, ListRows, QueryRows, Row, Table

ACCOUNT = Column("account", "Account", sort="account__number", link=account_link)
BROKER = Column("broker", "Broker", sort="account__broker__name", shown=False)
CURRENCY = Column("currency", "Currency", sort="account__currency")
SYMBOL = Column("symbol_name", "Symbol", main=True)
SIDE = Column("side", "Side")
SYMBOL_FIELDS = {"symbol_name": F("symbol__name"), "tick": F("symbol__instrument__tick_size")}


FEW = 20


def of_accounts(rows: QuerySet[Any], accounts: Sequence[Account]) -> QuerySet[Any]:
    """The rows of these accounts.

    Of many accounts the newest rows are found by walking the index of times; SQLite would rather take all
    rows of all accounts and sort them, unless the account is an expression.
    """
    ids = [account.pk for account in accounts]
    if len(ids) <= FEW:
        return rows.filter(account__in=ids)
    return rows.alias(in_account=F("account_id") + 0).filter(in_account__in=ids)


# -- Open positions ----------------------------------------------------------------------------
def _leads_to(name: str) -> Callable[[Row], str]:
    return lambda row: reverse(f"desk:{name}", args=[row["pk"]])


def _closing(row: Row) -> str:
    """Where it is closed: by the hub, or entered by hand."""
    name = "desk:position-close" if row["is_traded"] else "admin:accounts_position_close"
    return reverse(name, args=[row["pk"]])


OPEN_COLUMNS = [
    Column("symbol_name", "Symbol", main=True, link=_leads_to("position")),
    Column("account", "Account", tables.WORDS, main=True, link=account_link),
    replace(SIDE, main=True),
    Column("open_volume", "Lots", tables.LOTS, main=True),
    Column(
        "open_price", "Open price", tables.AVERAGE, reason=lambda _: "Its opening is in no file"
    ),
    Column("price", "Price now", tables.PRICE, reason=lambda row: row["reason"]),
    Column(
        "stop_loss",
        "Stop",
        tables.PRICE,
        main=True,
        reason=lambda _: "No one stop of all its lots is known",
    ),
    Column(
        "trailing_distance",
        "Trail",
        tables.PRICE,
        shown=False,
        hint="Distance at which the stop follows the market",
    ),
    Column("take_profit", "Target", tables.PRICE, reason=lambda _: "No target is known"),
    Column("swap", "Swap", tables.PNL, shown=False),
    Column(
        "floating",
        "Profit now",
        tables.PNL,
        main=True,
        hint="Floating profit + open swap at the price last known",
        reason=lambda row: row["reason"],
    ),
    Column("currency", "Currency", main=True),
    Column(
        "r",
        "R",
        tables.MULTIPLE,
        hint="Profit now by what the first stop known would have lost of it",
        reason=lambda _: "No stop that risked anything is known",
    ),
    Column(
        "in_base",
        "Profit in base",
        tables.PNL,
        unit="base",
        hint="Profit now in your base currency, at the day's reference rate",
        reason=lambda row: row["reason"] or f"No rate from {row['currency']} to {row['base']}",
    ),
    Column("base", "Base", shown=False),
    Column(
        "margin_level",
        "Margin level",
        tables.PERCENT,
        hint="Equity of the account in percent of the margin used",
        reason=lambda row: row["no_level"],
    ),
    Column("price_age", "Price of", sort="priced_at", hint="How old the price is"),
    Column("held", "Held", sort="opened_at"),
    Column("opened_at", "Since", tables.MOMENT, shown=False),
    Column("broker", "Broker", shown=False),
    Column("ref", "Position", shown=False),
    Column("source", "Price stated by", shown=False),
]
# What tells a position from the others and what it is worth: on a screen of 1280 the actions fit beside it.
FIRST = (
    "symbol_name",
    "account",
    "side",
    "open_volume",
    "price",
    "stop_loss",
    "floating",
    "currency",
)
OPEN_ACTIONS = [
    Column("close", "Close", tables.ACTION, sort=None, main=True, link=_closing),
    Column(
        "break_even", "Break even", tables.ACTION, sort=None, link=_leads_to("position-break-even")
    ),
    Column("stops", "Set stops", tables.ACTION, sort=None, link=_leads_to("position-stops")),
]


def open_rows(states: Iterable[AccountState]) -> list[Row]:
    """What is open, account by account, newest first. floating: with open swap, None where not known."""
    now = timezone.now()
    return [_open_row(one, state, now) for state in states for one in _newest_first(state)]


def _newest_first(state: AccountState) -> list[Valued]:
    return sorted(state.positions, key=lambda one: one.position.opened_at, reverse=True)


def _open_row(one: Valued, state: AccountState, now: dt.datetime) -> Row:
    position, account = one.position, state.account
    is_traded = bool(account.is_open and account.may_close and account.connection_id)
    return {
        "pk": position.pk,
        "is_traded": is_traded,
        "close": "Close",
        "break_even": "Break even" if is_traded else None,
        "stops": "Stop, target" if is_traded else None,
        "account_id": account.pk,
        "account": account.name or account.number,
        "broker": account.broker.name,
        "currency": account.currency,
        "symbol_name": position.symbol.name,
        "instrument": getattr(position.symbol.instrument, "symbol", ""),
        "tick": getattr(position.symbol.instrument, "tick_size", None),
        "side": position.side,
        "open_volume": position.open_volume,
        "open_price": position.open_price,
        "price": one.price,
        "stop_loss": position.stop_loss,
        "trailing_distance": position.trailing_distance,
        "take_profit": position.take_profit,
        "swap": one.swap,
        "floating": one.result,
        "r": state.r_multiple(one),
        "in_base": state.in_base(one.result),
        "base": state.base_currency,
        "margin_level": state.margin_level,
        "no_level": state.margin_used.reason or "The account's equity is not known",
        "priced_at": one.at,
        "price_age": formats.age(one.at, now=now) if one.at else "",
        "held": formats.duration(position.opened_at, now),
        "opened_at": position.opened_at,
        "ref": position.ref,
        "source": one.source,
        "reason": one.reason,
    }


def open_positions_table(rows: list[Row], *, actions: bool = False) -> Table:
    """actions: whether the person may close them and set their stops."""
    return Table(
        "positions",
        "Open positions",
        _with_actions() if actions else OPEN_COLUMNS,
        ListRows(rows),
        totals=_totals_with_base(rows),
        empty="Nothing is open in these accounts.",
    )


def _with_actions() -> list[Column]:
    first = [column for column in OPEN_COLUMNS if column.key in FIRST]
    return [*first, *OPEN_ACTIONS, *(column for column in OPEN_COLUMNS if column not in first)]


def _totals_with_base(rows: Sequence[Row]) -> list[Row]:
    """A total row a currency, each in the base currency, too, where that has a rate."""
    totals = totals_by_currency(rows, ("floating", "swap", "in_base"))
    converted = {row["currency"] for row in rows if row["in_base"] is not None}
    for total in totals:
        total["base"] = rows[0]["base"]
        if total["currency"] not in converted:
            total |= {"in_base": None, "reason": ""}
    return totals


def totals_by_currency(rows: Iterable[Row], keys: Sequence[str]) -> list[Row]:
    """One total row per currency; a value that is unknown in a row is left out of the sum."""
    found: dict[str, Row] = defaultdict(lambda: dict.fromkeys(keys, ZERO))
    for row in rows:
        for key in keys:
            found[row["currency"]][key] += row[key] or ZERO
    return [
        {"label": f"Total {code}", "currency": code, **sums} for code, sums in sorted(found.items())
    ]


# -- Closed trades -----------------------------------------------------------------------------
CLOSED_FIELDS = (
    "pk", "account_id", "ref", "side", "volume", "open_price", "close_price", "opened_at",
    "closed_at", "profit", "swap", "commission", "fee", "tax", "net",
)  # fmt: skip
CLOSED_COLUMNS = [
    SYMBOL,
    SIDE,
    Column("volume", "Lots", tables.LOTS),
    Column("opened_at", "Opened", tables.MOMENT, shown=False),
    Column("open_price", "Open price", tables.PRICE, reason=lambda _: "Its opening is in no file"),
    Column("closed_at", "Closed", tables.MOMENT, main=True),
    Column("close_price", "Close price", tables.PRICE),
    Column("held", "Held", sort=None),
    Column("profit", "Profit", tables.PNL),
    Column("swap", "Swap", tables.PNL),
    Column("costs", "Commission", tables.PNL, sort=None, hint="Commission + fee + tax"),
    Column("net", "Net", tables.PNL, main=True, hint="Profit + swap + commission + fee + tax"),
    CURRENCY,
    ACCOUNT,
    BROKER,
    Column("ref", "Position", shown=False),
]


def closed_trades(accounts: Sequence[Account], narrowed: Q) -> QueryRows:
    """Rows of what is closed. costs: commission + fee + tax."""
    name = names_accounts(accounts)

    def finish(row: Row) -> Row:
        row["costs"] = row["commission"] + row["fee"] + row["tax"]
        row["held"] = formats.duration(row["opened_at"], row["closed_at"])
        return name(row)

    found = of_accounts(Position.objects.filter(narrowed, closed_at__isnull=False), accounts)
    known = frozenset(["closed_at", "net", "profit", "swap", "volume"])
    return QueryRows(found.values(*CLOSED_FIELDS, **SYMBOL_FIELDS), finish, known)


def closed_totals(accounts: Sequence[Account], narrowed: Q) -> list[Row]:
    """Sums of the closed trades themselves, one row per currency."""
    found = of_accounts(Position.objects.filter(narrowed, closed_at__isnull=False), accounts)
    sums = found.order_by("account__currency").values(currency=F("account__currency"))
    rows = sums.annotate(**{f"sum_{key}": Sum(key) for key in CLOSED_FIELDS[9:]})
    return [
        {
            "label": f"Total {row['currency']}",
            "currency": row["currency"],
            "costs": row["sum_commission"] + row["sum_fee"] + row["sum_tax"],
            **{key: row[f"sum_{key}"] for key in ("profit", "swap", "net")},
        }
        for row in rows
    ]


def day_totals(days: Iterable[TradeDay]) -> list[Row]:
    """The same sums from day figures: of all closings, those of positions still open among them."""
    keys = ("profit", "swap", "costs", "net")
    rows = [{"currency": day.currency, **{key: getattr(day, key) for key in keys}} for day in days]
    return totals_by_currency(rows, keys)


def closed_trades_table(
    accounts: Sequence[Account], narrowed: Q, *, quick_totals: Callable[[], Iterable[Row]]
) -> Table:
    return Table(
        "trades",
        "Closed trades",
        CLOSED_COLUMNS,
        closed_trades(accounts, narrowed),
        order="-closed_at",
        totals=partial(closed_totals, accounts, narrowed),
        quick_totals=quick_totals,
        empty="No trade was closed in this period.",
    )


# -- Deals -------------------------------------------------------------------------------------
DEAL_FIELDS = (
    "pk", "account_id", "at", "kind", "side", "entry", "volume", "price", "profit", "swap",
    "commission", "fee", "tax", "amount", "currency", "comment", "broker_deal_id", "position_ref",
    "broker_order_id", "source", "inferred", "broker_time",
)  # fmt: skip
DEAL_COLUMNS = [
    Column("at", "Time", tables.MOMENT, main=True),
    Column("kind_label", "Kind", sort="kind", main=True),
    Column("symbol_name", "Symbol"),
    SIDE,
    Column("entry", "Entry", shown=False),
    Column("volume", "Lots", tables.LOTS),
    Column("price", "Price", tables.PRICE),
    Column("profit", "Profit", tables.PNL),
    Column("swap", "Swap", tables.PNL),
    Column("costs", "Commission", tables.PNL, sort=None, hint="Commission + fee + tax"),
    Column("amount", "Amount", tables.PNL, main=True, hint="What the row changes in the balance"),
    CURRENCY,
    Column("comment", "Comment", tables.WORDS, sort=None),
    Column("broker_deal_id", "Deal", shown=False),
    Column("position_ref", "Position", shown=False),
    Column("broker_order_id", "Order", shown=False),
    Column("broker_time", "Broker's time", shown=False, sort="at"),
    Column("source_label", "Source", shown=False, sort="source"),
]


def deals(accounts: Sequence[Account], narrowed: Q) -> QueryRows:
    """Rows of the broker's own records, with the words of their kinds."""
    name = names_accounts(accounts)

    def finish(row: Row) -> Row:
        row["costs"] = row["commission"] + row["fee"] + row["tax"]
        inferred = " (inferred)" if row["inferred"] else ""
        row["kind_label"] = Deal.Kind(row["kind"]).label + inferred
        row["source_label"] = Deal.Source(row["source"]).label
        currency = row["currency"]
        return {**name(row), "currency": currency}

    found = of_accounts(Deal.objects.filter(narrowed), accounts)
    known = frozenset(["at", "amount", "profit", "swap", "kind"])
    return QueryRows(found.values(*DEAL_FIELDS, **SYMBOL_FIELDS), finish, known)


def deals_table(
    rows: tables.Rows,
    *,
    totals: Iterable[Row] | Callable[[], Iterable[Row]] = (),
    more: Sequence[Column] = (),
    order: str = "-at",
) -> Table:
    return Table(
        "deals",
        "Deals",
        [*DEAL_COLUMNS[:11], *more, *DEAL_COLUMNS[11:]],
        rows,
        order=order,
        totals=totals,
        empty="The broker booked nothing in this period.",
    )


# -- Orders ------------------------------------------------------------------------------------
ORDER_FIELDS = (
    "pk", "account_id", "broker_order_id", "type", "side", "volume", "filled", "price",
    "limit_price", "stop_loss", "take_profit", "state", "placed_at", "done_at", "comment",
)  # fmt: skip
ORDER_COLUMNS = [
    SYMBOL,
    Column("type_label", "Type", sort="type"),
    SIDE,
    Column("volume", "Lots", tables.LOTS),
    Column("filled", "Filled", tables.LOTS),
    Column("price", "Price", tables.PRICE),
    Column("limit_price", "Limit", tables.PRICE, shown=False),
    Column("stop_loss", "Stop", tables.PRICE),
    Column("take_profit", "Target", tables.PRICE),
    Column("state_label", "State", sort="state", main=True),
    Column("placed_at", "Placed", tables.MOMENT, main=True),
    Column("done_at", "Done", tables.MOMENT),
    Column("broker_order_id", "Order", shown=False),
    Column("comment", "Comment", tables.WORDS, sort=None, shown=False),
]


def orders_table(accounts: Sequence[Account], narrowed: Q) -> Table:
    name = names_accounts(accounts)

    def finish(row: Row) -> Row:
        row["type_label"] = BrokerOrder.Type(row["type"]).label
        row["state_label"] = BrokerOrder.State(row["state"]).label
        return name(row)

    found = of_accounts(BrokerOrder.objects.filter(narrowed), accounts)
    known = frozenset(["placed_at", "state", "volume"])
    rows = QueryRows(found.values(*ORDER_FIELDS, **SYMBOL_FIELDS), finish, known)
    return Table(
        "orders",
        "Orders",
        ORDER_COLUMNS,
        rows,
        order="-placed_at",
        empty="No order of these accounts is known.",
    )
