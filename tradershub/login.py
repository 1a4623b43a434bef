"""The log-in: a name and a password, then a code, of whoever has set up a second factor."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth import login as let_in
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from unfold.forms import AuthenticationForm

from tradershub.core.persons import may_log_in
from tradershub.core.second_factor import has_one, why_not

WAITING = "waits_for_code"  # in the session of whoever has typed the right password
WITHIN = 10 * 60  # seconds


class CodeNeeded(Exception):
    """The password was right, and is not enough."""

    def __init__(self, person: Any) -> None:
        super().__init__(str(person))
        self.person = person


class PasswordForm(AuthenticationForm):
    """Raises CodeNeeded for who has a second factor: nobody is logged in by half."""

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if has_one(user):
            raise CodeNeeded(user)


def wait_for_code(request: HttpRequest, person: Any) -> HttpResponse:
    """Remember whose password was right, and ask for the code."""
    request.session.cycle_key()
    request.session[WAITING] = {
        "person": person.pk,
        "backend": person.backend,
        "password": person.get_session_auth_hash(),
        "at": timezone.now().timestamp(),
        "next": request.POST.get("next") or request.GET.get("next", ""),
    }
    return redirect("login-code")


@never_cache
@require_http_methods(["GET", "POST"])
def ask_for_code(request: HttpRequest) -> HttpResponse:
    """The second half of the log-in. A wrong code makes the next wait, longer each time."""
    waiting = request.session.get(WAITING)
    person = _who_waits(waiting)
    if person is None:
        request.session.pop(WAITING, None)
        return redirect("admin:login")
    refusal = ""
    if request.method == "POST":
        refusal = why_not(person, request.POST.get("code", ""))
        if not refusal:
            del request.session[WAITING]
            let_in(request, person, backend=waiting["backend"])
            return HttpResponseRedirect(_wanted(request, waiting["next"]))
    context = admin.site.each_context(request) | {"title": "Log in", "refusal": refusal}
    return render(request, "login_code.html", context, status=403 if refusal else 200)


def _who_waits(waiting: dict[str, Any] | None) -> Any:
    """None where nobody does, or too long, or with a password that was changed meanwhile."""
    if waiting is None or not 0 <= timezone.now().timestamp() - waiting["at"] <= WITHIN:
        return None
    person = get_user_model().objects.filter(pk=waiting["person"]).first()
    if person is None or not may_log_in(person):
        return None
    is_same = constant_time_compare(person.get_session_auth_hash(), waiting["password"])
    return person if is_same else None


def _wanted(request: HttpRequest, page: str) -> str:
    is_ours = url_has_allowed_host_and_scheme(
        page, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return page if page and is_ours else reverse("admin:index")
