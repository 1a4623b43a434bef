"""Positions closed and protected by a person or the hub. Everything is decided and queued here."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from accounts.models import Account, Position
from brokers.contracts import terms_on
from brokers.models import BrokerSymbol
from risk import kill_switch
from risk.facts import Check
from tradershub.core.audit import record
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.fields import LotsField
from tradershub.core.formats import plain
from tradershub.core.once import new_token
from tradershub.core.step_up import Kind as Step
from tradershub.core.step_up import demand
from tradershub.finance.decimals import ZERO
from tradershub.finance.sides import OPPOSITE
from trading.askable import check_stops, exact
from trading.easing import may_lose_more
from trading.ids import Origin
from trading.loosening import refusal_of
from trading.models import Order, OrderAttempt
from trading.queries import closing_orders
from trading.services import HAND, ask, order_from, wake
from trading.states import OVER, State

Action, Outcome = OrderAttempt.Action, OrderAttempt.Outcome


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
    position, lots = _locked_position(position), exact({"lots": lots})["lots"]
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
    position, stops = _locked_position(position), exact(stops)
    if not position.open_volume:
        raise Conflict(f"Position {position.ref} is closed already")
    check_stops(position, stops)
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


def _locked_position(position: Position) -> Position:
    rows = Position.objects.select_for_update(of=("self",))
    beside = ("account__connection", "account__broker", "symbol__last_quote")
    return rows.select_related(*beside).get(pk=position.pk)
