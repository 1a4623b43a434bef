"""The rows of a file as the books know them: which row it is, and what it says, in comparable form."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from accounts.booking import NewDeal
from accounts.statements import base
from accounts.statements.base import DealLine, NotAStatement, Refusal, Statement
from accounts.statements.clock import moment
from tradershub.finance.decimals import ZERO

# What the books keep of a row. Two rows of the same key disagree when one of FACTS differs; WORDS are
# what one export may know and another not.
MONEY = ("profit", "swap", "commission", "fee", "tax")
FACTS = ("kind", "symbol", "side", "entry", "volume", "price", *MONEY, "at")
WORDS = ("broker_time", "broker_deal_id", "position_ref", "broker_order_id", "comment")
NUMBERS = frozenset(("volume", "price", *MONEY))
COLUMNS = FACTS + WORDS

HEADS = tuple(f'"{name}":' for name in COLUMNS)
KEPT_AT_ZERO = tuple(name in NUMBERS and name not in MONEY for name in COLUMNS)

LONGEST_COMMENT = 300
# Rows without an id: at one moment money comes first, then what opens, then what closes.
RANKS = {base.IN: "1", "": "0"}


class Row(NamedTuple):
    """A money row that can be booked. values: COLUMNS in their order, numbers as Decimal or None."""

    row: int
    section: str
    key: str
    at: dt.datetime
    values: tuple[Any, ...]
    inferred: bool
    balance_after: Decimal | None

    def new_deal(self, symbols: dict[str, int], *, source: str = "statement") -> NewDeal:
        return new_deal(self.key, self.values, symbols, source=source, inferred=self.inferred)


def new_deal(
    key: str,
    values: tuple[Any, ...],
    symbols: dict[str, int],
    *,
    source: str = "statement",
    inferred: bool = False,
) -> NewDeal:
    """The deal that COLUMNS say. symbols: name -> id of the broker's symbol."""
    kind, symbol, side, entry, volume, price, *money, at = values[: len(FACTS)]
    time_text, deal_id, ref, order_id, comment = values[len(FACTS) :]
    return NewDeal(
        key, kind, at, source, symbols[symbol] if symbol else None, side, entry, volume, price,
        *money, time_text, deal_id, ref, order_id, "", comment, inferred,
    )  # fmt: skip


def read_rows(
    statement: Statement, zone: dt.tzinfo, *, use_up: bool = False
) -> tuple[list[Row], list[Refusal]]:
    """The rows of the file with their keys, and those that are refused, with the reason.

    The statement is one that `keepable.kept` returned; NotAStatement is raised for a time that is none.
    use_up: empty the statement of its deals on the way, so that memory holds a large file once.
    """
    rows: list[Row] = []
    seen: dict[str, int] = defaultdict(int)
    before: dt.datetime | None = None  # a running balance proves that rows stand in their order
    for deal in used_up(statement.deals) if use_up else statement.deals:
        at = moment(deal.time_text, zone, after=before)
        if at is None:
            raise NotAStatement(
                f"Row {deal.row}: the time is {deal.time_text[:40]!r}; expected year, month, day and "
                "time, as 2024.03.05 14:30:00."
            )
        before = at if deal.balance_after is not None else before
        key = _key(deal, at, seen)
        rows.append(
            Row(
                deal.row,
                deal.section,
                key,
                at,
                _values(deal, at),
                deal.inferred,
                deal.balance_after,
            )  # fmt: skip
        )
    return rows, list(statement.refusals)


def used_up(lines: list[Any]) -> Iterator[Any]:
    """The lines in their order, the list left empty."""
    lines.reverse()
    while lines:
        yield lines.pop()


def _values(deal: DealLine, at: dt.datetime) -> tuple[Any, ...]:
    is_trade = deal.kind == base.TRADE
    return (
        deal.kind,
        deal.symbol if is_trade or deal.symbol else "",
        deal.side if is_trade else "",
        deal.entry if is_trade else "",
        deal.volume if is_trade else None,
        deal.price if is_trade else None,
        deal.profit,
        deal.swap,
        deal.commission,
        deal.fee,
        deal.tax,
        at,
        deal.time_text[:40],
        deal.broker_deal_id,
        deal.position_ref,
        deal.order_id,
        deal.comment.replace("\0", "")[:LONGEST_COMMENT],
    )


