"""One trace a signal over all processes that carry it on; nothing at all until a tracer is set.

A trace's id follows from the signal's origin, which its orders carry too: no process hands another anything.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol


class Tracer(Protocol):
    """What `tradershub.telemetry` sets. origin: of the signal."""

    def span(self, name: str, origin: str, **facts: Any) -> AbstractContextManager[Any]: ...

    def past(
        self, name: str, origin: str, begun: dt.datetime, ended: dt.datetime, **facts: Any
    ) -> None: ...


NOTHING = nullcontext()
_tracer: Tracer | None = None


def trace_with(tracer: Tracer | None) -> None:
    """From now on spans go there; None: nowhere."""
    global _tracer  # noqa: PLW0603
    _tracer = tracer


def span(name: str, origin: str, **facts: Any) -> AbstractContextManager[Any]:
    """A span of the signal's trace for as long as the block runs. facts: never a secret, never an amount."""
    if _tracer is None or not origin:
        return NOTHING
    return _tracer.span(name, origin, **facts)


def past(
    name: str, origin: str, begun: dt.datetime | None, ended: dt.datetime | None, **facts: Any
) -> None:
    """A span between two moments that were written down; none where one of them is missing."""
    if _tracer is not None and origin and begun and ended:
        _tracer.past(name, origin, begun, ended, **facts)


def trace_id(origin: str) -> int:
    """128 bits, the same in every process."""
    return int.from_bytes(hashlib.sha256(origin.encode()).digest()[:16], "big")


def root_id(origin: str) -> int:
    """64 bits: the span at the root of the trace, which is the signal's acceptance."""
    return int.from_bytes(hashlib.sha256(origin.encode()).digest()[16:24], "big")
