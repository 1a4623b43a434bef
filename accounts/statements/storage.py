"""The original files: hashed, compressed, encrypted, bounded; and the members of a zip as files."""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings

from accounts.models import StatementFile
from accounts.statements.archive import entries, unpacked
from accounts.statements.base import NotAStatement
from accounts.statements.cells import sniff
from tradershub.core import crypto

CHUNK = 1 << 20
MOST_STORED = 64 << 20
ENCRYPTED = 0x1
# What a desktop adds to a zip on its own.
CLUTTER = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")


def check_size(path: Path) -> None:
    """Raises NotAStatement for a file larger than the settings allow."""
    size = path.stat().st_size
    if size > settings.STATEMENT_MAX_BYTES:
        raise NotAStatement(
            f"The file has {size / 1e6:,.0f} MB; expected at most "
            f"{settings.STATEMENT_MAX_BYTES / 1e6:,.0f} MB."
        )


def chunks_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def sha256_of(path: Path) -> str:
    """The fingerprint of the file's bytes, as hex."""
    digest = hashlib.sha256()
    for chunk in chunks_of(path):
        digest.update(chunk)
    return digest.hexdigest()


def store(path: Path, *, owner: Any, data: bytearray | None = None) -> StatementFile:
    """Keep the file for its owner; the same bytes are kept once. Raises NotAStatement if it is too large.

    data: what `packed` has made of it already.
    """
    check_size(path)
    sha256 = sha256_of(path)
    known = StatementFile.objects.filter(owner=owner, sha256=sha256).defer("data").first()
    if known:
        return known
    content = {"size": path.stat().st_size, "data": packed(path) if data is None else data}
    kept, _ = StatementFile.objects.get_or_create(  # another worker may have been faster
        owner=owner, sha256=sha256, defaults=content
    )
    return kept


def packed(path: Path) -> bytearray:
    """The file as it is kept, compressed and encrypted. Raises NotAStatement if that is too large."""
    data = bytearray()
    for piece in crypto.pack(chunks_of(path)):
        data += piece
        if len(data) > MOST_STORED:
            raise NotAStatement(
                f"The file is larger than {MOST_STORED / 1e6:.0f} MB even when compressed; "
                "expected a statement."
            )
    return data


@contextmanager
def opened(file: StatementFile) -> Iterator[Path]:
    """The original file, readable while the context lasts. Raises crypto.Unreadable without its key."""
    with tempfile.TemporaryDirectory(prefix="statement") as folder:
        path = Path(folder) / "statement"
        with path.open("wb") as target:
            for chunk in crypto.unpack(file.data):
                target.write(chunk)
        yield path


@contextmanager
def members(path: Path, name: str) -> Iterator[list[tuple[Path, str]]]:
    """The files to import with the names to show: the file itself, or what a zip holds.

    Raises NotAStatement for a zip in a zip, an encrypted one, and what looks like a bomb.
    """
    check_size(path)
    if not path.stat().st_size or sniff(path) != "zip":
        yield [(path, name)]
        return
    with tempfile.TemporaryDirectory(prefix="statements") as folder:
        yield list(_unpack(path, name, Path(folder)))


def _unpack(path: Path, name: str, folder: Path) -> Iterator[tuple[Path, str]]:
    wanted = [entry for entry in entries(path) if not _is_clutter(entry.filename)]
    if not wanted:
        raise NotAStatement("The zip archive is empty; expected statements in it.")
    if any(entry.flag_bits & ENCRYPTED for entry in wanted):
        raise NotAStatement("The zip archive is encrypted; expected one without a password.")
    budget = settings.STATEMENT_MAX_BYTES
    with zipfile.ZipFile(path) as archive:
        for number, entry in enumerate(wanted):
            target = folder / str(number)
            budget -= _write(archive, entry, target, budget)
            if target.stat().st_size and sniff(target) == "zip":
                raise NotAStatement(
                    f"{entry.filename[:80]!r} in the archive is a zip archive itself; "
                    "expected statements."
                )
            yield target, f"{name}/{PurePosixPath(entry.filename.replace(chr(92), '/'))}"


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, budget: int) -> int:
    size = 0
    with target.open("wb") as file:
        for chunk in unpacked(archive, entry, budget=budget):
            size += file.write(chunk)
    return size


def _is_clutter(name: str) -> bool:
    return any(name.startswith(mark) or name.endswith(mark) for mark in CLUTTER)
