"""Suggest how to read a table from its headings and values; what they do not decide becomes a question."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from accounts.statements import base
from accounts.statements.base import NotAStatement
from accounts.statements.columns import (
    AS_BOOKED,
    CASH_ROWS,
    COLUMN,
    COST_POSITIVE,
    EXECUTIONS,
    GROSS,
    IGNORE,
    LAYOUTS,
    NET,
    ROUND_TRIPS,
    WORD,
    Column,
    Mapping,
    Question,
)
from accounts.statements.headings import (
    ANY,
    CLASSES,
    NUMBER,
    REPEATABLE,
    TEXT,
    TIME,
    plain,
    targets_of,
)
from accounts.statements.known_exports import known_export
from accounts.statements.table_rows import TableRow
from accounts.statements.table_values import (
    DAY_FIRST,
    MONTH_FIRST,
    ONLY_CLOCK,
    date_order,
    decimal_mark,
    looks_like_number,
    looks_like_time,
    read_number,
    read_time,
)
from accounts.statements.words import known_kind, side_of

HEADER_WITHIN = 60
SAMPLE = 300
MOSTLY = 0.8
MOST_WORDS = 30
CLOCK, EMPTY = "clock", "empty"
PRICES, TIMES = ("open_price", "close_price"), ("open_time", "close_time")
COSTS = ("commission", "fee")
IDS = ("deal_id", "position_id", "order_id", "buy_id")
KINDS = (
    base.DEPOSIT,
    base.WITHDRAWAL,
    base.INTEREST,
    base.SWAP,
    base.COMMISSION,
    base.FEE,
    base.DIVIDEND,
    base.TAX,
    base.BONUS,
    base.CREDIT,
    base.TRANSFER,
    base.CORRECTION,
    base.COMPENSATION,
    base.ARCHIVE,
    IGNORE,
)
NEEDED = {
    ROUND_TRIPS: ("open_time", "close_time", "symbol", "volume", "open_price", "close_price"),
    EXECUTIONS: ("time", "symbol", "volume", "price"),
    CASH_ROWS: ("time",),
}
ZONE = re.compile(r"\b(?:UTC|GMT)\s*(?:([+-])\s*(\d{1,2})(?::?(\d{2}))?)?", re.IGNORECASE)
CURRENCY = re.compile(r"\b(USD|EUR|GBP|JPY|CHF|AUD|CAD|NZD|PLN|CZK|SEK|NOK|SGD|HKD)\b")
MONEY = ("profit", "net", "balance", "amount")


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
            if index < len(row.cells) and (text := row.cells[index].text.strip())
        ]

    def written(self, index: int, kind: str) -> list[str]:
        """The values that somebody wrote as text, without a workbook's own numbers or dates."""
        return [
            row.cells[index].text.strip()
            for row in self.body
            if index < len(row.cells)
            and row.cells[index].text.strip()
            and row.cells[index].kind != kind
        ]


def suggest(rows: Iterable[TableRow]) -> Mapping:
    """The likeliest mapping of one sheet with the questions that remain.

    Raises NotAStatement where no row looks like headings above a table of trades.
    """
    table = _table([row for row in rows if not row.is_blank])
    columns = _columns(table)
    mapping = Mapping(
        layout=_layout(columns),
        header_row=table.header.number - 1,
        columns=columns,
        sheet=table.header.sheet,
        headings=table.headings,
    )
    steps: tuple[Callable[[Mapping, Table], Mapping], ...] = (
        _with_known_export,
        _with_numbers,
        _with_dates,
        _with_zone,
        _with_words,
        _with_profit,
        _with_costs,
        _with_missing_columns,
        _with_notes,
    )
    for step in steps:
        mapping = step(mapping, table)
    return mapping


def find_header(rows: Sequence[TableRow]) -> int | None:
    """The position of the row that most looks like headings, None where none does."""
    scores = [sum(bool(targets_of(text)) for text in row.texts) for row in rows[:HEADER_WITHIN]]
    best = max(scores, default=0)
    return scores.index(best) if best >= 3 else None


def _table(rows: list[TableRow]) -> Table:
    position = find_header(rows)
    if position is None:
        raise NotAStatement(
            "No row of the table looks like headings of trades or money (time, symbol, volume, price, profit, amount); "
            "expected such a row, or the spreadsheet template."
        )
    header = rows[position]
    body = [row for row in rows[position + 1 :] if row.sheet == header.sheet]
    return Table(header, tuple(header.texts), body)


