"""Orders asked for, changed, cancelled. Everything is decided and queued here.

Nothing in here speaks to a broker: a worker of the account's lane does (`trading.execution`).
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import Account
from brokers.adapters.base import Adapter
from brokers.models import BrokerSymbol
from brokers.platforms import PLATFORMS
from risk import gate
from risk.facts import Check, OrderFacts, Verdict
from tradershub.core.audit import record
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.formats import plain
from tradershub.core.once import new_token
from tradershub.core.queue import EXECUTION, enqueue
from tradershub.core.step_up import Kind as Step
from tradershub.core.step_up import demand
from tradershub.core.validation import cleaned_fields
from trading import journal, lanes, tickets
from trading.askable import check_order, exact, refuse_far_levels
from trading.easing import risks_more
from trading.facts import bound_of, change_facts, order_facts
from trading.ids import Origin, client_order_id
from trading.models import Order, OrderAttempt, OrderCheck
from trading.states import BEFORE, OPEN, OVER, State
from trading.tickets import ticket_of

HAND = "hand"
Action, Outcome = OrderAttempt.Action, OrderAttempt.Outcome


# -- A new order -------------------------------------------------------------------------------
@transaction.atomic
def place_by_hand(
    account: Account, *, actor: Any, symbol: BrokerSymbol | str, token: str = "", **asked: Any
) -> Order:
    """An order that a person asks for, decided at once: queued, or blocked with its reason.

    token: of the form or request; the same one gets the order that it made. asked: as for `ask`. For real
    money it needs a second factor (StepUpNeeded).
    """
    if account.is_for_real_money:
        demand(actor, Step.ORDER, account)
    return ask(
        account, actor=actor, symbol=symbol, origin=Origin(HAND, token or new_token()), **asked
    )


@transaction.atomic
def ask(
    account: Account,
    *,
    actor: Any,
    origin: Origin,
    symbol: BrokerSymbol | str,
    side: str,
    lots: Decimal,
    **details: Any,
) -> Order:
    """Write an order down and decide it. A decision that was taken before gets the order it made then.

    details: any other field of Order that says what is asked (kind, price, stop_loss, duration, strategy,
    plan ...). Raises BadInput for what no broker could be asked for.
    """
    made = order_from(account, origin)
    if made is not None:
        return made
    order = new_order(account, origin=origin, symbol=symbol, side=side, lots=lots, **details)
    decide(journal.open_order(order, actor=actor), actor=actor)
    return order


def new_order(
    account: Account,
    *,
    origin: Origin,
    symbol: BrokerSymbol | str,
    side: str,
    lots: Decimal,
    **details: Any,
) -> Order:
    """The order of that decision, checked and not yet written down. Raises BadInput."""
    order = Order(
        account=account,
        symbol=_symbol(account, symbol),
        client_order_id=id_from(account, origin),
        origin_kind=origin.kind,
        origin_id=origin.id,
        leg=origin.leg,
        generation=origin.generation,
        side=side,
        received_at=timezone.now(),
        **exact(details | {"lots": lots}),
    )
    check_order(order)
    refuse_far_levels(order)
    return cleaned_fields(order, known=("account", "symbol"))


def order_from(account: Account, origin: Origin) -> Order | None:
    """The order that this decision made on the account."""
    mine = Order.objects.filter(client_order_id=id_from(account, origin), account=account)
    return mine.select_related("account", "symbol").first()


def id_from(account: Account, origin: Origin) -> str:
    return client_order_id(origin, account_id=account.pk, key=settings.ORDER_ID_KEY)


def _symbol(account: Account, symbol: BrokerSymbol | str) -> BrokerSymbol:
    if isinstance(symbol, BrokerSymbol) and symbol.broker_id == account.broker_id:
        return symbol
    theirs = BrokerSymbol.objects.select_related("last_quote").filter(broker=account.broker_id)
    name = symbol.name if isinstance(symbol, BrokerSymbol) else symbol
    found = theirs.filter(name=name).first()
    if found is None:
        raise BadInput(f"{account.broker} has no symbol {name[:64]!r}", param="symbol")
    return found


@transaction.atomic
def decide(order: Order, *, actor: Any = "hub", wakes: bool = True) -> None:
    """Every rule is asked (T2, T3): the order gets its turn, or ends with the reason. Safe to repeat.

    wakes: False where the caller works the lane himself as soon as this is committed.
    """
    if order.state != Order.State.RECEIVED:
        return
    now = timezone.now()
    facts = order_facts(order, at=now)
    verdict = gate.authorise(facts)
    refusal = verdict.refusal
    if refusal and refusal.code == lanes.BUSY:
        return  # nothing was reserved: the sweeper asks again
    journal.keep_verdict(order, verdict, stage=OrderCheck.Stage.DECISION, at=now)
    if refusal:
        journal.move(
            order, State.BLOCKED, actor=actor, code=refusal.code, text=refusal.text, decided_at=now
        )
        return
    journal.move(
        order,
        State.QUEUED,
        actor=actor,
        decided_at=now,
        epoch=verdict.epoch,
        holds=True,
        lane_seq=lanes.next_place(order.account),
        bound=_bound(order, facts, verdict),
    )
    if wakes:
        wake(order.account)


def _bound(order: Order, facts: OrderFacts, verdict: Verdict) -> Decimal | None:
    """Its own, else by the collar that binds it, where its platform takes one."""
    line = order.account.connection
    if order.bound is not None or verdict.collar is None or line is None:
        return order.bound
    adapter: type[Adapter] = PLATFORMS.load(line.platform)
    return bound_of(facts, verdict.collar) if adapter.capabilities.takes_bound else None


def wake(account: Account) -> None:
    """Have a worker look at the lane, once the caller's transaction is committed."""
    enqueue("trading.tasks.pump", account.pk, cluster=EXECUTION, keep_result=False)


