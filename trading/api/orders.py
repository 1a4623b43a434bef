"""Orders that the hub sends: asked for, changed, cancelled; positions closed and protected at their broker."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from accounts.models import Account, Position
from tradershub.core.api import (
    GivenMoment,
    IdempotencyKey,
    Input,
    Moment,
    Number,
    Page,
    PageQuery,
    allow,
    one,
    one_of,
    page_of,
)
from tradershub.core.once import once
from trading import exits, in_doubt, services
from trading.models import Lane, Order, OrderAttempt

router = Router(tags=["Orders to brokers"])

Side, Kind = one_of(Order.Side), one_of(Order.Kind)
Duration, StateOfOrder = one_of(Order.Duration), one_of(Order.State)


class CheckOut(Schema):
    stage: str
    rule: str
    passed: bool
    code: str
    text: str
    figures: dict[str, Any]


class EventOut(Schema):
    seq: int
    at: Moment
    origin: str
    target: str
    rule: str
    code: str
    text: str
    actor: str


class SentOrderOut(Schema):
    id: int
    account_id: int
    client_order_id: str
    broker_order_id: str
    symbol: str
    side: str
    lots: Number
    filled: Number
    average_price: Number | None
    kind: str
    price: Number | None
    limit_price: Number | None
    distance: Number | None
    stop_loss: Number | None
    take_profit: Number | None
    trail: Number | None
    duration: str
    expires_at: Moment | None
    position_ref: str
    strategy: str
    state: str
    code: str
    reason: str
    received_at: Moment
    decided_at: Moment | None
    sent_at: Moment | None
    answered_at: Moment | None
    done_at: Moment | None

    @staticmethod
    def resolve_symbol(order: Order) -> str:
        return order.symbol.name


class OrderStoryOut(SentOrderOut):
    checks: list[CheckOut]
    events: list[EventOut]

    @staticmethod
    def resolve_checks(order: Order) -> list[Any]:
        return list(order.checks.all())

    @staticmethod
    def resolve_events(order: Order) -> list[Any]:
        return list(order.events.all())


class SentOrderQuery(PageQuery):
    account_id: int | None = None
    state: StateOfOrder | None = None


def _mine(request: HttpRequest, order_id: int) -> Order:
    rows = Order.objects.for_user(request.user).select_related("account", "symbol")
    return one(rows, order_id, what="order")


@router.get("/trading/orders", response=Page[SentOrderOut], summary="List orders sent to brokers")
def list_sent_orders(request: HttpRequest, query: Annotated[SentOrderQuery, Query()]) -> Any:
    user = allow(request, "trading.view_order")
    rows = Order.objects.for_user(user).select_related("symbol")
    if query.account_id is not None:
        rows = rows.filter(account_id=query.account_id)
    if query.state is not None:
        rows = rows.filter(state=query.state)
    return page_of(rows, query)


@router.get(
    "/trading/orders/{sent_order_id}", response=OrderStoryOut, summary="Read an order and its story"
)
def read_sent_order(request: HttpRequest, sent_order_id: int) -> Any:
    allow(request, "trading.view_order")
    return _mine(request, sent_order_id)


class Stops(Input):
    stop_loss: Number | None = None
    take_profit: Number | None = None
    trail: Number | None = Field(None, description="How far the stop follows the market")


class SentOrderIn(Stops):
    account_id: int
    symbol: str = Field(min_length=1, max_length=64)
    side: Side
    lots: Number
    kind: Kind = Order.Kind.MARKET.value
    price: Number | None = None
    limit_price: Number | None = None
    distance: Number | None = None
    bound: Number | None = Field(None, description="At the market: the worst price accepted")
    duration: Duration = Order.Duration.GTC.value
    expires_at: GivenMoment | None = None
    comment: str = Field("", max_length=60)


@router.post("/trading/orders", response={201: SentOrderOut}, summary="Send an order to a broker")
def send_order(
    request: HttpRequest, body: SentOrderIn, idempotency_key: IdempotencyKey = ""
) -> Any:
    """Every limit is asked first: the answer is queued, or blocked with the reason."""
    user = allow(request, "trading.add_order")
    values = body.dict()
    account = _my_account(request, values.pop("account_id"))
    return Status(
        201,
        once(
            idempotency_key,
            owner=user,
            action="send order",
            sent=body.dict(),
            act=lambda: services.place_by_hand(
                account, actor=user, token=idempotency_key, **values
            ),
        ),
    )


def _my_account(request: HttpRequest, account_id: int) -> Account:
    rows = Account.objects.for_user(request.user).select_related("connection", "broker")
    return one(rows, account_id, what="account")


class SentOrderEdit(Stops):
    price: Number | None = None
    limit_price: Number | None = None
    distance: Number | None = None
    lots: Number | None = None
    expires_at: GivenMoment | None = None


class AttemptOut(Schema):
    id: int
    account_id: int
    order_id: int | None
    action: str
    outcome: str
    code: str
    text: str
    made_at: Moment
    sent_at: Moment | None
    answered_at: Moment | None


@router.patch(
    "/trading/orders/{sent_order_id}", response=AttemptOut, summary="Change a working order"
)
def change_sent_order(request: HttpRequest, sent_order_id: int, body: SentOrderEdit) -> Any:
    """The broker is asked in the order's turn; the answer is the request that waits for it."""
    user = allow(request, "trading.change_order")
    order = _mine(request, sent_order_id)
    return services.amend(order, actor=user, **body.dict(exclude_unset=True))


