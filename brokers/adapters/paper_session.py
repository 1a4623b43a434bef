"""What the paper platform asks of its session: a venue's memory, and what its broker quotes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from brokers.adapters.messages import QuoteReport
from brokers.adapters.session import Session
from tradershub.finance.venue.codec import Plain
from tradershub.finance.venue.events import Event
from tradershub.finance.venue.market import Market


class PaperSession(Session, Protocol):
    @property
    def key(self) -> str:
        """Names the connection and account, the same in every process."""

    def now(self) -> dt.datetime:
        """The moment."""

    def market(self) -> Market:
        """The broker's symbols under today's terms, and its day; without quotes."""

    def quotes(self, symbols: Collection[str] = ()) -> list[QuoteReport]:
        """The last prices of those symbols, of all without any."""

    def last_seq(self) -> int:
        """The number of the last event, 0 before the first."""

    def events(
        self, after: int = 0, *, kinds: Collection[str] = (), at_most: int | None = None
    ) -> list[Event]:
        """What happened after event `after`, oldest first."""

    def story(self, order: int) -> list[Event]:
        """What happened to an order, oldest first."""

    def append(self, happened: Iterable[Event]) -> None:
        """Keep what happened; a number that is taken already is refused."""

    def snapshot(self) -> Plain | None:
        """The venue as it was kept last, None before."""

    def keep_snapshot(self, seq: int, state: Plain) -> None:
        """Keep the venue as event `seq` left it."""

    def once_kept(self, do: Callable[[], None]) -> None:
        """Do that when all that was appended so far is certain, never where it is undone."""
