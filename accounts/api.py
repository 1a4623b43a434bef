"""Accounts, their terms, deals, positions, orders and breaks over the API."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from accounts import services
from accounts.models import Account, AccountTerms, Break, BrokerOrder, Deal, Position
from brokers.models import Broker
from tradershub.core.api import Input, Moment, Number, Page, PageQuery, allow, one, page_of
from tradershub.core.terms import add_terms, change_terms, correct_terms

router = Router(tags=["Accounts"])


def my_account(request: HttpRequest, account_id: int) -> Account:
    """The person's account of that id. Raises NotFound for another's as for none."""
    return one(
        Account.objects.for_user(request.user).select_related("broker"), account_id, what="account"
    )


class AccountFields(Input):
    name: str = ""
    holder: str = ""
    server: str = ""
    platform: str = ""
    kind: str = "live"
    mode: str = Field("hedging", description="hedging or netting")
    opened_on: dt.date | None = None
    notes: str = ""


class AccountIn(AccountFields):
    broker_id: int
    number: str
    currency: str
    leverage: int | None = Field(None, ge=1, description="30 means 1:30")
    margin_call_level: Number | None = None
    stop_out_level: Number | None = None


class AccountEdit(AccountFields):
    number: str = ""


class AccountOut(Schema):
    id: int
    broker_id: int
    number: str
    name: str
    holder: str
    server: str
    platform: str
    currency: str
    kind: str
    mode: str
    status: str
    opened_on: dt.date | None
    closed_at: Moment | None
    notes: str


class AccountQuery(PageQuery):
    broker_id: int | None = None
    status: str | None = None
    currency: str | None = None
    number: str | None = None


@router.get("/accounts", response=Page[AccountOut], summary="List accounts")
def list_accounts(request: HttpRequest, query: Annotated[AccountQuery, Query()]) -> Any:
    user = allow(request, "accounts.view_account")
    given = query.dict(exclude={"limit", "cursor"}, exclude_none=True)
    return page_of(Account.objects.for_user(user).filter(**given), query)


@router.post("/accounts", response={201: AccountOut}, summary="Open an account")
def open_account(request: HttpRequest, body: AccountIn) -> Any:
    user = allow(request, "accounts.add_account")
    fields = body.dict(exclude_unset=True)
    broker = one(Broker.objects.all(), fields.pop("broker_id"), what="broker")
    return Status(201, services.open_account(actor=user, owner=user, broker=broker, **fields))


@router.get("/accounts/{account_id}", response=AccountOut, summary="Read an account")
def read_account(request: HttpRequest, account_id: int) -> Any:
    allow(request, "accounts.view_account")
    return my_account(request, account_id)


@router.patch("/accounts/{account_id}", response=AccountOut, summary="Edit an account")
def edit_account(request: HttpRequest, account_id: int, body: AccountEdit) -> Any:
    user = allow(request, "accounts.change_account")
    account = my_account(request, account_id)
    return services.edit_account(account, actor=user, **body.dict(exclude_unset=True))


@router.post("/accounts/{account_id}/close", response=AccountOut, summary="Close an account")
def close_account(request: HttpRequest, account_id: int) -> Any:
    user = allow(request, "accounts.change_account")
    return services.close_account(my_account(request, account_id), actor=user)


@router.post("/accounts/{account_id}/reopen", response=AccountOut, summary="Reopen an account")
def reopen_account(request: HttpRequest, account_id: int) -> Any:
    user = allow(request, "accounts.change_account")
    return services.reopen_account(my_account(request, account_id), actor=user)


class AccountTermsEdit(Input):
    leverage: int = Field(30, ge=1, description="30 means 1:30")
    margin_call_level: Number | None = Field(None, description="Percent")
    stop_out_level: Number | None = Field(None, description="Percent")


class AccountTermsIn(AccountTermsEdit):
    valid_from: dt.date


class AccountTermsChange(AccountTermsEdit):
    changed_on: dt.date | None = Field(
        None, description="First day of the new terms; null corrects the terms where they stand"
    )


class AccountTermsOut(Schema):
    id: int
    account_id: int
    valid_from: dt.date
    valid_until: dt.date | None
    leverage: int
    margin_call_level: Number
    stop_out_level: Number


@router.get(
    "/accounts/{account_id}/terms", response=Page[AccountTermsOut], summary="List account terms"
)
def list_account_terms(
    request: HttpRequest, account_id: int, query: Annotated[PageQuery, Query()]
) -> Any:
    allow(request, "accounts.view_accountterms")
    return page_of(my_account(request, account_id).terms.all(), query)


@router.post(
    "/accounts/{account_id}/terms", response={201: AccountTermsOut}, summary="Add account terms"
)
def add_account_terms(request: HttpRequest, account_id: int, body: AccountTermsIn) -> Any:
    user = allow(request, "accounts.add_accountterms")
    account = my_account(request, account_id)
    terms = AccountTerms(account=account, **body.dict(exclude_none=True))
    return Status(201, add_terms(terms, actor=user))


@router.patch(
    "/account-terms/{terms_id}", response=AccountTermsOut, summary="Correct or change account terms"
)
def edit_account_terms(request: HttpRequest, terms_id: int, body: AccountTermsChange) -> Any:
    user = allow(request, "accounts.change_accountterms")
    terms = one(AccountTerms.objects.for_user(user), terms_id, what="terms")
    changes = body.dict(exclude_unset=True)
    day = changes.pop("changed_on", None)
    if day is None:
        return correct_terms(terms, actor=user, **changes)
    return change_terms(terms, actor=user, day=day, **changes)


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


class DealQuery(FactQuery):
    kind: str | None = None
    position_ref: str | None = None
    from_at: dt.datetime | None = None
    to_at: dt.datetime | None = None


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
    open_price: Number
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


class OrderQuery(FactQuery):
    state: str | None = None


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


class BreakQuery(PageQuery):
    account_id: int | None = None
    state: str | None = None


@router.get("/breaks", response=Page[BreakOut], summary="List breaks")
def list_breaks(request: HttpRequest, query: Annotated[BreakQuery, Query()]) -> Any:
    user = allow(request, "accounts.view_break")
    given = query.dict(exclude={"limit", "cursor"}, exclude_none=True)
    return page_of(Break.objects.for_user(user).filter(**given), query)
