"""What the rules say of a question, each for itself: one that fails, or knows too little, refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import structlog

from risk.allowances import SHARED
from risk.facts import Check, Intent, LimitFact, Missing, OrderFacts, Question
from risk.kinds import KINDS
from risk.measures import money_limit
from risk.models import Reservation, Usage
from risk.rules import RULES, Rule, passed, refused

log = structlog.get_logger("risk.judging")


def judged(question: Question) -> list[Check]:
    """A check of every rule that the question is asked, in their order."""
    return [
        _judge(rule, question, *given)
        for rule in RULES
        if _is_asked(rule, question.order) and (rule.again or not question.again)
        for given in _given(rule, question)
    ]


def _is_asked(rule: Rule, order: OrderFacts) -> bool:
    if order.intent == Intent.EXIT:
        return rule.exits
    if order.intent == Intent.HOLD:
        return rule.holds
    return rule.eases or not order.risks_no_more


def _given(rule: Rule, question: Question) -> Iterable[tuple[LimitFact, ...]]:
    """Once without a limit, or once for each limit of the rule's kind."""
    if rule.kind is None:
        return [()]
    return [(limit,) for limit in question.limits if limit.kind == rule.kind]


def _judge(rule: Rule, question: Question, *limits: LimitFact) -> Check:
    """What the rule says, with the limit it said it of. Whatever is no Check is a refusal."""
    check = _guarded(rule.name, lambda: rule.judge(question, *limits))
    if not limits:
        return check
    return replace(check, figures={**check.figures, "limit_id": limits[0].id})


def _guarded(name: str, judge: Callable[[], Check]) -> Check:
    try:
        check = judge()
    except Missing as missing:
        return not_known(name, missing)
    except Exception:
        log.exception("risk_rule_failed", rule=name)
        return control_error(name)
    return check if isinstance(check, Check) else control_error(name)


def not_known(name: str, missing: Missing) -> Check:
    text = f"Not known: {missing.name}"
    return refused(name, "MISSING", text, {"missing": missing.name})


def control_error(name: str) -> Check:
    return refused(name, "CONTROL_ERROR", f"The rule {name} could not be evaluated", {})


def still_open(question: Question) -> list[Check]:
    """An exit that waited finds something to close; where not, some platforms would open the other side."""
    if question.order.intent != Intent.EXIT:
        return []
    figures = {"open": question.closable}
    if question.closable:
        return [passed("closing", figures)]
    text = "What it was to close is closed already"
    return [refused("closing", "NOTHING_TO_CLOSE", text, figures)]


def still_within(question: Question, reservation: Reservation) -> list[Check]:
    """R2: limits lowered since the order was reserved. Every order that waits then sees too little room."""
    now = {limit.id: limit for limit in question.limits}
    holds = reservation.holds.filter(usage__limit__in=now).select_related("usage")
    checks = []
    for hold in holds:
        limit = now[hold.usage.limit_id]
        still = partial(_lowered, question, hold.usage, limit)
        checks.append(_guarded(SHARED[limit.kind].rule, still))
    return checks


def _lowered(question: Question, usage: Usage, limit: LimitFact) -> Check:
    rule = SHARED[limit.kind]
    most = money_limit(limit, question)
    figures = {"used": usage.used, "reserved": usage.reserved, "limit": most}
    if usage.used + usage.reserved > most:
        text = f"{KINDS[limit.kind].label}, {limit.name}, was lowered since the order was allowed"
        return refused(rule.rule, "LIMIT_LOWERED", text, figures)
    return passed(rule.rule, figures)
