"""Zip files and workbooks from strangers: limits before and while they are unpacked."""

from __future__ import annotations

import codecs
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from accounts.statements.base import NotAStatement

MOST_ENTRIES = 200
MOST_UNPACKED = 400 * 1024 * 1024
MOST_RATIO = 200
SMALL = 1 << 20  # below this a high ratio harms nobody
CHUNK = 1 << 20
MARKUP = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
UTF16_DECLARED = re.compile(rb"""^(\s*<\?xml[^>]{0,200}?)\sencoding=["'][^"']*["']""")
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
)

NEEDED = ("xl/workbook.xml", "xl/sharedstrings.xml", "xl/styles.xml", "[content_types].xml")


def entries(path: Path) -> list[zipfile.ZipInfo]:
    """The files in a zip, after the checks that need no unpacking; NotAStatement names the limit."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = archive.infolist()
    except BROKEN as error:
        raise NotAStatement(
            "The file begins like a zip or a workbook but is cut off or damaged; expected it whole."
        ) from error
    if len(found) > MOST_ENTRIES:
        raise NotAStatement(
            f"The archive holds {len(found)} files; at most {MOST_ENTRIES} are read."
        )
    _check_names(found)
    _check_sizes(found)
    return [entry for entry in found if not entry.is_dir()]


def unpacked(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, *, budget: int = MOST_UNPACKED
) -> Iterator[bytes]:
    """One file's content in pieces, counted while it is read: the size in the header may lie."""
    size = 0
    try:
        with archive.open(entry) as file:
            while chunk := file.read(CHUNK):
                size += len(chunk)
                if size > budget:
                    raise NotAStatement(_too_large(entry.filename))
                yield chunk
    except BROKEN as error:
        raise NotAStatement(
            f"{entry.filename!r} in the archive is damaged or encrypted."
        ) from error


def is_workbook(path: Path) -> bool:
    """Whether the zip is an XLSX workbook, whatever it is called."""
    names = {entry.filename.lower().replace("\\", "/") for entry in entries(path)}
    return "[content_types].xml" in names and "xl/workbook.xml" in names


def clean_copy(path: Path, target: Path) -> None:
    """Write the workbook's cells to `target` as every reader expects them.

    The MT5 terminal writes UTF-16 parts and directory entries, which python-calamine refuses. The
    copy has UTF-8 parts, no directories, no drawings; memory stays at one piece of one part.
    Raises NotAStatement for DTDs, entities and sizes beyond the limits.
    """
    budget = MOST_UNPACKED
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        for entry in entries(path):
            if not _is_needed(entry.filename):
                continue
            with copy.open(entry.filename, "w", force_zip64=True) as part:
                budget -= _copy_part(unpacked(source, entry, budget=budget), part, entry.filename)


def _copy_part(chunks: Iterator[bytes], part: IO[bytes], name: str) -> int:
    """Copy one XML part as UTF-8; the number of bytes read."""
    size, convert, tail = 0, None, b""
    for chunk in chunks:
        size += len(chunk)
        convert = convert or _converter(chunk)
        plain = convert(chunk)
        if b"<!" in tail + plain and MARKUP.search(tail + plain):
            raise NotAStatement(
                f"{name!r} in the workbook holds a document type or entity definition (DTD); "
                "expected none."
            )
        tail = plain[-16:]
        part.write(plain)
    return size


def _converter(head: bytes) -> Callable[[bytes], bytes]:
    """What makes UTF-8 of a part that begins like this, its declaration of another encoding undone."""
    encoding = _xml_encoding(head)
    if encoding == "utf-8":
        return bytes
    decode = codecs.getincrementaldecoder(encoding)(errors="replace").decode
    return lambda chunk: UTF16_DECLARED.sub(rb"\1", decode(chunk).encode(), count=1)


def _xml_encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.startswith(b"<\0"):
        return "utf-16-le"
    return "utf-16-be" if head.startswith(b"\0<") else "utf-8"


def _is_needed(name: str) -> bool:
    low = name.lower()
    return low in NEEDED or low.endswith(".rels") or low.startswith("xl/worksheets/")


def _check_names(found: list[zipfile.ZipInfo]) -> None:
    for entry in found:
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in entry.filename:
            raise NotAStatement(f"The archive holds the unsafe name {entry.filename[:80]!r}.")
        if (entry.external_attr >> 16) & 0o170000 == 0o120000:
            raise NotAStatement(
                f"The archive holds the link {entry.filename[:80]!r}; expected files only."
            )


def _check_sizes(found: list[zipfile.ZipInfo]) -> None:
    if sum(entry.file_size for entry in found) > MOST_UNPACKED:
        raise NotAStatement(_too_large("The archive"))
    for entry in found:
        if entry.file_size > SMALL and entry.file_size > MOST_RATIO * max(entry.compress_size, 1):
            raise NotAStatement(
                f"{entry.filename[:80]!r} in the archive unpacks to more than {MOST_RATIO} times "
                "its size; expected a statement, found what a zip bomb looks like."
            )


def _too_large(name: str) -> str:
    return f"{name} unpacks to more than {MOST_UNPACKED // 1024 // 1024} MB; expected a statement."
