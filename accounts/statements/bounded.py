"""Reading a stranger's file in a process of its own, with bounds on memory, time and output."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from threading import Thread
from typing import IO, Any

import psutil

from accounts.statements import wire
from accounts.statements.base import NotAStatement, Statement, UnknownTable
from accounts.statements.meter import Reading, heard

try:
    import resource
except ImportError:  # Windows has no such limits; there the watching parent is the only bound
    resource = None  # type: ignore[assignment]

ROOT = Path(__file__).resolve().parents[2]
MEMORY_MB = 1024
SECONDS = 120
REFUSED, OUT_OF_MEMORY = 3, 4
MOST_OUTPUT = 1 << 30
LOOK_EVERY = 0.2
LONGEST_NEWS = 100  # letters of a line in which the child tells how far it is
# What the interpreter and the operating system need; no address or password of ours.
KEPT = ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
PYTHON = {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
TOO_SLOW, TOO_LARGE = "time", "memory"
READ, SUGGEST, FITS, PREVIEW = "read", "suggest", "fits", "preview"  # what the child may be asked


Tell = Callable[[Reading], None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much memory and time the reading process may use."""

    memory_mb: int = MEMORY_MB
    seconds: int = SECONDS


def read_in_child(
    path: Path,
    *,
    mapping: dict[str, Any] | None = None,
    memory_mb: int = MEMORY_MB,
    seconds: int = SECONDS,
    tell: Tell | None = None,
) -> Statement:
    """`read_statement` in a child process that may use so much memory and time.

    A file that crashes the child, exhausts the memory or takes too long raises NotAStatement with a
    sentence, like any other that cannot be read; the caller lives on. tell: hears several times a
    second how far the child is; what it raises ends the child.
    """
    request = {"do": READ, "mapping": mapping}
    with answer_of_child(path, request, Bounds(memory_mb, seconds), tell) as output:
        return wire.read(output)


def suggest_in_child(path: Path, *, bounds: Bounds) -> dict[str, Any]:
    """`mapping.suggest_file` in a child process: the likeliest mapping, as JSON can hold it."""
    with answer_of_child(path, {"do": SUGGEST}, bounds) as output:
        return dict(json.load(output))


def fits_in_child(path: Path, saved: list[dict[str, Any]], *, bounds: Bounds) -> list[int]:
    """`mapping.fits` in a child process: which of the saved mappings the file has the headings of."""
    with answer_of_child(path, {"do": FITS, "saved": saved}, bounds) as output:
        return [int(place) for place in json.load(output)]


def preview_in_child(
    path: Path, mapping: dict[str, Any], *, rows: int, bounds: Bounds
) -> tuple[list[list[str]], Statement | None]:
    """The first rows of a table as they stand, and as the mapping reads them.

    None instead of a statement while a question of the mapping is open.
    """
    with answer_of_child(path, {"do": PREVIEW, "mapping": mapping, "rows": rows}, bounds) as output:
        raw = json.loads(output.readline())
        lines = list(output)
        return raw, wire.read(lines) if lines else None


@contextmanager
def answer_of_child(
    path: Path, request: dict[str, Any], bounds: Bounds, tell: Tell | None = None
) -> Iterator[IO[str]]:
    """What the child wrote, once it has ended well. Raises NotAStatement with its sentence or ours."""
    request = request | {"memory_mb": bounds.memory_mb, "seconds": bounds.seconds}
    with (
        TemporaryFile("w+", encoding="utf-8") as question,
        TemporaryFile("w+", encoding="utf-8") as output,
    ):
        json.dump(request, question)
        question.seek(0)
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
            [sys.executable, "-m", "accounts.statements.reading", str(path.resolve())],
            stdin=question,
            stdout=output,
            stderr=subprocess.PIPE if tell else subprocess.DEVNULL,
            cwd=ROOT,
            env={name: os.environ[name] for name in KEPT if name in os.environ} | PYTHON,
        )
        passed = _watch(child, bounds, tell)
        output.seek(0)
        if child.returncode == 0 and not passed:
            yield output
        else:
            raise failure(child.returncode, passed, output, bounds)


def failure(status: int, passed: str, output: IO[str], bounds: Bounds) -> NotAStatement:
    """Why a child that ended with this status, or at that bound, has no answer."""
    if status == REFUSED:
        return _refusal(output)
    if passed == TOO_SLOW or status == -_CPU_SIGNAL:
        return NotAStatement(
            f"Reading the file took longer than {bounds.seconds} seconds; expected a statement."
        )
    return NotAStatement(_crash(status, passed, bounds.memory_mb))


_CPU_SIGNAL = 24


def limit_this_process(*, memory_mb: int, seconds: int) -> None:
    """The child's own bounds, set before it opens the file; nothing where the system has none."""
    if resource is None:
        return
    for kind, most in (
        (resource.RLIMIT_AS, memory_mb << 20),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, MOST_OUTPUT),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        within = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (within, hard))


def _watch(child: subprocess.Popen[bytes], bounds: Bounds, tell: Tell | None) -> str:
    """Wait for the child and end it at a bound; which bound that was, or nothing."""
    until = time.monotonic() + bounds.seconds
    news = _News(child.stderr) if child.stderr else None
    try:
        while True:
            try:
                child.wait(LOOK_EVERY)
                return ""
            except subprocess.TimeoutExpired:
                passed = _passed(child, bounds.memory_mb, until)
            if passed:
                return passed
            if tell and news:
                tell(news.latest)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        if news:
            news.end()


class _News:
    """What the child told last, heard by a thread so that its pipe never fills up."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.latest = Reading(0, 0.0)
        self._stream = stream
        self._thread = Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while line := self._stream.readline(LONGEST_NEWS):
            self.latest = heard(line.decode("ascii", errors="replace")) or self.latest

    def end(self) -> None:
        self._thread.join()
        self._stream.close()


def _passed(child: subprocess.Popen[bytes], memory_mb: int, until: float) -> str:
    if time.monotonic() > until:
        return TOO_SLOW
    try:
        used = psutil.Process(child.pid).memory_info().rss
    except psutil.Error:
        return ""
    return TOO_LARGE if used > memory_mb << 20 else ""


def _refusal(output: IO[str]) -> NotAStatement:
    """The sentence that the child wrote last, after the rows it may have begun with."""
    last = output.read().rpartition("\n")[2]
    answer = json.loads(last)
    return (UnknownTable if answer["unknown_table"] else NotAStatement)(answer["refusal"])


def _crash(status: int, passed: str, memory_mb: int) -> str:
    if passed == TOO_LARGE or status == OUT_OF_MEMORY:
        return f"Reading the file needs more than {memory_mb} MB of memory; expected a statement."
    return (
        f"The program that read the file {_how_it_ended(status)}, as happens when a file needs more than "
        f"{memory_mb} MB of memory or is malformed on purpose; expected a statement."
    )


def _how_it_ended(status: int) -> str:
    """A status below zero is the signal that ended the process, as POSIX has it."""
    if status >= 0:
        return "stopped with a fault of its own"
    with suppress(ValueError):
        if words := signal.strsignal(-status):
            return f"was ended by the system ({words.lower()})"
    return "was ended by the system"
