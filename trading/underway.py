"""What is on its way at one account and symbol: orders whose deals are in no book yet.

A signal that is decided by what is held must not be decided while that is about to change.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db.models import F, Q

from accounts.models import Account
from brokers.adapters.messages import Kind
from brokers.models import BrokerSymbol
from tradershub.finance.decimals import ZERO
from tradershub.finance.sides import OPPOSITE, Side
from trading.holdings import Holding
from trading.models import Order
from trading.states import BEFORE, OPEN, OVER, State

SENT = frozenset({State.SENDING, State.UNKNOWN})
BOTH: tuple[Side, ...] = ("buy", "sell")


@dataclass(frozen=True)
class UnderWay:
    """Orders of which deals may still come. entries: the strategy's. closings: anybody's.

    What is quarantined is not waited for: a person says what became of it.
    """

    strategy: str
    nets: bool
    entries: tuple[Order, ...]
    closings: tuple[Order, ...]

    def unsent(self, sides: Collection[Side]) -> tuple[Order, ...]:
        """Entries at the market that have not left, and can be taken back."""
        return tuple(o for o in _of(self.entries, sides) if _at_market(o) and o.state in BEFORE)

    def working(self, sides: Collection[Side]) -> tuple[Order, ...]:
        """Entries at the market that the broker has and has not filled: a cancel may come in time."""
        return tuple(o for o in _of(self.entries, sides) if _at_market(o) and o.state in OPEN)

    def unsettled(
        self, sides: Collection[Side], held: Collection[Holding], *, unsent: bool
    ) -> tuple[Order, ...]:
        """What changes the holdings of these sides in a moment. unsent: entries that have not left, too."""
        entries = [o for o in _of(self.entries, sides) if _fills_soon(o, unsent=unsent)]
        against = [OPPOSITE[side] for side in sides]
        closings = [o for o in _of(self.closings, against) if o.state != State.QUARANTINED]
        refs = {holding.position.ref for holding in held}
        mine = [o for o in closings if o.strategy == self.strategy or self._bites(o, refs)]
        return tuple(entries + mine)

    def _bites(self, closing: Order, refs: Collection[str]) -> bool:
        """Whether another's closing takes of these positions; where all is one, only a person's may."""
        return not closing.strategy if self.nets else closing.position_ref in refs

    @property
    def seen(self) -> frozenset[tuple[int, str, Decimal]]:
        """What tells this moment from another: each order with its state and what filled of it."""
        return frozenset((o.pk, o.state, o.filled) for o in self.entries + self.closings)

    def opening(self, *, taken_back: Collection[Side]) -> Order | None:
        """An entry that is going to open a position, or may have. taken_back: sides whose unsent are."""
        gone = self.unsent(taken_back)
        soon = (o for o in self.entries if o not in gone)
        doubtful = State.QUARANTINED
        found = (o for o in soon if o.state == doubtful or _fills_soon(o, unsent=_at_market(o)))
        return next(found, None)

    def quarantined(self, sides: Collection[Side]) -> Order | None:
        """An order that may have changed the holdings of these sides, and nobody knows."""
        against = [OPPOSITE[side] for side in sides]
        found = [*_of(self.entries, sides), *_of(self.closings, against)]
        return next((o for o in found if o.state == State.QUARANTINED), None)

    def left(self, holding: Holding) -> Holding:
        """The holding without what closings on their way take of it."""
        of_it = [
            o
            for o in _of(self.closings, [OPPOSITE[holding.side]])
            if self.nets or o.position_ref == holding.position.ref
        ]
        taken = _lots(of_it)
        if not self.nets:
            return holding._replace(lots=max(holding.lots - taken, ZERO))
        own = _lots(o for o in of_it if o.strategy == self.strategy)
        room = holding.position.open_volume - taken
        return holding._replace(lots=max(min(holding.lots - own, room), ZERO))


def under_way(
    strategy: str, account: Account, symbol: BrokerSymbol, *, at: dt.datetime
) -> UnderWay:
    """What the books do not show yet of that symbol."""
    since = at - dt.timedelta(seconds=settings.QUARANTINE_SECONDS)
    unbooked = Q(state=State.FILLED, reduces=False, filled__lt=F("lots"), done_at__gte=since)
    rows = Order.objects.filter(
        Q(state__in=Order.LIVE) | unbooked,
        Q(strategy=strategy) | Q(reduces=True),
        account=account,
        symbol=symbol,
    )
    found = list(rows.select_related("account", "symbol").order_by("id"))
    return UnderWay(
        strategy=strategy,
        nets=account.mode == Account.Mode.NETTING,
        entries=tuple(order for order in found if not order.reduces),
        closings=tuple(order for order in found if order.reduces),
    )


def _of(orders: Iterable[Order], sides: Collection[Side]) -> list[Order]:
    return [order for order in orders if order.side in sides]


def _at_market(order: Order) -> bool:
    return order.kind == Kind.MARKET


def _fills_soon(order: Order, *, unsent: bool) -> bool:
    """An order with a price of its own may rest for days: once it works it is not waited for."""
    if order.state in BEFORE:
        return unsent
    if order.state == State.QUARANTINED:
        return False
    return order.state in SENT | OVER or _at_market(order)


def _lots(orders: Iterable[Order]) -> Decimal:
    return sum((order.left for order in orders), ZERO)
