"""The one question trading asks before an order, and what becomes of the answer afterwards.

Everything here runs inside the transaction of the caller, who writes the order's next state in it: the
reservation and the state stand or fall together. Whatever cannot be judged is refused.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial

import structlog
from django.db import OperationalError, connection, transaction
from django.db.models import Exists, QuerySet

from accounts.models import Account
from risk import counters, kill_switch, situation
from risk.conversion import BrokerRates, ages
from risk.facts import Check, Intent, OrderFacts, Question, Verdict
from risk.judging import judged, still_open, still_within
from risk.kinds import Kind
from risk.measures import ask_of
from risk.models import Limit, Reservation
from risk.noting import note
from risk.rules import OF_HOLDS, refused
from risk.taking import held_row, larger_of, locked, measured, room_for, taken, top_up
from tradershub.core.prepared import first, prepared

LOCK_NOT_AVAILABLE, DEADLOCK = "55P03", "40P01"
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
        if not is_busy(fault):
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


# -- The story ---------------------------------------------------------------------------------
def _decided(facts: OrderFacts, decide: Callable[[OrderFacts], Verdict]) -> Verdict:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("The gate is asked inside a transaction")
    verdict, question = _judgement(facts, decide)
    if not verdict.passed:
        note(facts, verdict, question)
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
        code = "BUSY" if is_busy(fault) else "CONTROL_ERROR"
        return _failed(facts, fault, code=code), None
    except Exception as fault:
        return _failed(facts, fault, code="CONTROL_ERROR"), None


def _authorised(facts: OrderFacts) -> Verdict:
    account = _account(facts)
    question, limits = _asked(facts, account, kept_back=account.is_kept_back)
    if facts.risks_no_more:
        return _eased(question)
    with counters.patience():
        needs, usages, held, missing = locked(question)
        question = _with_book(question, account, limits)
        checks = [*judged(question), *missing]
        allowances, faults = measured(needs, question)
        checks += faults
        if not all(check.passed for check in checks):
            raise _Refused(_verdict(question, checks), question)
        checks += taken(allowances, usages, held, question)
    verdict = _verdict(question, checks)
    if not verdict.passed:
        raise _Refused(verdict, question)
    return verdict


def _hold_judged(facts: OrderFacts, *, again: bool) -> Verdict:
    account = _account(facts)
    question, limits = _asked(facts, account, again=again)
    with counters.patience():
        needs, usages, held, missing = locked(question)
        question = _with_book(question, account, limits)
        allowances, faults = measured(needs, question)
        room = [room_for(allowance, usages, held, question) for allowance in allowances]
    verdict = _verdict(question, [*judged(question), *missing, *faults, *room])
    if not verdict.passed:
        raise _Refused(verdict, question)
    return verdict


def _eased(question: Question) -> Verdict:
    """On a change that could lose no more. The order holds what it held, whatever limits say by now."""
    verdict = _verdict(question, judged(question))
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
    checks = [*judged(question), *still_open(question), *still_within(question, reservation)]
    verdict = _verdict(question, checks)
    if not verdict.passed:
        raise _Refused(verdict, question)
    return verdict


def _hold_larger(facts: OrderFacts) -> None:
    question, _ = _asked(facts, _account(facts))
    with counters.patience():
        needs, usages, others, _ = locked(question)
        reservation = first(held_row(facts.client_order_id))
        if facts.intent == Intent.EXIT or reservation is None or reservation.over_at is not None:
            return
        top_up(needs, usages, others, question, reservation)
        grown = larger_of(reservation, question)
        Reservation.objects.filter(pk=reservation.pk).update(**grown)


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


def is_busy(fault: OperationalError) -> bool:
    """Whether others held what was to be locked for too long, or the database ended a deadlock with this one."""
    return getattr(fault.__cause__, "sqlstate", "") in (LOCK_NOT_AVAILABLE, DEADLOCK)
