"""One function a rule: a question in, a Check out that says what it found, passed or refused.

Rules are pure. A figure that is not known raises Missing, which the gate makes a refusal that names it; any
other exception, and an answer that is no Check, is a refusal too (CONTROL_ERROR). Limits that orders share are
in `allowances`: they are decided by the database.
Sources: SEC rule 15c3-5, RTS 6 (EU 2017/589), the firms' own published terms.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from risk import measures
from risk.allowances import Allowance
from risk.facts import (
    AHEAD,
    BlackoutFact,
    Check,
    Intent,
    LimitFact,
    Losses,
    OrderFacts,
    Question,
    known,
)
from risk.kinds import KINDS, Kind, Trail, Unit
from tradershub.core.formats import money, number, places
from tradershub.finance.correlation import LEAST
from tradershub.finance.decimals import HUNDRED, ONE, ZERO
from tradershub.finance.sides import DIRECTION

CURRENCY = re.compile(r"[A-Z]{3}")
# Limits on what is lost at a stop: of what was put in, and of the equity of now.
TO_STOP = frozenset({Kind.RISK_PER_TRADE, Kind.HEAT, Kind.CORRELATED})
FROM_NOW = frozenset({Kind.LOSS, Kind.DRAWDOWN})
CORRELATED_FROM = Decimal("0.7")  # |r| above which two instruments move together


class Rule(NamedTuple):
    """name: as in a Check. kind: judged once for each limit of that kind, or once where None.

    exits: asked of exits, too. eases: asked of a change that could lose no more, too. holds: asked of a position
    that goes on with a stop at which it may lose more, too. again: asked once more right before sending.
    """

    name: str
    judge: Callable[..., Check]
    kind: Kind | None = None
    exits: bool = False
    eases: bool = False
    holds: bool = False
    again: bool = True


# -- States ------------------------------------------------------------------------------------
def kill_switch(question: Question) -> Check:
    """R1. On the last look also whether somebody stopped and released since the order was reserved."""
    standing = question.standing
    figures = {"epoch": standing.epoch, "scope": standing.scope}
    if standing.engaged:
        reason = f": {standing.reason}" if standing.reason else ""
        return refused(
            "kill_switch", "KILL_SWITCH", f"Trading is stopped ({standing.words}){reason}", figures
        )
    if question.again and question.reserved_under != standing.epoch:
        text = "Trading was stopped after this order was allowed"
        return refused(
            "kill_switch",
            "KILL_SWITCH",
            text,
            {**figures, "allowed_under": question.reserved_under},
        )
    return passed("kill_switch", figures)


def account_state(question: Question) -> Check:
    """R18. The account is open and may be traded on, its platform and connection are on, live is live."""
    order = question.order
    shut = order.why_shut
    states = {
        "account_open": (order.account_open, "The account is closed"),
        "may_trade": (order.may_trade, _why_no_trade(order)),
        "platform_enabled": (order.platform_enabled, shut or "The platform is switched off"),
        "connection_enabled": (
            order.connection_enabled,
            shut or "The connection is switched off",
        ),
    }
    for name, (state, text) in states.items():
        if not known(state, name):
            return refused("account_state", name.upper(), text, {name: state})
    live = known(order.account_is_live, "account_is_live")
    if live != known(order.connection_is_live, "connection_is_live"):
        text = f"The account is {_money_word(live)}, its connection {_money_word(not live)}"
        return refused("account_state", "LIVE_MISMATCH", text, {"account_is_live": live})
    return passed("account_state", {"live": live})


def _why_no_trade(order: OrderFacts) -> str:
    if order.closes_only:
        return "Only closings may go out for the account"
    closings = ", for closings too: let closings out, or close at the broker"
    return "Trading is switched off for the account" + (
        closings if order.intent == Intent.EXIT else ""
    )


def size(question: Question) -> Check:
    """R2. Lots above zero, and for an entry a size that the broker's terms know."""
    order = question.order
    lots = order.lots
    figures: dict[str, Any] = {"lots": lots}
    if not lots.is_finite() or lots <= 0:
        return refused("size", "BAD_SIZE", f"Expected lots above zero, found {lots}", figures)
    if order.intent == Intent.EXIT:
        return passed("size", figures)
    least, step = known(order.lot_min, "lot_min"), known(order.lot_step, "lot_step")
    figures |= {"least": least, "step": step, "most": order.lot_max}
    if lots < least or lots % step:
        text = f"Expected at least {_plain(least)} lots in steps of {_plain(step)}, found {_plain(lots)}"
        return refused("size", "BAD_SIZE", text, figures)
    if order.lot_max is not None and lots > order.lot_max:
        text = f"The broker takes at most {_plain(order.lot_max)} lots, found {_plain(lots)}"
        return refused("size", "BAD_SIZE", text, figures)
    return passed("size", figures)


