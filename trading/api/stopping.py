"""The kill switch over the API: said, engaged, released."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Router, Schema

from accounts.models import Account
from risk import kill_switch
from risk.kill_switch import Scope, ScopeKind
from risk.models import KillSwitch
from tradershub.core.api import Input, Moment, allow, one
from tradershub.core.errors import BadInput
from trading import stops

router = Router(tags=["Risk"])

ScopeName = Literal["all", "owner", "account", "strategy", "source"]


class StopIn(Input):
    scope: ScopeName = Field("owner", description="owner: all of your accounts")
    account_id: int | None = None
    key: str = Field(
        "", max_length=100, description="Of the strategy; of a source the id in its address"
    )
    reason: str = ""


class SwitchOut(Schema):
    scope: str
    key: str
    engaged: bool
    epoch: int
    reason: str
    by: str
    changed_at: Moment | None


class StandingOut(Schema):
    engaged: bool
    scope: str
    reason: str
    switches: list[SwitchOut]


@router.get("/kill-switch", response=StandingOut, summary="Say what is stopped")
def read_kill_switch(request: HttpRequest) -> Any:
    user = allow(request, "risk.view_killswitch")
    return _standing(user)


@router.post("/kill-switch/engage", response=StandingOut, summary="Stop trading")
def engage_kill_switch(request: HttpRequest, body: StopIn) -> Any:
    user = allow(request, "risk.change_killswitch")
    kill_switch.engage(_scope(body, user, stops.named), actor=user, reason=body.reason)
    return _standing(user)


@router.post("/kill-switch/release", response=StandingOut, summary="Let trading go on")
def release_kill_switch(request: HttpRequest, body: StopIn) -> Any:
    user = allow(request, "risk.change_killswitch")
    kill_switch.release(_scope(body, user, stops.stopped), actor=user, reason=body.reason)
    return _standing(user)


def _scope(body: StopIn, user: Any, by_key: stops.ByKey) -> Scope:
    if body.scope == "all":
        return kill_switch.ALL
    if body.scope == "owner":
        return kill_switch.of_owner(user)
    if body.scope == "account":
        if body.account_id is None:
            raise BadInput("Expected the id of the account", param="account_id")
        accounts = Account.objects.for_user(user)
        return kill_switch.of_account(one(accounts, body.account_id, what="account"))
    if not body.key:
        raise BadInput(f"Expected the key of the {body.scope}", param="key")
    return by_key(user, ScopeKind(body.scope), body.key)


def _standing(user: Any) -> dict[str, Any]:
    standing = kill_switch.engaged_for(user)
    switches: list[KillSwitch] = list(kill_switch.switches_of(user))
    return {
        "engaged": standing.engaged,
        "scope": standing.scope,
        "reason": standing.reason,
        "switches": switches,
    }
