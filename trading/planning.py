"""What one account does for a signal: closings first, then the entry, with its size, its price and its levels there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db.models import QuerySet

from accounts.market import Market, market_on
from accounts.models import Account
from accounts.valuation import state_of
from brokers.adapters.messages import ENTRY, NEEDS, Duration, Kind
from brokers.models import Broker, BrokerSymbol, Instrument, Quote
from risk.conversion import BrokerRates
from risk.facts import Check
from strategies.models import Strategy
from tradershub.core.formats import plain
from tradershub.core.prepared import prepared
from tradershub.finance.decimals import ZERO, round_lots
from tradershub.finance.opening import likely_price, opening_price
from tradershub.finance.sides import DIRECTION, OPPOSITE, Side
from tradershub.finance.sizing import SizeIn
from tradershub.finance.terms import ContractTerms
from trading.bounds import why_too_far, why_too_wide
from trading.facts import costs_of, point_value, quote_of_now, rate_to_account
from trading.holdings import Holding, held_by
from trading.models import Order, Signal
from trading.sizing import (
    OF_EQUITY,
    OF_PRICE,
    Basis,
    Sized,
    in_one_order,
    lots_of,
    on_tick,
    price_of,
    way_of,
)
from trading.sources.draft import Draft, Intent, Level, Size
from trading.underway import BOTH, UnderWay, under_way

RULE = "route"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One order to be. fields: those of Order that differ from its defaults. figures: what made its size.

    note: in words, why that is less than what was asked for.
    """

    account: Account
    symbol: BrokerSymbol
    strategy: str
    side: Side
    lots: Decimal
    position_ref: str = ""
    reduces: bool = False
    fields: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one account is to do. cancels: orders to take back. refusal: why it does nothing.

    left_out: what should have followed and cannot, with the reason. waits: for what, where more can be decided
    only afterwards; what it does now is right however that ends. seen: what was on its way, by id, state and
    filled lots, where that decided it; None where it did not.
    """

    account: Account
    legs: tuple[Leg, ...] = ()
    cancels: tuple[Order, ...] = ()
    refusal: Check | None = None
    left_out: str = ""
    waits: str = ""
    symbol: BrokerSymbol | None = None
    seen: frozenset[tuple[int, str, Decimal]] | None = None

    @property
    def acts(self) -> bool:
        return bool(self.legs or self.cancels)


class Unfit(Exception):
    """This account cannot follow."""

    def __init__(self, code: str, text: str, **figures: Any) -> None:
        super().__init__(text)
        self.check = Check(rule=RULE, passed=False, code=code, text=text, figures=figures)


def without_entry(plan: Plan, refusal: Check) -> Plan:
    """The closings of a plan whose entry may not be made any more."""
    legs = tuple(leg for leg in plan.legs if leg.reduces)
    if plan.refusal or len(legs) == len(plan.legs):
        return plan
    if not legs and not plan.cancels and not plan.waits:
        return Plan(plan.account, refusal=refusal)
    return replace(plan, legs=legs, left_out=f"no entry: {refusal.text}")


def _as_far(legs: Iterator[Leg]) -> tuple[tuple[Leg, ...], str]:
    """The legs, and why the entry is not among them: closings come first and are made without it, too."""
    found: list[Leg] = []
    try:
        for leg in legs:
            found.append(leg)
    except Unfit as unfit:
        if not found:
            raise
        return tuple(found), f"no entry: {unfit.check.text}"
    return tuple(found), ""


def symbol_at(account: Account, instrument: Instrument, draft: Draft) -> BrokerSymbol:
    """The broker's symbol of that instrument. Raises Unfit for none, or several that none singles out."""
    found = _symbols(account.broker, instrument)
    exact = [symbol for symbol in found if symbol.name.upper() == draft.symbol.upper()]
    if len(exact) == 1 or len(found) == 1:
        return (exact or found)[0]
    if not found:
        raise Unfit("NO_SYMBOL", f"{account.broker} has no symbol that is mapped to {instrument}")
    names = ", ".join(sorted(symbol.name for symbol in found))
    raise Unfit(
        "AMBIGUOUS_SYMBOL", f"{instrument} may be {names} at {account.broker}: map one of them"
    )


@prepared
def _symbols(broker: Broker, instrument: Instrument) -> QuerySet[BrokerSymbol]:
    rows = BrokerSymbol.objects.filter(broker=broker, instrument=instrument)
    return rows.select_related("instrument", "broker", "last_quote")


