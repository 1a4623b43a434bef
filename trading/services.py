"""Orders asked for, changed, cancelled; positions closed and protected. Everything is decided and queued here.

Nothing in here speaks to a broker: a worker of the account's lane does (`trading.execution`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from accounts.models import Account, Position
from brokers.adapters.base import Adapter
from brokers.adapters.messages import ENTRY, NEEDS, Duration, Kind
from brokers.contracts import terms_on
from brokers.models import BrokerSymbol
from brokers.platforms import PLATFORMS
from risk import gate, kill_switch
from risk.facts import Check, OrderFacts, Verdict
from tradershub.core.audit import record
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.fields import LotsField
from tradershub.core.formats import plain
from tradershub.core.once import new_token
from tradershub.core.queue import EXECUTION, enqueue
from tradershub.core.step_up import Kind as Step
from tradershub.core.step_up import demand
from tradershub.core.validation import cleaned_fields
from tradershub.finance.decimals import ZERO, to_decimal
from tradershub.finance.opening import likely_price, opens_at_once
from tradershub.finance.sides import OPPOSITE
from trading import journal, lanes, tickets
from trading.bounds import price_to_close, why_too_far, why_too_wide
from trading.easing import comes_nearer, may_lose_more, risks_more
from trading.facts import bound_of, change_facts, order_facts, quote_of_now
from trading.ids import Origin, client_order_id
from trading.loosening import refusal_of
from trading.models import Flattening, Lane, Order, OrderAttempt, OrderCheck
from trading.own_orders import is_unknown_there
from trading.queries import closing_orders
from trading.states import BEFORE, OPEN, OVER, State
from trading.tickets import STOPS, ticket_of

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
        **_exact(details | {"lots": lots}),
    )
    _check(order)
    _refuse_far_levels(order)
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


NUMBERS = (*tickets.PRICES, "lots", "bound")


def _exact(values: dict[str, Any]) -> dict[str, Any]:
    """The same with its numbers as decimals, which may come as plain text. Raises BadInput."""
    exact = dict(values)
    for name in NUMBERS:
        if values.get(name) is not None:
            try:
                exact[name] = to_decimal(values[name])
            except (TypeError, ValueError) as error:
                raise BadInput(f"{name.replace('_', ' ')}: {error}", param=name) from error
    return exact


# -- What can be asked for ---------------------------------------------------------------------
def _check(order: Order) -> None:
    if order.side not in Order.Side.values:
        raise BadInput(f"Expected buy or sell, found {str(order.side)[:20]!r}", param="side")
    if order.kind not in Order.Kind.values:
        raise BadInput(f"Expected one of {', '.join(Order.Kind.values)}", param="kind")
    if order.lots is None or order.lots <= 0:
        raise BadInput(f"Expected lots above zero, found {order.lots}", param="lots")
    _check_entry(order)
    _check_prices(order)
    if order.duration == Duration.GTD and order.expires_at is None:
        raise BadInput("An order until a time needs that time", param="expires_at")
    if order.duration != Duration.GTD and order.expires_at is not None:
        raise BadInput(
            "Only an order until a time has one: expected duration gtd", param="expires_at"
        )
    if order.expires_at and order.expires_at <= timezone.now():
        raise BadInput("Expected a time that is still to come", param="expires_at")
    _check_platform(order)


def _check_entry(order: Order) -> None:
    """The prices that its kind needs, and no other: one that nobody looks at would mislead."""
    needs = NEEDS.get(Kind(order.kind), ())
    for name in ENTRY:
        word, kind = name.replace("_", " "), order.get_kind_display().lower()
        if name in needs and getattr(order, name) is None:
            raise BadInput(f"A {kind} order needs its {word}", param=name)
        if name not in needs and getattr(order, name) is not None:
            raise BadInput(f"A {kind} order has no {word}", param=name)


def _check_prices(order: Order) -> None:
    for name in (*tickets.PRICES, "bound"):
        value = getattr(order, name)
        if value is not None and value <= 0:
            raise BadInput(f"Expected a {name.replace('_', ' ')} above zero", param=name)
    stop, target = order.stop_loss, order.take_profit
    if order.reduces or (stop is None and target is None):
        return
    price = order.limit_price or order.price
    if _opens_at_once(order):
        refuse_passed(order.symbol, order.side, stop_loss=stop, take_profit=target)
        price = None
    if price is None and (stop is None or target is None):
        return
    is_buy = order.side == Order.Side.BUY
    for name, level, below in (("stop_loss", stop, is_buy), ("take_profit", target, not is_buy)):
        against = price if price is not None else (target if name == "stop_loss" else stop)
        if level is None or against is None:
            continue
        if not (level < against if below else level > against):
            where = "below" if below else "above"
            words = f"{name.replace('_', ' ')} of a {order.side} {where} {plain(against)}"
            raise BadInput(f"Expected the {words}, found {plain(level)}", param=name)


def _refuse_far_levels(order: Order) -> None:
    """By where it opens, at the last quote however old: what was meant in another unit is off by more."""
    quote = getattr(order.symbol, "last_quote", None)
    found = likely_price(
        order.side,
        order.kind,
        price=order.price,
        limit_price=order.limit_price,
        bid=quote.bid if quote else None,
        ask=quote.ask if quote else None,
    )
    if found is not None and not order.reduces:
        _refuse_far(order.stop_loss, found)
        _refuse_wide("trail", order.trail, found)
        _refuse_wide("distance", order.distance, found)


def _opens_at_once(order: Order) -> bool:
    """Whether it fills at the market's price of now; where there is none, nobody knows."""
    quote = quote_of_now(order.symbol, at=timezone.now())
    return quote is not None and opens_at_once(
        order.side,
        order.kind,
        price=order.price,
        limit_price=order.limit_price,
        bid=quote.bid,
        ask=quote.ask,
    )


