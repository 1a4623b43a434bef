"""Which row of a table is its heading, and which column means what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from accounts.statements.base import NotAStatement
from accounts.statements.columns import CASH_ROWS, EXECUTIONS, ROUND_TRIPS, Column
from accounts.statements.headings import (
    ANY,
    ASIDE,
    CLASSES,
    NUMBER,
    REPEATABLE,
    TEXT,
    TIME,
    plain,
    targets_of,
)
from accounts.statements.table_rows import TableRow, filled_text
from accounts.statements.table_values import (
    ONLY_CLOCK,
    looks_like_number,
    looks_like_time,
    read_number,
)
from accounts.statements.words import side_of

HEADER_WITHIN = 60
SAMPLE = 300
MOSTLY = 0.5
LEAST_HEADINGS = 3
IDS = ("deal_id", "order_id", "position_id")
CLOCK, EMPTY = "clock", "empty"
ENTRY_CODES = frozenset("0123")  # MetaTrader's numbers for in, out, in/out and out by
PRICES, TIMES = ("open_price", "close_price"), ("open_time", "close_time")


@dataclass(frozen=True, slots=True)
class Table:
    """The heading row and the rows below it."""

    header: TableRow
    headings: tuple[str, ...]
    body: list[TableRow]

    def texts(self, index: int) -> list[str]:
        """The values of a column, without the empty ones."""
        return [
            text
            for row in self.body
            if index < len(row.cells) and (text := filled_text(row.cells[index]))
        ]

    def written(self, index: int, kind: str) -> list[str]:
        """The values that somebody wrote as text, without a workbook's own numbers or dates."""
        return [
            row.cells[index].text.strip()
            for row in self.body
            if index < len(row.cells)
            and filled_text(row.cells[index])
            and row.cells[index].kind != kind
        ]


def find_header(rows: Sequence[TableRow]) -> int | None:
    """The position of the row that most looks like headings, None where none does."""
    scores = [heading_score(row) for row in rows[:HEADER_WITHIN]]
    best = max(scores, default=0)
    return scores.index(best) if best >= LEAST_HEADINGS else None


def heading_score(row: TableRow) -> int:
    """How many cells of a row are headings that somebody uses."""
    return sum(bool(targets_of(text)) for text in row.texts)


def is_heading_row(row: TableRow) -> bool:
    """Whether a row names columns: most of its cells are headings, none is a number or a time."""
    texts = [text for text in row.texts if text]
    if len(texts) < LEAST_HEADINGS or any(text[0].isdigit() for text in texts):
        return False
    score = heading_score(row)
    return score >= max(LEAST_HEADINGS, MOSTLY * len(texts)) and not any(
        looks_like_number(text) or looks_like_time(text) for text in texts
    )


def as_table(rows: list[TableRow]) -> Table:
    position = find_header(rows)
    if position is None:
        raise NotAStatement(
            "No row of the table looks like headings of trades or money (time, symbol, volume, price, profit, amount); "
            "expected such a row, or the spreadsheet template."
        )
    header = rows[position]
    _refuse_levels(header)
    body = [row for row in rows[position + 1 :] if row.sheet == header.sheet]
    headings = tuple(header.texts)
    return Table(header, headings, list(of_one_table(body, headings)))


def _refuse_levels(header: TableRow) -> None:
    if any(plain(text) == "data discriminator" for text in header.texts):
        raise NotAStatement(
            "The table lists orders, their parts and closed lots together (column DataDiscriminator), as an "
            "activity statement of Interactive Brokers does, so that a sum of its rows counts a trade several "
            "times; expected a table with one row a trade."
        )


def of_one_table(rows: Iterable[TableRow], headings: tuple[str, ...]) -> Iterator[TableRow]:
    """The rows before another table begins with other headings; the same again stand between pages."""
    for row in rows:
        if is_heading_row(row):
            if tuple(row.texts)[: len(headings)] != headings:
                return
            continue
        yield row


def columns_of(table: Table) -> tuple[Column, ...]:
    taken: dict[str, list[Column]] = {}
    for index, heading in enumerate(table.headings):
        target = _target(table, index, heading, taken)
        if target:
            taken.setdefault(target, []).append(Column(target, index, heading))
    found = [column for columns in taken.values() for column in columns]
    found = _with_clocks(table, found)
    found = _with_amount_as_volume(found)
    found = _split_pair(table, found, "price", PRICES)
    found = _split_pair(table, found, "time", TIMES)
    return tuple(sorted(_without_counters(table, found), key=lambda column: column.index))


def layout_of(columns: tuple[Column, ...]) -> str:
    has = {column.target for column in columns}
    if has >= {"buy_price", "sell_price"} or has >= set(PRICES) or has >= set(TIMES):
        return ROUND_TRIPS
    if has >= {"volume", "price"}:
        return EXECUTIONS
    return CASH_ROWS if has & {"amount", "profit", "net"} else ""


