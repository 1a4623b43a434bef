"""Accounts, their terms and what they are worth over the API."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from accounts import learning, papers, services
from accounts.models import LARGEST_LEVERAGE, Account, AccountTerms
from accounts.queries import equity_curve
from accounts.valuation import AccountState, state_of
from brokers.models import Broker, Connection
from brokers.rates import Rate
from tradershub.core.api import (
    Figure,
    GivenDay,
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
from tradershub.core.dated import with_next
from tradershub.core.errors import BadInput
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
    opened_on: GivenDay | None = None
    notes: str = ""


class AccountIn(AccountFields):
    broker_id: int
    number: str
    currency: str
    leverage: int | None = Field(None, ge=1, le=LARGEST_LEVERAGE, description="30 means 1:30")
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
    connection_id: int | None
    may_trade: bool
    closes_only: bool = Field(description="What cancels or closes goes there, and nothing else")
    opened_on: dt.date | None
    closed_at: Moment | None
    notes: str


StatusOfAccount = one_of(Account.Status)


class AccountQuery(PageQuery):
    broker_id: int | None = None
    status: StatusOfAccount | None = None
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


class PaperIn(Input):
    name: str
    currency: str
    deposit: Number
    leverage: int = Field(30, ge=1, le=LARGEST_LEVERAGE, description="30 means 1:30")
    mode: str = Field("hedging", description="hedging or netting")
    like_broker_id: int | None = Field(
        None, description="Broker whose symbols and terms it has; null for the starter catalogue"
    )
    always_open: bool = Field(True, description="Whether invented prices go on at weekends")


@router.post("/paper-accounts", response={201: AccountOut}, summary="Open a paper account")
def open_paper_account(request: HttpRequest, body: PaperIn) -> Any:
    user = allow(request, "accounts.add_account")
    fields = body.dict()
    like = fields.pop("like_broker_id")
    broker = one(Broker.objects.all(), like, what="broker") if like else None
    account = papers.open_paper_account(actor=user, owner=user, like=broker, **fields)
    return Status(201, account)


class ConnectIn(Input):
    connection_id: int | None


@router.post(
    "/accounts/{account_id}/connect",
    response=AccountOut,
    summary="Follow an account by a connection, or by none",
)
def connect_account(request: HttpRequest, account_id: int, body: ConnectIn) -> Any:
    user = allow(request, "accounts.change_account")
    account, wanted = my_account(request, account_id), body.connection_id
    mine = Connection.objects.for_user(user).select_related("broker")
    connection = one(mine, wanted, what="connection") if wanted else None
    return services.connect_account(account, connection, actor=user)


class TradingIn(Input):
    on: bool
    closes_only: bool = Field(
        False, description="With `on` false: what cancels or closes still goes there"
    )


@router.post(
    "/accounts/{account_id}/trading",
    response=AccountOut,
    summary="Let orders go to an account, only closings, or none",
)
def switch_trading(request: HttpRequest, account_id: int, body: TradingIn) -> Any:
    user = allow(request, "accounts.change_account")
    account = my_account(request, account_id)
    return services.switch_trading(account, **body.dict(), actor=user)


class AccountTermsEdit(Input):
    leverage: int = Field(30, ge=1, le=LARGEST_LEVERAGE, description="30 means 1:30")
    margin_call_level: Number | None = Field(None, description="Percent")
    stop_out_level: Number | None = Field(None, description="Percent")


class AccountTermsIn(AccountTermsEdit):
    valid_from: GivenDay


class AccountTermsChange(AccountTermsEdit):
    changed_on: GivenDay | None = Field(
        None, description="First day of the new terms; null corrects the terms where they stand"
    )


class LessonOut(Schema):
    symbols: int = Field(description="New ones")
    unmapped: int = Field(description="Of these, known for no instrument")
    added: int
    changed: int
    same: int
    differences: list[str] = Field(description="Where a person, or another connection, says other")
    unclear: list[str]


@router.post(
    "/connections/{connection_id}/terms",
    response=LessonOut,
    summary="Take over symbols and terms from the platform",
)
def take_over_terms(request: HttpRequest, connection_id: int, preview: bool = False) -> Any:
    """What a person or another connection said stays. With preview=true nothing is written."""
    user = allow(request, "brokers.change_connection")
    mine = Connection.objects.for_user(user).select_related("broker")
    connection = one(mine, connection_id, what="connection")
    lesson = learning.preview(connection) if preview else learning.take_over(connection, actor=user)
    counted = {name: len(getattr(lesson, name)) for name in ("symbols", "added", "changed")}
    told = {"differences": lesson.differences, "unclear": lesson.unclear}
    return {**counted, **told, "unmapped": lesson.unmapped, "same": lesson.same}


class AccountTermsOut(Schema):
    id: int
    account_id: int
    valid_from: dt.date
    valid_until: dt.date | None
    leverage: int
    margin_call_level: Number
    stop_out_level: Number
    source: str = Field(description="Connection whose platform said them; empty: a person")


@router.get(
    "/accounts/{account_id}/terms", response=Page[AccountTermsOut], summary="List account terms"
)
def list_account_terms(
    request: HttpRequest, account_id: int, query: Annotated[PageQuery, Query()]
) -> Any:
    allow(request, "accounts.view_accountterms")
    return page_of(with_next(my_account(request, account_id).terms.all()), query)


@router.post(
    "/accounts/{account_id}/terms", response={201: AccountTermsOut}, summary="Add account terms"
)
def add_account_terms(request: HttpRequest, account_id: int, body: AccountTermsIn) -> Any:
    user = allow(request, "accounts.add_accountterms")
    account = my_account(request, account_id)
    terms = AccountTerms(account=account, **body.dict(exclude_none=True))
    return Status(201, add_terms(terms, actor=user))


@router.get("/account-terms/{terms_id}", response=AccountTermsOut, summary="Read account terms")
def read_account_terms(request: HttpRequest, terms_id: int) -> Any:
    user = allow(request, "accounts.view_accountterms")
    return one(AccountTerms.objects.for_user(user), terms_id, what="terms")


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


class RateUsed(Schema):
    """One unit of the account's currency in the base currency, and the day that it is of."""

    value: Figure
    day: dt.date
    source: str