def session(question: Question) -> Check:
    """R12. The symbol trades now."""
    order = question.order
    if not known(order.session_open, "session_open"):
        return refused("session", "SESSION_CLOSED", f"{order.symbol} does not trade now", {})
    return passed("session", {})


def blackout(question: Question) -> Check:
    """R12. No event is near that moves the instrument; of several, the one is named that ends last."""
    running = [window for window in question.blackouts if _concerns(window, question.order)]
    if not running:
        return passed("blackout", {"running": len(running)})
    last = max(running, key=lambda window: window.ends_at)
    text = f"No new entries before {last.ends_at:%Y-%m-%d %H:%M:%S} UTC: {last.event}"
    figures = {"blackout_id": last.id, "until": last.ends_at.isoformat()}
    return refused("blackout", "BLACKOUT", text, figures)


def signal_age(question: Question) -> Check:
    """R12. By the settings; a limit may be shorter."""
    return _age("signal_age", question, question.ages.signal)


def signal_age_limit(question: Question, limit: LimitFact) -> Check:
    return _age("signal_age_limit", question, limit.value)


def mapping(question: Question) -> Check:
    """R13. The symbol is still the instrument that it was when the order was allowed."""
    now, then = question.order.instrument_id, question.pinned_instrument
    if question.again and now != then:
        text = f"{question.order.symbol} was mapped to another instrument since"
        return refused("mapping", "MAPPING_CHANGED", text, {"now": now, "then": then})
    return passed("mapping", {"instrument": now})


def symbols_allowed(question: Question, limit: LimitFact) -> Check:
    """R13. The very same characters: a name that only looks like an allowed one is another."""
    name = question.order.symbol
    if name not in limit.words:
        text = f"{name} is not among the symbols allowed ({limit.name})"
        return refused("symbols_allowed", "SYMBOL_NOT_ALLOWED", text, {"allowed": len(limit.words)})
    return passed("symbols_allowed", {})


# -- Prices ------------------------------------------------------------------------------------
def quote(question: Question) -> Check:
    """R4. A two-sided quote of now, uncrossed. An order that opens at its limit may do without any.

    So may a position of which nothing is measured from the price of now.
    """
    order = question.order
    if order.intent == Intent.HOLD:
        if not _is_measured_from_now(question):
            return passed("quote", {})
    elif order.market is None and order.opens_at is not None:
        return passed("quote", {"price": order.price})
    market = known(order.market, "quote")
    age = _seconds(order.at, market.at)
    figures = {"bid": market.bid, "ask": market.ask, "age": age, "oldest": question.ages.quote}
    if market.bid <= 0 or market.ask < market.bid:
        text = f"The quote is not two-sided: {_plain(market.bid)} to {_plain(market.ask)}"
        return refused("quote", "BAD_QUOTE", text, figures)
    if _is_of_another_time(age, question.ages.quote):
        text = f"The quote of {order.symbol} is {_plain(age)} s old, expected at most {_plain(question.ages.quote)}"
        return refused("quote", "STALE_QUOTE", text, figures)
    return passed("quote", figures)


def collar(question: Question) -> Check:
    """R4. By the settings; a limit may be narrower."""
    return _collar("collar", question, question.ages.collar)


