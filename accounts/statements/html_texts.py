"""The rows of an HTML file as plain texts, nearly all of them read past the parser.

Nearly all rows of a report are plain: cells of nothing but text. Once the parser has found such a row to be
one, those that follow are taken out of the text, as long as nothing comes between that could make something
else of them, such as a comment. A row without cells that bears a mark keeps their place.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from accounts.statements.html_table import CELLS, Attributes, RowTarget, is_hidden, read_rows

LONGEST_ROW = 64 * 1024
ROW_ENDS = "</tr>"
ATTRIBUTES = re.compile(r'(?:\s+[a-z]+(?:="[^"<>&]*")?)*\s*')
ATTRIBUTE = re.compile(r'([a-z]+)(?:="([^"]*)")?')
ROW = re.compile(rf"\s*<tr{ATTRIBUTES.pattern}>")
# No tag or entity in a cell, and no character that the parser would read as another.
CELL = re.compile(r"<td([^<>]*)>([^<>&\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]*)</td>")
# After such tags a row is a row if it was one before.
TAME = re.compile(
    r"</?(?:table|thead|tbody|tfoot|tr|td|th|b|i|u|strong|em|font|span|div|p|br|hr|img)"
    r"""(?:\s+[a-z]+(?:=(?:"[^"<>]*"|[\w#%.-]+))?)*\s*/?>""",
    re.IGNORECASE,
)
NOT_PLAIN, SHOWN, HIDDEN = "not plain", "shown", "hidden"


class TextTarget(RowTarget):
    """Gathers the texts of visible cells, with the calls saved that millions of cells cost."""

    def __init__(self) -> None:
        super().__init__()
        self.is_sure = False
        self.rest = ""
        self.taken: dict[str, list[list[str]]] = {}
        self.mark = f"plain-{secrets.token_hex(8)}-"  # what no file holds
        self.marks = 0

    def take(self, text: str) -> Iterator[str]:
        """What the parser is to see of the next piece of text: marks instead of plain rows."""
        *pieces, self.rest = (self.rest + text).split(ROW_ENDS)
        left: list[str] = []
        rows: list[list[str]] = []
        for piece in pieces:
            row = plain_row(piece)
            if row and self.is_sure:
                rows.append(row)
                continue
            left.append(self._marked(rows))
            rows = []
            if row:
                yield "".join(left)
                left = []
                yield from self._tried(piece, row)
            else:
                left += (piece, ROW_ENDS)
                self.is_sure = self.is_sure and _is_tame(piece)
        yield "".join((*left, self._marked(rows)))
        if len(self.rest) > LONGEST_ROW:
            yield self.take_rest()
            self.is_sure = False

    def take_rest(self) -> str:
        rest, self.rest = self.rest, ""
        return rest

    def _tried(self, piece: str, row: list[str]) -> Iterator[str]:
        """Let the parser read a row that looks plain; if it is just that, the parser stands between rows."""
        before = len(self.rows)
        yield piece + ROW_ENDS
        self.is_sure = self.rows[before:] == [row] and self.row is self.cell is None

    def _marked(self, rows: list[list[str]]) -> str:
        if not rows:
            return ""
        self.marks += 1
        name = f"{self.mark}{self.marks}"
        self.taken[name] = rows
        return f"<tr class={name}>{ROW_ENDS}"

    def start(self, tag: str, attributes: Attributes) -> None:
        super().start(tag, attributes)
        if tag == "tr" and attributes and (name := attributes.get("class", "")) in self.taken:
            self.rows += self.taken.pop(name)
            self.row = None

    def end(self, tag: str) -> None:
        if tag not in CELLS:
            super().end(tag)
            return
        if self.cell is None or self.row is None:
            return
        if not is_hidden(self.cell[1]):
            parts = self.text
            text = parts[0] if len(parts) == 1 else "".join(parts)
            self.row.append(_plain(text))
        self.cell = None


def html_texts(path: Path) -> Iterator[list[str]]:
    """The rows of all tables as plain texts without the hidden cells, in the order in which they end.

    Raises NotAStatement when the file ends before its last table does.
    """
    return read_rows(path, TextTarget())


def plain_row(text: str) -> list[str]:
    """The texts of the visible cells of a row without its end; empty for all that is not a plain row."""
    if len(text) > LONGEST_ROW or not ROW.match(text):
        return []
    cells = CELL.findall(text)
    if text.count("<") != 1 + 2 * len(cells):
        return []
    looks = [_look(attributes) for attributes, _ in cells]
    if NOT_PLAIN in looks:
        return []
    return [_plain(cell) for (_, cell), look in zip(cells, looks, strict=True) if look is SHOWN]


def _plain(text: str) -> str:
    return text.replace("\xa0", " ").strip() if "\xa0" in text else text.strip()


@lru_cache(maxsize=1024)
def _look(attributes: str) -> str:
    if not ATTRIBUTES.fullmatch(attributes):
        return NOT_PLAIN
    pairs = ATTRIBUTE.findall(attributes)
    if len(dict(pairs)) < len(pairs):
        return NOT_PLAIN
    return HIDDEN if is_hidden(dict(pairs)) else SHOWN


def _is_tame(text: str) -> bool:
    return len(text) <= LONGEST_ROW and "<" not in TAME.sub("", text)