@dataclass(frozen=True)
class Desk:
    """One account at work on one symbol for one strategy."""

    account: Account
    symbol: BrokerSymbol
    strategy: Strategy
    share: Decimal
    at: dt.datetime
    signal: Signal | None = None

    def working(self) -> tuple[Order, ...]:
        """The strategy's orders of the symbol that may still fill, those on their way, too. Raises Unfit for none."""
        rows = Order.objects.filter(
            account=self.account,
            symbol=self.symbol,
            strategy=self.strategy.key,
            state__in=Order.LIVE,
        ).exclude(state=Order.State.CANCEL_PENDING)
        found = tuple(rows.filter(reduces=False).order_by("id"))
        if not found:
            raise Unfit("NOTHING_TO_CANCEL", f"No order of {self.symbol.name} works there")
        return found

    def on_ticks(self, draft: Draft) -> Draft:
        """With the prices of its entry as the broker takes them: a chart may reckon with more digits."""
        if self._contract is None:
            return draft
        said = {name: getattr(draft, name) for name in ENTRY}
        rounded = {name: on_tick(value, self._contract) for name, value in said.items() if value}
        return replace(draft, **rounded)

    def plan(self, draft: Draft, *, before: Signal | None = None) -> Plan:
        """What it does, now or when what is on its way has settled. before: a signal that waits. Raises Unfit."""
        sides = _closed_by(draft)
        taken_back = self._way.unsent(sides) if sides else ()
        if waits := self._waits_for(draft, before):
            legs = self._sure(draft) if self._is_first else ()
            works = self._way.working(sides) if self._is_first and sides else ()
            return self._planned(draft, legs, (*taken_back, *works), waits=waits)
        try:
            legs, left_out = _as_far(self.legs(draft))
        except Unfit as unfit:
            if not taken_back:
                raise
            legs, left_out = (), "" if draft.is_exit else f"no entry: {unfit.check.text}"
        if draft.is_exit and (doubt := self._way.quarantined(_decided_by(draft))):
            left_out = f"not what is in doubt: {_in_doubt(doubt)}"
        return self._planned(draft, legs, taken_back, left_out=left_out)

    def _planned(
        self, draft: Draft, legs: tuple[Leg, ...], cancels: tuple[Order, ...], **words: str
    ) -> Plan:
        looked = bool(_decided_by(draft)) or self.strategy.one_at_a_time
        seen = self._way.seen if looked else None
        return Plan(self.account, legs, cancels, seen=seen, symbol=self.symbol, **words)

    @property
    def _is_first(self) -> bool:
        """Whether nothing of the signal has gone to this account yet."""
        return self.signal is None or not self.signal.generation

    def _sure(self, draft: Draft) -> tuple[Leg, ...]:
        """The closings that are right however that ends on which the rest waits."""
        sides = _closed_by(draft)
        held = self._left(sides) if sides else []
        return tuple(leg for one in held for leg in self._closing(one, one.lots))

    def _waits_for(self, draft: Draft, before: Signal | None) -> str:
        """In a sentence, what must settle or go before; empty where nothing must."""
        if before:
            return f"Signal {before.pk} came before it and waits itself"
        sides = _decided_by(draft)
        if not sides:
            return ""
        is_whole = bool(_closed_by(draft))
        way = self._way  # read before the books: what fills in between is seen twice, never missed
        held = [holding for holding in self._held if holding.side in sides]
        awaited = way.unsettled(sides, held, unsent=not is_whole)
        if not awaited:
            return ""
        first = awaited[0]
        more = f", and {len(awaited) - 1} more" if len(awaited) > 1 else ""
        state = first.get_state_display().lower()
        return f"Order {first} ({state}){more}: what becomes of it decides what is to be done"

    @cached_property
    def _way(self) -> UnderWay:
        return under_way(self.strategy.key, self.account, self.symbol, at=self.at)

    def _left(self, sides: tuple[Side, ...]) -> list[Holding]:
        """What is held on these sides and not being closed."""
        way = self._way
        found = (way.left(held) for held in self._held if held.side in sides)
        return [holding for holding in found if holding.lots > ZERO]

    @cached_property
    def _held(self) -> list[Holding]:
        return held_by(self.strategy.key, self.account, [self.symbol.pk])

    def legs(self, draft: Draft) -> Iterator[Leg]:
        """Raises Unfit."""
        if draft.intent is Intent.TARGET:
            yield from self._to_target(draft, self._left(BOTH))
        elif draft.is_exit:
            yield from self._closings(draft, self._left(_decided_by(draft)))
        else:
            side: Side = "buy" if draft.intent is Intent.BUY else "sell"
            yield from self._sure(draft)
            doubt = self._way.quarantined(_closed_by(draft)) if draft.turns else None
            if doubt:
                raise Unfit("IN_DOUBT", _in_doubt(doubt))
            self._refuse_second(draft, side)
            yield self._entry(draft, side, self._size(draft))

    def _refuse_second(self, draft: Draft, side: Side) -> None:
        """Raises Unfit where the strategy holds one position at a time, and has or opens one."""
        if not self.strategy.one_at_a_time:
            return
        against = [held for held in self._held if held.side != side]
        if len(self._held) > (len(against) if draft.turns else 0):
            raise Unfit("ENTRY_LOCK", f"{self.strategy} holds {self.symbol.name} there already")
        if opening := self._way.opening(taken_back=_closed_by(draft)):
            state = opening.get_state_display().lower()
            raise Unfit("ENTRY_LOCK", f"{self.strategy} opens one already: {opening} is {state}")

    def _to_target(self, draft: Draft, held: list[Holding]) -> Iterator[Leg]:
        size = self._size(draft)
        if (doubt := self._way.quarantined(BOTH)) and size.value:
            raise Unfit("IN_DOUBT", _in_doubt(doubt))
        want = self._signed_lots(size, draft)
        astray = [holding for holding in held if holding.signed * want <= ZERO]
        have = sum((holding.signed for holding in held if holding not in astray), ZERO)
        if want == have and not astray:
            if doubt:
                raise Unfit("IN_DOUBT", _in_doubt(doubt))
            raise Unfit(
                "ON_TARGET", f"It holds {have.normalize():f} lots already", held=f"{have:f}"
            )
        for holding in astray:
            yield from self._closing(holding, holding.lots)
        more = abs(want) - abs(have)
        self._refuse_small_step(more, have=have, want=want)
        if more > ZERO:
            side: Side = "buy" if want > ZERO else "sell"
            figures = {"target": f"{want:f}"} | ({"held": f"{have:f}"} if have else {})
            lots, note = in_one_order(more, self._terms())
            yield self._opening(draft, side, Sized(lots, figures, note))
        else:
            toward = [holding for holding in held if holding not in astray]
            yield from self._reduced(toward, -more)

    def _refuse_small_step(self, more: Decimal, *, have: Decimal, want: Decimal) -> None:
        """Raises Unfit for a change that no broker takes; all of it may always be closed."""
        least = self._terms().lot_min
        if not want or not more or abs(more) >= least:
            return
        text = (
            f"From {plain(have)} to {plain(want)} lots it is {plain(abs(more))}; "
            f"the least is {plain(least)}"
        )
        figures = {"held": f"{have:f}", "target": f"{want:f}", "least": f"{least:f}"}
        raise Unfit("TOO_SMALL", text, **figures)

    def _signed_lots(self, size: Size, draft: Draft) -> Decimal:
        """The position that shall be: it may be larger than one order."""
        if not size.value:
            return ZERO
        side: Side = "buy" if size.value > ZERO else "sell"
        terms = replace(self._terms(), lot_max=None)
        return self._sized(size, draft, side, terms).lots * DIRECTION[side]

    def _closings(self, draft: Draft, held: list[Holding]) -> Iterator[Leg]:
        doubt = self._way.quarantined(_decided_by(draft))
        if not held and doubt:
            raise Unfit("IN_DOUBT", _in_doubt(doubt))
        if not held:
            raise Unfit("NOTHING_TO_CLOSE", f"{self.strategy} holds no {self.symbol.name} there")
        if draft.size is None:
            yield from self._reduced(held, sum((holding.lots for holding in held), ZERO))
        elif draft.size_before:
            yield from self._reduced(
                held, self._share_of(held, draft.size.value, draft.size_before)
            )
        elif self.strategy.size is not None:
            text = (
                f"{self.strategy} has a size of its own, so {plain(draft.size.value)} of the chart is no "
                "measure of what it holds: expected size_before, what the chart held before, or no size "
                "to close all"
            )
            raise Unfit("NO_SHARE", text)
        else:
            side = OPPOSITE[held[0].side]
            yield from self._reduced(held, self._sized(draft.size, draft, side).lots)

    def _share_of(self, held: list[Holding], closed: Decimal, before: Decimal) -> Decimal:
        """The lots that are the same share of what is held as the sender closed of its own. Raises Unfit."""
        terms = self._terms()
        total = sum((holding.lots for holding in held), ZERO)
        lots = total if closed == before else round_lots(total * closed / before, terms.lot_step)
        if lots < min(terms.lot_min, total):
            text = (
                f"{plain(closed)} of {plain(before)} is {plain(total * closed / before)} of the "
                f"{plain(total)} lots held; the least is {plain(terms.lot_min)}"
            )
            raise Unfit("TOO_SMALL", text, held=f"{total:f}", least=f"{terms.lot_min:f}")
        return lots

    def _reduced(self, held: list[Holding], lots: Decimal) -> Iterator[Leg]:
        """The oldest are closed first, never more than is held."""
        for holding in held:
            taken = min(holding.lots, lots)
            yield from self._closing(holding, taken)
            lots -= taken

    def _closing(self, holding: Holding, lots: Decimal) -> Iterator[Leg]:
        """In as many orders as the broker's largest makes of it: many entries may be one position."""
        while lots > ZERO:
            taken = in_one_order(lots, self._contract)[0]
            yield self._closing_of(holding, taken)
            lots -= taken

    def _closing_of(self, holding: Holding, lots: Decimal) -> Leg:
        nets = self.account.mode == Account.Mode.NETTING
        return Leg(
            account=self.account,
            symbol=self.symbol,
            strategy=self.strategy.key,
            side=OPPOSITE[holding.side],
            lots=lots,
            position_ref="" if nets else holding.position.ref,
            reduces=True,
        )

    def _entry(self, draft: Draft, side: Side, size: Size) -> Leg:
        return self._opening(draft, side, self._sized(size, draft, side))

    def _opening(self, draft: Draft, side: Side, sized: Sized) -> Leg:
        terms, entry = self._terms(), self._price(draft, side)
        _refuse_wide("distance", draft.distance, entry)
        fields = {
            "kind": draft.kind.value,
            **{name: getattr(draft, name) for name in NEEDS.get(draft.kind, ())},
            "stop_loss": _sound(draft.stop_loss, side, entry, terms, is_stop=True),
            "take_profit": _sound(draft.take_profit, side, entry, terms, is_stop=False),
            "trail": _trail(draft.trail, entry, terms),
            "duration": draft.duration.value,
            "expires_at": draft.expires_at if draft.duration is Duration.GTD else None,
            "comment": draft.comment[:60],
        }
        return Leg(
            account=self.account,
            symbol=self.symbol,
            strategy=self.strategy.key,
            side=side,
            lots=sized.lots,
            fields=fields,
            figures=sized.figures,
            note=sized.note,
        )

    def _size(self, draft: Draft) -> Size:
        """The strategy's own size where it has one, else what the signal says. Raises Unfit for neither."""
        if draft.intent is Intent.TARGET and draft.size is not None:
            return draft.size
        if self.strategy.size is not None:
            return Size(self.strategy.size, SizeIn(self.strategy.size_in))
        if draft.size is None:
            raise Unfit("NO_SIZE", f"Neither the signal nor {self.strategy} says a size")
        return draft.size

    def _sized(
        self, size: Size, draft: Draft, side: Side, terms: ContractTerms | None = None
    ) -> Sized:
        basis = self._basis(terms or self._terms(), size.unit, draft, side)
        stop = self._stop(draft, side) if size.unit is SizeIn.PERCENT_RISK else None
        sized = lots_of(size, basis, share=self.share, stop=stop)
        if isinstance(sized, Check):
            raise Unfit(sized.code, sized.text, **sized.figures)
        return sized

    def _stop(self, draft: Draft, side: Side) -> Decimal | None:
        entry = self._price(draft, side)
        return _level(draft.stop_loss, side, entry, self._terms(), is_stop=True)

    def _basis(self, terms: ContractTerms, unit: SizeIn, draft: Draft, side: Side) -> Basis:
        """With the price and the equity where a size of that unit is made from them. Raises Unfit."""
        price = self._worst_price(draft, side) if unit in OF_PRICE else None
        worth = point_value(terms)
        if worth is None:
            raise Unfit("NO_TERMS", f"{self.symbol.name} has no value of a tick")
        rates = BrokerRates(self.account.broker_id, at=self.at)
        rate = rate_to_account(self.symbol, self.account, self._quote, rates)
        return Basis(
            terms=terms,
            point_value=worth,
            price=price,
            rate=rate.value if rate else None,
            equity=self._equity if unit in OF_EQUITY else None,
            costs=lambda lots: costs_of(lots, self.symbol, self.account, self._market, price, rate),
        )

    def _terms(self) -> ContractTerms:
        if self._contract is None:
            raise Unfit("NO_TERMS", f"{self.symbol.name} has no terms today")
        return self._contract

    @property
    def _contract(self) -> ContractTerms | None:
        return self._market.contracts.get(self.symbol.pk)

    @cached_property
    def _market(self) -> Market:
        return market_on(self.at.date(), [self.symbol], [self.account.currency])

    @cached_property
    def _equity(self) -> Decimal | None:
        return state_of(self.account, at=self.at, base=self.account.currency).equity

    @property
    def _quote(self) -> Quote | None:
        return getattr(self.symbol, "last_quote", None)

    def _worst_price(self, draft: Draft, side: Side) -> Decimal:
        """The worst at which it may open. Raises Unfit."""
        quote = self._quote
        found = opening_price(
            side,
            draft.kind,
            price=self._price(draft, side),
            limit_price=draft.limit_price,
            distance=draft.distance,
            bid=quote.bid if quote else None,
            ask=quote.ask if quote else None,
        )
        if found is None:
            raise Unfit("NO_PRICE", f"{self.symbol.name} has no price yet")
        return found

    def _price(self, draft: Draft, side: Side) -> Decimal:
        """Where it opens by the market now, from which its levels are counted. Raises Unfit.

        Without a quote of now its own price, and of what has none the last quote's.
        """
        waits = draft.kind is not Kind.MARKET and draft.price is not None
        quote = quote_of_now(self.symbol, at=self.at) if waits else self._quote
        found = likely_price(
            side,
            draft.kind,
            price=draft.price,
            limit_price=draft.limit_price,
            bid=quote.bid if quote else None,
            ask=quote.ask if quote else None,
        )
        if found is None:
            raise Unfit("NO_PRICE", f"{self.symbol.name} has no price yet")
        return found