def _columns(table: Table) -> tuple[Column, ...]:
    taken: dict[str, list[Column]] = {}
    for index, heading in enumerate(table.headings):
        target = _target(table, index, heading, taken)
        if target:
            taken.setdefault(target, []).append(Column(target, index, heading))
    found = [column for columns in taken.values() for column in columns]
    found = _split_pair(table, found, "price", PRICES)
    found = _split_pair(table, found, "time", TIMES)
    return tuple(sorted(_without_counters(table, found), key=lambda column: column.index))


def _target(table: Table, index: int, heading: str, taken: dict[str, list[Column]]) -> str:
    shape = _shape(table.texts(index))
    for target in targets_of(heading):
        if not _fits(target, shape, table.texts(index)):
            continue
        if (
            target not in taken
            or target in REPEATABLE
            or _may_repeat(table, target, index, taken[target], shape)
        ):
            return target
    return ""


def _may_repeat(table: Table, target: str, index: int, earlier: list[Column], shape: str) -> bool:
    """A second price or time is the closing one if it differs; a clock belongs to the date before it."""
    if shape == CLOCK:
        return len(earlier) == 1
    if target not in ("price", "time") or len(earlier) > 1:
        return False
    read = _loose_number if target == "price" else str
    pairs = zip(table.texts(earlier[0].index), table.texts(index), strict=False)
    is_same_name = target == "price" or earlier[0].heading == table.headings[index]
    return is_same_name and any(read(one) != read(other) for one, other in pairs)


def _loose_number(text: str) -> Decimal | str:
    try:
        return read_number(text, ".")
    except ValueError:
        return text


def _shape(texts: list[str]) -> str:
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
    clocks = [c for c in same if _shape(table.texts(c.index)) == CLOCK]
    named = {c.target for c in columns}
    missing = [name for name in pair if name not in named]
    if clocks or (len(same) < 2 and len(missing) != 1):
        return columns
    names = dict(zip([c.index for c in same], missing, strict=False))
    return [
        replace(c, target=names[c.index]) if c.target == target and c.index in names else c
        for c in columns
    ]


def _without_counters(table: Table, columns: list[Column]) -> list[Column]:
    """A trade number that counts from 1 in every export is no id."""
    return [c for c in columns if c.target != "deal_id" or not _counts(table.texts(c.index))]


def _counts(texts: list[str]) -> bool:
    numbers = sorted(
        int(text) for text in texts if text.isascii() and text.isdigit() and len(text) < 8
    )
    return len(numbers) == len(texts) > 0 and numbers == list(range(1, len(numbers) + 1))


def _layout(columns: tuple[Column, ...]) -> str:
    has = {column.target for column in columns}
    if has >= {"buy_price", "sell_price"} or has >= set(PRICES) or has >= set(TIMES):
        return ROUND_TRIPS
    if has >= {"volume", "price"}:
        return EXECUTIONS
    return CASH_ROWS if has & {"amount", "profit", "net"} else ""


def _asked(mapping: Mapping, *questions: Question) -> Mapping:
    return replace(mapping, questions=(*mapping.questions, *questions))


def _with_known_export(mapping: Mapping, table: Table) -> Mapping:
    if not mapping.layout:
        question = Question("layout", "What is one row of this table?", LAYOUTS)
        return _asked(mapping, question)
    export = known_export(plain(heading) for heading in table.headings)
    if export is None:
        return mapping
    return replace(mapping, known_as=export.name, notes=export.notes)


def _with_numbers(mapping: Mapping, table: Table) -> Mapping:
    numeric = [column.index for column in mapping.columns if CLASSES[column.target] == NUMBER]
    found = decimal_mark(text for index in numeric for text in table.written(index, "number"))
    mapping = replace(mapping, decimal=found.value)
    if found.is_certain:
        return mapping
    text = "Numbers such as 1,234 or 1.234 can be read in two ways: which mark stands before the decimals?"
    return _asked(mapping, Question("decimal", text, (".", ","), found.value))


def _with_dates(mapping: Mapping, table: Table) -> Mapping:
    found = date_order(
        text for index in _time_indexes(mapping) for text in table.written(index, "date")
    )
    export = known_export(plain(heading) for heading in table.headings)
    if export and export.date_order and not found.is_certain:
        return replace(mapping, date_order=export.date_order)
    mapping = replace(mapping, date_order=found.value)
    if found.is_certain:
        return mapping
    example = next((text for index in _time_indexes(mapping) for text in table.texts(index)), "")
    text = f"Does the day or the month come first in dates such as {example[:30]}?"
    return _asked(mapping, Question("date_order", text, (DAY_FIRST, MONTH_FIRST), found.value))


