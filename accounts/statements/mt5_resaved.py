"""An MT5 report that a spreadsheet program saved again, its numbers and times as MetaTrader writes them.

Such a program writes numbers and dates as the country does: 1.234,56 or 1,234.56 or 1'234.56, and
2025-03-03 or 2025/03/03. Which mark stands before the decimals is proven by all cells of the file
together, or the file is refused; a workbook's own numbers need no proof.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import chain

from accounts.statements.base import NotAStatement
from accounts.statements.cells import Cell
from accounts.statements.mt5_rows import (
    POSITIONS,
    SHORTEST_ROW,
    Sheet,
    is_data,
    is_heading,
    kind_of,
)
from accounts.statements.mt5_values import is_time
from accounts.statements.table_values import decimal_mark, looks_like_number, read_number

FOREIGN = re.compile(r"[0-9][,'’][0-9]")
MOMENT = re.compile(r"([0-9]{4})[./-]([0-9]{2})[./-]([0-9]{2})[ T]([0-9:]{5,8})(?:\.0+)?")
SHARE = re.compile(r"[0-9 ]+\([0-9 ]+,[0-9]+%\)")
FIRST_NUMBER = 4  # after time, id, symbol and type

Row = list[Cell]
Rows = Callable[[], Iterable[Row]]


def looks_resaved(sheet: Sheet) -> bool:
    """Whether something in it is not as MetaTrader writes it."""
    return bool(sheet.refusals) or has_foreign_numbers(sheet)


def has_foreign_numbers(sheet: Sheet) -> bool:
    """Whether its figures, or a row that cannot be read, have commas or apostrophes among their digits."""
    texts = [refusal.text for refusal in sheet.refusals]
    return any(FOREIGN.search(text) for text in [*texts, *chain.from_iterable(sheet.figures)])


def with_plain_time(texts: list[str]) -> list[str]:
    """The texts with their times as MetaTrader writes them."""
    return [_plain_time(text) for text in texts]


def texts(rows: Rows) -> Iterator[list[str]]:
    """The rows as MetaTrader would write them.

    rows: gives all rows of the file each time it is called. Raises NotAStatement where the cells do
    not agree on one decimal mark.
    """
    mark = _mark(text for row, places in _with_places(rows()) for text in _numbers(row, places))
    for row, places in _with_places(rows()):
        plain = with_plain_time([cell.text for cell in row])
        for place in places:
            if row[place].kind != "number":
                plain[place] = _with_point(plain[place], mark)
        yield plain


def _plain_time(text: str) -> str:
    found = MOMENT.fullmatch(text) if len(text) >= 16 else None
    return "{}.{}.{} {}".format(*found.groups()) if found else text


def _with_places(rows: Iterable[Row]) -> Iterator[tuple[Row, list[int]]]:
    """Each row with the places where a number may stand: not ids, and not a comment."""
    columns: list[int] = []
    for row in rows:
        texts = with_plain_time([cell.text for cell in row])
        shown = [i for i in columns if i < len(texts)] or list(range(len(texts)))
        cells = [texts[i] for i in shown]
        if len(cells) >= SHORTEST_ROW and is_data(cells):
            has_comment = kind_of(cells) != POSITIONS and len(shown) == len(columns)
            yield row, shown[FIRST_NUMBER : -1 if has_comment else None]
            continue
        if is_heading(texts):
            columns = [i for i, text in enumerate(texts) if text]
        yield row, list(range(len(texts)))


def _numbers(row: Row, places: list[int]) -> Iterator[str]:
    """The numbers that somebody's program wrote as text; shares stay texts with a point in any country."""
    for place in places:
        if row[place].kind != "number" and "%" not in row[place].text:
            for part in row[place].text.split("/"):
                if looks_like_number(part) and not is_time(_plain_time(part)):
                    yield part.strip()


def _mark(numbers: Iterable[str]) -> str:
    found = list(dict.fromkeys(numbers))
    mark = decimal_mark(found)
    if mark.is_certain:
        return mark.value
    shown = [next((n for n in found if m in n and n.count(m) == 1), "") for m in ".,"]
    example = " and ".join(repr(text[:40]) for text in shown if text)
    raise NotAStatement(
        f"Numbers such as {example} can be read in two ways here: which mark stands before the "
        "decimals? Expected one decimal mark in the whole file; export the report again."
    )


def _with_point(text: str, mark: str) -> str:
    if SHARE.fullmatch(text):
        return text.replace(",", ".")
    return " / ".join(_number(part.strip(), mark) for part in text.split("/"))


def _number(text: str, mark: str) -> str:
    """The number as MetaTrader writes it; what is none stays as it is."""
    if "%" in text or not looks_like_number(text):
        return text
    try:
        number: Decimal = read_number(text, mark)
    except ValueError:
        return text
    return f"{number:f}"