def _closed_by(draft: Draft) -> tuple[Side, ...]:
    """The sides that the signal closes whole, and of which it lets out no entry that waits."""
    if draft.turns and not draft.is_exit and draft.intent is not Intent.TARGET:
        return ("sell",) if draft.intent is Intent.BUY else ("buy",)
    if not draft.is_exit or draft.size is not None and draft.size.value:
        return ()
    return _sides(draft.intent)


def _decided_by(draft: Draft) -> tuple[Side, ...]:
    """The sides of which what is held decides what the signal does."""
    if draft.is_exit or draft.intent is Intent.TARGET:
        return _sides(draft.intent)
    return _closed_by(draft)


def _sides(intent: Intent) -> tuple[Side, ...]:
    """Which positions the intent means."""
    sides: dict[Intent, tuple[Side, ...]] = {
        Intent.CLOSE_LONG: ("buy",),
        Intent.CLOSE_SHORT: ("sell",),
    }
    return sides.get(intent, BOTH)


def _in_doubt(order: Order) -> str:
    return f"order {order} is quarantined; say what became of it, then send the signal again"


def is_for(signal: Signal, account: Account) -> bool:
    """Whether a waiting signal goes to that account, too."""
    if signal.account_id is not None:
        return signal.account_id == account.pk
    return (signal.draft or {}).get("account", account.number) == account.number


