"""One measured thing, how it is timed, how its memory is watched, and how it is printed."""

from __future__ import annotations

import gc
import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import psutil
from django.db import connection

MB = 1 << 20
LOOK_EVERY = 0.02
HEADINGS = ("what", "ours", "yardstick", "ratio", "ratio of CPU", "budget", "kept")


@dataclass(frozen=True, slots=True)
class Measure:
    """what: in words. ours and yardstick: as printed. budget: as in the design, and whether it is kept."""

    what: str
    ours: str
    budget: str
    kept: bool
    yardstick: str = ""
    ratio: str = ""
    cpu_ratio: str = ""

    def cells(self) -> tuple[str, ...]:
        verdict = "yes" if self.kept else "NO"
        ratios = (self.yardstick, self.ratio, self.cpu_ratio)
        return (self.what, self.ours, *ratios, self.budget, verdict)


def table(measures: Sequence[Measure]) -> str:
    """A table that a person and Markdown can read."""
    rows = [HEADINGS, *(measure.cells() for measure in measures)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEADINGS))]
    lines = [" | ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, " | ".join("-" * w for w in widths))
    return "\n".join(f"| {line} |" for line in lines)


class Took(NamedTuple):
    """Seconds on the wall, and of CPU: this process, its children and its PostgreSQL backend."""

    wall: float
    cpu: float


def took(call: Callable[[], object]) -> Took:
    gc.collect()
    wall, cpu = time.perf_counter(), cpu_seconds()
    call()
    return Took(time.perf_counter() - wall, cpu_seconds() - cpu)


def cpu_seconds() -> float:
    return time.process_time() + sum(os.times()[2:4]) + _backend_seconds()  # children: 2 and 3


def _backend_seconds() -> float:
    """0 where the server is on another machine, or there is none."""
    if connection.vendor != "postgresql":
        return 0.0
    connection.ensure_connection()
    try:
        times = psutil.Process(connection.connection.info.backend_pid).cpu_times()
    except psutil.Error:
        return 0.0
    return times.user + times.system


@dataclass(slots=True)
class Rounds:
    """Ours and the yardstick in turns, so that what else the machine does slows both."""

    ours: list[Took] = field(default_factory=list)
    yardstick: list[Took] = field(default_factory=list)

    def add(self, ours: Callable[[], object], yardstick: Callable[[], object]) -> None:
        self.ours.append(took(ours))
        self.yardstick.append(took(yardstick))

    def measure(self, what: str, *, most: float) -> Measure:
        """The medians; each ratio is the median of the rounds' own. Kept: by the seconds on the wall."""
        ratio = self._ratio(lambda took: took.wall)
        return Measure(
            what,
            f"{statistics.median(one.wall for one in self.ours):.2f} s",
            f"{most:g} x",
            ratio <= most,
            yardstick=f"{statistics.median(one.wall for one in self.yardstick):.2f} s",
            ratio=f"{ratio:.2f}",
            cpu_ratio=f"{self._ratio(lambda took: took.cpu):.2f}",
        )

    def _ratio(self, part: Callable[[Took], float]) -> float:
        pairs = zip(self.ours, self.yardstick, strict=True)
        return statistics.median(part(a) / part(b) for a, b in pairs)


@dataclass(slots=True)
class Memory:
    """The most that a process and its children held at one moment, in bytes."""

    most: int = 0

    def measure(self, what: str, *, most_mb: int) -> Measure:
        used = self.most / MB
        return Measure(f"{what}: peak memory", f"{used:.0f} MB", f"{most_mb} MB", used <= most_mb)


@contextmanager
def watched(memory: Memory, pid: int | None = None) -> Iterator[None]:
    """Keep an eye on the memory of that process, or of this one, while the block runs."""
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(memory, psutil.Process(pid), over), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _watch(memory: Memory, process: psutil.Process, over: threading.Event) -> None:
    while not over.wait(LOOK_EVERY):
        memory.most = max(memory.most, _held(process))


def _held(process: psutil.Process) -> int:
    total = 0
    with suppress(psutil.NoSuchProcess):
        for one in (process, *process.children(recursive=True)):
            total += one.memory_info().rss
    return total