# -- Changes -----------------------------------------------------------------------------------
@transaction.atomic
def cancel(order: Order, *, actor: Any) -> Order:
    """What has not filled shall not fill. Before it was sent it ends at once, else the broker is asked.

    Raises Conflict where the order is over, or is being cancelled already.
    """
    gate.hold_still([order.client_order_id])
    order = locked(order)
    if order.state in OVER:
        raise Conflict(
            f"Order {order.client_order_id} is {order.get_state_display().lower()} already"
        )
    if order.state in BEFORE:
        text = "Cancelled before it was sent"
        journal.move(order, State.NOT_SENT, actor=actor, code="OPERATOR", text=text)
        return order
    asked = order.attempts.filter(action=Action.CANCEL, outcome=Outcome.WAITING)
    if order.state == Order.State.CANCEL_PENDING or asked.exists():
        raise Conflict(f"Order {order.client_order_id} is being cancelled already")
    _request(order, Action.CANCEL, actor=actor, asked={})
    return order


def amend(order: Order, *, actor: Any, **changes: Any) -> OrderAttempt:
    """Change a working order (tickets.CHANGEABLE); the broker is asked in the order's turn.

    Raises Conflict where it does not work at the broker, where it changed while the rules were asked, or where
    one refuses what it would become: what they said, and a limit found broken, are kept; StepUpNeeded where it
    would risk more real money.
    """
    with transaction.atomic():
        made = _amended(order, actor=actor, changes=changes)
    if isinstance(made, Check):
        raise Conflict(made.text, code=made.code.lower(), keeps=True)
    return made


def _amended(order: Order, *, actor: Any, changes: dict[str, Any]) -> OrderAttempt | Check:
    """The request, or what refused it."""
    order, changes = _read(order), exact(changes)
    if unknown := set(changes) - set(tickets.CHANGEABLE):
        raise BadInput(f"{sorted(unknown)[0]} of an order cannot be changed", param=min(unknown))
    if order.state not in OPEN:
        state = order.get_state_display().lower()
        raise Conflict(f"Order {order.client_order_id} is {state}: only a working one is changed")
    if not changes:
        raise BadInput("Expected something to change")
    wanted = _read(order)
    for name, value in changes.items():
        setattr(wanted, name, value)
    if wanted.lots <= order.filled:
        filled = plain(order.filled)
        raise BadInput(f"Expected more than the {filled} lots that are filled", param="lots")
    check_order(wanted)
    if changes.keys() & set(tickets.PRICES):
        refuse_far_levels(wanted)
    is_riskier = risks_more(order, wanted)
    if order.account.is_for_real_money and is_riskier:
        demand(actor, Step.ORDER, order.account)
    if refusal := _ask_risk_anew(order, wanted, risks_more=is_riskier):
        return refusal
    _lock_as_read(order)
    asked = tickets.to_plain(ticket_of(order, **changes))
    return _request(order, Action.AMEND, actor=actor, asked=asked)


def _ask_risk_anew(order: Order, wanted: Order, *, risks_more: bool) -> Check | None:
    now = timezone.now()
    facts = replace(change_facts(wanted, at=now), risks_no_more=not risks_more)
    verdict = gate.authorise(facts)
    journal.keep_verdict(order, verdict, stage=OrderCheck.Stage.CHANGE, at=now)
    return verdict.refusal


def _read(order: Order) -> Order:
    return Order.objects.select_related("account", "symbol").get(pk=order.pk)


def _lock_as_read(order: Order) -> None:
    """Locked after the counters, as by everybody. Raises Lost where it has moved since it was read."""
    mine = Order.objects.select_for_update().filter(pk=order.pk, version=order.version)
    if not list(mine.values_list("pk")):
        raise journal.Lost(order)


def locked(order: Order) -> Order:
    mine = Order.objects.select_for_update(of=("self",)).select_related("account", "symbol")
    return mine.get(pk=order.pk)


def _request(
    order: Order, action: OrderAttempt.Action, *, actor: Any, asked: dict[str, Any]
) -> OrderAttempt:
    """Write down what a worker is to ask for. A cancel takes the place of a change that still waits."""
    waiting = order.attempts.filter(outcome=Outcome.WAITING)
    if action == Action.CANCEL:
        waiting.exclude(action=Action.CANCEL).update(
            outcome=Outcome.WITHDRAWN, text="A cancel came after it", answered_at=timezone.now()
        )
    if waiting.exists():
        raise Conflict(f"A change of order {order.client_order_id} waits already: wait for it")
    made = OrderAttempt.objects.create(
        account=order.account,
        order=order,
        number=order.attempts.count() + 1,
        action=action,
        asked=asked,
        asked_by=str(actor)[:150],
        outcome=Outcome.WAITING,
        made_at=timezone.now(),
    )
    _audited(order, f"order.{action}", actor=actor, details=asked)
    wake(order.account)
    return made


def _audited(order: Order, action: str, *, actor: Any, details: dict[str, Any]) -> None:
    record(
        action, actor=actor, target=order, summary=f"Asked to {action.rpartition('.')[2]} {order}",
        details=details, owner=order.account.owner_id,
    )  # fmt: skip
