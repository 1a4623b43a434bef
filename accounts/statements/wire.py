"""A statement as lines of JSON, column by column, and back: what the reading process hands over.

JSON and not pickle, because the writer has just parsed a stranger's file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from decimal import Decimal
from functools import lru_cache
from itertools import repeat
from typing import IO, Any, get_type_hints

from accounts.statements.base import (
    AccountInfo,
    DealLine,
    OpenPositionLine,
    OrderLine,
    Refusal,
    Statement,
)

LINES = {
    "deals": DealLine,
    "orders": OrderLine,
    "open_positions": OpenPositionLine,
    "refusals": Refusal,
}
DECIMALS = {
    kind: {name for name, hint in get_type_hints(kind).items() if hint in (Decimal, Decimal | None)}
    for kind in LINES.values()
}
TOTALS = ("file_totals", "our_totals")
# The columns in which nearly every row says something of its own.
DISTINCT = {"row", "time_text", "done_time_text", "broker_deal_id", "position_ref", "order_id"}
BATCH = 5000


def write(statement: Statement, file: IO[str]) -> None:
    """One line for what the statement says as a whole, then one for each batch of its rows."""
    whole: dict[str, Any] = {
        field.name: getattr(statement, field.name)
        for field in fields(Statement)
        if field.name not in (*LINES, *TOTALS, "account")
    }
    whole["account"] = asdict(statement.account)
    for name in TOTALS:
        whole[name] = {key: _as_json(value) for key, value in getattr(statement, name).items()}
    file.write(json.dumps(whole) + "\n")
    for name, kind in LINES.items():
        rows = getattr(statement, name)
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            head = {"of": name, "rows": len(batch)}
            file.write(json.dumps(head | {"columns": _columns(kind, batch)}) + "\n")


def read(lines: Iterable[str]) -> Statement:
    """The statement that `write` wrote."""
    rows = iter(lines)
    whole = json.loads(next(rows))
    whole["account"] = AccountInfo(**whole["account"])
    for name in TOTALS:
        whole[name] = {key: _as_figure(value) for key, value in whole[name].items()}
    statement = Statement(**whole)
    for text in rows:
        batch = json.loads(text)
        name = batch["of"]
        getattr(statement, name).extend(_lines(LINES[name], batch))
    return statement


def _columns(kind: Any, batch: list[Any]) -> dict[str, Sequence[Any]]:
    """The values of each field, fields left out that have their default in every row."""
    columns: dict[str, Sequence[Any]] = {}
    defaults = kind._field_defaults
    for name, values in zip(kind._fields, zip(*batch, strict=True), strict=True):
        if name not in defaults or values.count(defaults[name]) < len(values):
            columns[name] = _as_texts(values) if name in DECIMALS[kind] else values
    return columns


def _lines(kind: Any, batch: dict[str, Any]) -> Iterator[Any]:
    columns = batch["columns"]
    values: list[Iterable[Any]] = []
    for name in kind._fields:
        if name not in columns:
            values.append(repeat(kind._field_defaults[name], batch["rows"]))
        elif name in DECIMALS[kind]:
            values.append(map(_as_decimal, columns[name]))
        else:
            values.append(columns[name] if name in DISTINCT else _shared(columns[name]))
    return map(kind._make, zip(*values, strict=True))


def _shared(column: list[Any]) -> Iterator[Any]:
    """The values, equal ones as one object: JSON makes a new text of every "buy", which adds up."""
    seen: dict[Any, Any] = {}
    return (seen.setdefault(value, value) for value in column)


def _as_texts(values: Iterable[Decimal | None]) -> list[str | None]:
    return [None if value is None else str(value) for value in values]


@lru_cache(maxsize=65536)
def _as_decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _as_json(value: Decimal | int) -> str | int:
    return str(value) if isinstance(value, Decimal) else value


def _as_figure(value: str | int) -> Decimal | int:
    return Decimal(value) if isinstance(value, str) else value