def _time_indexes(mapping: Mapping) -> list[int]:
    return [column.index for column in mapping.columns if CLASSES[column.target] == TIME]


def _with_zone(mapping: Mapping, table: Table) -> Mapping:
    """The zone from a heading such as 'Opening time (UTC+4)' or from values with their offset."""
    headings = [column.heading for column in mapping.columns if CLASSES[column.target] == TIME]
    stated = [match for heading in headings if (match := ZONE.search(heading))]
    money = (column.heading for column in mapping.columns if column.target in MONEY)
    currencies = {match[1] for heading in money if (match := CURRENCY.search(heading))}
    mapping = replace(mapping, currency=currencies.pop() if len(currencies) == 1 else "")
    if _has_offsets(mapping, table):
        return replace(mapping, time_zone="UTC")
    if not stated:
        return mapping
    sign, hours, minutes = stated[0].groups()
    if int(minutes or 0):
        text = f"The times are in {stated[0][0]}; which time zone is that (such as Asia/Kolkata)?"
        return _asked(mapping, Question("time_zone", text))
    # The names of the fixed zones carry the sign the other way round: Etc/GMT-4 is UTC+4.
    name = f"Etc/GMT{'-' if sign == '+' else '+'}{int(hours)}" if hours and int(hours) else "UTC"
    return replace(mapping, time_zone=name)


def _has_offsets(mapping: Mapping, table: Table) -> bool:
    texts = [text for index in _time_indexes(mapping)[:1] for text in table.texts(index)[:SAMPLE]]
    return bool(texts) and all(_offset_of(text, mapping.date_order) for text in texts)


def _offset_of(text: str, order: str) -> bool:
    try:
        return read_time(text, order)[1] is not None
    except ValueError:
        return True


def _with_words(mapping: Mapping, table: Table) -> Mapping:
    """Give every word of the side or type column its meaning, or ask for it."""
    index = next(iter(mapping.indexes("side") or mapping.indexes("type")), None)
    if index is None or (
        mapping.layout == CASH_ROWS and mapping.has("comment") and not mapping.has("type")
    ):
        return mapping
    words = list(dict.fromkeys(" ".join(text.lower().split()) for text in table.texts(index)))
    meanings = {word: side_of(word) or known_kind(word) for word in words}
    unknown = [word for word in words if not meanings[word]]
    asked = [
        _word_question(word, mapping.layout)
        for word in unknown[:MOST_WORDS]
        if not _is_cash_trade(word)
    ]
    known = tuple((word, meaning) for word, meaning in meanings.items() if meaning)
    return _asked(replace(mapping, words=known), *asked)


def _is_cash_trade(word: str) -> bool:
    """Types such as "Stocks/ETF purchase": the comment of each row says what was traded."""
    return bool(re.search(r"stock|etf|ações|acciones|aktie|akcje|crypto|bond", word))


def _word_question(word: str, layout: str) -> Question:
    options = KINDS if layout == CASH_ROWS else (base.BUY, base.SELL, *KINDS)
    is_pending = bool(re.search(r"limit|stop|cancel|pending|reject|expire", word))
    return Question(
        WORD + word, f"What is a row of type '{word}'?", options, IGNORE if is_pending else ""
    )


def _with_profit(mapping: Mapping, table: Table) -> Mapping:
    if mapping.has("profit", "net") or not mapping.has("profit"):
        is_net = mapping.has("net") and not mapping.has("profit")
        return replace(mapping, profit_is=NET if is_net else GROSS)
    export = known_export(plain(heading) for heading in table.headings)
    if export and export.profit_is:
        return replace(mapping, profit_is=export.profit_is)
    if not any(_amounts(mapping, table, target) for target in ("swap", "commission", "fee", "tax")):
        return mapping
    heading = plain(next(c.heading for c in mapping.columns if c.target == "profit"))
    if "gross" in heading or "brutto" in heading:
        return mapping
    if running := _profit_by_running_sum(mapping, table):
        return replace(mapping, profit_is=running)
    text = "Does the profit column already contain swap, commission and fees (net), or not (gross)?"
    return _asked(mapping, Question("profit_is", text, (GROSS, NET), GROSS))