def refuse_passed(symbol: BrokerSymbol, side: str, **levels: Decimal | None) -> None:
    """Raises BadInput for a stop_loss or take_profit at which a position of that side would close at once.

    By a price of now: where there is none, nobody knows.
    """
    quote = quote_of_now(symbol, at=timezone.now())
    if quote is None:
        return
    is_buy = side == Order.Side.BUY
    price = quote.bid if is_buy else quote.ask
    for name, below in (("stop_loss", is_buy), ("take_profit", not is_buy)):
        level = levels.get(name)
        if level is None or (level < price if below else level > price):
            continue
        where = "below" if below else "above"
        words = f"{name.replace('_', ' ')} of a {side} {where} the market's {plain(price)}"
        raise BadInput(f"Expected the {words}, found {plain(level)}", param=name)


def _check_platform(order: Order) -> None:
    """What the platform cannot do is refused before it is asked. Without a connection risk refuses."""
    connection = order.account.connection
    if connection is None:
        return
    adapter: type[Adapter] = PLATFORMS.load(connection.platform)
    can, label = adapter.capabilities, PLATFORMS.label(connection.platform)
    if order.kind not in can.kinds:
        raise BadInput(f"{label} takes no {order.get_kind_display().lower()} orders", param="kind")
    if order.duration not in can.durations:
        word = order.get_duration_display().lower()
        raise BadInput(f"{label} takes no orders of this duration: {word}", param="duration")
    has_stops = any(getattr(order, name) is not None for name in STOPS)
    if has_stops and not can.stops_with_order:
        raise BadInput(f"{label} takes no stops with an order", param="stop_loss")


# -- Changes -----------------------------------------------------------------------------------
@transaction.atomic
def cancel(order: Order, *, actor: Any) -> Order:
    """What has not filled shall not fill. Before it was sent it ends at once, else the broker is asked.

    Raises Conflict where the order is over, or is being cancelled already.
    """
    gate.hold_still([order.client_order_id])
    order = _locked(order)
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
    order, changes = _read(order), _exact(changes)
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
    _check(wanted)
    if changes.keys() & set(tickets.PRICES):
        _refuse_far_levels(wanted)
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


