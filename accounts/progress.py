"""How far a long piece of work is, told by those who do it to whoever wants to know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
STEP = 2000


class Progress:
    """Nobody wants to know. Those who do may raise in either method, and so stop the work."""

    def begin(self, stage: str, of: int) -> None:
        """A stage of that many rows begins."""

    def advance(self, rows: int) -> None:
        """So many rows of the stage are done besides."""


UNWATCHED = Progress()


def watched(rows: Iterable[T], progress: Progress) -> Iterator[T]:
    """The rows, each step of them told once it was taken."""
    rest = iter(rows)
    for first in rest:
        chunk = [first, *islice(rest, STEP - 1)]
        yield from chunk
        progress.advance(len(chunk))
