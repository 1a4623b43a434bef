"""The story of a signal: from a stored message to queued orders. What happens to these is told in execution."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.models import Account
from risk import gate
from risk.facts import Check
from tradershub.core import rows
from tradershub.core.audit import plain, record
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.spans import span
from trading import journal, services, telling
from trading.gates import GATES, SINCE, SignalFacts, Word, is_in_time, normalise
from trading.ids import Origin
from trading.models import Gate, Order, Route, Signal, SignalSource
from trading.planning import Leg, Plan, without_entry
from trading.routing import route
from trading.sources.draft import Intent
from trading.sources.plain import draft_from_plain
from trading.underway import under_way

log = structlog.get_logger("trading.pipeline")
State, Mode = Signal.State, SignalSource.Mode
LOOKS = 5  # at what moves while it is decided
PASSED = Check(rule="mode", passed=True)
NOBODY = Check(
    rule="route",
    passed=False,
    code="NO_ROUTE",
    text="No account that may take it: the strategy has no open route there",
)


def run(signal: Signal, *, approved_by: str = "", pumps: bool = False) -> Account | None:
    """Turn a stored signal into queued orders. Ends early with a stated reason; safe to run twice.

    One that must know what becomes of orders on their way waits, and is run again when they have settled.
    pumps: the caller works the lane of the account that is returned himself, at once, so that no worker is
    woken for it; should he die before, the sweeper finds what is queued.
    """
    if signal.state != (State.WAITING if approved_by else State.RECEIVED):
        return None
    by = approved_by or (signal.decided_by if signal.waits else "")
    if approved_by:
        signal.approved_at = timezone.now()
    for _ in range(LOOKS):
        facts = normalise(signal, draft_from_plain(signal.draft), at=timezone.now())
        try:
            return _carry_out(facts, by=by, pumps=pumps)
        except _Moved:
            log.info("moved_meanwhile", signal=signal.pk)
    return None  # the sweeper looks again


class _Moved(Exception):  # noqa: N818 (no fault: look again)
    """What a plan was made from has changed meanwhile."""


def _carry_out(facts: SignalFacts, *, by: str, pumps: bool) -> Account | None:
    """Raises _Moved where what was looked at has changed before it was decided."""
    signal = facts.signal
    with span("gates", signal.origin):
        refusal, gates = _asked(facts)
    if refusal and not _still_closes(facts, refusal):
        end(facts, State.REFUSED, refusal, gates=gates, by=by)
        return None
    if signal.waits:
        gates = []  # said before, and kept

    found = route(facts.draft, facts.strategy, facts.instrument, at=facts.at, signal=signal)
    found = [without_entry(plan, refusal) for plan in found] if refusal else found
    checked = [_checked(signal, plan) for plan in found]
    plans = [plan for plan, _ in checked]
    gates += [_note_of(signal, plan, facts.at) for plan in plans]
    if refusal := _nobody_follows(plans):
        end(facts, State.REFUSED, refusal, gates=gates, by=by)
    elif signal.mode == Mode.DRY_RUN:
        end(facts, State.DRY, plans=plans, gates=gates)
    elif signal.mode == Mode.APPROVAL and not by:
        end(facts, State.WAITING, plans=plans, gates=gates)
    elif not any(plan.acts for plan in plans):
        _wait(facts, plans, gates, by=by)
    else:
        orders = [order for _, made in checked for order in made]
        return _order(facts, plans, orders, gates, by=by, pumps=pumps)
    return None


def _asked(facts: SignalFacts) -> tuple[Check | None, list[Gate]]:
    """What the first gate said that says no; and a row for each one asked, to be written with the end.

    Of a signal that waited only the one that says no now: the others are kept from before.
    """
    asked: list[Gate] = []
    for name, says in GATES.items():
        word = says(facts)
        if word.code or not facts.signal.waits:
            asked.append(_note(facts.signal, name, word, facts.at))
        if word.code:
            return _refusal(name, word), asked
    return None, asked


def _refusal(gate: str, word: Word) -> Check:
    return Check(
        rule=gate, passed=False, code=word.code, text=word.text, figures=word.figures or {}
    )


def _still_closes(facts: SignalFacts, refusal: Check) -> bool:
    """Whether a gate said no of one that it had let through before it waited, and that closes something."""
    closes = facts.draft.is_exit or facts.draft.turns or facts.draft.intent is Intent.TARGET
    known = facts.strategy is not None and facts.instrument is not None
    return facts.signal.waits and closes and known and refusal.rule in SINCE


def _note(signal: Signal, name: str, word: Word, at: dt.datetime) -> Gate:
    return Gate(
        signal=signal,
        at=at,
        name=name,
        passed=not word.code,
        code=word.code,
        text=word.text[:500],
        figures=plain(word.figures or {}),
    )


def _note_of(signal: Signal, found: Plan, at: dt.datetime) -> Gate:
    if found.refusal:
        said = Word(
            f"{found.account}: {found.refusal.text}", found.refusal.code, found.refusal.figures
        )
    else:
        said = Word(f"{found.account}: {_in_words(found)}", figures=_figures(found))
    return _note(signal, "route", said, at)


def _in_words(found: Plan) -> str:
    parts = [
        f"{'close' if leg.reduces else leg.side} {leg.lots.normalize():f} {leg.symbol.name}"
        + (f" ({leg.note})" if leg.note else "")
        for leg in found.legs
    ]
    parts += [f"cancel {order.client_order_id}" for order in found.cancels]
    parts += [found.left_out] if found.left_out else []
    parts += [f"{'the rest ' if parts else ''}waits: {found.waits}"] if found.waits else []
    return ", ".join(parts)


def _figures(found: Plan) -> dict[str, Any]:
    return next((leg.figures for leg in found.legs if leg.figures), {})


def _nobody_follows(plans: list[Plan]) -> Check | None:
    """Why nothing comes of the signal, when no account follows it."""
    if not plans:
        return NOBODY
    if all(found.refusal for found in plans):
        return plans[0].refusal
    return None


def _order(
    facts: SignalFacts,
    plans: list[Plan],
    orders: list[Order],
    gates: list[Gate],
    *,
    by: str,
    pumps: bool,
) -> Account | None:
    """All orders of the signal, what it takes back and what waits are rows before the first order is judged.

    orders: of the plans, not yet stored.
    Who dies in between leaves them to the sweeper. A second run finds the signal ended and adds none. An order
    that is alone is judged with the signal's end in one transaction.
    """
    actor = by or f"signal {facts.signal.pk}"
    cancelled = [order for found in plans for order in found.cancels]
    own = orders[0].account if pumps and orders else None
    with transaction.atomic():
        _hold_still(facts, plans, cancelled)
        if not _ended(facts, State.ORDERED, PASSED, plans=plans, gates=gates, by=by):
            return None
        orders = [journal.open_order(order, actor=actor) for order in orders]
        for found in plans:
            if found.waits:
                _leave_rest(facts, found, by=by)
        if len(orders) == 1 and not cancelled:
            _decide(orders.pop(), own)
        _tell(facts.signal, State.ORDERED, PASSED, by=by)
        for order in cancelled:
            try:
                services.cancel(order, actor=actor)
            except Conflict as over:
                log.info("nothing_to_cancel", order=order.client_order_id, why=over.message)
    for order in orders:
        _decide(order, own)
    return own


def _decide(order: Order, own: Account | None) -> None:
    """own: the account whose lane needs no wake-up."""
    try:
        services.decide(order, wakes=order.account != own)
    except journal.Lost as moved:
        log.info("moved_meanwhile", order=order.client_order_id, why=moved.message)


def _hold_still(facts: SignalFacts, plans: list[Plan], cancelled: list[Order]) -> None:
    """Let no other signal of the strategy decide at these accounts meanwhile, and nothing have moved.

    Raises _Moved where an order that decided a plan is not as it was: an entry that was to be taken back has
    left, another signal has ordered, or what is waited for has settled. It cannot settle from here on without
    finding who waits.
    """
    looked = [found for found in plans if found.seen is not None and (found.acts or found.waits)]
    accounts = [found.account for found in looked]
    routes = Route.objects.select_for_update().filter(strategy=facts.strategy, account__in=accounts)
    list(routes.order_by("pk").values_list("pk"))
    _hold(cancelled, {pk for found in looked if found.waits for pk, *_ in found.seen or ()})
    for found in looked:
        assert facts.strategy and found.symbol  # noqa: S101 - it was routed
        way = under_way(facts.strategy.key, found.account, found.symbol, at=facts.at)
        if way.seen != found.seen:
            raise _Moved


# -- What waits --------------------------------------------------------------------------------
def _wait(facts: SignalFacts, plans: list[Plan], gates: list[Gate], *, by: str) -> None:
    """Nothing can be done yet: the signal stays received, says why, and is looked at again.

    Raises _Moved where that for which it begins to wait has settled meanwhile.
    """
    signal, why = facts.signal, next(found.waits for found in plans if found.waits)
    changes = {
        "state": State.RECEIVED,
        "code": Signal.WAITS,
        "reason": why[:500],
        "strategy": facts.strategy,
        "instrument": facts.instrument,
        "decided_by": by[:150],
        "approved_at": signal.approved_at,
        "planned": _planned(plans),
        "looked_at": facts.at,
    }
    is_new = not signal.waits
    with transaction.atomic():
        if is_new:
            _hold_still(facts, plans, [])
        if not Signal.objects.filter(pk=signal.pk, state=signal.state).update(**changes):
            return
        if is_new or signal.reason != changes["reason"]:
            Gate.objects.bulk_create(gates)
        if is_new:
            _note_down(signal, "waits", f"waits: {why}", actor=by or signal.source.name)
    for name, value in changes.items():
        setattr(signal, name, value)


def _leave_rest(facts: SignalFacts, found: Plan, *, by: str) -> None:
    """A signal of its own for the account that has to wait; its orders stem from the same message."""
    signal, root = facts.signal, facts.signal.root
    generation = signal.generation + 1 if found.acts else signal.generation
    Signal.objects.create(
        source=signal.source,
        key=f"rest:{root.pk}:{found.account.pk}:{generation}",
        body=signal.body,
        body_hash=signal.body_hash,
        content_type=signal.content_type,
        address=signal.address,
        received_at=signal.received_at,
        last_delivery_at=signal.last_delivery_at,
        mode=signal.mode,
        draft=signal.draft,
        strategy=facts.strategy,
        instrument=facts.instrument,
        code=Signal.WAITS,
        reason=found.waits[:500],
        decided_by=by[:150],
        approved_at=signal.approved_at,
        planned=_planned([replace(found, legs=(), cancels=(), left_out="")]),
        rest_of=root,
        account=found.account,
        generation=generation,
        looked_at=facts.at,
    )


def _planned(plans: Iterable[Plan]) -> list[str]:
    return [f"{found.account}: {_in_words(found)}" for found in plans if not found.refusal]


def _hold(cancelled: list[Order], awaited: set[int]) -> None:
    """Lock what they hold and then them before the audit log is, as everybody does who moves an order."""
    ids = {order.pk for order in cancelled} | awaited
    if not ids:
        return
    if cancelled:
        gate.hold_still([order.client_order_id for order in cancelled])
    list(Order.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk"))


def _checked(signal: Signal, plan: Plan) -> tuple[Plan, list[Order]]:
    """The plan with its orders, or the refusal of an account at which one of them cannot be asked for.

    What an order may be depends on the price of now: each is made once, and stored as it was checked.
    """
    orders: list[Order] = []
    for place, leg in enumerate(plan.legs):
        try:
            orders.append(_row(signal, leg, place))
        except BadInput as wrong:
            if place:  # closings come first and are made without what follows, too
                words = f"no entry: {wrong.message}"
                return replace(plan, legs=plan.legs[:place], left_out=words), orders
            why = Check(rule="order", passed=False, code="BAD_ORDER", text=wrong.message)
            return Plan(plan.account, refusal=why), []
    return plan, orders


def _row(signal: Signal, leg: Leg, place: int) -> Order:
    """The order of a leg, not yet stored; what it is the answer to decides its id. Raises BadInput."""
    return services.new_order(
        leg.account,
        origin=Origin("signal", signal.origin, leg=place, generation=signal.generation),
        symbol=leg.symbol,
        side=leg.side,
        lots=leg.lots,
        position_ref=leg.position_ref,
        reduces=leg.reduces,
        strategy=leg.strategy,
        source=signal.source.uid,
        automatic=True,
        signal_at=signal.begun_at,
        plan={"signal": signal.pk, "size": plain(leg.figures)},
        **leg.fields,
    )


def expire(signal: Signal) -> None:
    """End an entry that nobody approved in time; an exit waits on. Safe to run twice."""
    facts = normalise(signal, draft_from_plain(signal.draft), at=timezone.now())
    word = is_in_time(facts)
    if word.code:
        end(
            facts,
            State.REFUSED,
            _refusal("age", word),
            gates=[_note(signal, "age", word, facts.at)],
        )


def give_up(signal: Signal) -> None:
    """End a signal at which the hub itself fails at every try: it is told, and not tried for ever."""
    text = "The hub failed to carry it out again and again; its log says why"
    mine = Signal.objects.filter(pk=signal.pk, state=State.RECEIVED)
    with transaction.atomic():
        if mine.update(state=State.REFUSED, code="FAULT", reason=text, decided_at=timezone.now()):
            _note_down(signal, State.REFUSED, text, actor="hub", code="FAULT")


def end(
    facts: SignalFacts,
    state: Signal.State,
    why: Check = PASSED,
    *,
    plans: Iterable[Plan] = (),
    gates: Iterable[Gate] = (),
    by: str = "",
) -> bool:
    """Bring the signal to its end, or to a person; False where somebody else did so first.

    gates: what each said, kept with the end.
    """
    with transaction.atomic():
        if not _ended(facts, state, why, plans=plans, gates=gates, by=by):
            return False
        _tell(facts.signal, state, why, by=by)
    return True


def _ended(
    facts: SignalFacts,
    state: Signal.State,
    why: Check,
    *,
    plans: Iterable[Plan],
    gates: Iterable[Gate],
    by: str,
) -> bool:
    signal = facts.signal
    changes = {
        "state": state,
        "code": why.code[:40],
        "reason": why.text[:500],
        "strategy": facts.strategy,
        "instrument": facts.instrument,
        "decided_at": facts.at,
        "decided_by": by[:150],
        "approved_at": signal.approved_at,
        "planned": _planned(plans),
    }
    if not rows.change(Signal, {"pk": signal.pk, "state": signal.state}, changes):
        return False
    rows.insert(list(gates))
    if signal.state == State.WAITING:
        telling.approval_over(signal)
    for name, value in changes.items():
        setattr(signal, name, value)
    return True


def _tell(signal: Signal, state: Signal.State, why: Check, *, by: str) -> None:
    words = f"{state.label.lower()} {why.text}".strip()
    _note_down(signal, state, words, actor=by or signal.source.name, code=why.code)
    nothing_left = signal.rest_of_id is not None and why.code == "NOTHING_TO_CLOSE"
    if state == State.REFUSED and not nothing_left:
        telling.signal_refused(signal, why)
    elif state == State.WAITING:
        telling.approval_wanted(signal)


def _note_down(signal: Signal, became: str, words: str, *, actor: str, code: str = "") -> None:
    record(
        f"signal.{became}",
        actor=actor,
        target=signal,
        summary=f"{signal}: {words}"[:300],
        details={"key": signal.key, "code": code},
        owner=signal.source.owner,
    )
