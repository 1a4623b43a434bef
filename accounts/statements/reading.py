"""Which format a file is in, by its content alone, and its statement.

`python -m accounts.statements.reading FILE` is the child process of `bounded.py`; standard input says what to do.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from accounts.statements import FORMATS, wire
from accounts.statements.base import AccountInfo, NotAStatement, Statement, UnknownTable
from accounts.statements.bounded import (
    FITS,
    OUT_OF_MEMORY,
    PREVIEW,
    READ,
    REFUSED,
    SUGGEST,
    limit_this_process,
    read_in_child,
)
from accounts.statements.cells import Cell, csv_rows, html_rows, sniff, xlsx_rows
from accounts.statements.columns import Mapping
from accounts.statements.encodings import text_chunks
from accounts.statements.meter import METER

__all__ = ["read_in_child", "read_statement"]

HEAD_ROWS = 500
OFFICE = b"\xd0\xcf\x11\xe0"
SECTOR = 4096
KINDS = (
    (b"%PDF", "a PDF document"),
    (OFFICE, "a workbook of the old XLS kind or another old Office document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"MZ", "a program"),
    (b"SQLite format 3", "a database"),
)
OPTIMISER = ("optimizator", "optimization report", "optimisation report")


def read_statement(path: Path, *, mapping: dict[str, Any] | None = None) -> Statement:
    """Everything the file says.

    mapping: how to read the columns of a table of no known format (`mapping.Mapping.as_json`).
    Raises UnknownTable for a table that a mapping could read, NotAStatement for all else, each
    with one sentence.
    """
    kind = _kind(path)
    if mapping is not None:
        return FORMATS.load("mapped").read(path, mapping)
    head = list(islice(_rows(path, kind), HEAD_ROWS))
    modules = [module for key in FORMATS if kind in (module := FORMATS.load(key)).READS]
    known = next((module for module in modules if module.recognise(head)), None)
    for module in [known] if known else modules:
        if reason := getattr(module, "refusal_reason", _no_reason)(head):
            raise NotAStatement(reason)
    if known is None:
        raise _unknown(kind, head)
    return known.read(path)


def _kind(path: Path) -> str:
    if not path.stat().st_size:
        raise NotAStatement("The file is empty; expected a statement.")
    kind = sniff(path)
    if _is_mime(path):
        raise NotAStatement(
            "The file is an e-mail or a web page saved with everything around it (MIME); expected the "
            "statement alone: save the attachment, or the page as HTML only."
        )
    if kind == "zip":
        raise NotAStatement("The file is a zip archive; expected one of the statements in it.")
    if not kind:
        raise NotAStatement(_what_else(path))
    return kind


def _is_mime(path: Path) -> bool:
    """Whether the file begins with the headers of a message, whose encoding breaks lines and signs."""
    start = next(text_chunks(path), "")[:16384].lower()
    head = start.partition("<html")[0].partition("<table")[0]
    return any(line.startswith("mime-version:") for line in head.splitlines())


def _rows(path: Path, kind: str) -> Iterator[list[Cell]]:
    if kind == "html":
        return html_rows(path)
    if kind == "csv":
        return csv_rows(path)
    return (cells for _, cells in xlsx_rows(path))


def _what_else(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(16)
    if head.startswith(OFFICE) and _is_encrypted(path):
        return "The workbook is protected by a password; expected it saved without one."
    if found := next((name for mark, name in KINDS if head.startswith(mark)), ""):
        return f"The file is {found}; expected a statement as HTML, XLSX or CSV."
    start = next(text_chunks(path), "")[:4096].lower()
    if "<workbook" in start and any(word in start for word in OPTIMISER):
        return (
            "This is an optimisation report of the strategy tester; "
            "expected the statement of an account."
        )
    if "<!entity" in start or ("<?xml" in start and "<!doctype" in start):
        return "The file is XML with a document type definition (DTD); none is read."
    if start.lstrip("\ufeff \r\n\t").startswith("<"):
        return "The file is XML of an unknown kind; expected a statement as HTML, XLSX or CSV."
    return "The file holds no table; expected a statement as HTML, XLSX or CSV."


def _is_encrypted(path: Path) -> bool:
    """Whether an Office container's list of contents names a package under a password ([MS-CFB] 2.2)."""
    with path.open("rb") as file:
        head = file.read(52)
        size = 1 << min(int.from_bytes(head[30:32], "little"), 12)
        file.seek((int.from_bytes(head[48:52], "little") + 1) * size)
        return "EncryptedPackage".encode("utf-16-le") in file.read(SECTOR)


def _unknown(kind: str, head: list[list[Cell]]) -> NotAStatement:
    if kind == "html":
        return NotAStatement(
            f"The HTML file has {_counted(head)} table rows but none of a MetaTrader statement; "
            "expected a statement or trade history report as the terminal saved it."
        )
    return UnknownTable(
        f"The table has {_counted(head)} rows in no known format; "
        "say what its columns mean and it can be read."
    )


def _counted(head: list[list[Cell]]) -> str:
    return f"{HEAD_ROWS} or more" if len(head) == HEAD_ROWS else str(len(head))


def _no_reason(head: list[list[Cell]]) -> None:
    """Formats without look-alikes refuse nothing."""


def read(path: Path, request: dict[str, Any]) -> None:
    """Write the statement of the file as lines."""
    wire.write(read_statement(path, mapping=request["mapping"]), sys.stdout)


def suggest(path: Path, request: dict[str, Any]) -> None:
    """Write the likeliest mapping of the table."""
    json.dump(_mapper().suggest_file(path).to_dict(), sys.stdout)


def fits(path: Path, request: dict[str, Any]) -> None:
    """Write the places of the saved mappings that fit the table."""
    saved = [Mapping.from_dict(values) for values in request["saved"]]
    json.dump(_mapper().fits(path, saved), sys.stdout)


def preview(path: Path, request: dict[str, Any]) -> None:
    """Write the first rows as they stand, then, where no question is open, as they would be read."""
    mapping = Mapping.from_dict(request["mapping"])
    rows = _mapper().first_rows(path, mapping, request["rows"])
    sys.stdout.write(json.dumps(rows) + "\n")
    if not mapping.questions:
        deals, refusals = _mapper().preview(path, mapping, request["rows"])
        wire.write(Statement("mapped", AccountInfo(), deals=deals, refusals=refusals), sys.stdout)


def _mapper() -> Any:
    return FORMATS.load("mapped")


JOBS = {READ: read, SUGGEST: suggest, FITS: fits, PREVIEW: preview}


def answer(path: Path, request: dict[str, Any]) -> int:
    """Do what is asked of the file, write the answer; a status of its own for each kind of failure."""
    try:
        JOBS[request["do"]](path, request)
    except NotAStatement as error:
        unknown = isinstance(error, UnknownTable)
        json.dump({"refusal": str(error), "unknown_table": unknown}, sys.stdout)
        return REFUSED
    except MemoryError:
        return OUT_OF_MEMORY
    return 0


def main(path: Path, request: dict[str, Any]) -> int:
    gc.disable()  # the process ends before garbage matters; collecting would cost a fifth of its time
    METER.tell_to(sys.stderr)
    limit_this_process(memory_mb=request["memory_mb"], seconds=request["seconds"])
    return answer(path, request)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), json.load(sys.stdin)))