def collar_limit(question: Question, limit: LimitFact) -> Check:
    return _collar("collar_limit", question, limit.value)


def conversion(question: Question) -> Check:
    """R3. The rate to the account's currency is known, above zero, and of now."""
    order = question.order
    if order.intent == Intent.HOLD and not question.limits:  # nothing is measured in it
        return passed("conversion", {})
    if order.quote == order.currency and order.rate is not None and order.rate.value == ONE:
        return passed("conversion", {"rate": ONE})
    rate = order.rate
    if rate is None or rate.value <= 0:
        found = None if rate is None else rate.value
        text = f"No rate from {order.quote or 'an unknown currency'} to {order.currency}"
        return refused("conversion", "NO_RATE", text, {"rate": found})
    age, oldest = _seconds(order.at, rate.at), question.ages.oldest(rate)
    figures = {"rate": rate.value, "age": age, "oldest": oldest}
    if age > oldest if rate.daily else _is_of_another_time(age, oldest):
        text = f"The rate to {order.currency} is {_plain(age)} s old, expected at most {_plain(oldest)}"
        return refused("conversion", "NO_RATE", text, figures)
    return passed("conversion", figures)


# -- One order ---------------------------------------------------------------------------------
def max_lots(question: Question, limit: LimitFact) -> Check:
    """R2."""
    return _at_most("max_lots", "MAX_LOTS", question.order.lots, limit.value, "lots", limit)


def max_notional(question: Question, limit: LimitFact) -> Check:
    """R3. At the order's own price, or at the ask."""
    currency = measures.currency_of(limit, question)
    found = _converted(known(question.ask.notional, "notional"), currency, question)
    most = measures.money_limit(limit, question)
    return _at_most("max_notional", "MAX_NOTIONAL", found, most, currency, limit)


def risk_per_trade(question: Question, limit: LimitFact) -> Check:
    """What the stop would cost. An order without a stop has no risk that could be judged: refused."""
    if question.order.stop_loss is None and question.order.trail is None:
        what = "position" if question.order.intent == Intent.HOLD else "order"
        text = f"The {what} has no stop, so its risk cannot be held to {limit.name}"
        return refused("risk_per_trade", "NO_STOP", text, {})
    currency = measures.currency_of(limit, question)
    found = _converted(measures.risk(question.order), currency, question)
    most = measures.money_limit(limit, question)
    return _at_most("risk_per_trade", "RISK_PER_TRADE", found, most, currency, limit)


def free_margin(question: Question) -> Check:
    """R14. The account's figures are of now; the room itself is shared (`allowances`)."""
    order = question.order
    free, margin = known(order.free_margin, "free_margin"), known(order.margin, "margin")
    age = _seconds(order.at, free.at)
    figures = {"free": free.value, "margin": margin, "age": age, "oldest": question.ages.equity}
    if _is_of_another_time(age, question.ages.equity):
        text = f"The free margin is {_plain(age)} s old, expected at most {_plain(question.ages.equity)}"
        return refused("free_margin", "STALE_MARGIN", text, figures)
    return passed("free_margin", figures)


def margin_level(question: Question, limit: LimitFact) -> Check:
    """Equity by margin in percent, once this order and those allowed before it are filled."""
    order = question.order
    equity = _fresh_equity(question)
    waiting = sum(
        (
            known(ask.margin, "margin")
            for ask in question.reserved
            if ask.account_id == order.account_id
        ),
        ZERO,
    )
    used = equity - known(order.free_margin, "free_margin").value
    after = used + waiting + known(order.margin, "margin")
    if after <= 0:
        return passed("margin_level", {"margin": after})
    level = equity / after * HUNDRED
    figures = {"level": level, "least": limit.value, "equity": equity, "margin": after}
    if level < limit.value:
        text = f"The margin level would be {_round(level)} %, expected at least {_plain(limit.value)} %"
        return refused("margin_level", "MARGIN_LEVEL", text, figures)
    return passed("margin_level", figures)


