"""Stop: one click from every page, and the form that lets trading go on."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts.models import Account
from risk import kill_switch
from risk.kill_switch import Scope, ScopeKind
from tradershub.core.errors import HubError
from trading import stops

MAY = "risk.change_killswitch"


@require_POST
def stop(request: HttpRequest) -> HttpResponse:
    """Stop all of the person's accounts, or the one that is named, at once and without a question."""
    return _switched(request, engaged=True)


@require_POST
def release(request: HttpRequest) -> HttpResponse:
    """Let them go on; the reason is typed on the Risk page."""
    return _switched(request, engaged=False)


def _switched(request: HttpRequest, *, engaged: bool) -> HttpResponse:
    if not request.user.has_perm(MAY):
        raise PermissionDenied
    try:
        scope = _scope(request)
        reason = request.POST.get("reason", "")
        if engaged:
            kill_switch.engage(scope, actor=request.user, reason=reason)
        else:
            kill_switch.release(scope, actor=request.user, reason=reason)
    except HubError as refusal:
        messages.error(request, refusal.message)
    else:
        done = "Stopped. Nothing is sent but cancels and closes" if engaged else "Released"
        messages.success(request, f"{done}: {stops.in_words(scope)}.")
    return HttpResponseRedirect(_back(request))


def _scope(request: HttpRequest) -> Scope:
    if pk := request.POST.get("switch"):
        return _stopped(request, pk)
    kind = request.POST.get("scope", "owner")
    if kind == "all":
        return kill_switch.ALL
    if kind == "account":
        mine = Account.objects.for_user(request.user)
        pk = request.POST.get("account", "")
        account = mine.filter(pk=int(pk)).first() if pk.isdecimal() and len(pk) < 19 else None
        if account is None:
            raise HubError("There is no such account of yours")
        return kill_switch.of_account(account)
    return kill_switch.of_owner(request.user)


def _stopped(request: HttpRequest, pk: str) -> Scope:
    """What a switch stops; "file" is everything, with the file. Raises HubError."""
    if pk == "file":
        return kill_switch.ALL
    mine = kill_switch.switches_of(request.user)
    row = mine.filter(pk=int(pk)).first() if pk.isdecimal() and len(pk) < 19 else None
    if row is None:
        raise HubError("There is no such stop of yours")
    return Scope(ScopeKind(row.scope), row.key)


def _back(request: HttpRequest) -> str:
    """The page that the click was on."""
    page = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(page, allowed_hosts={request.get_host()})
    return page if is_ours and page.startswith("/") else reverse("reports:page", args=["risk"])