def _target(table: Table, index: int, heading: str, taken: dict[str, list[Column]]) -> str:
    shape = shape_of(table.texts(index))
    for target in targets_of(heading):
        if target == "currency" and _is_of_price(heading):
            continue
        if not _fits(target, shape, table.texts(index)):
            continue
        if (
            target not in taken
            or target in REPEATABLE
            or _may_repeat(table, target, index, taken[target], shape)
        ):
            return target
    return ""


def _is_of_price(heading: str) -> bool:
    """Whether a heading such as 'Currency (Price / share)' speaks of prices, not of money that moved."""
    asides = (aside.strip("()[]") for aside in ASIDE.findall(heading))
    return any("price" in targets_of(aside) for aside in asides)


def _may_repeat(table: Table, target: str, index: int, earlier: list[Column], shape: str) -> bool:
    """A second price or time is the closing one if it differs; a clock belongs to the date before it."""
    if shape == CLOCK:
        return len(earlier) == 1
    if target not in ("price", "time") or len(earlier) > 1:
        return False
    read = _loose_number if target == "price" else str
    pairs = zip(table.texts(earlier[0].index), table.texts(index), strict=False)
    one, other = earlier[0].heading, table.headings[index]
    is_same_name = one == other or (target == "price" and plain(one) == plain(other))
    return is_same_name and any(read(one) != read(other) for one, other in pairs)


def _loose_number(text: str) -> Decimal | str:
    try:
        return read_number(text, ".")
    except ValueError:
        return text


def shape_of(texts: list[str]) -> str:
    sample = texts[:SAMPLE]
    if not sample:
        return EMPTY
    for shape, test in (
        (CLOCK, ONLY_CLOCK.fullmatch),
        (TIME, looks_like_time),
        (NUMBER, looks_like_number),
    ):
        if sum(bool(test(text)) for text in sample) >= MOSTLY * len(sample):
            return shape
    return TEXT


def _fits(target: str, shape: str, texts: list[str]) -> bool:
    wanted = CLASSES[target]
    if target == "side":
        return shape == TEXT and any(side_of(text) for text in texts)
    if target in IDS and any(" " in text for text in texts[:SAMPLE]):
        return False
    if target == "open_price" and texts and all(text in ENTRY_CODES for text in texts):
        return False
    if wanted == ANY or target == "symbol":
        return shape in (TEXT, NUMBER, EMPTY)
    if wanted == TIME:
        return shape in (TIME, CLOCK)
    return shape in (wanted, EMPTY) and (shape != EMPTY or wanted == NUMBER)


def _split_pair(
    table: Table, columns: list[Column], target: str, pair: tuple[str, str]
) -> list[Column]:
    """Two columns of one heading are opening and closing, in this order; of one beside an opening, the closing."""
    same = sorted((c for c in columns if c.target == target), key=lambda column: column.index)
    clocks = [c for c in same if shape_of(table.texts(c.index)) == CLOCK]
    named = {c.target for c in columns}
    missing = [name for name in pair if name not in named]
    if clocks or (len(same) < 2 and len(missing) != 1):
        return columns
    names = dict(zip([c.index for c in same], missing, strict=False))
    return [
        replace(c, target=names[c.index]) if c.target == target and c.index in names else c
        for c in columns
    ]


def _with_clocks(table: Table, columns: list[Column]) -> list[Column]:
    """Of two columns for the time of a row the one that has more than the day."""
    times = [column for column in columns if column.target == "time"]
    if len(times) != 1 or _has_clock(table.texts(times[0].index)):
        return columns
    named = {column.index for column in columns}
    for index, heading in enumerate(table.headings):
        texts = table.texts(index)
        may_be = index not in named and "time" in targets_of(heading)
        if may_be and shape_of(texts) == TIME and _has_clock(texts):
            rest = [column for column in columns if column is not times[0]]
            return [*rest, Column("time", index, heading)]
    return columns


def _has_clock(texts: list[str]) -> bool:
    return any(":" in text for text in texts[:SAMPLE])


def _with_amount_as_volume(columns: list[Column]) -> list[Column]:
    """Beside a side and a price, what is called amount is what was traded, if nothing else is."""
    has = {column.target for column in columns}
    if "volume" in has or not has >= {"side", "price", "amount"}:
        return columns
    return [replace(c, target="volume") if c.target == "amount" else c for c in columns]


def _without_counters(table: Table, columns: list[Column]) -> list[Column]:
    """A trade number that counts from 1 in every export is no id."""
    return [c for c in columns if c.target != "deal_id" or not _counts(table.texts(c.index))]


def _counts(texts: list[str]) -> bool:
    numbers = sorted(
        int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 8
    )
    return len(numbers) == len(texts) > 0 and numbers == list(range(1, len(numbers) + 1))
