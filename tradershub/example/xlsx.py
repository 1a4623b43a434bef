"""Writes one worksheet as the MT5 terminal does: UTF-16LE parts, directory entries in the zip.

Rows are streamed, so a large file needs little memory. A cell is None, a text, or a number with the
name of its format.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def _format(pattern: str) -> str:
    return f"# ##{pattern};-# ##{pattern};{pattern};"


FORMATS = {
    "id": "###0;-###0;0;",
    "percent": _format("0.00%"),
    "0": _format("0"),
    **{str(digits): _format("0." + "0" * digits) for digits in range(1, 6)},
}
STYLES = {name: index for index, name in enumerate(FORMATS, start=1)}


@dataclass(frozen=True, slots=True)
class Number:
    """A number with one of FORMATS; formula: what computed it, without the equals sign."""

    value: Decimal | int
    format: str
    formula: str = ""


Cell = str | Number | None
Row = Sequence[Cell]


class Workbook:
    """Streams rows into a file. The parts that follow the sheet are written when it is closed."""

    def __init__(self, path: Path, *, written_at: datetime, encoding: str = "utf-16-le") -> None:
        self._zip = ZipFile(path, "w", ZIP_DEFLATED)
        self._moment = written_at.timetuple()[:6]
        self._encoding = encoding
        self._strings: dict[str, int] = {}
        self._count = 0

    def write(self, rows: Iterable[Row]) -> None:
        """Write the whole file: the rows as its only sheet, then everything around them."""
        with self._zip:
            self._directories()
            self._part("xl/worksheets/sheet1.xml", self._sheet(rows))
            self._part("xl/sharedStrings.xml", self._shared_strings())
            for name, content in _fixed_parts().items():
                self._part(name, [content])

    def _directories(self) -> None:
        for name in ("xl/", "xl/worksheets/", "xl/_rels/", "_rels/"):
            self._zip.writestr(ZipInfo(name, self._moment), b"")

    def _part(self, name: str, chunks: Iterable[str]) -> None:
        info = ZipInfo(name, self._moment)
        info.compress_type = ZIP_DEFLATED
        with self._zip.open(info, "w", force_zip64=True) as part:
            if self._encoding == "utf-16-le":
                part.write(b"\xff\xfe")
            part.write('<?xml version="1.0"?>\n'.encode(self._encoding))
            for chunk in chunks:
                part.write(chunk.encode(self._encoding))

    def _sheet(self, rows: Iterable[Row]) -> Iterator[str]:
        yield f'<worksheet xmlns="{MAIN}" xmlns:r="{OFFICE}">\n <sheetData>\n'
        for number, row in enumerate(rows, start=1):
            cells = "".join(
                self._cell(f"{chr(65 + column)}{number}", cell)
                for column, cell in enumerate(row)
                if cell is not None
            )
            yield f'<row r="{number}">{cells}</row>\n'
        yield " </sheetData>\n</worksheet>\n"

    def _cell(self, reference: str, cell: str | Number) -> str:
        if isinstance(cell, str):
            self._count += 1
            index = self._strings.setdefault(cell, len(self._strings))
            return f'<c r="{reference}" t="s"><v>{index}</v></c>'
        formula = f"<f>{cell.formula}</f>" if cell.formula else ""
        style = STYLES[cell.format]
        return f'<c r="{reference}" s="{style}">{formula}<v>{_digits(cell.value)}</v></c>'

    def _shared_strings(self) -> Iterator[str]:
        yield f'<sst xmlns="{MAIN}" count="{self._count}" uniqueCount="{len(self._strings)}">\n'
        for text in self._strings:
            yield f' <si><t xml:space="preserve">{escape(text)}</t></si>\n'
        yield "</sst>\n"


def _digits(value: Decimal | int) -> str:
    return str(value) if isinstance(value, int) else f"{value:f}"


def _fixed_parts() -> dict[str, str]:
    return {
        "xl/styles.xml": _styles(),
        "xl/workbook.xml": (
            f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">\n <sheets>\n'
            '  <sheet name="Sheet1" sheetId="1" r:id="rId1"/>\n </sheets>\n</workbook>\n'
        ),
        "xl/_rels/workbook.xml.rels": _relations(
            ("worksheet", "worksheets/sheet1.xml"),
            ("styles", "styles.xml"),
            ("sharedStrings", "sharedStrings.xml"),
        ),
        "_rels/.rels": _relations(("officeDocument", "xl/workbook.xml")),
        "[Content_Types].xml": _content_types(),
    }


def _relations(*targets: tuple[str, str]) -> str:
    lines = (
        f' <Relationship Id="rId{number}" Type="{OFFICE}/{kind}" Target="{target}"/>\n'
        for number, (kind, target) in enumerate(targets, start=1)
    )
    return f'<Relationships xmlns="{RELATIONS}">\n{"".join(lines)}</Relationships>\n'


def _content_types() -> str:
    parts = (
        ("/xl/workbook.xml", "sheet.main"),
        ("/xl/worksheets/sheet1.xml", "worksheet"),
        ("/xl/styles.xml", "styles"),
        ("/xl/sharedStrings.xml", "sharedStrings"),
    )
    overrides = "".join(
        f' <Override PartName="{name}" ContentType="{SHEET}.{kind}+xml"/>\n' for name, kind in parts
    )
    relations = "application/vnd.openxmlformats-package.relationships+xml"
    return (
        f'<Types xmlns="{TYPES}">\n'
        f' <Default Extension="rels" ContentType="{relations}"/>\n'
        ' <Default Extension="xml" ContentType="application/xml"/>\n'
        f"{overrides}</Types>\n"
    )


def _styles() -> str:
    formats = "".join(
        f'<numFmt numFmtId="{200 + STYLES[name]}" formatCode="{code}"/>'
        for name, code in FORMATS.items()
    )
    cells = "".join(
        f'<xf numFmtId="{200 + style}" fontId="0" fillId="0" borderId="0" xfId="0" '
        'applyNumberFormat="1"/>'
        for style in STYLES.values()
    )
    plain = '<xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>'
    return (
        f'<styleSheet xmlns="{MAIN}">\n'
        f'<numFmts count="{len(FORMATS)}">{formats}</numFmts>\n'
        '<fonts count="1"><font><sz val="8"/><name val="Tahoma"/></font></fonts>\n'
        '<fills count="2"><fill><patternFill patternType="none"/></fill>'
        '<fill><patternFill patternType="gray125"/></fill></fills>\n'
        '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\n'
        f'<cellStyleXfs count="1">{plain}</cellStyleXfs>\n'
        f'<cellXfs count="{len(STYLES) + 1}">{plain}{cells}</cellXfs>\n'
        "</styleSheet>\n"
    )