def _profit_by_running_sum(mapping: Mapping, table: Table) -> str:
    """gross or net, where a running sum of net results or a balance moves by one of them; '' where it does not tell."""
    target = next((name for name in ("cumulative_net", "balance") if mapping.has(name)), "")
    if not target:
        return ""
    votes = {GROSS: 0, NET: 0}
    rows = [_figures(mapping, row, target) for row in table.body]
    for before, row in zip(rows, rows[1:], strict=False):
        if before is None or row is None:
            continue
        moves = (
            {row[0] - before[0], before[0] - row[0]}
            if target == "balance"
            else {row[0] - before[0]}
        )
        if row[2] and row[1] in moves:
            votes[NET] += 1
        elif row[2] and {row[1] + row[2], row[1] - row[2]} & moves:
            votes[GROSS] += 1
    best = max(votes, key=lambda name: votes[name])
    return best if votes[best] >= 2 and votes[best] > 3 * min(votes.values()) else ""


def _figures(
    mapping: Mapping, row: TableRow, target: str
) -> tuple[Decimal, Decimal, Decimal] | None:
    """The running sum, the profit and the sum of the costs of one row."""
    try:
        running = _sum(mapping, row, (target,))
        costs = _sum(mapping, row, ("swap", "commission", "fee", "tax"))
        return running, _sum(mapping, row, ("profit",)), costs
    except ValueError:
        return None


def _sum(mapping: Mapping, row: TableRow, targets: tuple[str, ...]) -> Decimal:
    texts = [row.cells[i].text for t in targets for i in mapping.indexes(t) if i < len(row.cells)]
    return sum((read_number(text, mapping.decimal) for text in texts if text.strip()), base.ZERO)


def _amounts(mapping: Mapping, table: Table, target: str) -> list[Decimal]:
    """The amounts of a target's columns that are not zero."""
    texts = [text for index in mapping.indexes(target) for text in table.texts(index)]
    found = []
    for text in texts:
        try:
            found.append(read_number(text, mapping.decimal))
        except ValueError:
            continue
    return [amount for amount in found if amount]


def _with_costs(mapping: Mapping, table: Table) -> Mapping:
    amounts = [amount for target in COSTS for amount in _amounts(mapping, table, target)]
    if not amounts or min(amounts) < 0:
        return replace(mapping, costs=AS_BOOKED)
    export = known_export(plain(heading) for heading in table.headings)
    if export and export.costs:
        return replace(mapping, costs=export.costs)
    mapping = replace(mapping, costs=COST_POSITIVE)
    text = "All commissions and fees are positive: is a positive one a cost?"
    return _asked(mapping, Question("costs", text, (COST_POSITIVE, AS_BOOKED), COST_POSITIVE))


def _with_missing_columns(mapping: Mapping, table: Table) -> Mapping:
    options = tuple(f"{i + 1}: {heading}" for i, heading in enumerate(table.headings) if heading)
    missing = [
        target for target in NEEDED.get(mapping.layout, ()) if not _is_given(mapping, target)
    ]
    if mapping.layout != CASH_ROWS and not _has_side(mapping, table):
        missing.append("side")
    if mapping.layout == CASH_ROWS and not any(mapping.has(t) for t in ("amount", "profit", "net")):
        missing.append("amount")
    if mapping.layout == ROUND_TRIPS and not (mapping.has("profit") or mapping.has("net")):
        missing.append("profit")
    asked = [
        Question(COLUMN + target, f"Which column holds the {target.replace('_', ' ')}?", options)
        for target in missing
    ]
    return _asked(mapping, *asked)


def _is_given(mapping: Mapping, target: str) -> bool:
    sides = (target.replace("open_", "buy_"), target.replace("close_", "sell_"))
    return mapping.has(target) or (
        target.startswith(("open_", "close_")) and any(mapping.has(s) for s in sides)
    )


def _has_side(mapping: Mapping, table: Table) -> bool:
    """A column of sides, buy and sell columns, or volumes with signs."""
    signed = any(amount < 0 for amount in _amounts(mapping, table, "volume"))
    return mapping.has("side") or mapping.has("buy_price", "sell_price") or signed


def _with_notes(mapping: Mapping, table: Table) -> Mapping:
    notes = list(mapping.notes)
    if mapping.layout == EXECUTIONS and not (mapping.has("profit") or mapping.has("net")):
        notes.append(
            "The table has no profits: money of the trades must be computed from the contract's terms."
        )
    if not mapping.time_zone:
        notes.append(
            "The file states no time zone: its times are taken as the broker's server time."
        )
    if mapping.layout != CASH_ROWS and not any(mapping.has(target) for target in IDS):
        notes.append("No column holds ids: a row is known again by its content.")
    return replace(mapping, notes=tuple(notes))