def _key(deal: DealLine, at: dt.datetime, seen: dict[str, int]) -> str:
    """The broker's deal id; else what the row says, and which of the equal rows it is."""
    if deal.broker_deal_id:
        seen[deal.broker_deal_id] += 1
        count = seen[deal.broker_deal_id]
        return deal.broker_deal_id if count == 1 else f"{deal.broker_deal_id}#{count}"
    if deal.inferred:
        return opening_key(deal, at)
    content = (
        deal.kind, at.isoformat(), deal.symbol, deal.side, deal.entry, deal.order_id, deal.currency,
        *(_plain(value) for value in (deal.volume, deal.price)),
        *(_plain(getattr(deal, name)) for name in MONEY),
    )  # fmt: skip
    digest = hashlib.sha256("|".join(content).encode()).hexdigest()[:24]
    rank = RANKS.get(deal.entry, "2") if deal.kind == base.TRADE else "0"
    seen[digest] += 1
    return f"{rank}:{digest}#{seen[digest]}"


def opening_key(deal: DealLine, at: dt.datetime) -> str:
    """The key of an opening that no row shows: the position's, or the symbol's at that moment."""
    if deal.position_ref:
        return f"{deal.position_ref}:open"
    return f"{deal.symbol}:{at:%Y%m%d%H%M%S}:open"


def _plain(value: Decimal | None) -> str:
    return "" if value is None else f"{value.normalize():f}" if value else "0"


def stored(values: Iterable[Any], *, inferred: bool = False, **more: Any) -> dict[str, Any]:
    """The values as JSON keeps them: texts, those that say nothing left out."""
    kept: dict[str, Any] = {}
    for name, value in zip(COLUMNS, values, strict=True):
        if not value and (name not in NUMBERS or value is None or name in MONEY):
            continue
        kept[name] = _text(value)
    if inferred:
        kept["inferred"] = True
    return kept | more


def stored_text(values: Iterable[Any], *, inferred: bool = False) -> str:
    """The JSON of what `stored` keeps, as json itself would write it more slowly."""
    parts = [
        head + (encode_basestring(value) if isinstance(value, str) else f'"{_text(value)}"')
        for head, is_kept_at_zero, value in zip(HEADS, KEPT_AT_ZERO, values, strict=True)
        if value or (is_kept_at_zero and value is not None)
    ]
    if inferred:
        parts.append('"inferred":true')
    return f"{{{','.join(parts)}}}"


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)


def plain(value: Decimal) -> str:
    """The number with all its digits and without an exponent."""
    text = str(value)  # quicker than a format
    return f"{value:f}" if "E" in text else text


def restored(kept: dict[str, Any]) -> tuple[Any, ...]:
    """The values that `stored` was given."""
    return tuple(_restored(kept))


def _restored(kept: dict[str, Any]) -> Iterator[Any]:
    for name in COLUMNS:
        text = kept.get(name)
        if name == "at":
            yield dt.datetime.fromisoformat(kept["at"])
        elif name in NUMBERS:
            yield Decimal(text) if text is not None else (ZERO if name in MONEY else None)
        else:
            yield text or ""


def merged(versions: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    """What the books keep where several files have the row: the first's facts, and every known word."""
    first = versions[0]
    words = [
        next((version[n] for version in versions if version[n]), "")
        for n in range(len(FACTS), len(COLUMNS))
    ]
    return (*first[: len(FACTS)], *words)


def disagreement(ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> list[tuple[str, Any, Any]]:
    """The facts in which two versions of a row differ by more than their rounding."""
    pairs = zip(FACTS, ours, theirs, strict=False)
    return [(name, a, b) for name, a, b in pairs if a != b and not _is_rounding(name, a, b)]


def _is_rounding(name: str, a: Any, b: Any) -> bool:
    """Whether one number is the other with fewer digits, as exports of one platform print them."""
    if name not in NUMBERS or a is None or b is None:
        return name == "entry" and not (a and b)
    step = max(_exponent(a), _exponent(b))
    if name in MONEY:
        step = min(step, -2)
    return abs(a - b) * 2 <= Decimal(1).scaleb(step)


def _exponent(value: Decimal) -> int:
    return int(value.as_tuple().exponent)


def net(values: tuple[Any, ...]) -> Decimal:
    """What the row changes the account's money by."""
    start = FACTS.index("profit")
    return sum(values[start : start + len(MONEY)], ZERO)
