"""An account as its events leave it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from tradershub.finance.decimals import ZERO
from tradershub.finance.venue import events
from tradershub.finance.venue.events import Event
from tradershub.finance.venue.orders import Order, Position
from tradershub.finance.venue.rules import AccountRules


@dataclass(slots=True)
class Account:
    """Changed by `apply` only. balance and credit: the account's currency.

    last_id: last number given to an order or deal. clients: order number by client id, of all
    orders ever taken. called: a margin call stands. known: what `worth` has worked out, with all that
    it was worked out from: of an open position by its id, of a symbol by its name.
    """

    id: str
    rules: AccountRules
    day: date
    seq: int = 0
    last_id: int = 0
    balance: Decimal = ZERO
    credit: Decimal = ZERO
    called: bool = False
    orders: dict[int, Order] = field(default_factory=dict)
    positions: dict[int, Position] = field(default_factory=dict)
    clients: dict[str, int] = field(default_factory=dict)
    resting: dict[str, dict[int, None]] = field(init=False, default_factory=dict)
    held: dict[str, dict[int, None]] = field(init=False, default_factory=dict)
    expiring: set[int] = field(init=False, default_factory=set)
    known: dict[int | str, tuple[Any, Decimal]] = field(
        init=False, default_factory=dict, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        for order in list(self.orders.values()):
            self._set_order(order)
        for position in list(self.positions.values()):
            self._set_position(position)

    def apply(self, event: Event) -> None:
        """Take an event of this account. Raises ValueError where one before it is missing."""
        if event.seq != self.seq + 1:
            raise ValueError(f"expected event {self.seq + 1} of {self.id}, found {event.seq}")
        self.seq = event.seq
        step = _STEPS.get(type(event))
        if step is not None:
            step(self, event)

    def orders_of(self, symbol: str) -> list[Order]:
        """The working orders of a symbol, oldest first."""
        return [self.orders[key] for key in self.resting.get(symbol, ())]

    def positions_of(self, symbol: str) -> list[Position]:
        """The open positions of a symbol, oldest first."""
        return [self.positions[key] for key in self.held.get(symbol, ())]

    def orders_on(self, position: int) -> Iterator[Order]:
        """The working orders that close a position."""
        symbol = self.positions[position].symbol
        return (o for o in self.orders_of(symbol) if o.request.position == position)

    def _set_order(self, order: Order) -> None:
        self.orders[order.id] = order
        self.resting.setdefault(order.request.symbol, {})[order.id] = None
        if order.expires_at is None:
            self.expiring.discard(order.id)
        else:
            self.expiring.add(order.id)

    def _drop_order(self, key: int) -> None:
        order = self.orders.pop(key)
        del self.resting[order.request.symbol][key]
        self.expiring.discard(key)

    def _set_position(self, position: Position) -> None:
        self.positions[position.id] = position
        self.held.setdefault(position.symbol, {})[position.id] = None

    def _accept(self, event: events.Accepted) -> None:
        order = event.order
        self.last_id = max(self.last_id, order.id)
        self._set_order(order)
        if order.request.client_id:
            self.clients[order.request.client_id] = order.id

    def _amend(self, event: events.Amended) -> None:
        self._set_order(event.order)

    def _trigger(self, event: events.Triggered) -> None:
        self.orders[event.order] = replace(self.orders[event.order], triggered=True)

    def _trail(self, event: events.Trailed) -> None:
        self.orders[event.order] = replace(self.orders[event.order], level=event.level)

    def _fill(self, event: events.Filled) -> None:
        self.last_id = max(self.last_id, event.deal)
        self.balance += event.money
        order = self.orders.get(event.order)
        if order is None:
            return
        if event.left:
            self.orders[order.id] = replace(order, filled=order.filled + event.lots)
        else:
            self._drop_order(order.id)

    def _end_order(self, event: events.Cancelled | events.Expired) -> None:
        self._drop_order(event.order)

    def _open(self, event: events.PositionOpened) -> None:
        self.last_id = max(self.last_id, event.position.id)
        self._set_position(event.position)

    def _change(self, event: events.PositionChanged) -> None:
        self._set_position(event.position)

    def _close(self, event: events.PositionClosed) -> None:
        position = self.positions.pop(event.position.id)
        del self.held[position.symbol][position.id]
        self.known.pop(position.id, None)

    def _charge(self, event: events.SwapCharged) -> None:
        position = self.positions[event.position]
        if event.price is not None:
            position = replace(position, price=event.price)
        if event.booked:
            self.balance += event.amount
        else:
            position = replace(position, swap=position.swap + event.amount)
        self.positions[position.id] = position

    def _post(self, event: events.Posted | events.Compensation) -> None:
        self.balance += event.amount

    def _give_credit(self, event: events.Credited) -> None:
        self.credit += event.amount

    def _change_rules(self, event: events.RulesChanged) -> None:
        self.rules = event.rules

    def _roll(self, event: events.RolledOver) -> None:
        self.day = event.day

    def _call(self, event: events.MarginCall | events.MarginCallLifted) -> None:
        self.called = isinstance(event, events.MarginCall)


_STEPS: dict[type[Event], Callable[[Account, Any], None]] = {
    events.RulesChanged: Account._change_rules,
    events.Accepted: Account._accept,
    events.Amended: Account._amend,
    events.Triggered: Account._trigger,
    events.Trailed: Account._trail,
    events.Filled: Account._fill,
    events.Cancelled: Account._end_order,
    events.Expired: Account._end_order,
    events.PositionOpened: Account._open,
    events.PositionChanged: Account._change,
    events.PositionClosed: Account._close,
    events.SwapCharged: Account._charge,
    events.Compensation: Account._post,
    events.Posted: Account._post,
    events.Credited: Account._give_credit,
    events.RolledOver: Account._roll,
    events.MarginCall: Account._call,
    events.MarginCallLifted: Account._call,
}
