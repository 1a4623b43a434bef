"""OANDA's transactions as deals. What they add up to is OANDA's own balance, whatever type a transaction has.

Most transactions state the balance after them. Where the deals made of one do not explain the whole step, the
rest is a deal of its own that says so: a field or type that this file does not know yet is booked, and seen.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from brokers.adapters.messages import DealKind, DealReport, Entry
from brokers.adapters.oanda_reports import moment, side_of
from tradershub.finance.decimals import ZERO, split, to_decimal

Json = dict[str, Any]
SHOWN_WITHIN = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the history is read, and the balance there; None where that was not told yet."""

    last: int = 0
    balance: Decimal | None = ZERO

    @classmethod
    def of(cls, text: str) -> Cursor:
        """Raises ValueError for a text that is none."""
        if not text:
            return cls()
        last, _, balance = text.partition(" ")
        return cls(int(last), to_decimal(balance) if balance else None)

    def __str__(self) -> str:
        return str(self.last) if self.balance is None else f"{self.last} {self.balance:f}"


def holes(transactions: Iterable[Json], *, after: int, now: dt.datetime) -> Iterator[int]:
    """The first number of each row of those after `after` that are not shown yet. transactions: in turn.

    OANDA numbers them without gaps. What is not there an hour after the next was made is taken for none of the
    account's: one that never comes must not end the reading for ever.
    """
    before = after
    for transaction in transactions:
        number = int(transaction["id"])
        if number > before + 1 and now - moment(transaction["time"]) < SHOWN_WITHIN:
            yield before + 1
        before = number


def read_on(
    cursor: Cursor, transactions: Sequence[Json], *, to: int, currency: str, now: dt.datetime
) -> tuple[tuple[DealReport, ...], Cursor]:
    """The deals of the transactions after the cursor, up to number `to`, and the cursor behind them.

    transactions: in turn. Raises ValueError where the balance moved by what is not shown yet.
    """
    deals: list[DealReport] = []
    balance, before = cursor.balance, cursor.last
    missing = set(holes(transactions, after=before, now=now)) if before else set()
    for transaction in transactions:
        own = deals_of(transaction, currency=currency)
        if stated := transaction.get("accountBalance"):
            after = to_decimal(stated)
            rest = ZERO if balance is None else after - balance - sum(map(worth, own), ZERO)
            if rest and before + 1 in missing:
                raise ValueError(f"transaction {before + 1} is not shown, and it moved the balance")
            own += _unexplained(transaction, rest, currency)
            balance = after
        elif balance is not None:
            balance += sum(map(worth, own), ZERO)
        deals += own
        before = int(transaction["id"])
    return tuple(deals), Cursor(to, balance)


def worth(deal: DealReport) -> Decimal:
    return deal.profit + deal.swap + deal.commission + deal.fee + deal.amount


def _unexplained(transaction: Json, rest: Decimal, currency: str) -> list[DealReport]:
    if not rest:
        return []
    said = f"{transaction['type']}: the balance moved by more than its parts explain"
    row = _row(transaction, currency)
    return [
        replace(
            row, deal_id=f"{row.deal_id}-rest", kind=DealKind.CORRECTION, amount=rest, comment=said
        )
    ]


def deals_of(transaction: Json, *, currency: str) -> list[DealReport]:
    """What the transaction booked: an execution in as many deals as it touched trades."""
    make = KINDS.get(transaction["type"])
    return make(transaction, _row(transaction, currency)) if make else []


def _row(transaction: Json, currency: str) -> DealReport:
    return DealReport(
        deal_id=str(transaction["id"]),
        kind=DealKind.CORRECTION,
        at=moment(transaction["time"]),
        broker_time=transaction["time"],
        currency=currency,
    )


