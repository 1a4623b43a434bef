"""The market and the accounts together, and the one way in which they change."""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

from tradershub.finance.venue.account import Account
from tradershub.finance.venue.events import AccountOpened, Event
from tradershub.finance.venue.market import Market
from tradershub.finance.venue.rules import Slippage


class Book:
    """at: moment of the command at work. seed: of all chance in here."""

    def __init__(self, market: Market, *, seed: int) -> None:
        self.market = market
        self.seed = seed
        self.accounts: dict[str, Account] = {}
        self.at = market.now
        self._emitted: list[Event] = []

    def emit(self, account: Account | None, event: Event) -> None:
        """Number and date the event, apply it, and keep it for `take`. None: of the market."""
        key, seq = (account.id, account.seq) if account else ("", self.market.seq)
        self.record(replace(event, account=key, seq=seq + 1, at=self.at))

    def record(self, event: Event) -> None:
        """Apply a numbered event and keep it for `take`."""
        self.apply(event)
        self._emitted.append(event)

    def apply(self, event: Event) -> None:
        """Change the state as the event says. Raises ValueError for one out of its turn."""
        if isinstance(event, AccountOpened):
            self.accounts[event.account] = Account(event.account, event.rules, event.day, event.seq)
        elif event.account:
            self.accounts[event.account].apply(event)
        self.market.apply(event)

    def take(self) -> tuple[Event, ...]:
        """What was emitted since the last call."""
        taken, self._emitted = tuple(self._emitted), []
        return taken

    def draw(self, account: Account, slippage: Slippage) -> int:
        """Points of slippage for the account's next deal: the same for the same seed and deal."""
        if slippage.low == slippage.high:
            return slippage.low
        name = f"{self.seed}|{account.id}|{account.last_id}"
        number = int.from_bytes(sha256(name.encode()).digest()[:8])
        return slippage.low + number % (slippage.high - slippage.low + 1)

    def must_follow(self, at: datetime) -> None:
        """Check the moment of a command. Raises ValueError for a naive moment or one before the last."""
        if at.tzinfo is None:
            raise ValueError(f"expected an aware moment, found {at.isoformat()} without a zone")
        if at < self.market.now:
            now = self.market.now.isoformat()
            raise ValueError(f"expected {now} or later, found {at.isoformat()}")

    def move_to(self, at: datetime) -> None:
        """Set the clock."""
        self.at = self.market.now = at.astimezone(UTC)
