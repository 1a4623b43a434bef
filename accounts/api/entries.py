"""Entries by hand over the API: orders, closings, money in and out, charges, trades, reversals.

They share the router of what is read: two routers cannot share an address.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Status

from accounts import manual
from accounts.api.accounts import my_account
from accounts.api.facts import DealOut, OrderOut, router
from accounts.models import BrokerOrder, Deal, Position
from tradershub.core.api import GivenMoment, IdempotencyKey, Input, Number, allow, one
from tradershub.core.once import once
from tradershub.finance.decimals import ZERO

Side = Literal["buy", "sell"]
OrderType = Literal[tuple(BrokerOrder.Type.values)]
ChargeKind = Literal[tuple(str(kind) for kind in manual.CHARGES)]


class Booking(Input):
    at: GivenMoment | None = Field(None, description="By default now")
    broker_deal_id: str = Field("", max_length=64, description="Where the broker gave one")


class Entry(Booking):
    comment: str = Field("", max_length=300)


class MoneyIn(Entry):
    account_id: int
    amount: Number = Field(description="Positive, in the account's currency")


class ChargeIn(Entry):
    account_id: int
    kind: ChargeKind
    amount: Number = Field(description="Negative is a cost")
    symbol: str | None = Field(None, min_length=1, max_length=64)


class Execution(Booking):
    """What an execution may say besides its price. Costs: negative is a cost."""

    profit: Number | None = Field(None, description="Before costs; by default from the terms")
    swap: Number = ZERO
    commission: Number = ZERO
    fee: Number = ZERO
    tax: Number = ZERO


class TradeIn(Execution, Entry):
    account_id: int
    symbol: str = Field(min_length=1, max_length=64)
    side: Side
    volume: Number = Field(description="Lots")
    price: Number
    position_id: int | None = Field(None, description="What it closes, on a hedging account")
    stop_loss: Number | None = None
    take_profit: Number | None = None


class ClosingIn(Execution, Entry):
    price: Number
    volume: Number | None = Field(None, description="Lots; by default all that is open")


class FillIn(Execution):
    price: Number | None = Field(None, description="By default the order's own")
    volume: Number | None = Field(None, description="Lots; by default all that is left")


class OrderFields(Input):
    price: Number | None = None
    limit_price: Number | None = None
    stop_loss: Number | None = None
    take_profit: Number | None = None
    trailing_distance: Number | None = None
    expires_at: GivenMoment | None = None
    comment: str = Field("", max_length=300)


class OrderIn(OrderFields):
    account_id: int
    symbol: str = Field(min_length=1, max_length=64)
    side: Side
    volume: Number = Field(description="Lots")
    type: OrderType = "market"
    placed_at: GivenMoment | None = Field(None, description="By default now")
    position_id: int | None = Field(None, description="What it closes when it fills")
    broker_order_id: str = Field("", max_length=64)
    bracket: str = Field("", max_length=64)


class OrderEdit(OrderFields):
    volume: Number | None = None


class CancelIn(Input):
    at: GivenMoment | None = Field(None, description="By default now")


class ReverseIn(Input):
    comment: str = Field("", max_length=300)


def _once(
    request: HttpRequest,
    token: str,
    action: str,
    body: Input,
    act: Callable[[], Deal | BrokerOrder],
) -> Any:
    """Do it once, and answer the row as it is listed."""
    return Status(201, once(token, owner=request.user, action=action, sent=body.dict(), act=act))


def _my_position(request: HttpRequest, position_id: int | None) -> Position | None:
    if position_id is None:
        return None
    rows = Position.objects.for_user(request.user).select_related("account__broker", "symbol")
    return one(rows, position_id, what="position")


def _my_order(request: HttpRequest, order_id: int) -> BrokerOrder:
    rows = BrokerOrder.objects.for_user(request.user).select_related("account__broker", "symbol")
    return one(rows, order_id, what="order")


def _with_costs(values: dict[str, Any]) -> dict[str, Any]:
    costs = {name: values.pop(name) for name in manual.Costs._fields}
    return {**values, "costs": manual.Costs(**costs)}


@router.post("/deposits", response={201: DealOut}, summary="Enter a deposit")
def enter_deposit(request: HttpRequest, body: MoneyIn, idempotency_key: IdempotencyKey = "") -> Any:
    return _money(request, body, idempotency_key, manual.deposit)


@router.post("/withdrawals", response={201: DealOut}, summary="Enter a withdrawal")
def enter_withdrawal(
    request: HttpRequest, body: MoneyIn, idempotency_key: IdempotencyKey = ""
) -> Any:
    return _money(request, body, idempotency_key, manual.withdrawal)


@router.post("/charges", response={201: DealOut}, summary="Enter a swap, fee or other charge")
def enter_charge(request: HttpRequest, body: ChargeIn, idempotency_key: IdempotencyKey = "") -> Any:
    return _money(request, body, idempotency_key, manual.charge)


def _money(
    request: HttpRequest, body: MoneyIn | ChargeIn, token: str, service: Callable[..., Deal]
) -> Any:
    user = allow(request, "accounts.add_deal")
    values = body.dict()
    account = my_account(request, values.pop("account_id"))
    return _once(
        request, token, service.__name__, body, lambda: service(account, actor=user, **values)
    )


@router.post("/trades", response={201: DealOut}, summary="Enter an executed buy or sell")
def enter_trade(request: HttpRequest, body: TradeIn, idempotency_key: IdempotencyKey = "") -> Any:
    user = allow(request, "accounts.add_deal")
    values = _with_costs(body.dict())
    account = my_account(request, values.pop("account_id"))
    values["position"] = _my_position(request, values.pop("position_id"))
    return _once(
        request, idempotency_key, "trade", body, lambda: manual.trade(account, actor=user, **values)
    )


@router.post("/deals/{deal_id}/reverse", response={201: DealOut}, summary="Reverse a wrong entry")
def reverse_deal(
    request: HttpRequest, deal_id: int, body: ReverseIn, idempotency_key: IdempotencyKey = ""
) -> Any:
    user = allow(request, "accounts.add_deal")
    rows = Deal.objects.for_user(user).select_related("account__broker", "symbol")
    deal = one(rows, deal_id, what="deal")
    return _once(
        request,
        idempotency_key,
        f"reverse {deal_id}",
        body,
        lambda: manual.reverse(deal, actor=user, comment=body.comment),
    )


@router.post(
    "/positions/{position_id}/close", response={201: DealOut}, summary="Close a position or a part"
)
def close_position(
    request: HttpRequest, position_id: int, body: ClosingIn, idempotency_key: IdempotencyKey = ""
) -> Any:
    user = allow(request, "accounts.change_position", "accounts.add_deal")
    position = _my_position(request, position_id)
    values = _with_costs(body.dict())
    return _once(
        request,
        idempotency_key,
        f"close {position_id}",
        body,
        lambda: manual.close_position(position, actor=user, **values),
    )


@router.post("/orders", response={201: OrderOut}, summary="Enter an order placed at the broker")
def place_order(request: HttpRequest, body: OrderIn, idempotency_key: IdempotencyKey = "") -> Any:
    user = allow(request, "accounts.add_brokerorder")
    values = body.dict()
    account = my_account(request, values.pop("account_id"))
    values["position"] = _my_position(request, values.pop("position_id"))
    return _once(
        request,
        idempotency_key,
        "order",
        body,
        lambda: manual.place_order(account, actor=user, **values),
    )


@router.patch("/orders/{order_id}", response=OrderOut, summary="Modify a working order")
def modify_order(request: HttpRequest, order_id: int, body: OrderEdit) -> Any:
    user = allow(request, "accounts.change_brokerorder")
    order = _my_order(request, order_id)
    return manual.modify_order(order, actor=user, **body.dict(exclude_unset=True))


@router.post("/orders/{order_id}/fill", response={201: DealOut}, summary="Mark an order filled")
def fill_order(
    request: HttpRequest, order_id: int, body: FillIn, idempotency_key: IdempotencyKey = ""
) -> Any:
    """Wholly, or in a part of `volume` lots; answers the deal that was booked."""
    user = allow(request, "accounts.change_brokerorder", "accounts.add_deal")
    order = _my_order(request, order_id)
    values = _with_costs(body.dict())
    return _once(
        request,
        idempotency_key,
        f"fill {order_id}",
        body,
        lambda: manual.fill_order(order, actor=user, **values),
    )


@router.post("/orders/{order_id}/cancel", response=OrderOut, summary="Cancel a working order")
def cancel_order(request: HttpRequest, order_id: int, body: CancelIn) -> Any:
    user = allow(request, "accounts.change_brokerorder")
    return manual.cancel_order(_my_order(request, order_id), actor=user, at=body.at)