def _locked(order: Order) -> Order:
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


# -- Positions ---------------------------------------------------------------------------------
@transaction.atomic
def close_position(
    position: Position,
    *,
    actor: Any,
    token: str = "",
    lots: Decimal | None = None,
    origin: Origin | None = None,
    **details: Any,
) -> Order:
    """Close it at the market, or `lots` of it; all closings together never take more than there is.

    Raises Conflict where it is closed, where closings under way take all of it, and for the same closing by hand
    a moment ago where neither names a token: it was sent twice. BadInput for more than is left, and for a part
    between two steps of the broker's terms; all that is left is none.
    """
    is_nameless = not token and origin is None
    origin = origin or Origin(HAND, token or new_token())
    position, lots = _locked_position(position), _exact({"lots": lots})["lots"]
    if made := order_from(position.account, origin):
        return made
    left = position.open_volume - closing_lots(
        position.account, symbol=position.symbol, side=position.side, ref=position.ref
    )
    if left <= 0:
        raise Conflict(_why_not_closed(position))
    if lots is not None and lots > left:
        raise BadInput(f"Expected at most {plain(left)} lots, found {plain(lots)}", param="lots")
    if lots is not None and lots != left:
        _refuse_between_steps(position.symbol, lots)
    if is_nameless:
        _refuse_twin(position, left if lots is None else lots)
    return ask(
        position.account,
        actor=actor,
        origin=origin,
        symbol=position.symbol,
        side=OPPOSITE[position.side],
        lots=left if lots is None else lots,
        position_ref=position.ref,
        reduces=True,
        **details,
    )


def _refuse_between_steps(symbol: BrokerSymbol, lots: Decimal) -> None:
    """The broker would; without terms nobody knows, and the broker says."""
    terms = terms_on([symbol], timezone.now().date()).get(symbol.pk)
    if terms and lots % terms.lot_step:
        step = f"Expected lots in steps of {plain(terms.lot_step)}"
        raise BadInput(f"{step}, or all that is open; found {plain(lots)}", param="lots")


def _refuse_twin(position: Position, lots: Decimal) -> None:
    """As for entries (RISK_DUPLICATE_SECONDS); one that closed nothing is none."""
    within = timedelta(seconds=settings.RISK_DUPLICATE_SECONDS)
    alike = Order.objects.filter(
        account=position.account,
        symbol=position.symbol,
        position_ref=position.ref,
        side=OPPOSITE[position.side],
        lots=lots,
        reduces=True,
        origin_kind=HAND,
        received_at__gt=timezone.now() - within,
    )
    if alike.exclude(state__in=OVER, filled=0).exists():
        raise Conflict(
            f"The same closing was asked for within {within.total_seconds():g} s: to close as much again, "
            "send an Idempotency-Key of its own, or wait",
            code="duplicate",
        )


def _why_not_closed(position: Position) -> str:
    """Why nothing is left to close. What is quarantined may have closed it: to close again could open."""
    if not position.open_volume:
        return f"Position {position.ref} is closed already"
    doubtful = closing_orders(
        position.account, symbol=position.symbol, side=position.side, ref=position.ref
    ).filter(state=State.QUARANTINED)
    if order := doubtful.first():
        return (
            f"Order {order.client_order_id} may have closed position {position.ref}, and nobody knows: "
            "say what became of it, then close what is left"
        )
    return f"Position {position.ref} is being closed already"


