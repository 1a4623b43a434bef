"""Step-up on pages: what was sent is kept, the code is asked for, and the very same is done.

A page that acts needs to know nothing of it: a service that demands a code ends the request, and what is
shown instead carries all that was typed, sealed for this person, session and address.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils import timezone

from tradershub.core import crypto
from tradershub.core.pages import render_page
from tradershub.core.second_factor import has_one, why_not
from tradershub.core.step_up import CODE, Proof, StepUpNeeded

KEPT = "step_up_kept"
KEPT_SECONDS = 15 * 60  # long enough to set up an app on another page
API = "ninja"  # the API proves what it gets by itself
TOO_LATE = "That was more than a quarter of an hour ago, or in another session: do it again"


def proof_of(person: Any, code: str, session: Any = None) -> Proof:
    """What a request proves by its code, which is used up. Not within a transaction."""
    refusal = why_not(person, code) if code else ""
    return Proof(is_given=bool(code) and not refusal, refusal=refusal, session=session)


class StepUpMiddleware:
    """Puts the proof on whoever acts on a page, and asks for the code where a service demands one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        if request.method != "POST" or API in request.resolver_match.app_names:
            return None
        if not request.user.is_authenticated:
            return None
        code, kept = request.POST.get(CODE, ""), request.POST.get(KEPT, "")
        if kept:
            sent = _unkept(request, kept)
            if sent is None:
                messages.error(request, TOO_LATE)
                return HttpResponseRedirect(reverse("admin:index"))
            request.POST = sent  # type: ignore[assignment]
        request.user.proof = proof_of(request.user, code, request.session)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return ask(request, error) if isinstance(error, StepUpNeeded) else None


def ask(request: HttpRequest, needed: StepUpNeeded) -> HttpResponse:
    """The page that asks for the code; 403, as nothing was done."""
    page = render_page(
        request,
        "step_up.html",
        title="Is it you?",
        status=403,
        kind=needed.kind,
        refusal=needed.refusal,
        kept=_keep(request),
        has_factor=has_one(request.user),
        back=_came_from(request),
    )
    page["Cache-Control"] = "no-store"
    return page


def _keep(request: HttpRequest) -> str:
    sent = {name: request.POST.getlist(name) for name in request.POST if name not in (CODE, KEPT)}
    content = {**_bound_to(request), "at": timezone.now().timestamp(), "sent": sent}
    return crypto.encrypt(json.dumps(content).encode()).decode("ascii")


def _unkept(request: HttpRequest, kept: str) -> QueryDict | None:
    """What was sent at first; None where it was another's, elsewhere, or too long ago."""
    try:
        content = json.loads(crypto.decrypt(kept.encode("ascii", "replace")))
        age = timezone.now().timestamp() - content.pop("at")
        sent = content.pop("sent")
    except (crypto.Unreadable, ValueError, KeyError):
        return None
    if content != _bound_to(request) or not 0 <= age <= KEPT_SECONDS:
        return None
    found = QueryDict(mutable=True)
    for name, values in sent.items():
        found.setlist(name, values)
    return found


def _bound_to(request: HttpRequest) -> dict[str, Any]:
    return {
        "for": "step-up",
        "person": request.user.pk,
        "session": request.session.session_key,
        "address": request.get_full_path(),
    }


def _came_from(request: HttpRequest) -> str:
    """The page on which it was asked for, where that is ours and another than this."""
    page = urlsplit(request.headers.get("Referer", ""))
    is_ours = page.netloc == request.get_host() and page.path != request.path
    address = f"{page.path}?{page.query}" if page.query else page.path
    return address if is_ours else reverse("admin:index")
