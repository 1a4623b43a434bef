"""What the books can keep of a file: a row that they cannot stops a report, and is left out of a table."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from accounts.statements import FORMATS, base
from accounts.statements.base import DealLine, NotAStatement, OpenPositionLine, Refusal, Statement
from accounts.statements.lines import MONEY
from tradershub.core.fields import SCALE, largest, largest_in_words
from tradershub.finance.decimals import ZERO

Line = DealLine | OpenPositionLine
LONGEST = {"symbol": 64, "broker_deal_id": 64, "position_ref": 64, "order_id": 64}
AHEAD = dt.timedelta(days=1)  # more than any clock is ahead of UTC
CURRENCY = re.compile(r"[A-Za-z]{3}")
FIGURES = {
    DealLine: ("volume", "price", *MONEY),
    OpenPositionLine: ("volume", "open_price", "market_price", "profit", "swap"),
}


def kept(statement: Statement) -> Statement:
    """The statement with those rows only that the books can keep, and the totals of these.

    Raises NotAStatement with the row and the reason where the format is all or nothing, which has
    no `totalled`, for a currency that is none, and for a sum that the database cannot hold.
    """
    if reason := _no_currency(statement.account.currency):
        raise NotAStatement(reason)
    refused = list(_refusals((*statement.deals, *statement.open_positions)))
    if refused:
        _leave_out(statement, refused)
    if reason := _too_large_sum(statement.deals):
        raise NotAStatement(reason)
    return statement


def _no_currency(currency: str) -> str:
    if not currency or CURRENCY.fullmatch(currency):
        return ""
    return f"The currency of the account is {currency[:20]!r}; expected three letters such as USD."


def _leave_out(statement: Statement, refused: list[Refusal]) -> None:
    totalled = getattr(FORMATS.load(statement.format), "totalled", None)
    if totalled is None:
        more = f" {len(refused) - 1} more rows cannot be kept either." if len(refused) > 1 else ""
        raise NotAStatement(f"{refused[0].reason}{more}")
    rows = {(line.section, line.row) for line in refused}
    statement.refusals += refused
    statement.deals = [d for d in statement.deals if (d.section, d.row) not in rows]
    statement.open_positions = [
        line for line in statement.open_positions if (line.section, line.row) not in rows
    ]
    statement.breaks = []
    totalled(statement)


def _refusals(lines: Iterable[Line]) -> Iterator[Refusal]:
    """A refusal for each row that cannot be kept, whatever the number of its lines."""
    most, seen = largest(connection.vendor), set()
    last = f"{timezone.now() + AHEAD:%Y.%m.%d %H:%M}"
    for line in lines:
        reason = _why_not(line, most) or _not_yet(line, last)
        if reason and (line.section, line.row) not in seen:
            seen.add((line.section, line.row))
            yield Refusal(line.row, line.section, f"Row {line.row}: {reason}")


def _why_not(line: Line, most: Decimal) -> str:
    """Why the books cannot keep the line; empty when they can."""
    for name in FIGURES[type(line)]:
        value = getattr(line, name)
        if not value:
            continue
        if abs(value) > most:
            what = "amount" if name in MONEY and not line.symbol else name.replace("_", " ")
            return (
                f"the {what} is {value:f}; expected at most {largest_in_words(connection.vendor)}."
            )
        if value.as_tuple().exponent < -SCALE and value != round(value, SCALE):
            return f"the {name} is {str(value)[:40]}; expected at most {SCALE} decimals."
    for name, longest in LONGEST.items():
        text = getattr(line, name, "")
        if len(text) > longest or "\0" in text:
            return (
                f"the {name.replace('_', ' ')} {text[:20]!r}... has {len(text)} letters; "
                f"expected at most {longest}."
            )
    return _lacks(line) if isinstance(line, DealLine) else ""


def _not_yet(line: Line, last: str) -> str:
    """Why a row that has not happened yet is refused. last: the latest time on any server's clock."""
    if line.time_text <= last:
        return ""
    return f"the time is {line.time_text[:40]}, which is still to come; expected one up to now."


def _lacks(deal: DealLine) -> str:
    is_whole = deal.symbol and deal.side and deal.price is not None and deal.volume
    if deal.kind == base.TRADE and not is_whole:
        return (
            f"the trade {deal.broker_deal_id} has no symbol, side, volume or price; "
            "expected all four."
        )
    return ""


def _too_large_sum(deals: Iterable[DealLine]) -> str:
    """The first kind of rows whose amounts are too large together; empty when none are."""
    sums: dict[tuple[str, bool], Decimal] = defaultdict(lambda: ZERO)
    for deal in deals:
        amount = deal.amount
        sums[deal.kind, amount > 0] += amount
    for (kind, _), total in sums.items():
        if abs(total) > largest(connection.vendor):
            return (
                f"The rows of the kind {kind} come to {total:f} together; expected at most "
                f"{largest_in_words(connection.vendor)}."
            )
    return ""
