"""What an adapter may keep between two calls, and share with its other processes; the hub hands it in."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Protocol


class Session(Protocol):
    """Of one connection and account. What is stored is plain data and never a secret."""

    def lock(self, name: str) -> AbstractContextManager[None]:
        """One holder at a time over all processes; what is stored inside is kept or undone as one."""

    def load(self, key: str) -> Any | None:
        """What was stored last under that key, None before."""

    def store(self, key: str, value: Any) -> None:
        """Keep plain data that JSON can hold."""

    def take(self, bucket: str, *, per_second: float, burst: int, longest: float) -> float:
        """Take one token of a rate limit that all processes share: seconds to wait first, 0 for none.

        None is taken where that would be longer than `longest`.
        """
