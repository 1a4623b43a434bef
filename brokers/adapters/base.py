"""What every platform answers. A new platform is one class of this shape and one line in platforms.py."""

from __future__ import annotations

import dataclasses
import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from brokers.adapters.errors import Unavailable
from brokers.adapters.messages import (
    AccountReport,
    Ack,
    BarReport,
    Capabilities,
    DealPage,
    OrderReport,
    OrderTicket,
    PositionReport,
    QuoteReport,
    Search,
    Stops,
    SymbolReport,
)
from brokers.adapters.session import Session

if TYPE_CHECKING:
    from httpx import Client


def setting(
    label: str,
    *,
    help_text: str = "",
    default: Any = dataclasses.MISSING,
    secret: bool = False,
    choices: tuple[tuple[str, str], ...] = (),
) -> Any:
    """A field of a connection's settings: what its form shows. A secret is written, never read back."""
    about = {"label": label, "help_text": help_text, "secret": secret, "choices": choices}
    return dataclasses.field(default=default, metadata=about)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a connection must know; platforms derive from it. Fields: str, int, bool, Decimal."""


def no_way_out(**_: Any) -> Client:
    raise Unavailable("No way out of the hub was handed in", code="platform")


def nothing_against() -> None:
    pass


@dataclass(frozen=True, kw_only=True)
class Line:
    """The connection as an adapter sees it. number: the account it speaks for. live: real money.

    client: opens the hub's guarded HTTP client, with the arguments of `tradershub.core.net.client`; a
    platform on the web uses no other. last_look: called right before the first byte of what may change
    something, by who reads before he sends; raises Unavailable where it must not leave any more.
    """

    settings: Any
    number: str
    live: bool
    deadline: float = 5.0  # seconds an order may take
    secrets: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    client: Callable[..., Client] = no_way_out
    last_look: Callable[[], None] = dataclasses.field(default=nothing_against, repr=False)


class Adapter(ABC):
    """One account at one platform.

    Reading raises Unavailable. Sending raises Rejected, Unavailable or OutcomeUnknown and nothing else;
    whatever is neither proved refused nor proved unsent is OutcomeUnknown. An answer for another account
    than `line.number` is never handed on. Nothing is sent a second time in here.
    """

    settings: ClassVar[type[Settings]] = Settings
    capabilities: ClassVar[Capabilities]
    own_venue: ClassVar[bool] = (
        False  # its prices are its own: no account elsewhere is valued by them
    )

    def __init__(self, line: Line, session: Session) -> None:
        self.line = line
        self.session = session

    @abstractmethod
    def account(self) -> AccountReport:
        """The account now."""

    def identity(self) -> AccountReport:
        """Whose account it is and how far its history goes, maybe without what it is worth."""
        return self.account()

    @abstractmethod
    def terms(self, symbols: Collection[str] = ()) -> list[SymbolReport]:
        """The contracts of those symbols, of all without any; unknown ones are left out."""

    @abstractmethod
    def quotes(self, symbols: Collection[str]) -> list[QuoteReport]:
        """The last prices; symbols without any are left out."""

    @abstractmethod
    def bars(
        self, symbol: str, *, minutes: int, since: dt.datetime, at_most: int = 1000
    ) -> list[BarReport]:
        """Candles from that moment on, oldest first, without gaps filled in."""

    @abstractmethod
    def place(self, ticket: OrderTicket) -> Ack:
        """Send an order, once."""

    @abstractmethod
    def amend(self, broker_order_id: str, ticket: OrderTicket) -> Ack:
        """Make a working order what `ticket` says, of the same symbol, side and kind.

        The lots are those of the whole order, with what has filled: never more than them fill in all. An
        adapter that cannot keep to that raises Rejected. The answer has the number under which it works from
        now on; an older one still means it.
        """

    @abstractmethod
    def cancel(self, broker_order_id: str) -> Ack:
        """Cancel a working order; the answer says what it came to, which may be a fill."""

    @abstractmethod
    def close(self, position_ref: str, *, client_id: str, lots: Decimal | None = None) -> Ack:
        """Close a position at the market, or `lots` of it."""

    @abstractmethod
    def protect(self, position_ref: str, stops: Stops) -> PositionReport:
        """Set stop, target and trail of a position; what `stops` leaves out is removed."""

    @abstractmethod
    def working_orders(self) -> list[OrderReport]:
        """All orders that may still fill."""

    @abstractmethod
    def find_by_client_id(self, client_id: str, *, since: str = "") -> Search:
        """What became of an order of ours. since: the watermark from before it was sent, "" for unknown."""

    @abstractmethod
    def positions(self) -> list[PositionReport]:
        """All open positions; an empty list says that the platform said so."""

    @abstractmethod
    def deals_since(self, cursor: str = "") -> DealPage:
        """What was booked after the cursor, "" for all that the platform still knows."""

    def close_session(self) -> None:  # noqa: B027 - most hold nothing open
        """Let go of connections; the adapter is not used afterwards."""