def correlated(question: Question, limit: LimitFact) -> Check:
    """Risk of the order and of all open and allowed that moves with it, |r| > 0.7, the same way."""
    order = question.order
    r_of = known(order.correlations, "correlations")
    currency = measures.currency_of(limit, question)
    total, counted = _converted(known(question.ask.risk, "risk"), currency, question), {}
    for holding in measures.held(question, limit):
        if holding.account_id == order.account_id and _together(question, holding, r_of):
            counted[holding.symbol] = holding.instrument_id
            total += measures.holding_risk(
                holding, currency, rates=question.rates, ages=question.ages
            )
    for ask in question.reserved:
        if ask.account_id == order.account_id and _together(question, ask, r_of):
            counted[ask.symbol] = ask.instrument_id
            total += _converted(known(ask.risk, "risk"), currency, question)
    most = measures.money_limit(limit, question)
    found = _at_most("correlated", "CORRELATED", total, most, currency, limit)
    moving = {name: r_of[pk] for name, pk in counted.items() if pk is not None and pk in r_of}
    if not moving:
        return found
    words = ", ".join(f"{name} r {number(r, 2)} of n {n} days" for name, (r, n) in moving.items())
    text = f"{found.text}; with {words}" if found.text else ""
    return replace(found, text=text, figures={**found.figures, "moves_with": words})


# -- Losses ------------------------------------------------------------------------------------
def loss(question: Question, limit: LimitFact) -> Check:
    """R7. Loss since the window began, open positions and costs included; once broken, until it ends.

    An entry whose stop would lose more than what is left is refused as well.
    """
    return _loss("loss", "LOSS", question, limit)


def drawdown(question: Question, limit: LimitFact) -> Check:
    """R8. Fall from the start, the highest end of a day or the highest moment; latched until released."""
    return _loss("drawdown", "DRAWDOWN", question, limit)


def strategy_loss(question: Question, limit: LimitFact) -> Check:
    """R7, of the strategy that asks. Orders of no strategy have none."""
    order = question.order
    if not order.strategy:
        return passed("strategy_loss", {})
    _fresh_equity(question)
    currency = measures.currency_of(limit, question)
    result = _converted(known(order.strategy_result, "strategy_result"), currency, question)
    most = measures.money_limit(limit, question)
    figures = {"loss": -result, "limit": most, "currency": currency}
    if limit.latched_at or -result >= most:
        text = f"{order.strategy} lost {_round(max(-result, ZERO))} {currency} today, allowed {_round(most)}"
        return refused("strategy_loss", "STRATEGY_LOSS", text, figures)
    return passed("strategy_loss", figures)


def best_day(question: Question, limit: LimitFact) -> Check:
    """Today's profit as a share of the target, or of all profitable days where these are more.

    Firms pay out only while the best day stays below a share; more entries could raise it further.
    """
    found = known(question.best_days.get(limit.id), "results by day")
    today = known(found.today, "equity")
    whole = max(known(limit.capital, "target"), found.earlier + max(today, ZERO))
    most = limit.value * whole / HUNDRED
    figures = {"today": today, "limit": most, "share": limit.value, "of": whole}
    if today >= most:
        text = f"Today's profit of {_round(today)} is the most that one day may bring: {_round(most)} ({limit.name})"
        return refused("best_day", "BEST_DAY", text, figures)
    return passed("best_day", figures)


# -- Repetition --------------------------------------------------------------------------------
def duplicates(question: Question) -> Check:
    """R9. By the settings; a limit may be longer."""
    return _twin("duplicates", question, question.ages.duplicates)


def duplicates_limit(question: Question, limit: LimitFact) -> Check:
    return _twin("duplicates_limit", question, limit.value)


def entries(question: Question, limit: LimitFact) -> Check:
    """R11. Automatic entries within the window; once too many, until a person lets it go on."""
    if not question.order.automatic:
        return passed("entries", {})
    found = Decimal(known(question.entries.get(limit.id), "automatic entries"))
    figures = {"entries": found, "limit": limit.value, "seconds": limit.seconds}
    if limit.latched_at or found + ONE > limit.value:
        text = (
            f"{_plain(found)} automatic entries within {limit.seconds} s, allowed {_plain(limit.value)}; "
            "a person must let them go on"
        )
        return refused("entries", "TOO_MANY_ENTRIES", text, figures)
    return passed("entries", figures)


