"""A statement as lines of JSON, column by column, and back: what the reading process hands over.

JSON and not pickle, because the writer has just parsed a stranger's file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, Field, asdict, fields
from decimal import Decimal
from functools import lru_cache
from itertools import repeat
from operator import attrgetter
from typing import IO, Any

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
TOTALS = ("file_totals", "our_totals")
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


def _columns(kind: type, batch: list[Any]) -> dict[str, list[Any]]:
    """The values of each field, fields left out that have their default in every row."""
    columns = {}
    for field in fields(kind):
        values = list(map(attrgetter(field.name), batch))
        if field.default is MISSING or values.count(field.default) < len(values):
            columns[field.name] = list(map(_as_text, values)) if _is_decimal(field) else values
    return columns


def _lines(kind: type, batch: dict[str, Any]) -> Iterator[Any]:
    columns = batch["columns"]
    values: list[Iterable[Any]] = []
    for field in fields(kind):
        if field.name not in columns:
            values.append(repeat(field.default, batch["rows"]))
        elif _is_decimal(field):
            values.append(map(_as_decimal, columns[field.name]))
        else:
            values.append(_shared(columns[field.name]))
    return map(kind, *values)


def _shared(column: list[Any]) -> Iterator[Any]:
    """The values, equal ones as one object: JSON makes a new text of every "buy", which adds up."""
    seen: dict[Any, Any] = {}
    return (seen.setdefault(value, value) for value in column)


def _is_decimal(field: Field[Any]) -> bool:
    return str(field.type).startswith("Decimal")


def _as_text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


@lru_cache(maxsize=65536)
def _as_decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _as_json(value: Decimal | int) -> str | int:
    return str(value) if isinstance(value, Decimal) else value


def _as_figure(value: str | int) -> Decimal | int:
    return Decimal(value) if isinstance(value, str) else value
