"""Limits that orders share: what an order takes of each counter, and what is used of it already.

A counter is one row a limit and key. `used` is measured from the books while the row is locked, `reserved` is
what other orders hold; an order gets its part only where used + reserved + its part stays within the limit.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from risk import measures
from risk.facts import Ask, Intent, LimitFact, Question, Rates, known
from risk.kinds import KINDS, Kind
from tradershub.finance.decimals import ONE, ZERO

Parts = dict[str, Decimal]


class Allowance(NamedTuple):
    """One counter that the order needs a part of. limit: None for what holds without one.

    key: which counter of the limit. ceiling: what used + reserved may come to. word: of the unit.
    """

    rule: str
    code: str
    limit: LimitFact | None
    scope: str
    key: str
    amount: Decimal
    used: Decimal
    ceiling: Decimal
    noun: str
    word: str

    @property
    def kind(self) -> Kind | None:
        return None if self.limit is None else self.limit.kind


class Shared(NamedTuple):
    """How a kind of limit is shared: parts of an order by counter key, and what is used of a key."""

    rule: str
    code: str
    parts: Callable[[Ask, LimitFact, Rates], Parts]
    used: Callable[[Question, LimitFact, str], Decimal]


def _one(ask: Ask, limit: LimitFact, rates: Rates) -> Parts:
    return {limit.window_key: ONE}


def _one_resting(ask: Ask, limit: LimitFact, rates: Rates) -> Parts:
    return {limit.window_key: ONE} if ask.resting else {}


def _notional(ask: Ask, limit: LimitFact, rates: Rates) -> Parts:
    return {"": _money(known(ask.notional, "notional"), ask, limit, rates)}


def _risk(ask: Ask, limit: LimitFact, rates: Rates) -> Parts:
    return {"": _money(known(ask.risk, "risk"), ask, limit, rates)}


def _lots(ask: Ask, limit: LimitFact, rates: Rates) -> Parts:
    return {_symbol_key(ask.instrument_id, ask.symbol, ask.side): ask.lots}


def _legs(ask: Ask, limit: LimitFact, rates: Rates) -> Parts:
    own = limit.currency or ask.currency
    wanted = {
        code: value
        for code, value in known(ask.legs, "currencies").items()
        if code != own and (not limit.words or code in limit.words)
    }
    return {
        f"{code}:{measures.LONG if value > 0 else measures.SHORT}": _money(
            abs(value), ask, limit, rates
        )
        for code, value in wanted.items()
    }


def _money(amount: Decimal, ask: Ask, limit: LimitFact, rates: Rates) -> Decimal:
    own = limit.currency or ask.currency
    return amount if own == ask.currency else amount * rates(ask.currency, own)


def _symbol_key(instrument_id: int | None, symbol: str, side: str) -> str:
    return f"{instrument_id or symbol}:{side}"


def _exposure_held(question: Question, limit: LimitFact, key: str) -> Decimal:
    currency = measures.currency_of(limit, question)
    values = (
        measures.holding_value(holding, currency, question.rates)
        for holding in measures.held(question, limit)
    )
    return sum(values, ZERO)


def _risk_held(question: Question, limit: LimitFact, key: str) -> Decimal:
    currency = measures.currency_of(limit, question)
    risks = (
        measures.holding_risk(holding, currency, rates=question.rates, ages=question.ages)
        for holding in measures.held(question, limit)
    )
    return sum(risks, ZERO)


def _lots_held(question: Question, limit: LimitFact, key: str) -> Decimal:
    lots = (
        holding.lots
        for holding in measures.held(question, limit)
        if _symbol_key(holding.instrument_id, holding.symbol, holding.side) == key
    )
    return sum(lots, ZERO)


def _leg_held(question: Question, limit: LimitFact, key: str) -> Decimal:
    code, _, way = key.rpartition(":")
    net = measures.net_leg(question, limit, code)
    return max(net if way == measures.LONG else -net, ZERO)


def _positions_held(question: Question, limit: LimitFact, key: str) -> Decimal:
    return Decimal(sum(1 for _ in measures.held(question, limit)))


def _foreign_working(question: Question, limit: LimitFact, key: str) -> Decimal:
    return Decimal(known(question.order.foreign_working, "foreign_working"))


def _opened(question: Question, limit: LimitFact, key: str) -> Decimal:
    return Decimal(known(question.opened.get(limit.id), "trades of the day"))


SHARED: dict[Kind, Shared] = {
    Kind.EXPOSURE: Shared("exposure", "EXPOSURE", _notional, _exposure_held),
    Kind.SYMBOL_LOTS: Shared("symbol_lots", "SYMBOL_LOTS", _lots, _lots_held),
    Kind.CURRENCY_EXPOSURE: Shared("currency_exposure", "CURRENCY_EXPOSURE", _legs, _leg_held),
    Kind.OPEN_POSITIONS: Shared("open_positions", "OPEN_POSITIONS", _one, _positions_held),
    Kind.WORKING_ORDERS: Shared("working_orders", "WORKING_ORDERS", _one_resting, _foreign_working),
    Kind.HEAT: Shared("heat", "HEAT", _risk, _risk_held),
    Kind.TRADES: Shared("trades", "TRADES", _one, _opened),
}


def counter_scope(limit: LimitFact) -> str:
    return f"limit:{limit.id}"


def margin_scope(account_id: int) -> str:
    return f"margin:{account_id}"


def closing_scope(question_account: int, *, position_ref: str, symbol: str) -> str:
    return f"closing:{question_account}:{position_ref or symbol}"


def parent_scope(owner_id: int, parent: str) -> str:
    return f"parent:{owner_id}:{parent}"


class Need(NamedTuple):
    """One rule's counters for this order. find: with what is used of them once that was measured."""

    rule: str
    find: Callable[[Question, bool], list[Allowance]]


