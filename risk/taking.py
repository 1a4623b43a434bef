"""The counters behind a verdict: locked in the order of everybody, measured, and what an order takes of them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import structlog
from django.db.models import QuerySet

from risk import counters, situation
from risk.allowances import Allowance, Need, counter_scope, needs_of, parts_of
from risk.counters import Counter
from risk.facts import Check, Missing, Question
from risk.judging import control_error, not_known
from risk.kinds import KINDS, Kind
from risk.measures import covers, larger
from risk.models import Hold, Reservation, Usage
from risk.rules import over_allowance, within_allowance
from tradershub.core.prepared import first, prepared
from tradershub.core.rows import insert
from tradershub.finance.decimals import ZERO

log = structlog.get_logger("risk.taking")


def room_for(
    allowance: Allowance,
    usages: dict[tuple[str, str], Usage],
    others: Sequence[Reservation],
    question: Question,
) -> Check:
    """Whether it fits beside what is used and what orders hold; nothing of it is taken."""
    usage = _begun(allowance, usages, others, question)
    fits = allowance.used + usage.reserved + allowance.amount <= allowance.ceiling
    say = within_allowance if fits else over_allowance
    return say(allowance, reserved=usage.reserved)


def _sized(need: Need, question: Question) -> list[Allowance]:
    """What the order takes of each counter, also where nobody knows what is used of it."""
    try:
        return need.find(question, True)
    except Missing:
        return need.find(question, False)


def locked(
    question: Question,
) -> tuple[list[Need], dict[tuple[str, str], Usage], list[Reservation], list[Check]]:
    """Lock the counters that the order needs; those of which the key cannot be known are refusals.

    Where a counter is new, what it begins with is locked, too, before the books are read: else an order that is
    filled meanwhile would be in neither, or in the counter for ever.
    """
    order = question.order
    wanted = [Counter(f"account:{order.account_id}")]
    wanted += [
        Counter(counter_scope(limit), limit.window_key, limit.id)
        for limit in question.limits
        if limit.kind == Kind.ENTRIES
    ]
    needs, shared, missing = [], [], []
    for need in needs_of(question):
        try:
            found = need.find(question, False)
        except Missing as fault:
            missing.append(not_known(need.rule, fault))
            continue
        needs.append(need)
        wanted += [Counter(a.scope, a.key, a.limit.id if a.limit else None) for a in found]
        shared += [(a.scope, a.key, a.limit) for a in found if a.limit]
    usages = counters.lock(wanted)
    new = [limit for scope, key, limit in shared if usages[(scope, key)].since is None]
    return needs, usages, situation.held_still(order, new) if new else [], missing


def measured(needs: Sequence[Need], question: Question) -> tuple[list[Allowance], list[Check]]:
    """What the order takes of each counter, and a refusal for each that cannot be known."""
    allowances: list[Allowance] = []
    faults: list[Check] = []
    for need in needs:
        try:
            allowances += need.find(question, True)
        except Missing as missing:
            faults.append(not_known(need.rule, missing))
        except Exception:
            log.exception("risk_rule_failed", rule=need.rule)
            faults.append(control_error(need.rule))
    return allowances, faults


def taken(
    allowances: Sequence[Allowance],
    usages: dict[tuple[str, str], Usage],
    others: Sequence[Reservation],
    question: Question,
) -> list[Check]:
    """Reserve what there is room for; a check each. Nothing may stay reserved where one of them fails."""
    reservation, own = _reservation_for(question)
    checks = []
    for allowance in allowances:
        usage = _begun(allowance, usages, others, question)
        held = own.get(usage.pk)
        reserved = usage.reserved - (held.left if held else ZERO)
        fits = counters.take(usage, allowance, reservation=reservation, held=held)
        say = within_allowance if fits else over_allowance
        checks.append(say(allowance, reserved=reserved))
    return checks


def top_up(
    needs: Sequence[Need],
    usages: dict[tuple[str, str], Usage],
    others: Sequence[Reservation],
    question: Question,
    reservation: Reservation,
) -> None:
    """The order holds of each counter the larger of what it held and what it takes by now, fit or not."""
    own = counters.holds_of(reservation)
    for allowance in (allowance for need in needs for allowance in _sized(need, question)):
        usage = _begun(allowance, usages, others, question)
        held = own.get(usage.pk)
        counters.top_up(usage, allowance.amount, reservation=reservation, held=held)


def _begun(
    allowance: Allowance,
    usages: dict[tuple[str, str], Usage],
    others: Sequence[Reservation],
    question: Question,
) -> Usage:
    """Its counter; a new one begins with what other orders hold."""
    usage = usages[(allowance.scope, allowance.key)]
    if usage.since is None:
        counters.seed(usage, allowance.kind, _held_before(allowance, others, question))
    return usage


def _held_before(
    allowance: Allowance, others: Sequence[Reservation], question: Question
) -> list[tuple[Reservation, Decimal]]:
    """What other orders hold that were reserved before the counter was there."""
    limit = allowance.limit
    if limit is None:
        return []
    found = []
    for row in others:
        if row.client_order_id == question.order.client_order_id:
            continue
        ask = situation.ask_from(row.ask)
        is_mine = not KINDS[limit.kind].each or ask.account_id == question.order.account_id
        if is_mine and covers(limit, ask):
            amount = parts_of(ask, limit, question.rates).get(allowance.key)
            found += [(row, amount)] if amount else []
    return found


def _reservation_for(question: Question) -> tuple[Reservation, dict[int, Hold]]:
    """The order's row and what it holds by counter: a new one, or that of the order which is amended, of the
    larger of both: the broker has not agreed to the other yet. When and by whom it was entered stays.
    """
    order = question.order
    asked = {
        "account_id": order.account_id,
        "symbol_id": order.symbol_id,
        "instrument_id": order.instrument_id,
        "intent": order.intent.value,
        "side": order.side,
        "lots": order.lots,
        "strategy": order.strategy,
        "origin": order.origin[:120],
        "parent": order.parent,
        "automatic": order.automatic,
        "fingerprint": situation.fingerprint(order),
        "ask": situation.ask_json(question.ask),
        "epoch": question.standing.epoch,
        "at": order.at,
    }
    row = first(held_row(order.client_order_id)) if question.is_reserved else None
    if row is None:
        row = Reservation(client_order_id=order.client_order_id, **asked)
        insert([row])
        return row, {}
    asked |= larger_of(row, question) | {"automatic": row.automatic, "at": row.at}
    for name, value in asked.items():
        setattr(row, name, value)
    row.save(update_fields=list(asked))
    if row.over_at is not None:
        raise ValueError(f"The reservation of {order.client_order_id} is over: expected a new id")
    return row, counters.holds_of(row)


def larger_of(row: Reservation, question: Question) -> dict[str, Any]:
    """Of the order as it was reserved and as it is in question, the more; what was consumed is of that whole."""
    most = max(row.lots, question.order.lots)
    return {
        "lots": most,
        "consumed": counters.share_of(row.consumed * row.lots, most),
        "ask": situation.ask_json(larger(situation.ask_from(row.ask), question.ask)),
    }


@prepared
def held_row(client_order_id: str) -> QuerySet[Reservation]:
    return Reservation.objects.select_for_update().filter(client_order_id=client_order_id)