RULES: tuple[Rule, ...] = (
    Rule("kill_switch", kill_switch, eases=True, holds=True),
    Rule("account_state", account_state, exits=True, eases=True),
    Rule("size", size, exits=True, eases=True),
    Rule("session", session),
    Rule("blackout", blackout),
    Rule("signal_age", signal_age),
    Rule("signal_age_limit", signal_age_limit, Kind.SIGNAL_AGE),
    Rule("mapping", mapping),
    Rule("symbols_allowed", symbols_allowed, Kind.SYMBOLS),
    Rule("quote", quote, holds=True),
    Rule("collar", collar),
    Rule("collar_limit", collar_limit, Kind.PRICE_COLLAR),
    Rule("conversion", conversion, holds=True),
    Rule("max_lots", max_lots, Kind.MAX_LOTS),
    Rule("max_notional", max_notional, Kind.MAX_NOTIONAL),
    Rule("risk_per_trade", risk_per_trade, Kind.RISK_PER_TRADE, holds=True),
    Rule("free_margin", free_margin, again=False),
    Rule("margin_level", margin_level, Kind.MARGIN_LEVEL, again=False),
    Rule("loss", loss, Kind.LOSS, holds=True),
    Rule("strategy_loss", strategy_loss, Kind.STRATEGY_LOSS, holds=True),
    Rule("drawdown", drawdown, Kind.DRAWDOWN, holds=True),
    Rule("best_day", best_day, Kind.BEST_DAY),
    Rule("correlated", correlated, Kind.CORRELATED, holds=True, again=False),
    Rule("duplicates", duplicates, again=False),
    Rule("duplicates_limit", duplicates_limit, Kind.DUPLICATES, again=False),
    Rule("entries", entries, Kind.ENTRIES, again=False),
)

# What a position that is held is held to: these, and its part of what is shared.
OF_HOLDS = frozenset({rule.kind for rule in RULES if rule.holds and rule.kind} | {Kind.HEAT})


def lost_and_allowed(limit: LimitFact, found: Losses) -> tuple[Decimal, Decimal]:
    """What is lost by a limit of loss, and what may be, in the account's currency. Raises Missing."""
    result = known(found.result, "equity")
    high = known(found.reference, "result at the start of the window")
    lost = high - result
    allowed = limit.value
    if limit.unit == Unit.PERCENT:
        base = limit.capital if limit.capital is not None else found.base
        allowed = limit.value * known(base, "capital") / HUNDRED
    if limit.kind != Kind.DRAWDOWN:
        return lost, allowed
    if limit.lock_at is not None and limit.trail != Trail.STATIC:
        lost = _locked(limit, lost, allowed=allowed, result=result)
    floor = _fixed_floor(limit, high=high, allowed=allowed)
    if floor is not None:
        equity = result + known(found.base, "capital") - high
        lost = max(lost, floor + allowed - equity)
    return lost, allowed


def over_allowance(allowance: Allowance, *, reserved: Decimal) -> Check:
    """The refusal of a counter that has no room for the order."""
    room = max(allowance.ceiling - allowance.used - reserved, ZERO)
    word = f" {allowance.word}" if allowance.word else ""
    asked, left, most, used, held = (
        _amount(value, allowance.word)
        for value in (allowance.amount, room, allowance.ceiling, allowance.used, reserved)
    )
    text = f"{allowance.noun}: {asked}{word} asked, {left} left of {most} ({used} used, {held} reserved)"
    return refused(allowance.rule, allowance.code, text, allowance_figures(allowance, reserved))


def within_allowance(allowance: Allowance, *, reserved: Decimal) -> Check:
    return passed(allowance.rule, allowance_figures(allowance, reserved))


def allowance_figures(allowance: Allowance, reserved: Decimal) -> dict[str, Any]:
    return {
        "asked": allowance.amount,
        "used": allowance.used,
        "reserved": reserved,
        "limit": allowance.ceiling,
        "counter": allowance.key,
        "unit": allowance.word,
    }