def closing_lots(account: Account, *, symbol: BrokerSymbol, side: str, ref: str) -> Decimal:
    """Lots that closings under way take of a position of that side."""
    live = closing_orders(account, symbol=symbol, side=side, ref=ref).filter(state__in=Order.LIVE)
    closing = live.aggregate(
        lots=Sum("lots", output_field=LotsField()), filled=Sum("filled", output_field=LotsField())
    )
    return (closing["lots"] or ZERO) - (closing["filled"] or ZERO)


def protect(position: Position, *, actor: Any, **stops: Decimal | None) -> OrderAttempt:
    """Set stop_loss, take_profit or trail of an open position, None to remove it; those not named stay.

    What stays is read from the platform when the request goes out: a stop may follow the market meanwhile.
    Raises Conflict, also where it may lose more by them and a rule refuses that: what it said, and a limit found
    broken, are kept; BadInput, also for a level that the market has passed or that is too far from it;
    StepUpNeeded where a stop for real money goes or goes farther away, or may.
    """
    with transaction.atomic():
        made = _protected(position, actor=actor, stops=stops)
    if isinstance(made, Check):
        raise Conflict(made.text, code=made.code.lower(), keeps=True)
    return made


def _protected(
    position: Position, *, actor: Any, stops: dict[str, Decimal | None]
) -> OrderAttempt | Check:
    """The request, or what refused it."""
    position, stops = _locked_position(position), _exact(stops)
    if not position.open_volume:
        raise Conflict(f"Position {position.ref} is closed already")
    _check_stops(position, stops)
    account = position.account
    standing = kill_switch.standing(account)
    if standing.engaged or not account.may_close or account.connection is None:
        raise Conflict(f"Trading on {account} is stopped or switched off")
    if may_lose_more(position, stops):
        if account.is_for_real_money:
            demand(actor, Step.ORDER, account)
        if refusal := refusal_of(position, stops, at=timezone.now()):
            return refusal
    asked = {name: None if v is None else f"{v.normalize():f}" for name, v in stops.items()}
    made = OrderAttempt.objects.create(
        account=account,
        action=Action.PROTECT,
        position_ref=position.ref,
        asked=asked,
        asked_by=str(actor)[:150],
        outcome=Outcome.WAITING,
        made_at=timezone.now(),
    )
    record(
        "position.protect", actor=actor, target=position, details=asked, owner=account.owner_id,
        summary=f"Asked to set the stops of {position}",
    )  # fmt: skip
    wake(account)
    return made


def _check_stops(position: Position, stops: dict[str, Decimal | None]) -> None:
    """Raises BadInput for what no position could have, or for a level that was meant otherwise."""
    if unknown := set(stops) - set(STOPS):
        raise BadInput(f"{min(unknown)} of a position cannot be set", param=min(unknown))
    if not stops:
        raise BadInput("Expected a stop, a target or a trail that is to be another; found none")
    for name, value in stops.items():
        if value is not None and value <= 0:
            word = name.replace("_", " ")
            raise BadInput(f"Expected a {word} above zero, found {plain(value)}", param=name)
    refuse_passed(position.symbol, position.side, **stops)
    price = price_to_close(position.symbol, position.side)
    prices = [found for found in (price, position.open_price) if found is not None]
    if prices:
        looser = {
            name: stops[name] for name in stops if not comes_nearer(position, name, stops[name])
        }
        _refuse_far(looser.get("stop_loss"), *prices)
        _refuse_wide("trail", looser.get("trail"), prices[0])


def _refuse_far(stop: Decimal | None, *prices: Decimal) -> None:
    if why := why_too_far(stop, *prices):
        raise BadInput(why, param="stop_loss")


def _refuse_wide(name: str, away: Decimal | None, price: Decimal) -> None:
    if why := why_too_wide(name, away, price):
        raise BadInput(why, param=name)


def _locked_position(position: Position) -> Position:
    rows = Position.objects.select_for_update(of=("self",))
    beside = ("account__connection", "account__broker", "symbol__last_quote")
    return rows.select_related(*beside).get(pk=position.pk)


