"""The admin site: the frame of every page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject
from unfold.sites import UnfoldAdminSite

from accounts.models import Account
from risk.kill_switch import engaged_for
from tradershub.login import CodeNeeded, PasswordForm, wait_for_code


@dataclass(frozen=True, slots=True)
class TradingState:
    """What the hub may do at a broker now; kind: live, sandbox, stopped or recording."""

    kind: str
    word: str
    detail: str


RECORDING = TradingState("recording", "Recording only", "no account may trade")
CLOSING = TradingState(
    "recording", "Closings only", "what cancels or closes goes out, nothing else"
)
LIVE = TradingState("live", "Live", "orders go out, real money among them")
SANDBOX = TradingState("sandbox", "Sandbox", "orders go out, none for real money")
SEALED = TradingState("sandbox", "Sandbox", "orders go to simulators on this machine")
STOPPED_BY = {
    "file": "the file STOP is in the data folder",
    "all": "for everybody",
    "owner": "all of your accounts",
}


def trading_state(user: Any) -> TradingState:
    """What may happen on this person's accounts: stopped before all, else by what they may trade on."""
    standing = engaged_for(user)
    if standing.scope in STOPPED_BY:
        why = standing.reason if standing.scope != "file" else ""
        detail = STOPPED_BY[standing.scope] + (f": {why}" if why else "")
        return TradingState("stopped", "Stopped", detail)
    rows = Account.objects.for_user(user).filter(
        Q(may_trade=True) | Q(closes_only=True),
        status=Account.Status.OPEN,
        connection__enabled=True,
    )
    found = set(rows.order_by().values_list("connection__live", "may_trade").distinct())
    kinds = {live for live, may_trade in found if may_trade}
    if not kinds:
        return CLOSING if found else RECORDING
    if settings.SANDBOX:
        return SEALED
    return LIVE if True in kinds else SANDBOX


class HubSite(UnfoldAdminSite):
    """The theme's site, with the state of trading on every page; its menu is tradershub.menu."""

    site_title = site_header = "TradersHub"
    index_title = "Tables"
    login_form = PasswordForm

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """By the password; who has a second factor is asked for its code on the next page."""
        try:
            return super().login(request, extra_context)
        except CodeNeeded as step:
            return wait_for_code(request, step.person)

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        if self.has_permission(request):
            state = SimpleLazyObject(lambda: trading_state(request.user))  # only where it is shown
            context["trading_state"] = state
            context["may_stop"] = request.user.has_perm("risk.change_killswitch")
        return context