def passed(rule: str, figures: dict[str, Any]) -> Check:
    return Check(rule=rule, passed=True, figures=_written(figures))


def refused(rule: str, code: str, text: str, figures: dict[str, Any]) -> Check:
    return Check(rule=rule, passed=False, code=code, text=text, figures=_written(figures))


# -- Small parts -------------------------------------------------------------------------------
def _concerns(window: BlackoutFact, order: OrderFacts) -> bool:
    """A pair is concerned by both of its currencies, anything else by that of its price."""
    if window.instrument_id is not None:
        return window.instrument_id == known(order.instrument_id, "instrument")
    if window.currency:
        return window.currency in (known(order.base, "base"), known(order.quote, "quote"))
    return True


def _is_measured_from_now(question: Question) -> bool:
    """Whether a limit asks what the position may lose from where it would close now, or where its trail begins."""
    kinds = FROM_NOW if question.order.trail is None else FROM_NOW | TO_STOP
    return any(limit.kind in kinds for limit in question.limits)


def _age(name: str, question: Question, most: Decimal) -> Check:
    order = question.order
    if order.signal_at is None:
        return passed(name, {})
    age = _seconds(order.at, order.signal_at)
    figures = {"age": age, "oldest": most}
    if age > most:
        text = f"What asked for the order is {_plain(age)} s old, expected at most {_plain(most)}"
        return refused(name, "STALE", text, figures)
    return passed(name, figures)


def _collar(name: str, question: Question, most: Decimal) -> Check:
    """How far the order's own price lies from the market; an inverted pair shows at once. A stop may be as wide as
    the limits on risk let it.
    """
    order = question.order
    if order.price is None or order.market is None:
        return passed(name, {})
    middle = (order.market.bid + order.market.ask) / 2
    away = abs(order.price - middle) / middle * HUNDRED
    figures = {"price": order.price, "market": middle, "away": away, "limit": most}
    if away > most:
        text = f"The price {_plain(order.price)} is {_round(away)} % from the market, expected at most {_plain(most)} %"
        return refused(name, "COLLAR", text, figures)
    return passed(name, figures)


def _loss(name: str, code: str, question: Question, limit: LimitFact) -> Check:
    order = question.order
    found = known(question.losses.get(limit.id), f"{KINDS[limit.kind].label.lower()} figures")
    _fresh_equity(question)
    lost, allowed = lost_and_allowed(limit, found)
    room = allowed - lost
    figures = {"loss": lost, "limit": allowed, "left": max(room, ZERO), "currency": order.currency}
    shown = f"{_round(max(lost, ZERO))} {order.currency}"
    if room <= 0:
        text = f"{limit.name}: lost {shown}, allowed {_round(allowed)}"
        return refused(name, code, text, figures)
    if limit.latched_at:
        text = f"{limit.name} was broken at {limit.latched_at:%Y-%m-%d %H:%M} UTC and stays so"
        return refused(name, code, text, figures)
    at_stop = _at_stop(question)
    if at_stop is not None and at_stop > room:
        what = "without a stop it may" if order.stop_loss is None else "the stop would"
        text = (
            f"{limit.name}: {what} lose {_round(at_stop)} {order.currency}, {_round(room)} is left"
        )
        return refused(name, f"{code}_ROOM", text, {**figures, "at_stop": at_stop})
    return passed(name, figures)


def _at_stop(question: Question) -> Decimal | None:
    """What the equity loses at the stop; without one a position loses the adverse move, and an entry is not asked."""
    order = question.order
    if order.stop_loss is not None:
        return measures.risk_from_now(order)
    if order.intent != Intent.HOLD:
        return None
    return known(question.ask.risk, "risk") + known(order.costs, measures.COSTS)


def _locked(limit: LimitFact, lost: Decimal, *, allowed: Decimal, result: Decimal) -> Decimal:
    """The floor trails no higher than `lock_at`: floor = min(high - allowed, lock)."""
    lock = known(limit.lock_at, "lock") - known(limit.capital, "capital")
    floor = min(result + lost - allowed, lock)
    return floor + allowed - result


