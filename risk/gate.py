"""The one question trading asks before an order, and what becomes of the answer afterwards.

Everything here runs inside the transaction of the caller, who writes the order's next state in it: the
reservation and the state stand or fall together. Whatever cannot be judged is refused.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import structlog
from django.db import OperationalError, connection, transaction
from django.db.models import Exists, F, QuerySet

from accounts.models import Account, Topic
from accounts.notify import Words, tell
from risk import counters, kill_switch, situation
from risk.allowances import SHARED, Allowance, Need, counter_scope, needs_of, parts_of
from risk.conversion import BrokerRates, ages
from risk.counters import Counter
from risk.facts import (
    Check,
    Intent,
    LimitFact,
    Missing,
    OrderFacts,
    Question,
    Verdict,
)
from risk.kinds import KINDS, Kind
from risk.measures import ask_of, covers, larger, money_limit
from risk.models import Hold, Limit, Reservation, RiskEvent, Usage
from risk.rules import OF_HOLDS, RULES, Rule, over_allowance, passed, refused, within_allowance
from tradershub.core.prepared import first, prepared
from tradershub.core.rows import insert
from tradershub.finance.decimals import ONE, ZERO

LOCK_NOT_AVAILABLE, DEADLOCK = "55P03", "40P01"
LATCHING = frozenset({"LOSS", "DRAWDOWN", "STRATEGY_LOSS", "TOO_MANY_ENTRIES"})
log = structlog.get_logger("risk.gate")


class _Refused(Exception):  # noqa: N818 (takes back what was reserved, then becomes a value)
    def __init__(self, verdict: Verdict, question: Question | None) -> None:
        super().__init__(verdict.refusal)
        self.verdict = verdict
        self.question = question


def authorise(facts: OrderFacts) -> Verdict:
    """Judge the order by every rule and, when all pass, reserve what it may use under its client id.

    Call it inside a transaction. Exits are judged by their own short list. An order that has its
    reservation already (an amendment) is judged anew and holds the larger of both until it is settled; where it
    could lose no more by it, no limit is asked.
    Never raises for a rule that fails: that is a refusal, CONTROL_ERROR. Where other workers hold the
    counters for too long the refusal is BUSY; nothing is reserved then and it may be asked again.
    """
    return _decided(facts, _authorised)


def recheck(facts: OrderFacts) -> Verdict:
    """The last look before sending: kill switch, age, session, accounts and limits lowered meanwhile.

    Call it inside the transaction that claims the order: the kill switch is locked shared until its end,
    so that no send begins after a stop is committed. Reserves nothing; an order without a reservation, or
    one reserved under another epoch of the switch, is refused.
    """
    return _decided(facts, _rechecked)


def judge_hold(facts: OrderFacts, *, again: bool = False) -> Verdict:
    """Whether a position may go on with the stop that the facts state, by which it may lose more than now.

    Call it inside a transaction. Asked are the kill switch and the limits on what is at risk (`rules.OF_HOLDS`),
    with the position as it would be. Reserves nothing; again: right before it is sent, as `recheck`.
    """
    return _decided(facts, partial(_hold_judged, again=again))


def rehearse(facts: OrderFacts) -> Verdict:
    """What `authorise` would say now. Nothing is reserved, latched or noted."""
    with transaction.atomic():
        verdict, _ = _judgement(facts, _authorised)
        transaction.set_rollback(True)
    return verdict


def hold_larger(facts: OrderFacts) -> bool:
    """An entry works at the broker as these facts say: it holds the larger of that and of what it held.

    Nothing is judged, and it is held whether there is room or not: others get less. An order that holds nothing
    is left alone. False where other workers hold the counters for too long: it may be asked again.
    """
    try:
        with transaction.atomic():
            _hold_larger(facts)
    except OperationalError as fault:
        if not _is_busy(fault):
            raise
        return False
    return True


def consume(client_order_id: str, *, lots: Decimal) -> bool:
    """So many more lots of the order were filled: they are used, no longer reserved.

    Returns whether that was the last of it: it holds nothing any more.

    Call it in the transaction that books the deal, or after it: before, others could see neither. Lots add up
    to the most that the order was to have; what is beyond is ignored, as is an id that holds nothing.
    """
    if lots <= 0:
        return False
    with transaction.atomic(savepoint=False):
        counters.lock_of(client_order_id)
        if counters.consume_whole(client_order_id, lots=lots):
            return True
        reservation = counters.reservation_of(client_order_id)
        if reservation is None:
            return False
        return counters.consume(reservation, share=lots / reservation.lots)


def release(client_order_id: str) -> None:
    """The order is over: what it still held is free again. Safe to repeat; unknown ids do nothing."""
    with transaction.atomic(savepoint=False):
        counters.lock_of(client_order_id)
        counters.give_back(client_order_id)


def hold_again(client_order_id: str) -> bool:
    """An order that was believed to be over works at its broker: what it held and has not filled is held again.

    Whatever the limits say: it is there. Returns whether it has a reservation, else nothing is held.
    """
    with transaction.atomic(savepoint=False):
        reservation = counters.locked_over(client_order_id)
        if reservation is not None:
            counters.hold_again(reservation)
    return reservation is not None


def hold_still(client_order_ids: Collection[str]) -> None:
    """Lock the counters of these orders until the caller's transaction ends.

    Counters are locked first, then orders, then the audit log, by everybody: who will let go of an order after
    he has locked one of the others calls this before.
    """
    counters.lock_held(client_order_ids)


def may_send_message(*, account_id: int, at: dt.datetime, cancels: bool = False) -> bool:
    """Whether one more request may go to the account's broker now, and if so counts it.

    cancels: a cancel or a close, which have a reserve of their own that orders cannot use up. Counted by
    whole windows, so that two windows side by side let twice as many through at their common edge.
    """
    if not _of_messages():
        return True
    account = Account.objects.get(pk=account_id)
    of_messages = Limit.objects.filter(kind=Kind.MESSAGES, enabled=True)
    limits = of_messages.filter(situation.of_account(account))
    with transaction.atomic():
        fits = all(_counted(limit, account, at=at, cancels=cancels) for limit in limits)
        if not fits:  # counted by every limit, or by none
            transaction.set_rollback(True)
    return fits


# -- The story ---------------------------------------------------------------------------------
def _decided(facts: OrderFacts, decide: Callable[[OrderFacts], Verdict]) -> Verdict:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("The gate is asked inside a transaction")
    verdict, question = _judgement(facts, decide)
    if not verdict.passed:
        _note(facts, verdict, question)
    return verdict


def _judgement(
    facts: OrderFacts, decide: Callable[[OrderFacts], Verdict]
) -> tuple[Verdict, Question | None]:
    """The verdict, with the question it answers where the order was refused."""
    try:
        with transaction.atomic():
            return decide(facts), None
    except _Refused as no:
        return no.verdict, no.question
    except OperationalError as fault:
        code = "BUSY" if _is_busy(fault) else "CONTROL_ERROR"
        return _failed(facts, fault, code=code), None
    except Exception as fault:
        return _failed(facts, fault, code="CONTROL_ERROR"), None


def _authorised(facts: OrderFacts) -> Verdict:
    account = _account(facts)
    question, limits = _asked(facts, account, kept_back=account.is_kept_back)
    if facts.risks_no_more:
        return _eased(question)
    with counters.patience():
        needs, usages, held, missing = _locked(question)
        question = _with_book(question, account, limits)
        checks = [*_judged(question), *missing]
        allowances, faults = _measured(needs, question)
        checks += faults
        if not all(check.passed for check in checks):
            raise _Refused(_verdict(question, checks), question)
        checks += _taken(allowances, usages, held, question)
    verdict = _verdict(question, checks)
    if not verdict.passed:
        raise _Refused(verdict, question)
    return verdict


def _hold_judged(facts: OrderFacts, *, again: bool) -> Verdict:
    account = _account(facts)
    question, limits = _asked(facts, account, again=again)
    with counters.patience():
        needs, usages, held, missing = _locked(question)
        question = _with_book(question, account, limits)
        allowances, faults = _measured(needs, question)
        room = [_room_for(allowance, usages, held, question) for allowance in allowances]
    verdict = _verdict(question, [*_judged(question), *missing, *faults, *room])
    if not verdict.passed:
        raise _Refused(verdict, question)
    return verdict


def _room_for(
    allowance: Allowance,
    usages: dict[tuple[str, str], Usage],
    others: Sequence[Reservation],
    question: Question,
) -> Check:
    """Whether it fits beside what is used and what orders hold; nothing of it is taken."""
    usage = usages[(allowance.scope, allowance.key)]
    if usage.since is None:
        counters.seed(usage, allowance.kind, _held_before(allowance, others, question))
    fits = allowance.used + usage.reserved + allowance.amount <= allowance.ceiling
    say = within_allowance if fits else over_allowance
    return say(allowance, reserved=usage.reserved)


def _eased(question: Question) -> Verdict:
    """On a change that could lose no more. The order holds what it held, whatever limits say by now."""
    verdict = _verdict(question, _judged(question))
    if not verdict.passed:
        raise _Refused(verdict, question)
    return verdict


def _rechecked(facts: OrderFacts) -> Verdict:
    reservation = first(_reserved(facts.client_order_id, *_who(facts), facts.at))
    if reservation is None:
        question, _ = _asked(facts, _account(facts), again=True)
        text = "Nothing is reserved for this order"
        check = refused("reservation", "NO_RESERVATION", text, {})
        raise _Refused(_verdict(question, [check]), question)
    account, kept_back = reservation.account, reservation.is_kept_back
    question, limits = _asked(facts, account, again=True, kept_back=kept_back)
    question = replace(
        _with_results(question, account, limits),
        again=True,
        reserved_under=reservation.epoch,
        pinned_instrument=reservation.instrument_id,
    )
    checks = [*_judged(question), *_still_open(question), *_still_within(question, reservation)]
    verdict = _verdict(question, checks)
    if not verdict.passed:
        raise _Refused(verdict, question)
    return verdict


def _hold_larger(facts: OrderFacts) -> None:
    question, _ = _asked(facts, _account(facts))
    with counters.patience():
        needs, usages, others, _ = _locked(question)
        reservation = first(_own(facts.client_order_id))
        if facts.intent == Intent.EXIT or reservation is None or reservation.over_at is not None:
            return
        own = counters.holds_of(reservation)
        for allowance in (allowance for need in needs for allowance in _sized(need, question)):
            usage = usages[(allowance.scope, allowance.key)]
            if usage.since is None:
                counters.seed(usage, allowance.kind, _held_before(allowance, others, question))
            held = own.get(usage.pk)
            counters.top_up(usage, allowance.amount, reservation=reservation, held=held)
        grown = _larger(reservation, question)
        Reservation.objects.filter(pk=reservation.pk).update(**grown)


def _sized(need: Need, question: Question) -> list[Allowance]:
    """What the order takes of each counter, also where nobody knows what is used of it."""
    try:
        return need.find(question, True)
    except Missing:
        return need.find(question, False)


def _account(facts: OrderFacts) -> Account:
    found = first(_accounts(*_who(facts), facts.at))
    if found is None:
        raise Account.DoesNotExist(f"Expected account {facts.account_id} as the order states it")
    return found


def _who(facts: OrderFacts) -> tuple[int, int, str]:
    return facts.account_id, facts.owner_id, facts.currency


@prepared
def _accounts(pk: int, owner: int, currency: str, at: dt.datetime) -> QuerySet[Account]:
    """The account as the order states it. is_kept_back: whether any blackout runs for it."""
    rows = Account.objects.select_related("broker").filter(pk=pk, owner=owner, currency=currency)
    return rows.annotate(is_kept_back=Exists(situation.running(at, owner)))


@prepared
def _reserved(
    client_order_id: str, account: int, owner: int, currency: str, at: dt.datetime
) -> QuerySet[Reservation]:
    """What the order holds, with its account as of `_accounts`."""
    rows = Reservation.objects.select_related("account__broker").filter(
        client_order_id=client_order_id,
        account=account,
        account__owner=owner,
        account__currency=currency,
        over_at=None,
    )
    return rows.annotate(is_kept_back=Exists(situation.running(at, owner)))


def _asked(
    facts: OrderFacts, account: Account, *, again: bool = False, kept_back: bool = True
) -> tuple[Question, list[Limit]]:
    """The question before anything is locked but, on the last look (again), the switch.

    kept_back: False where it is known that no blackout runs.
    """
    standing = kill_switch.standing(
        account, strategy=facts.strategy, source=facts.source, share_lock=again
    )
    is_entry = facts.intent == Intent.ENTRY
    limits = situation.binding(facts) if facts.intent != Intent.EXIT else []
    if facts.intent == Intent.HOLD:
        limits = [limit for limit in limits if limit.kind in OF_HOLDS]
    found = [
        situation.limit_fact(limit, account, at=facts.at, strategy=facts.strategy)
        for limit in limits
    ]
    rates = BrokerRates(account.broker_id, at=facts.at)
    order = situation.completed(facts, account, found, rates, again=again)
    question = Question(
        order=order,
        standing=standing,
        ages=ages(),
        ask=ask_of(order, ages()),
        rates=rates,
        limits=situation.with_latches(found),
        blackouts=situation.blackouts_now(facts) if is_entry and kept_back else (),
    )
    return question, limits


def _with_book(question: Question, account: Account, limits: Sequence[Limit]) -> Question:
    """The question with what only counts once the counters are locked."""
    question = _with_results(question, account, limits)
    order = question.order
    if order.intent == Intent.EXIT:
        return question
    longest = max(
        [question.ages.duplicates]
        + [limit.value for limit in question.limits if limit.kind == Kind.DUPLICATES]
    )
    others = situation.others_of(order, longest)
    return replace(
        question,
        holdings=situation.holdings_for(order, question.limits),
        reserved=others.held,
        twins=others.twins,
        is_reserved=others.is_reserved,
        entries=situation.entries_in(order, question.limits),
        opened=situation.opened_in(order, account, question.limits),
        parent_used=situation.parent_used(order),
    )


def _with_results(question: Question, account: Account, limits: Sequence[Limit]) -> Question:
    """The question with what the last look asks for, too: lots to close, or where the losses stand."""
    order = question.order
    if order.intent == Intent.EXIT:
        return replace(question, closable=situation.closable(order))
    losses, best_days = situation.losses(order, account, limits)
    return replace(question, losses=losses, best_days=best_days)


# -- Rules -------------------------------------------------------------------------------------
def _judged(question: Question) -> list[Check]:
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
        return _missing(name, missing)
    except Exception:
        log.exception("risk_rule_failed", rule=name)
        return _control_error(name)
    return check if isinstance(check, Check) else _control_error(name)


def _missing(name: str, missing: Missing) -> Check:
    text = f"Not known: {missing.name}"
    return refused(name, "MISSING", text, {"missing": missing.name})


def _control_error(name: str) -> Check:
    return refused(name, "CONTROL_ERROR", f"The rule {name} could not be evaluated", {})


# -- Allowances --------------------------------------------------------------------------------
def _locked(
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
            missing.append(_missing(need.rule, fault))
            continue
        needs.append(need)
        wanted += [Counter(a.scope, a.key, a.limit.id if a.limit else None) for a in found]
        shared += [(a.scope, a.key, a.limit) for a in found if a.limit]
    usages = counters.lock(wanted)
    new = [limit for scope, key, limit in shared if usages[(scope, key)].since is None]
    return needs, usages, situation.held_still(order, new) if new else [], missing


def _measured(needs: Sequence[Need], question: Question) -> tuple[list[Allowance], list[Check]]:
    allowances: list[Allowance] = []
    faults: list[Check] = []
    for need in needs:
        try:
            allowances += need.find(question, True)
        except Missing as missing:
            faults.append(_missing(need.rule, missing))
        except Exception:
            log.exception("risk_rule_failed", rule=need.rule)
            faults.append(_control_error(need.rule))
    return allowances, faults


def _taken(
    allowances: Sequence[Allowance],
    usages: dict[tuple[str, str], Usage],
    others: Sequence[Reservation],
    question: Question,
) -> list[Check]:
    reservation, own = _reservation(question)
    checks = []
    for allowance in allowances:
        usage = usages[(allowance.scope, allowance.key)]
        if usage.since is None:
            counters.seed(usage, allowance.kind, _held_before(allowance, others, question))
        held = own.get(usage.pk)
        reserved = usage.reserved - (held.left if held else ZERO)
        fits = counters.take(usage, allowance, reservation=reservation, held=held)
        say = within_allowance if fits else over_allowance
        checks.append(say(allowance, reserved=reserved))
    return checks


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


def _still_open(question: Question) -> list[Check]:
    """An exit that waited finds something to close; where not, some platforms would open the other side."""
    if question.order.intent != Intent.EXIT:
        return []
    figures = {"open": question.closable}
    if question.closable:
        return [passed("closing", figures)]
    text = "What it was to close is closed already"
    return [refused("closing", "NOTHING_TO_CLOSE", text, figures)]


def _still_within(question: Question, reservation: Reservation) -> list[Check]:
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


def _reservation(question: Question) -> tuple[Reservation, dict[int, Hold]]:
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
    row = first(_own(order.client_order_id)) if question.is_reserved else None
    if row is None:
        row = Reservation(client_order_id=order.client_order_id, **asked)
        insert([row])
        return row, {}
    asked |= _larger(row, question) | {"automatic": row.automatic, "at": row.at}
    for name, value in asked.items():
        setattr(row, name, value)
    row.save(update_fields=list(asked))
    if row.over_at is not None:
        raise ValueError(f"The reservation of {order.client_order_id} is over: expected a new id")
    return row, counters.holds_of(row)


def _larger(row: Reservation, question: Question) -> dict[str, Any]:
    """Of the order as it was reserved and as it is in question, the more; what was consumed is of that whole."""
    most = max(row.lots, question.order.lots)
    return {
        "lots": most,
        "consumed": counters.share_of(row.consumed * row.lots, most),
        "ask": situation.ask_json(larger(situation.ask_from(row.ask), question.ask)),
    }


@prepared
def _own(client_order_id: str) -> QuerySet[Reservation]:
    return Reservation.objects.select_for_update().filter(client_order_id=client_order_id)


# -- Messages ----------------------------------------------------------------------------------
@prepared
def _of_messages() -> QuerySet[Limit]:
    return Limit.objects.filter(kind=Kind.MESSAGES, enabled=True)


def _counted(limit: Limit, account: Account, *, at: dt.datetime, cancels: bool) -> bool:
    key = situation.key_of(limit, account, at=at) + (":cancels" if cancels else "")
    scope = f"limit:{limit.pk}"
    counters.lock([Counter(scope, key, limit.pk)])
    seconds = limit.seconds or 1
    window = dt.datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, tz=dt.UTC)
    rows = Usage.objects.filter(scope=scope, key=key)
    rows.exclude(since=window).update(since=window, used=ZERO)
    return bool(
        rows.filter(used__lte=limit.value - ONE).update(used=F("used") + counters.exact(ONE))
    )


# -- What is said and kept -----------------------------------------------------------------------
def _verdict(question: Question, checks: Sequence[Check]) -> Verdict:
    return Verdict(
        passed=bool(checks) and all(check.passed for check in checks),
        checks=tuple(checks),
        epoch=question.standing.epoch,
        collar=min(
            (limit.value for limit in question.limits if limit.kind == Kind.PRICE_COLLAR),
            default=None,
        ),
        paced=question.order.intent == Intent.EXIT  # for which no limits are read
        or any(limit.kind == Kind.MESSAGES for limit in question.limits),
    )


def _failed(facts: OrderFacts, fault: Exception, *, code: str) -> Verdict:
    log.error("risk_gate_failed", code=code, client_order_id=facts.client_order_id, exc_info=fault)
    words = {
        "BUSY": "The counters are held by other orders for too long: nothing was reserved",
        "CONTROL_ERROR": "The order could not be judged",
    }
    return Verdict(passed=False, checks=(refused("gate", code, words[code], {}),), epoch=0)


def _is_busy(fault: OperationalError) -> bool:
    return getattr(fault.__cause__, "sqlstate", "") in (LOCK_NOT_AVAILABLE, DEADLOCK)


def _note(facts: OrderFacts, verdict: Verdict, question: Question | None) -> None:
    """Keep the refusal, and latch the limits of loss that were found broken."""
    account = Account.objects.filter(pk=facts.account_id, owner=facts.owner_id).first()
    if account is None:
        return
    for check in verdict.checks:
        if not check.passed:
            RiskEvent.objects.create(
                kind=RiskEvent.Kind.REFUSED,
                account=account,
                limit_id=check.figures.get("limit_id"),
                client_order_id=facts.client_order_id,
                rule=check.rule,
                code=check.code,
                text=check.text[:300],
                figures=check.figures,
                at=facts.at,
            )
    if question is not None:
        _latch(question, verdict, account)


def _latch(question: Question, verdict: Verdict, account: Account) -> None:
    """A limit of loss that was found broken stays so until its window ends or a person lets it go on."""
    broken = {check.figures.get("limit_id"): check for check in verdict.checks if not check.passed}
    for limit in question.limits:
        check = broken.get(limit.id)
        if check is None or check.code not in LATCHING or limit.latched_at is not None:
            continue
        counter = Counter(counter_scope(limit), limit.window_key, limit.id)
        if counters.latch(counter, at=question.order.at):
            RiskEvent.objects.create(
                kind=RiskEvent.Kind.BROKEN,
                account=account,
                limit_id=limit.id,
                rule=check.rule,
                code=check.code,
                text=check.text[:300],
                figures=check.figures,
                at=question.order.at,
            )
            words = Words(
                check.text, "New entries are refused until its window ends or you let it go on."
            )
            key = f"limit:{limit.id}:{limit.window_key}:{question.order.at.timestamp():.0f}"
            tell(Topic.LIMIT, key, words, owner_id=account.owner_id)
