"""Exports of known platforms, told by their headings, with what their values do not say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from accounts.statements.columns import COST_POSITIVE, GROSS, NET
from accounts.statements.table_values import MONTH_FIRST


@dataclass(frozen=True, slots=True)
class KnownExport:
    """A platform's table. headings: those that it has and others have not, in plain spelling."""

    name: str
    headings: frozenset[str]
    date_order: str = ""
    profit_is: str = ""
    costs: str = ""
    notes: tuple[str, ...] = ()


def _export(name: str, headings: str, **rest: str) -> KnownExport:
    note = rest.pop("note", "")
    return KnownExport(name, frozenset(headings.split("|")), notes=(note,) if note else (), **rest)


EXPORTS = (
    _export(
        "FTMO MetriX journal",
        "ticket|open|close|commissions|trade duration in seconds",
        profit_is=GROSS,
    ),
    _export(
        "Tradovate performance",
        "buy fill id|sell fill id|bought timestamp|sold timestamp|pnl",
        date_order=MONTH_FIRST,
        profit_is=GROSS,
        note="Profits are before commissions, which stand in the fills export; "
        "times are in the time zone of the person.",
    ),
    _export("Tradovate fills", "fill id|b/s|contract|product|commission", costs=COST_POSITIVE),
    _export(
        "Tradovate orders",
        "order id|b/s|contract|filled qty|avg price|notional value",
        date_order=MONTH_FIRST,
    ),
    _export(
        "cTrader history",
        "opening direction|closing price|closing quantity|gross|net",
        profit_is=GROSS,
    ),
    _export(
        "Myfxbook statement",
        "open date|close date|action|units/lots|pips|profit|gain",
        profit_is=NET,
        note="The profits of this export contain commission and swap.",
    ),
    _export(
        "XTB cash operations",
        "id|type|time|symbol|comment|amount",
        note="Purchases and sales of shares are booked with their whole price, as the export books them: "
        "the profit of such a row is a flow of cash, not a result.",
    ),
    _export(
        "MQL5 signal history",
        "time|type|volume|symbol|price|commission|swap|profit",
        profit_is=GROSS,
    ),
    _export(
        "MetaTrader history",
        "ticket|open time|type|item|close time|commission|swap|profit",
        profit_is=GROSS,
    ),
)


def known_export(headings: Iterable[str]) -> KnownExport | None:
    """The platform whose headings these are, None for an unknown table."""
    found = set(headings)
    return next((export for export in EXPORTS if export.headings <= found), None)