def _level(
    level: Level | None, side: Side, entry: Decimal, terms: ContractTerms, *, is_stop: bool
) -> Decimal | None:
    try:
        return price_of(level, side=side, entry=entry, terms=terms, is_stop=is_stop)
    except ValueError as error:
        raise Unfit(
            "LEVEL", f"Its {'stop' if is_stop else 'target'} cannot be had: {error}"
        ) from error


def _trail(level: Level | None, entry: Decimal, terms: ContractTerms) -> Decimal | None:
    """How far the stop follows, in price. Raises Unfit."""
    if level is None:
        return None
    try:
        away = way_of(level, entry=entry, terms=terms)
    except ValueError as error:
        raise Unfit("LEVEL", f"Its trail cannot be had: {error}") from error
    _refuse_wide("trail", away, entry)
    return away


def _refuse_wide(word: str, away: Decimal | None, entry: Decimal) -> None:
    """Raises Unfit for a way so far that it was meant as a price, or in another unit."""
    if why := why_too_wide(word, away, entry):
        raise Unfit("LEVEL", why)


def _sound(
    level: Level | None, side: Side, entry: Decimal, terms: ContractTerms, *, is_stop: bool
) -> Decimal | None:
    """The price of an entry's level. Raises Unfit, too, for one at which it would close at once."""
    found = _level(level, side, entry, terms, is_stop=is_stop)
    word, below = "stop" if is_stop else "target", (side == "buy") == is_stop
    if found is not None and not (found < entry if below else found > entry):
        where = "below" if below else "above"
        text = f"Expected the {word} of a {side} {where} {plain(entry)}, found {plain(found)}"
        raise Unfit("LEVEL", text)
    if is_stop and (why := why_too_far(found, entry)):
        raise Unfit("LEVEL", why)
    return found
