"""Table rows out of HTML by a push parser that never builds a tree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from lxml.etree import HTMLParser, ParserError, XMLSyntaxError

from accounts.statements.base import NotAStatement
from accounts.statements.encodings import text_chunks
from accounts.statements.meter import METER

MUTE = frozenset({"script", "style", "noscript", "template"})
CELLS = frozenset({"td", "th"})
HIDING = frozenset({"hidden", "class", "style"})
MOST_COLUMNS = 1000
MANY_PIECES = 16  # the parser hands over a long text in pieces
LONGEST_CELL = 256 * 1024
PAGE = re.compile(r"<(?:html|head|body|table)\b", re.IGNORECASE)
DEFINITIONS = re.compile(r"<!doctype[^>\[]*\[|<!entity", re.IGNORECASE)

Attributes = dict[str, str]


class Cell(NamedTuple):
    """One cell as text, stripped, with plain spaces.

    kind: 'text', 'number', 'date' or 'bool' in a workbook; 'th' for a heading in HTML; else ''.
    """

    text: str
    colspan: int = 1
    title: str = ""
    hidden: bool = False
    kind: str = ""


class RowTarget:
    """What the parser tells its events to; finished rows wait in `rows` until they are fetched."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []
        self.row: list[Any] | None = None
        self.cell: tuple[str, Attributes] | None = None
        self.text: list[str] = []
        self.outer: list[tuple[Any, Any, list[str]]] = []
        self.mute = 0

    def take(self, text: str) -> Iterator[str]:
        """What the parser is to see of the next piece of text."""
        yield text

    def take_rest(self) -> str:
        """What it is to see after the last piece."""
        return ""

    def start(self, tag: str, attributes: Attributes) -> None:
        if tag in CELLS:
            self.cell = (tag, attributes)
            self.text = []
            if self.row is None:  # cells whose row was never begun are a row all the same
                self.row = []
        elif tag == "tr":
            self._end_row()
            self.row = []
        elif tag in MUTE:
            self.mute += 1
        elif tag == "table":
            self.outer.append((self.row, self.cell, self.text))
            self.row, self.cell, self.text = None, None, []
        elif tag == "br":
            self.text.append(" ")

    def end(self, tag: str) -> None:
        if tag in CELLS:
            if self.cell is not None and self.row is not None:
                self._end_cell(self.row, *self.cell)
        elif tag == "tr":
            self._end_row()
        elif tag in MUTE:
            self.mute -= 1
        elif tag == "table" and self.outer:
            self._end_row()
            self.row, self.cell, self.text = self.outer.pop()

    def data(self, text: str) -> None:
        if self.cell is not None and not self.mute:
            self.text.append(text)
            if len(self.text) > MANY_PIECES and sum(map(len, self.text)) > LONGEST_CELL:
                raise NotAStatement(
                    f"In a table a cell is longer than {LONGEST_CELL:,} characters; "
                    "expected the short texts of a statement."
                )

    def comment(self, text: str) -> None:
        """Comments say nothing."""

    def close(self) -> None:
        """Nothing is kept: the rows were fetched while reading."""

    def _end_row(self) -> None:
        if self.row is not None:
            self.rows.append(self.row)
        self.row = None

    def _end_cell(self, row: list[Any], tag: str, attributes: Attributes) -> None:
        text = "".join(self.text).replace("\xa0", " ").strip()
        row.append(full_cell(text, tag, attributes))
        self.cell = None


def full_cell(text: str, tag: str, attributes: Attributes) -> Cell:
    if not attributes:
        return Cell(text, 1, "", False, "th" if tag == "th" else "")
    return Cell(
        text,
        _span(attributes.get("colspan", "")),
        attributes.get("title", ""),
        is_hidden(attributes),
        "th" if tag == "th" else "",
    )


def is_hidden(attributes: Attributes) -> bool:
    """Whether a browser would not show it: the class `hidden` of MetaTrader, attribute or style."""
    if HIDING.isdisjoint(attributes):
        return False
    return "hidden" in attributes or _hides(
        attributes.get("class", ""), attributes.get("style", "")
    )


@lru_cache(maxsize=1024)
def _hides(names: str, style: str) -> bool:
    return "hidden" in names.split() or "display:none" in style.replace(" ", "").lower()


def html_rows(path: Path) -> Iterator[list[Cell]]:
    """The rows of all tables in an HTML file, in the order in which they end.

    Raises NotAStatement when the file ends before its last table does.
    """
    return read_rows(path, RowTarget())


def read_rows(path: Path, target: RowTarget) -> Iterator[list[Any]]:
    """The rows that the target gathers, fetched piece by piece."""
    parser = HTMLParser(target=target, encoding="utf-8", no_network=True, remove_comments=True)
    ends = TableEnds()
    count = 0
    for number, text in enumerate(text_chunks(path)):
        if not number:
            _refuse_definitions(text)
        ends.see(text)
        for piece in target.take(text):
            _feed(parser, piece, count)
        rows, target.rows = target.rows, []
        count += len(rows)
        METER.at_row(count)
        yield from rows
    if ends.is_open:
        raise NotAStatement(
            f"The file ends in the middle of a table, after {count} whole rows; "
            "expected a complete report. Export it again."
        )
    _feed(parser, target.take_rest(), count)
    parser.close()
    yield from target.rows


def _feed(parser: HTMLParser, text: str, rows: int) -> None:
    """rows: how many were read before."""
    try:
        parser.feed(text.encode("utf-8", errors="replace"))
    except (ParserError, XMLSyntaxError) as error:
        raise NotAStatement(f"The HTML cannot be read after table row {rows} ({error}).") from error


def _refuse_definitions(start: str) -> None:
    """A document type may be named, as browsers expect it; what it defines itself is refused."""
    if DEFINITIONS.search(PAGE.split(start, maxsplit=1)[0]):
        raise NotAStatement(
            "The HTML holds a document type or entity definition (DTD); expected none."
        )


class TableEnds:
    """Watches the raw text for the end of the last table, which the parser would invent."""

    def __init__(self) -> None:
        self.is_open = False
        self._tail = ""

    def see(self, text: str) -> None:
        text = self._tail + text
        row = max(text.rfind("<tr"), text.rfind("<TR"))
        table = max(text.rfind("</table"), text.rfind("</TABLE"))
        if max(row, table) >= 0:
            self.is_open = row > table
        self._tail = text[-8:]


def _span(text: str) -> int:
    return (
        min(int(text), MOST_COLUMNS) if text.isascii() and text.isdigit() and len(text) < 6 else 1
    )