def needs_of(question: Question) -> list[Need]:
    """What the order needs a part of, in the order in which it is asked for."""
    order = question.order
    if order.intent == Intent.EXIT:
        return [Need("closing", _closing)]
    found = [Need("margin", _margin)] if order.intent == Intent.ENTRY else []
    if order.parent:
        found.append(Need("parent", _parent))
    return found + [
        Need(SHARED[limit.kind].rule, _finder(limit))
        for limit in question.limits
        if limit.kind in SHARED
    ]


def parts_of(ask: Ask, limit: LimitFact, rates: Rates) -> Parts:
    """What an order takes of a limit's counters, by key. Raises Missing."""
    return SHARED[limit.kind].parts(ask, limit, rates)


def _finder(limit: LimitFact) -> Callable[[Question, bool], list[Allowance]]:
    return lambda question, measured: _of_limit(question, limit, measured=measured)


def _of_limit(question: Question, limit: LimitFact, *, measured: bool) -> list[Allowance]:
    shared = SHARED[limit.kind]
    parts = shared.parts(question.ask, limit, question.rates)
    return [
        Allowance(
            rule=shared.rule,
            code=shared.code,
            limit=limit,
            scope=counter_scope(limit),
            key=key,
            amount=amount,
            used=shared.used(question, limit, key) if measured else ZERO,
            ceiling=measures.money_limit(limit, question) if measured else ZERO,
            noun=f"{KINDS[limit.kind].label}, {limit.name}",
            word=_word(question, limit),
        )
        for key, amount in parts.items()
    ]


def _word(question: Question, limit: LimitFact) -> str:
    if limit.kind in (Kind.EXPOSURE, Kind.CURRENCY_EXPOSURE, Kind.HEAT):
        return measures.currency_of(limit, question)
    return "lots" if limit.kind == Kind.SYMBOL_LOTS else ""


def _margin(question: Question, measured: bool) -> list[Allowance]:
    order = question.order
    found = Allowance(
        rule="margin",
        code="MARGIN",
        limit=None,
        scope=margin_scope(order.account_id),
        key="",
        amount=known(order.margin, "margin") if measured else ZERO,
        used=ZERO,
        ceiling=max(known(order.free_margin, "free_margin").value, ZERO) if measured else ZERO,
        noun="Margin against what is free",
        word=order.currency,
    )
    return [found]


def _parent(question: Question, measured: bool) -> list[Allowance]:
    order = question.order
    found = Allowance(
        rule="parent",
        code="PARENT",
        limit=None,
        scope=parent_scope(order.owner_id, order.parent),
        key="",
        amount=order.lots,
        used=question.parent_used,
        ceiling=known(order.parent_lots, "parent_lots") if measured else ZERO,
        noun="Parts of one order",
        word="lots",
    )
    return [found]


def _closing(question: Question, measured: bool) -> list[Allowance]:
    order = question.order
    found = Allowance(
        rule="closing",
        code="NOTHING_TO_CLOSE",
        limit=None,
        scope=closing_scope(order.account_id, position_ref=order.position_ref, symbol=order.symbol),
        key="",
        amount=order.lots,
        used=ZERO,
        ceiling=known(question.closable, "open lots") if measured else ZERO,
        noun="Lots that close what is open",
        word="lots",
    )
    return [found]