class InBase(Schema):
    currency: str
    rate: RateUsed | None = Field(description="null where no rate is known")
    balance: Figure | None
    equity: Figure | None


class AccountStateOut(Schema):
    """An account at the last known prices; null is what cannot be known, with its reason."""

    account_id: int
    currency: str
    at: Moment
    balance: Figure
    credit: Figure
    floating: Figure | None
    open_swap: Figure
    equity: Figure | None
    margin: Figure | None
    free_margin: Figure | None
    margin_level: Figure | None = Field(description="Percent; null while no margin is used")
    prices_at: Moment | None = Field(description="When the oldest price in use was seen")
    sources: list[str]
    reasons: list[str]
    base: InBase


@router.get("/accounts/{account_id}/state", response=AccountStateOut, summary="Value an account")
def read_account_state(request: HttpRequest, account_id: int, base: str = "") -> Any:
    """Balance, equity and margin now, in the account's currency and in `base` (by default, yours)."""
    allow(request, "accounts.view_account")
    state = state_of(my_account(request, account_id), base=_currency(base))
    reasons = [*state.reasons, *filter(None, [state.margin_used.reason])]
    return {
        "account_id": state.account.pk,
        "currency": state.account.currency,
        "at": state.at,
        "balance": state.balance,
        "credit": state.credit,
        "floating": state.floating,
        "open_swap": state.open_swap,
        "equity": state.equity,
        "margin": state.margin,
        "free_margin": state.free_margin,
        "margin_level": state.margin_level,
        "prices_at": state.prices_at,
        "sources": state.sources,
        "reasons": reasons,
        "base": _in_base(state, state.base_rate),
    }


def _currency(base: str) -> str | None:
    """The currency code, None for none. Raises BadInput."""
    code = base.strip().upper()
    if code and not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise BadInput("base: expected a currency code of three letters, as USD", param="base")
    return code or None


def _in_base(state: AccountState, rate: Rate | None) -> dict[str, Any]:
    return {
        "currency": state.base_currency,
        "rate": rate and {"value": rate.value, "day": rate.day, "source": rate.source},
        "balance": state.in_base(state.balance),
        "equity": state.in_base(state.equity),
    }


class CurvePointOut(Schema):
    day: dt.date
    balance: Figure
    credit: Figure
    flows: Figure = Field(description="Deposits less withdrawals of that day")
    equity: Figure | None = Field(description="As last marked on that day; null where nothing did")
    source: str


class CurveOut(Schema):
    currency: str
    data: list[CurvePointOut]


@router.get("/accounts/{account_id}/curve", response=CurveOut, summary="Follow an account's equity")
def read_curve(
    request: HttpRequest,
    account_id: int,
    from_day: GivenDay | None = None,
    to_day: GivenDay | None = None,
) -> Any:
    allow(request, "accounts.view_dayfigures")
    account = my_account(request, account_id)
    points = equity_curve(account, from_day, to_day)
    return {"currency": account.currency, "data": [point._asdict() for point in points]}
