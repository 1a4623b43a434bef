"""The paper platform: one venue an account, whose memory is its events.

Every command takes the account's lock, brings the venue up to what other processes made happen, lets it meet
the newest prices, acts, and keeps what happened, all as one: undone, nothing of it was. A venue stays in the
process only once what it holds is certain.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar, TypeVar

from brokers.adapters.base import Adapter, Line
from brokers.adapters.errors import AdapterError, OutcomeUnknown, Rejected, Unavailable
from brokers.adapters.messages import (
    AccountReport,
    Ack,
    BarReport,
    Capabilities,
    DealPage,
    DealReport,
    Kind,
    Mode,
    OrderReport,
    OrderTicket,
    PositionReport,
    QuoteReport,
    Search,
    Stops,
    SymbolReport,
    Tier,
)
from brokers.adapters.paper_desk import Desk, in_turn
from brokers.adapters.paper_reports import (
    DEALS,
    ack_of,
    deal_of,
    deals_of,
    number_of,
    of_order,
    order_report,
    position_report,
    request_of,
    stops_of,
    symbol_report,
)
from brokers.adapters.paper_session import PaperSession
from brokers.adapters.paper_settings import PaperSettings
from tradershub.finance.decimals import ZERO
from tradershub.finance.fx import NoRate
from tradershub.finance.venue import events
from tradershub.finance.venue.events import Event
from tradershub.finance.venue.market import NoPrice
from tradershub.finance.venue.orders import Order
from tradershub.finance.venue.rules import AccountRules, Repeats
from tradershub.finance.venue.venue import Events, Venue
from tradershub.finance.venue.worth import Unknown

LOCK = "venue"
SNAPSHOT_EVERY = 200  # events
TERMS_HOLD = dt.timedelta(seconds=30)  # until the symbols' terms are read again
PAGE = 500  # deals
MOST_KEPT = 1000  # venues in one process
T = TypeVar("T")

# Venues of which every event is certain, by session key; a command takes its own out while it works.
KEPT: dict[str, Desk] = {}


class PaperAdapter(Adapter):
    settings = PaperSettings
    own_venue = True
    capabilities: ClassVar[Capabilities] = Capabilities(
        modes=frozenset(Mode),
        proof=Tier.A,
        finds_closed=True,
        refuses_repeats="always",
        takes_bound=True,
        notes=("Keeps no bars.",),
    )
    session: PaperSession

    def __init__(self, line: Line, session: PaperSession) -> None:
        super().__init__(line, session)

    # -- Reading -------------------------------------------------------------------------------
    def account(self) -> AccountReport:
        with self._reading() as desk:
            worth = desk.venue.figures(desk.number)
            if isinstance(worth, Unknown):
                return self._stated(desk)
            return replace(
                self._stated(desk), equity=worth.equity, margin=worth.margin, free_margin=worth.free
            )

    def identity(self) -> AccountReport:
        with self._remembering() as desk:
            return self._stated(desk)

    def terms(self, symbols: Collection[str] = ()) -> list[SymbolReport]:
        with _unavailable():
            found = self.session.market().symbols
        return [symbol_report(one) for name, one in found.items() if not symbols or name in symbols]

    def quotes(self, symbols: Collection[str]) -> list[QuoteReport]:
        with _unavailable():
            return self.session.quotes(symbols) if symbols else []

    def bars(
        self, symbol: str, *, minutes: int, since: dt.datetime, at_most: int = 1000
    ) -> list[BarReport]:
        return []

    def working_orders(self) -> list[OrderReport]:
        with self._reading() as desk:
            return [self._working(order) for order in desk.account.orders.values()]

    def positions(self) -> list[PositionReport]:
        with self._reading() as desk:
            market, account = desk.venue.market, desk.account
            return [position_report(market, account, p) for p in account.positions.values()]

    def find_by_client_id(self, client_id: str, *, since: str = "") -> Search:
        """Certain at once: an order is known from the moment its placing was kept, and for ever."""
        with self._reading() as desk:
            order, seq = desk.account.clients.get(client_id), desk.seq
            story = () if order is None else self.session.story(order)
            found = ack_of(story, currency=desk.account.rules.currency)
        return Search(found=found, watermark=str(seq), evidence=f"events 1 to {seq} of the venue")

    def deals_since(self, cursor: str = "") -> DealPage:
        with self._reading() as desk:
            after, last = int(cursor or 0), desk.seq
            found = self.session.events(after, kinds=DEALS, at_most=PAGE + 1)
            page, more = found[:PAGE], len(found) > PAGE
            reached = page[-1].seq if more else max([after, last, *(e.seq for e in page[-1:])])
            deals = deals_of(page, currency=desk.account.rules.currency)
            return DealPage(deals=deals, cursor=str(reached), more=more)

    # -- Sending -------------------------------------------------------------------------------
    def place(self, ticket: OrderTicket) -> Ack:
        request = request_of(ticket)

        def submit(desk: Desk, at: dt.datetime) -> Ack | Rejected:
            at_market = ticket.kind == Kind.MARKET
            if refusal := desk.price_missing(ticket.symbol, at, at_market=at_market):
                return refusal
            return self._placed(desk, desk.take(desk.venue.submit(desk.number, request, at)))

        return self._send(submit)

    def amend(self, broker_order_id: str, ticket: OrderTicket) -> Ack:
        order, asked = number_of(broker_order_id, "order"), request_of(ticket)

        def change(desk: Desk, at: dt.datetime) -> Ack | Rejected:
            working = desk.account.orders.get(order)
            client_id = working.request.client_id if working else ""
            request = replace(asked, client_id=client_id)
            answer = desk.take(desk.venue.amend(desk.number, order, request, at))
            return _refusal(answer) or self._story(desk, order)

        return self._send(change)

    def cancel(self, broker_order_id: str) -> Ack:
        order = number_of(broker_order_id, "order")

        def end(desk: Desk, at: dt.datetime) -> Ack | Rejected:
            if order in desk.account.orders:
                desk.take(desk.venue.cancel(desk.number, order, at))
            return self._story(desk, order)

        return self._send(end)

    def close(self, position_ref: str, *, client_id: str, lots: Decimal | None = None) -> Ack:
        position = number_of(position_ref, "position")

        def leave(desk: Desk, at: dt.datetime) -> Ack | Rejected:
            held = desk.account.positions.get(position)
            if held and (refusal := desk.price_missing(held.symbol, at)):
                return refusal
            answer = desk.venue.close(desk.number, position, at, lots=lots, client_id=client_id)
            return self._placed(desk, desk.take(answer))

        return self._send(leave)

    def protect(self, position_ref: str, stops: Stops) -> PositionReport:
        position = number_of(position_ref, "position")

        def guard(desk: Desk, at: dt.datetime) -> PositionReport | Rejected:
            answer = desk.take(desk.venue.protect(desk.number, position, stops_of(stops), at))
            if refusal := _refusal(answer):
                return refusal
            changed = next(e for e in answer if isinstance(e, events.PositionChanged))
            return position_report(desk.venue.market, desk.account, changed.position)

        return self._send(guard)

    # -- What only a venue of our own can do ---------------------------------------------------
    def open(self, rules: AccountRules, *, deposit: Decimal = ZERO) -> None:
        """Open the account, with its first money where `deposit` is not 0. Raises Rejected where it is open."""

        def begin(desk: Desk, at: dt.datetime) -> Rejected | None:
            if desk.seq:
                return Rejected(f"account {desk.number} is open already", code="account_open")
            granted = replace(rules, slippage=desk.slippage, repeats=Repeats.REFUSE)
            desk.take(desk.venue.open_account(desk.number, granted, at))
            if not deposit:
                return None
            return _refusal(desk.take(desk.venue.deposit(desk.number, deposit, at)))

        self._send(begin, opens=True)

    def change_rules(self, **changed: Any) -> None:
        """Other terms from now on, by the names of AccountRules; the currency stays."""

        def grant(desk: Desk, at: dt.datetime) -> None:
            rules = replace(desk.account.rules, **changed)
            desk.take(desk.venue.change_rules(desk.number, rules, at))

        self._send(grant)

    def deposit(self, amount: Decimal, *, comment: str = "") -> DealReport:
        """Money in. amount: positive."""
        return self._move(Venue.deposit, amount, comment)

    def withdraw(self, amount: Decimal, *, comment: str = "") -> DealReport:
        """Money out. amount: positive, at most what is free."""
        return self._move(Venue.withdraw, amount, comment)

    def tick(self, quotes: Collection[QuoteReport], at: dt.datetime) -> Events:
        """Let the account meet prices and the time: resting orders, stops, swaps, margin calls, stop-outs.

        quotes: oldest first; of a symbol that is there repeatedly each is met. What happened comes back. An
        account with nothing open and nothing working is left alone until its trading day ends. Raises
        Unavailable: nothing happened, and the next tick makes up for it.
        """
        with _unavailable():
            if self._is_idle(at):
                return ()
            with self.session.lock(LOCK):
                desk = self._taken()
                for step in in_turn(quotes):
                    desk.meet(step, at)
                return self._keep(desk)

    # -- How -----------------------------------------------------------------------------------
    def _send(self, act: Callable[[Desk, dt.datetime], T | Rejected], *, opens: bool = False) -> T:
        """The lock, the newest prices, the act, and all that happened kept as one; then the refusal, if any."""
        acted = False
        try:
            with self.session.lock(LOCK):
                desk = self._taken(opens=opens)
                at = desk.meet(self.session.quotes(), self.session.now())
                answer = act(desk, at)
                self._keep(desk)
                acted = True
        except AdapterError:
            raise
        except Exception as error:
            kind = OutcomeUnknown if acted else Unavailable
            raise kind(_why(error)) from error
        if isinstance(answer, Rejected):
            raise answer
        return answer

    @contextmanager
    def _reading(self) -> Iterator[Desk]:
        """The same at the newest prices, which nothing meets."""
        with self._remembering() as desk:
            desk.show(self.session.quotes(), self.session.now())
            yield desk

    @contextmanager
    def _remembering(self) -> Iterator[Desk]:
        """The venue as its last event left it."""
        with _unavailable():
            desk = self._taken()
            yield desk
            self.session.once_kept(partial(_put_back, self.session.key, desk))

    def _stated(self, desk: Desk) -> AccountReport:
        account = desk.account
        return AccountReport(
            number=self.line.number,
            currency=account.rules.currency,
            mode=Mode(account.rules.mode),
            live=False,
            balance=account.balance,
            at=self.session.now(),
            credit=account.credit,
            leverage=int(account.rules.leverage),
            watermark=str(account.seq),
        )

    def _taken(self, *, opens: bool = False) -> Desk:
        """The venue, ours alone, with all that other processes made happen there."""
        desk, now = KEPT.pop(self.session.key, None), self.session.now()
        if desk is None:
            desk = self._rebuilt(now)
        elif now - desk.read_at > TERMS_HOLD:
            self._renew_terms(desk, now)
        desk.settings = self.line.settings
        for event in self.session.events(desk.seq):
            desk.venue.apply(event)
        if not desk.seq and not opens:
            raise Rejected(f"no paper account is called {desk.number!r}", code="unknown_account")
        if desk.seq and (missing := desk.without_terms()):
            raise Unavailable(f"{', '.join(missing)} is held, and has no terms any more")
        return desk

    def _rebuilt(self, now: dt.datetime) -> Desk:
        market, state = self.session.market(), self.session.snapshot()
        venue = (
            Venue.restore(market, state) if state else Venue(market, seed=self.line.settings.seed)
        )
        desk = Desk(venue, self.line.number, self.line.settings, now)
        desk.kept = desk.seq
        desk.show(self.session.quotes(), now)
        return desk

    def _renew_terms(self, desk: Desk, now: dt.datetime) -> None:
        market, newest = desk.venue.market, self.session.market()
        market.symbols, market.zone = newest.symbols, newest.zone
        market.rollover, desk.read_at = newest.rollover, now

    def _keep(self, desk: Desk) -> Events:
        """Keep what happened, and the venue itself once that is certain."""
        happened, desk.happened = tuple(desk.happened), []
        if happened:
            self.session.append(happened)
        if desk.seq - desk.kept >= SNAPSHOT_EVERY:
            self.session.keep_snapshot(desk.seq, desk.venue.snapshot())
            desk.kept = desk.seq
        self.session.once_kept(partial(_put_back, self.session.key, desk))
        return happened

    def _is_idle(self, at: dt.datetime) -> bool:
        """Whether nothing can happen until then, by what is certain."""
        desk = KEPT.get(self.session.key)
        if desk is None or not desk.seq or not desk.rests(at):
            return False
        return self.session.last_seq() == desk.seq

    def _placed(self, desk: Desk, answer: Events) -> Ack | Rejected:
        if refusal := _refusal(answer):
            return refusal
        order = next(event.order for event in answer if isinstance(event, events.Accepted))
        return self._ack(desk, order.id, of_order(order.id, answer))

    def _story(self, desk: Desk, order: int) -> Ack | Rejected:
        """What became of an order, with what only just happened to it."""
        return self._ack(desk, order, [*self.session.story(order), *of_order(order, desk.happened)])

    def _ack(self, desk: Desk, order: int, story: Iterable[Event]) -> Ack | Rejected:
        ack = ack_of(story, currency=desk.account.rules.currency)
        return ack or Rejected(f"no order has the number {order}", code="unknown_order")

    def _working(self, order: Order) -> OrderReport:
        story = self.session.story(order.id) if order.filled else ()
        return order_report(order, [e for e in story if isinstance(e, events.Filled)])

    def _move(self, how: Callable[..., Events], amount: Decimal, comment: str) -> DealReport:
        def post(desk: Desk, at: dt.datetime) -> DealReport | Rejected:
            answer = desk.take(how(desk.venue, desk.number, amount, at, comment=comment))
            if refusal := _refusal(answer):
                return refusal
            posted = next(event for event in answer if isinstance(event, events.Posted))
            return deal_of(posted, currency=desk.account.rules.currency)

        return self._send(post)


def _put_back(key: str, desk: Desk) -> None:
    if len(KEPT) >= MOST_KEPT:
        KEPT.clear()
    KEPT[key] = desk


def _refusal(answer: Iterable[Event]) -> Rejected | None:
    for event in answer:
        if isinstance(event, events.Rejected):
            return Rejected(event.message, code=event.code.value)
    return None


@contextmanager
def _unavailable() -> Iterator[None]:
    """Tell what fails while nothing is sent in the platforms' word for it."""
    try:
        yield
    except Rejected as error:
        raise Unavailable(error.message, code=error.code) from error
    except AdapterError:
        raise
    except Exception as error:
        raise Unavailable(_why(error)) from error


def _why(error: Exception) -> str:
    """A sentence for a fault: the venue's own words, or the kind of what its memory ran into."""
    if isinstance(error, NoRate | NoPrice):
        return f"the venue cannot go on: {error}"
    return f"the venue's memory failed: {type(error).__name__}"
