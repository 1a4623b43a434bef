"""Stop and flatten over the API: asked, followed, withdrawn."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from accounts.models import Account
from risk import kill_switch
from tradershub.core.api import Input, Moment, Page, PageQuery, allow, one, one_of, page_of
from tradershub.core.errors import BadInput
from trading import flattening
from trading.models import Flattening

router = Router(tags=["Risk"])
StateName = one_of(Flattening.State)


class FlattenIn(Input):
    scope: Literal["all", "owner", "account"] = Field(
        "owner", description="owner: all of your accounts; all: everybody's, of an administrator"
    )
    account_id: int | None = None
    reason: str = ""


class FlatteningOut(Schema):
    id: int
    account_id: int
    state: str
    words: str
    positions: int | None = Field(description="Left by the broker's last answer; null before it")
    orders: int | None
    looked_at: Moment | None
    asked_by: str
    asked_at: Moment
    done_at: Moment | None


class FlatteningQuery(PageQuery):
    account_id: int | None = None
    state: StateName | None = None


@router.post(
    "/kill-switch/flatten",
    response={201: list[FlatteningOut]},
    summary="Stop, cancel every order, close every position",
)
def flatten(request: HttpRequest, body: FlattenIn) -> Any:
    """The answer is what was asked for; `flat` is said once the broker has said so."""
    user = allow(request, "risk.change_killswitch", "trading.add_order")
    rows = flattening.stop_and_flatten(_scope(body, user), actor=user, reason=body.reason)
    mine = Flattening.objects.for_user(user)
    return Status(201, list(mine.filter(pk__in=[row.pk for row in rows])))


def _scope(body: FlattenIn, user: Any) -> kill_switch.Scope:
    if body.scope == "all":
        return kill_switch.ALL
    if body.scope == "owner":
        return kill_switch.of_owner(user)
    if body.account_id is None:
        raise BadInput("Expected the id of the account", param="account_id")
    return kill_switch.of_account(
        one(Account.objects.for_user(user), body.account_id, what="account")
    )


@router.get(
    "/kill-switch/flattenings", response=Page[FlatteningOut], summary="Say how far accounts are"
)
def list_flattenings(request: HttpRequest, query: Annotated[FlatteningQuery, Query()]) -> Any:
    user = allow(request, "trading.view_flattening")
    given = query.dict(exclude={"limit", "cursor"}, exclude_none=True)
    return page_of(Flattening.objects.for_user(user).filter(**given), query)


@router.post(
    "/kill-switch/flattenings/{flattening_id}/withdraw",
    response=FlatteningOut,
    summary="Make an account flat no further",
)
def withdraw_flattening(request: HttpRequest, flattening_id: int) -> Any:
    """Trading stays stopped."""
    user = allow(request, "risk.change_killswitch")
    rows = Flattening.objects.for_user(user).select_related("account")
    row = one(rows, flattening_id, what="flattening")
    flattening.withdraw(row, actor=user)
    row.refresh_from_db()
    return row