def _fixed_floor(limit: LimitFact, *, high: Decimal, allowed: Decimal) -> Decimal | None:
    """The equity, as a firm states it, that a payout may not go below either; None where there is none.

    high: the result from which the loss is counted.
    """
    if limit.capital is None:
        return None
    if limit.trail == Trail.STATIC:
        return limit.capital - allowed
    is_locked = limit.lock_at is not None and high - allowed >= limit.lock_at - limit.capital
    return limit.lock_at if is_locked else None


def _fresh_equity(question: Question) -> Decimal:
    """The equity. Raises Missing where it is not known or older than the settings allow."""
    equity = known(question.order.equity, "equity")
    if _is_of_another_time(_seconds(question.order.at, equity.at), question.ages.equity):
        known(None, f"equity of the last {_plain(question.ages.equity)} s")
    return equity.value


def _is_of_another_time(age: Decimal, oldest: Decimal) -> bool:
    """Too old, or of a time that is yet to come: the hub's clock was set back, and nobody knows how old it is."""
    return age > oldest or age < -AHEAD


def _twin(name: str, question: Question, within: Decimal) -> Check:
    order = question.order
    near = [at for at in question.twins if abs(_seconds(order.at, at)) < within]
    figures = {"within": within, "same": len(near)}
    if near:
        text = f"The same order was asked for {_plain(_seconds(order.at, max(near)))} s ago by another signal or form"
        return refused(name, "DUPLICATE", text, figures)
    return passed(name, figures)


def _together(question: Question, other: Any, r_of: Any) -> bool:
    """Whether another position or order wins and loses with this one."""
    order = question.order
    if other.instrument_id == order.instrument_id:
        return bool(other.side == order.side)
    unknown = (
        f"correlation with {other.symbol}: it takes prices of both on {LEAST} days and one more. Import "
        f"statements or reference rates, close {other.symbol} first, or switch the limit off"
    )
    r = known(r_of.get(other.instrument_id), unknown).r
    if abs(r) <= CORRELATED_FROM:
        return False
    way = 1 if r > 0 else -1
    return DIRECTION[order.side] * DIRECTION[other.side] * way > 0


def _at_most(
    name: str, code: str, found: Decimal, most: Decimal, word: str, limit: LimitFact
) -> Check:
    figures = {"asked": found, "limit": most, "unit": word, "version": limit.version}
    if found > most:
        asked, allowed = _amount(found, word), _amount(most, word)
        text = f"{KINDS[limit.kind].label}, {limit.name}: {asked} {word}, allowed {allowed}"
        return refused(name, code, text, figures)
    return passed(name, figures)


def _converted(amount: Decimal, currency: str, question: Question) -> Decimal:
    own = question.order.currency
    return amount if currency == own else amount * question.rates(own, currency)


def _seconds(later: datetime, earlier: datetime) -> Decimal:
    """Seconds between, in thousandths: ages are never read from a float."""
    gap = later - earlier
    whole = gap.days * 86400 + gap.seconds
    return Decimal(whole) + Decimal(gap.microseconds // 1000) / 1000


def _money_word(live: bool) -> str:
    return "for real money" if live else "for play money"


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _amount(value: Decimal, word: str) -> str:
    """Money to its currency's digits, so that figures side by side have as many; lots and counts by `_round`."""
    return money(value, word) if CURRENCY.fullmatch(word) else _round(value)


def _round(value: Decimal) -> str:
    """To cents; a finer figure of few digits, as 0.001 lots, as it is; whole ones without cents."""
    if value == value.to_integral_value():
        return number(value, 0)
    return number(value, max(2, places(value)) if places(value) <= 4 else 2)


def _written(figures: dict[str, Any]) -> dict[str, Any]:
    """Decimals as plain text, which both databases and JSON give back unchanged."""
    return {
        name: _plain(value) if isinstance(value, Decimal) else value
        for name, value in figures.items()
    }
