"""Deals, positions, orders, breaks and day figures to read over the API."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from accounts import tieout
from accounts.models import Break, BrokerOrder, DayFigures, Deal, Position
from tradershub.core.api import (
    GivenDay,
    GivenMoment,
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

router = Router(tags=["Books"])


class FactQuery(PageQuery):
    account_id: int | None = None
    symbol: str | None = Field(None, description="The broker's name of the symbol")


class DealOut(Schema):
    id: int
    account_id: int
    broker_deal_id: str
    kind: str
    symbol: str | None
    side: str
    entry: str
    volume: Number | None
    price: Number | None
    currency: str
    profit: Number
    swap: Number
    commission: Number
    fee: Number
    tax: Number
    amount: Number
    at: Moment
    broker_time: str
    position_ref: str
    broker_order_id: str
    comment: str
    source: str
    inferred: bool
    reverses_id: int | None

    @staticmethod
    def resolve_symbol(deal: Deal) -> str | None:
        return deal.symbol.name if deal.symbol else None


DealKind = one_of(Deal.Kind)


class DealQuery(FactQuery):
    kind: DealKind | None = None
    position_ref: str | None = None
    statement_id: int | None = None
    from_at: GivenMoment | None = None
    to_at: GivenMoment | None = None


def _facts(request: HttpRequest, model: Any, query: FactQuery) -> Any:
    rows = model.objects.for_user(request.user).select_related("symbol")
    if query.account_id is not None:
        rows = rows.filter(account_id=query.account_id)
    if query.symbol is not None:
        rows = rows.filter(symbol__name=query.symbol)
    return rows


@router.get("/deals", response=Page[DealOut], summary="List deals")
def list_deals(request: HttpRequest, query: Annotated[DealQuery, Query()]) -> Any:
    allow(request, "accounts.view_deal")
    rows = _facts(request, Deal, query)
    if query.kind is not None:
        rows = rows.filter(kind=query.kind)
    if query.position_ref is not None:
        rows = rows.filter(position_ref=query.position_ref)
    if query.statement_id is not None:
        rows = rows.filter(statement_id=query.statement_id)
    if query.from_at is not None:
        rows = rows.filter(at__gte=query.from_at)
    if query.to_at is not None:
        rows = rows.filter(at__lt=query.to_at)
    return page_of(rows, query)


@router.get("/deals/{deal_id}", response=DealOut, summary="Read a deal")
def read_deal(request: HttpRequest, deal_id: int) -> Any:
    user = allow(request, "accounts.view_deal")
    return one(Deal.objects.for_user(user).select_related("symbol"), deal_id, what="deal")


class PositionOut(Schema):
    id: int
    account_id: int
    ref: str
    symbol: str
    side: str
    volume: Number
    open_volume: Number
    open_price: Number | None
    close_price: Number | None
    opened_at: Moment
    closed_at: Moment | None
    currency: str
    profit: Number
    swap: Number
    commission: Number
    fee: Number
    tax: Number
    net: Number
    inferred: bool
    stop_loss: Number | None
    take_profit: Number | None
    first_stop: Number | None
    trailing_distance: Number | None
    mark_volume: Number | None
    mark_price: Number | None
    mark_profit: Number | None
    mark_swap: Number | None
    mark_at: Moment | None

    @staticmethod
    def resolve_symbol(position: Position) -> str:
        return position.symbol.name

    @staticmethod
    def resolve_currency(position: Position) -> str:
        return position.account.currency


class PositionQuery(FactQuery):
    open: bool | None = None


@router.get("/positions", response=Page[PositionOut], summary="List positions")
def list_positions(request: HttpRequest, query: Annotated[PositionQuery, Query()]) -> Any:
    allow(request, "accounts.view_position")
    rows = _facts(request, Position, query).select_related("account", "symbol")
    if query.open is not None:
        rows = rows.filter(open_volume__gt=0) if query.open else rows.filter(open_volume=0)
    return page_of(rows, query)


@router.get("/positions/{position_id}", response=PositionOut, summary="Read a position")
def read_position(request: HttpRequest, position_id: int) -> Any:
    user = allow(request, "accounts.view_position")
    rows = Position.objects.for_user(user).select_related("account", "symbol")
    return one(rows, position_id, what="position")


class OrderOut(Schema):
    id: int
    account_id: int
    broker_order_id: str
    symbol: str
    type: str
    side: str
    volume: Number
    filled: Number
    price: Number | None
    limit_price: Number | None
    stop_loss: Number | None
    take_profit: Number | None
    trailing_distance: Number | None
    bracket: str
    state: str
    placed_at: Moment
    done_at: Moment | None
    expires_at: Moment | None
    position_ref: str
    comment: str
    source: str

    @staticmethod
    def resolve_symbol(order: BrokerOrder) -> str:
        return order.symbol.name


OrderState = one_of(BrokerOrder.State)


class OrderQuery(FactQuery):
    state: OrderState | None = None


@router.get("/orders", response=Page[OrderOut], summary="List orders at brokers")
def list_orders(request: HttpRequest, query: Annotated[OrderQuery, Query()]) -> Any:
    allow(request, "accounts.view_brokerorder")
    rows = _facts(request, BrokerOrder, query)
    if query.state is not None:
        rows = rows.filter(state=query.state)
    return page_of(rows, query)


@router.get("/orders/{order_id}", response=OrderOut, summary="Read an order")
def read_order(request: HttpRequest, order_id: int) -> Any:
    user = allow(request, "accounts.view_brokerorder")
    return one(BrokerOrder.objects.for_user(user).select_related("symbol"), order_id, what="order")


class BreakOut(Schema):
    id: int
    account_id: int
    statement_id: int | None
    kind: str
    symbol: str
    cause: str
    count: int
    difference: Number | None
    state: str
    explanation: str
    opened_at: Moment
    closed_at: Moment | None


BreakState = one_of(Break.State)


class BreakQuery(PageQuery):
    account_id: int | None = None
    state: BreakState | None = None


@router.get("/breaks", response=Page[BreakOut], summary="List breaks")
def list_breaks(request: HttpRequest, query: Annotated[BreakQuery, Query()]) -> Any:
    user = allow(request, "accounts.view_break")
    given = query.dict(exclude={"limit", "cursor"}, exclude_none=True)
    return page_of(Break.objects.for_user(user).filter(**given), query)


class ExplanationIn(Input):
    explanation: str = Field(min_length=1, max_length=500)


def _my_break(request: HttpRequest, break_id: int) -> Break:
    rows = Break.objects.for_user(request.user).select_related("account__broker")
    return one(rows, break_id, what="break")


@router.get("/breaks/{break_id}", response=BreakOut, summary="Read a break")
def read_break(request: HttpRequest, break_id: int) -> Any:
    allow(request, "accounts.view_break")
    return _my_break(request, break_id)


@router.post("/breaks/{break_id}/explain", response=BreakOut, summary="Explain a break")
def explain_break(request: HttpRequest, break_id: int, body: ExplanationIn) -> Any:
    """It stays `explained` until the difference changes (then it is `open`) or is gone (`closed`)."""
    user = allow(request, "accounts.change_break")
    return tieout.explain(_my_break(request, break_id), actor=user, explanation=body.explanation)


@router.post("/breaks/{break_id}/reopen", response=BreakOut, summary="Take an explanation back")
def reopen_break(request: HttpRequest, break_id: int) -> Any:
    user = allow(request, "accounts.change_break")
    return tieout.reopen(_my_break(request, break_id), actor=user)


class DayFiguresOut(Schema):
    """Sums of one account, symbol and trading day of the broker, in the account's currency."""

    id: int
    account_id: int
    currency: str
    day: dt.date
    symbol: str | None = Field(None, description="null: rows without a symbol, as deposits")
    deals: int
    closings: int
    wins: int
    losses: int
    volume: Number
    profit: Number
    swap: Number
    commission: Number
    fee: Number
    tax: Number
    net: Number
    gross_profit: Number
    gross_loss: Number
    deposits: Number
    withdrawals: Number
    credit: Number
    other: Number

    @staticmethod
    def resolve_symbol(figures: DayFigures) -> str | None:
        return figures.symbol.name if figures.symbol else None

    @staticmethod
    def resolve_currency(figures: DayFigures) -> str:
        return figures.account.currency


class DayQuery(FactQuery):
    from_day: GivenDay | None = None
    to_day: GivenDay | None = None


@router.get("/day-figures", response=Page[DayFiguresOut], summary="List figures by day")
def list_day_figures(request: HttpRequest, query: Annotated[DayQuery, Query()]) -> Any:
    allow(request, "accounts.view_dayfigures")
    rows = _facts(request, DayFigures, query).select_related("account", "symbol")
    if query.from_day is not None:
        rows = rows.filter(day__gte=query.from_day)
    if query.to_day is not None:
        rows = rows.filter(day__lte=query.to_day)
    return page_of(rows, query)