@router.post(
    "/trading/orders/{sent_order_id}/cancel", response=SentOrderOut, summary="Cancel a sent order"
)
def cancel_sent_order(request: HttpRequest, sent_order_id: int) -> Any:
    user = allow(request, "trading.change_order")
    return services.cancel(_mine(request, sent_order_id), actor=user)


class Settlement(Input):
    evidence: str = Field(min_length=10, max_length=300, description="How you know")
    broker_order_id: str = Field("", max_length=64, description="Empty: it is not there")


@router.post(
    "/trading/orders/{sent_order_id}/settle",
    response=SentOrderOut,
    summary="Say what became of a quarantined order",
)
def settle_sent_order(request: HttpRequest, sent_order_id: int, body: Settlement) -> Any:
    user = allow(request, "trading.settle_order")
    return in_doubt.settle_by_hand(_mine(request, sent_order_id), actor=user, **body.dict())


# -- Positions ---------------------------------------------------------------------------------
class CloseIn(Input):
    lots: Number | None = Field(None, description="By default all that is open")


def _my_position(request: HttpRequest, position_id: int) -> Position:
    rows = Position.objects.for_user(request.user).select_related("account", "symbol")
    return one(rows, position_id, what="position")


@router.post(
    "/trading/positions/{position_id}/close",
    response={201: SentOrderOut},
    summary="Close a position at its broker",
)
def close_at_broker(
    request: HttpRequest, position_id: int, body: CloseIn, idempotency_key: IdempotencyKey = ""
) -> Any:
    user = allow(request, "trading.add_order")
    position = _my_position(request, position_id)
    return Status(
        201,
        once(
            idempotency_key,
            owner=user,
            action=f"close {position_id} at its broker",
            sent=body.dict(),
            act=lambda: exits.close_position(
                position, actor=user, token=idempotency_key, lots=body.lots
            ),
        ),
    )


@router.post(
    "/trading/positions/{position_id}/stops", response=AttemptOut, summary="Set a position's stops"
)
def set_stops(request: HttpRequest, position_id: int, body: Stops) -> Any:
    """What is not given stays; null removes."""
    user = allow(request, "trading.change_order")
    position = _my_position(request, position_id)
    return exits.protect(position, actor=user, **body.dict(exclude_unset=True))


# -- Lanes -------------------------------------------------------------------------------------
class LaneOut(Schema):
    account_id: int
    halted: bool
    halted_because: str
    queued: int
    unsettled: int

    @staticmethod
    def resolve_queued(lane: Lane) -> int:
        return Order.objects.filter(account=lane.account_id, state=Order.State.QUEUED).count()

    @staticmethod
    def resolve_unsettled(lane: Lane) -> int:
        outcome = OrderAttempt.Outcome.UNKNOWN
        return OrderAttempt.objects.filter(account=lane.account_id, outcome=outcome).count()


class ResumeIn(Input):
    reason: str = Field(min_length=3, max_length=200)


@router.post(
    "/trading/accounts/{account_id}/resume",
    response=LaneOut,
    summary="Let an account's orders out again",
)
def resume_lane(request: HttpRequest, account_id: int, body: ResumeIn) -> Any:
    user = allow(request, "trading.change_order")
    account = _my_account(request, account_id)
    in_doubt.resume_lane(account, actor=user, reason=body.reason)
    return Lane.objects.get(account=account)