# -- What only a person can decide -------------------------------------------------------------
@transaction.atomic
def settle_by_hand(order: Order, *, actor: Any, evidence: str, broker_order_id: str = "") -> Order:
    """Say what became of an order that only a person can find: it is the broker's of that id, or is not there.

    One that is quarantined (T14), or works by our books and the broker does not know it. evidence: how the person
    knows. Raises Conflict for any other order, BadInput, StepUpNeeded.
    """
    gate.hold_still([order.client_order_id])
    order = _locked(order)
    if not may_be_settled(order):
        raise Conflict(f"Order {order.client_order_id} is not quarantined, and not unknown there")
    if len(evidence.strip()) < LEAST_EVIDENCE:
        raise BadInput("Expected how you know, in a sentence", param="evidence")
    demand(actor, Step.SETTLE)
    found, text = broker_order_id.strip(), evidence.strip()
    for attempt in order.attempts.filter(outcome=Outcome.UNKNOWN):
        outcome = Outcome.DONE if found else Outcome.PROVED_ABSENT
        journal.settle(attempt, outcome, text=f"{actor}: {evidence}")
    if found and order.state in OPEN:
        journal.amend(order, actor=actor, text=text, broker_order_id=found)
        return order
    said = partial(journal.move, order, actor=actor, code="OPERATOR", text=text)
    if found:
        said(State.WORKING, broker_order_id=found)
    else:
        said(State.CANCELLED if order.state in OPEN else State.NOT_SENT)
    return order


def may_be_settled(order: Order) -> bool:
    """Whether only a person can say what became of it."""
    return order.state == State.QUARANTINED or is_unknown_there(order)


LEAST_EVIDENCE = 10  # characters


@transaction.atomic
def resume_lane(account: Account, *, actor: Any, reason: str) -> None:
    """Let the account's orders out again. Raises Conflict where nothing holds them up; StepUpNeeded."""
    if not reason.strip():
        raise BadInput("Expected a reason", param="reason")
    halted = Lane.objects.filter(account=account, halted=True)
    if not halted.update(halted=False, halted_because=""):
        raise Conflict(f"Nothing holds up the orders of {account}")
    if account.is_for_real_money:
        demand(actor, Step.TRADING)
    record(
        "lane.resume", actor=actor, target=account, owner=account.owner_id,
        summary=f"{account}: orders go out again. {reason.strip()}",
    )  # fmt: skip
    wake(account)


@transaction.atomic
def hold_after_restore() -> int:
    """Hold up the orders of every connected account: a backup knows nothing of what was sent after it.

    Returns how many. Each is let out by a person; from then on the broker is asked before every order whether
    it has it already. Nothing is made flat, changed or closed that was asked for before: a position's closing may
    bear no name to ask by.
    """
    connected = list(Account.objects.filter(connection__isnull=False))
    for account in connected:
        lanes.lane_of(account)
    because = "Restored from a backup: compare it with the broker first"
    held = Lane.objects.filter(account__in=connected)
    held.update(halted=True, halted_because=because, forgets=True, holder="", until=None)
    now, words = timezone.now(), "Asked before the backup: ask anew"
    changes = OrderAttempt.objects.filter(outcome=Outcome.WAITING).exclude(action=Action.CANCEL)
    changes.update(outcome=Outcome.WITHDRAWN, text=words, answered_at=now)
    _withdraw_closings(words)
    Flattening.objects.filter(state__in=Flattening.OPEN).update(
        state=Flattening.State.WITHDRAWN, words=words, done_at=now
    )
    return len(connected)


def _withdraw_closings(words: str) -> None:
    waiting = Order.objects.filter(state__in=BEFORE).exclude(position_ref="")
    closings = list(waiting.select_related("account", "symbol").order_by("id"))
    gate.hold_still([order.client_order_id for order in closings])
    for order in closings:
        journal.move(order, State.NOT_SENT, code="RESTORED", text=words)
