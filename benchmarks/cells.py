"""The least work that gives the cells of a report as MetaTrader writes it: the floor under any importer."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

from lxml import etree
from python_calamine import CalamineWorkbook

CHUNK = 1 << 20


def xlsx(path: Path) -> list[list[Any]]:
    """The rows of the first sheet. The terminal writes UTF-16, which calamine reads only as UTF-8."""
    with CalamineWorkbook.from_filelike(_in_utf8(path)) as book:
        return list(book.get_sheet_by_index(0).iter_rows())


def _in_utf8(path: Path) -> io.BytesIO:
    rewritten = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(rewritten, "w") as new:
        for info in old.infolist():
            if not info.is_dir():
                new.writestr(info.filename, _text_in_utf8(old.read(info)))
    rewritten.seek(0)
    return rewritten


def _text_in_utf8(data: bytes) -> bytes:
    if not data.startswith(b"\xff\xfe"):
        return data
    return data.decode("utf-16").replace("UTF-16", "UTF-8", 1).encode()


class _Cells:
    """Collects the texts of td and th, row by row."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []
        self._text: list[str] | None = None

    def start(self, tag: str, attributes: Any) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self._text = []

    def data(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def end(self, tag: str) -> None:
        if tag in ("td", "th") and self._text is not None and self.rows:
            self.rows[-1].append("".join(self._text))
            self._text = None

    def close(self) -> list[list[str]]:
        return self.rows


def html(path: Path) -> list[list[str]]:
    """The rows of all tables."""
    parser = etree.HTMLParser(target=_Cells(), encoding="utf-8", huge_tree=True)
    with path.open(encoding="utf-16") as file:
        while text := file.read(CHUNK):
            parser.feed(text.encode())
    return parser.close()