# -- Executions --------------------------------------------------------------------------------
def _filled(fill: Json, row: DealReport) -> list[DealReport]:
    """Closed trades first, then what is opened: in the order of the trades' numbers."""
    reduced, opened = fill.get("tradeReduced"), fill.get("tradeOpened")
    closing = [*fill.get("tradesClosed", ()), *([reduced] if reduced else [])]
    parts = [*closing, *([opened] if opened else [])]
    lots = [abs(to_decimal(part["units"])) for part in parts]
    if not parts:
        return []
    profits = _adding_up(to_decimal(fill.get("pl", "0")), closing, "realizedPL")
    swaps = _adding_up(to_decimal(fill.get("financing", "0")), closing, "financing")
    commissions = split(-to_decimal(fill.get("commission", "0")), lots)
    fees = split(-to_decimal(fill.get("guaranteedExecutionFee", "0")), lots)
    trade = replace(
        row,
        kind=DealKind.TRADE,
        symbol=fill["instrument"],
        side=side_of(to_decimal(fill["units"])),
        broker_order_id=str(fill["orderID"]),
        client_id=fill.get("clientOrderID", ""),
        comment="" if fill.get("reason") in CLIENT else str(fill.get("reason", "")),
    )
    price = fill.get("fullVWAP") or fill["price"]
    return [
        replace(
            trade,
            deal_id=row.deal_id if len(parts) == 1 else f"{row.deal_id}-{part['tradeID']}",
            entry=Entry.IN if part is opened else Entry.OUT,
            lots=lots[place],
            price=to_decimal(part.get("price") or price),
            profit=profits[place] if part is not opened else ZERO,
            swap=swaps[place] if part is not opened else ZERO,
            commission=commissions[place],
            fee=fees[place],
            position_ref=str(part["tradeID"]),
        )
        for place, part in enumerate(parts)
    ]


CLIENT = {"MARKET_ORDER", "LIMIT_ORDER", "STOP_ORDER", "MARKET_IF_TOUCHED_ORDER"}


def _adding_up(total: Decimal, parts: list[Json], name: str) -> list[Decimal]:
    """The parts' own amounts; the last one takes what rounding left, so that they add up to the total."""
    amounts = [to_decimal(part.get(name, "0")) for part in parts]
    if amounts:
        amounts[-1] += total - sum(amounts, ZERO)
    return amounts


# -- Money -------------------------------------------------------------------------------------
def _moved(transfer: Json, row: DealReport) -> list[DealReport]:
    amount = to_decimal(transfer["amount"])
    kind = DealKind.DEPOSIT if amount > 0 else DealKind.WITHDRAWAL
    if transfer.get("fundingReason") == "ADJUSTMENT":
        kind = DealKind.CORRECTION
    return [replace(row, kind=kind, amount=amount, comment=transfer.get("comment", "")[:60])]


def _financed(financing: Json, row: DealReport) -> list[DealReport]:
    """A deal a trade: whom it belongs to is asked for at the end of a position."""
    positions = financing.get("positionFinancings", ())
    parts = [part for position in positions for part in position.get("openTradeFinancings", ())]
    total = to_decimal(financing["financing"])
    return [
        replace(row, deal_id=deal_id, kind=DealKind.SWAP, swap=amount, position_ref=ref)
        for deal_id, ref, amount in _by_trade(row, parts, "financing", total)
    ]


def _adjusted(dividend: Json, row: DealReport) -> list[DealReport]:
    parts = list(dividend.get("openTradeDividendAdjustments", ()))
    total = to_decimal(dividend["dividendAdjustment"])
    return [
        replace(row, deal_id=deal_id, kind=DealKind.DIVIDEND, amount=amount, position_ref=ref)
        for deal_id, ref, amount in _by_trade(row, parts, "dividendAdjustment", total)
    ]


def _by_trade(
    row: DealReport, parts: list[Json], name: str, total: Decimal
) -> list[tuple[str, str, Decimal]]:
    """Deal id, trade and amount of each part that is not zero; the whole as one where there are no parts."""
    if not parts:
        return [(row.deal_id, "", total)] if total else []
    amounts = _adding_up(total, parts, name)
    return [
        (f"{row.deal_id}-{part['tradeID']}", str(part["tradeID"]), amount)
        for part, amount in zip(parts, amounts, strict=True)
        if amount
    ]


KINDS: dict[str, Callable[[Json, DealReport], list[DealReport]]] = {
    "ORDER_FILL": _filled,
    "TRANSFER_FUNDS": _moved,
    "DAILY_FINANCING": _financed,
    "DIVIDEND_ADJUSTMENT": _adjusted,
}
