"""The venue: commands in, events out."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from tradershub.finance.decimals import ZERO
from tradershub.finance.sides import OPPOSITE
from tradershub.finance.trading_day import trading_day
from tradershub.finance.venue import checks, events, snapshots, stopout
from tradershub.finance.venue.account import Account
from tradershub.finance.venue.book import Book
from tradershub.finance.venue.codec import Plain
from tradershub.finance.venue.events import Code, Event
from tradershub.finance.venue.filling import Refusal, cancel, close_against, with_stops
from tradershub.finance.venue.market import Market
from tradershub.finance.venue.matching import closing_request, dealing_price, react, work
from tradershub.finance.venue.orders import Duration, Order, OrderRequest, Reason, Stops
from tradershub.finance.venue.rollover import day_end, pass_time
from tradershub.finance.venue.rules import AccountRules, Repeats
from tradershub.finance.venue.worth import Figures, Unknown, figures

Events = tuple[Event, ...]


class Venue:
    """One broker's server, in memory: deterministic for its seed and its commands.

    Every command takes its moment, first lets time pass up to it (orders expire, days roll over),
    and returns the events that followed, in order. What is refused is a `Rejected` event with its
    figures. Raises ValueError for misuse only: a naive moment, one before the last, an account
    that does not exist, prices that are no prices.
    """

    def __init__(self, market: Market, *, seed: int = 0) -> None:
        self.market = market
        self._book = Book(market, seed=seed)

    def account(self, account: str) -> Account:
        """The account as it is now; not to be changed. Raises ValueError for an unknown one."""
        if account not in self._book.accounts:
            raise ValueError(f"no account is called {account!r}")
        return self._book.accounts[account]

    def figures(self, account: str) -> Figures | Unknown:
        """Balance, equity, margin at the last quotes; or why they cannot be known."""
        return figures(self.market, self.account(account))

    def apply(self, event: Event) -> None:
        """Take an event of the past. Replayed in order they rebuild the state that gave them.

        Without the market's own events (account "") the accounts are the same; prices come with
        the next quotes, which should be given before time passes a rollover: a swap that cannot be
        converted raises NoRate. Raises ValueError for an event out of its turn.
        """
        self._book.apply(event)

    def snapshot(self) -> Plain:
        """Everything that `restore` needs, as plain data for JSON."""
        return snapshots.taken(self._book)

    @classmethod
    def restore(cls, market: Market, plain: Plain) -> "Venue":
        """The venue that gave the snapshot; `market` brings the symbols, fresh of quotes."""
        venue = cls(market)
        snapshots.put_back(venue._book, plain)
        return venue

    def quote(
        self,
        symbol: str,
        bid: Decimal,
        ask: Decimal,
        at: datetime,
        *,
        bid_size: Decimal | None = None,
        ask_size: Decimal | None = None,
        tradable: bool = True,
    ) -> Events:
        """New prices, with the lots on offer at each (None: any). Orders fire and fill on them.

        Positions' stops come first, then resting orders by age, then margin calls and stop-outs.
        """
        if symbol not in self.market.symbols or not ZERO < bid <= ask:
            raise ValueError(
                f"expected 0 < bid <= ask of a known symbol, found {symbol} {bid} {ask}"
            )
        self._start(at)
        quoted = events.Quoted(
            symbol=symbol,
            bid=bid,
            ask=ask,
            bid_size=bid_size,
            ask_size=ask_size,
            tradable=tradable,
        )
        self._book.emit(None, quoted)
        for account in self._book.accounts.values():
            react(self._book, account, symbol)
            if _concerns(self.market, account, symbol):
                stopout.check(self._book, account)
        return self._book.take()

    def advance(self, at: datetime) -> Events:
        """Let time pass without a quote."""
        self._start(at)
        self._book.emit(None, events.Advanced())
        for account in self._book.accounts.values():
            stopout.check(self._book, account)
        return self._book.take()

    def open_account(self, account: str, rules: AccountRules, at: datetime) -> Events:
        """A new, empty account. Raises ValueError for a name that is taken or empty."""
        if not account or account in self._book.accounts:
            raise ValueError(f"expected a new name for an account, found {account!r}")
        self._start(at)
        day = trading_day(at, zone=self.market.zone, rollover=self.market.rollover)
        opened = events.AccountOpened(account=account, seq=1, at=at, rules=rules, day=day)
        self._book.record(opened)
        return self._book.take()

    def change_rules(self, account: str, rules: AccountRules, at: datetime) -> Events:
        """Other terms from now on. The currency stays: raises ValueError for another."""
        known = self.account(account).rules.currency
        if rules.currency != known:
            raise ValueError(f"expected {known}, found {rules.currency}")
        ours = self._begin(account, at)
        return self._end(ours, events.RulesChanged(rules=rules))

    def deposit(self, account: str, amount: Decimal, at: datetime, *, comment: str = "") -> Events:
        """Money in. amount: positive."""
        ours = self._begin(account, at)
        if amount <= 0:
            return self._refuse(account, Code.BAD_AMOUNT, f"amount was {amount}, expected above 0")
        posted = events.Posted(kind="deposit", amount=amount, comment=comment)
        return self._end(ours, posted)

    def withdraw(self, account: str, amount: Decimal, at: datetime, *, comment: str = "") -> Events:
        """Money out. amount: positive, at most the free margin and the balance."""
        ours = self._begin(account, at)
        if amount <= 0:
            return self._refuse(account, Code.BAD_AMOUNT, f"amount was {amount}, expected above 0")
        worth = self.figures(account)
        if isinstance(worth, Unknown):
            return self._refuse(account, Code.NO_PRICE, worth.reason)
        free = min(worth.free - worth.credit, worth.balance)
        if amount > free:
            text = f"amount was {amount}, at most {free} can be withdrawn"
            return self._refuse(account, Code.NO_MONEY, text)
        posted = events.Posted(kind="withdrawal", amount=-amount, comment=comment)
        return self._end(ours, posted)

    def post(
        self, account: str, kind: str, amount: Decimal, at: datetime, *, comment: str = ""
    ) -> Events:
        """Any other money of the balance: fee, interest, dividend, correction. Signed."""
        ours = self._begin(account, at)
        posted = events.Posted(kind=kind, amount=amount, comment=comment)
        return self._end(ours, posted)

    def credit(self, account: str, amount: Decimal, at: datetime, *, comment: str = "") -> Events:
        """Credit given, or taken where negative."""
        ours = self._begin(account, at)
        return self._end(ours, events.Credited(amount=amount, comment=comment))

    def submit(self, account: str, request: OrderRequest, at: datetime) -> Events:
        """Place an order: Accepted and what follows at once, Rejected, or Repeated."""
        ours = self._begin(account, at)
        return self._submit(ours, request, Reason.CLIENT)

    def amend(self, account: str, order: int, request: OrderRequest, at: datetime) -> Events:
        """Change a working order into `request`, of the same symbol, side and kind."""
        ours = self._begin(account, at)
        if order not in ours.orders:
            return self._refuse_unknown_order(ours, order)
        old = ours.orders[order]
        if refusal := _other_order(old.request, request):
            return self._refuse(account, *refusal, request=request, order=order)
        changed = self._changed(old, request)
        if refusal := checks.first_refusal_of_change(self._book, ours, changed):
            return self._refuse(account, *refusal, request=request, order=order)
        self._book.emit(ours, events.Amended(order=changed))
        work(self._book, ours, changed)
        return self._finish(ours)

    def cancel(self, account: str, order: int, at: datetime) -> Events:
        """Cancel a working order."""
        ours = self._begin(account, at)
        if order not in ours.orders:
            return self._refuse_unknown_order(ours, order)
        cancel(self._book, ours, ours.orders[order], Code.CLIENT_REQUEST, "cancelled by the client")
        return self._finish(ours)

    def close(
        self,
        account: str,
        position: int,
        at: datetime,
        *,
        lots: Decimal | None = None,
        client_id: str = "",
    ) -> Events:
        """Close a position at the market, or `lots` of it."""
        ours = self._begin(account, at)
        held = ours.positions.get(position)
        if held is None:
            return self._refuse_unknown_position(ours, position)
        request = closing_request(held, held.lots if lots is None else lots, client_id=client_id)
        return self._submit(ours, request, Reason.CLOSE)

    def close_by(self, account: str, position: int, other: int, at: datetime) -> Events:
        """Close two opposite positions of a symbol by each other, as far as the smaller goes."""
        ours = self._begin(account, at)
        first, second = ours.positions.get(position), ours.positions.get(other)
        if first is None or second is None:
            return self._refuse_unknown_position(ours, position if first is None else other)
        if first.symbol != second.symbol or first.side == second.side:
            text = "expected two opposite positions of one symbol, found "
            text += f"{first.side} {first.symbol} and {second.side} {second.symbol}"
            return self._refuse(account, Code.BAD_REQUEST, text, position=position)
        if not self.market.trades(first.symbol):
            text = f"{first.symbol} is closed at {at.isoformat()}"
            return self._refuse(account, Code.MARKET_CLOSED, text, position=position)
        request = closing_request(first, min(first.lots, second.lots))
        order = self._order(ours, request, Reason.CLOSE)
        self._book.emit(ours, events.Accepted(order=order))
        close_against(self._book, ours, first, second, order)
        return self._finish(ours)

    def protect(self, account: str, position: int, stops: Stops, at: datetime) -> Events:
        """Set a position's stop loss, target and trail; what `stops` leaves out is removed."""
        ours = self._begin(account, at)
        held = ours.positions.get(position)
        if held is None:
            return self._refuse_unknown_position(ours, position)
        quote = self.market.quotes.get(held.symbol)
        changed = with_stops(held, stops)
        if quote is not None:
            refusal = checks.misplaced(
                replace(stops, stop_loss=changed.stop_loss, take_profit=changed.take_profit),
                side=held.side,
                around=dealing_price(OPPOSITE[held.side], quote),
                symbol=self.market.symbols[held.symbol],
            )
            if refusal:
                return self._refuse(account, *refusal, position=position)
        return self._end(ours, events.PositionChanged(position=changed))

    def _begin(self, account: str, at: datetime) -> Account:
        ours = self.account(account)
        self._start(at)
        return ours

    def _start(self, at: datetime) -> None:
        self._book.must_follow(at)
        pass_time(self._book, at)

    def _end(self, account: Account, event: Event) -> Events:
        self._book.emit(account, event)
        return self._finish(account)

    def _finish(self, account: Account) -> Events:
        stopout.check(self._book, account)
        return self._book.take()

    def _refuse(
        self,
        account: str,
        code: Code,
        message: str,
        *,
        request: OrderRequest | None = None,
        order: int | None = None,
        position: int | None = None,
    ) -> Events:
        rejected = events.Rejected(
            code=code, message=message, request=request, order=order, position=position
        )
        self._book.emit(self.account(account), rejected)
        return self._book.take()

    def _refuse_unknown_order(self, account: Account, order: int) -> Events:
        text = f"no working order has the number {order}"
        return self._refuse(account.id, Code.UNKNOWN_ORDER, text, order=order)

    def _refuse_unknown_position(self, account: Account, position: int) -> Events:
        text = f"no open position has the number {position}"
        return self._refuse(account.id, Code.UNKNOWN_POSITION, text, position=position)

    def _submit(self, account: Account, request: OrderRequest, reason: Reason) -> Events:
        first = checks.repeats(account, request)
        if first is not None and account.rules.repeats is Repeats.RETURN:
            return self._end(account, events.Repeated(order=first, client_id=request.client_id))
        order = self._order(account, request, reason)
        if refusal := checks.first_refusal(self._book, account, order):
            return self._refuse(account.id, *refusal, request=request, order=first)
        self._book.emit(account, events.Accepted(order=order))
        work(self._book, account, order)
        return self._finish(account)

    def _order(self, account: Account, request: OrderRequest, reason: Reason) -> Order:
        return Order(
            id=account.last_id + 1,
            request=request,
            placed_at=self._book.at,
            reason=reason,
            level=checks.level_of(request),
            expires_at=self._expires_at(request),
        )

    def _changed(self, old: Order, request: OrderRequest) -> Order:
        expires_at = self._expires_at(request)
        if request.duration is Duration.DAY and old.request.duration is Duration.DAY:
            expires_at = old.expires_at
        level = checks.level_of(request)
        if request.distance == old.request.distance and request.distance is not None:
            level = old.level
        return replace(old, request=request, level=level, expires_at=expires_at)

    def _expires_at(self, request: OrderRequest) -> datetime | None:
        if request.duration is Duration.DAY:
            return day_end(self.market, self._book.at)
        return request.expires_at


def _concerns(market: Market, account: Account, symbol: str) -> bool:
    """Whether a quote touches what the account is worth, or the account is in trouble already."""
    if account.held.get(symbol) or account.called or account.balance < 0:
        return True
    if not market.symbols[symbol].is_pair:
        return False
    held = (market.symbols[name] for name, positions in account.held.items() if positions)
    own = account.rules.currency
    return any(own != one.quote for one in held)


def _other_order(old: OrderRequest, new: OrderRequest) -> Refusal | None:
    """Why an amendment would make another order of it."""
    for name in ("symbol", "side", "kind", "position", "client_id", "oco"):
        was, asked = getattr(old, name), getattr(new, name)
        if was != asked:
            text = f"an amendment keeps the {name} {was}, found {asked}"
            return Refusal(Code.BAD_REQUEST, text)
    return None


def replay(market: Market, remembered: Iterable[Event], *, seed: int = 0) -> Venue:
    """The venue that the events make."""
    venue = Venue(market, seed=seed)
    for event in remembered:
        venue.apply(event)
    return venue
