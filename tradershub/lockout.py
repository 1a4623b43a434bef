"""What somebody sees who has guessed too often: how long to wait, in words."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

from axes.helpers import get_client_ip_address, get_client_username, get_cool_off
from axes.models import AccessAttempt, AccessFailureLog
from axes.signals import user_locked_out
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from tradershub import first_password
from tradershub.core import audit

FIRST_PAUSE, LONGEST_PAUSE = dt.timedelta(minutes=15), dt.timedelta(days=1)


def locked_out(
    request: HttpRequest,
    response: HttpResponse | None = None,
    credentials: dict[str, Any] | None = None,
) -> HttpResponse:
    """The page that says when to try again; status 429 with Retry-After."""
    wait = time_to_wait(request, credentials)
    context = admin.site.each_context(request) | {
        "title": "Too many attempts",
        "wait": in_words(wait),
        "limit": settings.AXES_FAILURE_LIMIT,
    }
    page = render(request, "locked_out.html", context, status=429)
    page["Retry-After"] = str(max(1, math.ceil(wait.total_seconds())))
    return page


def in_words(wait: dt.timedelta) -> str:
    """As "15 more minutes"; from two hours on in hours."""
    minutes = max(1, math.ceil(wait.total_seconds() / 60))
    if minutes >= 120:
        return f"{math.ceil(minutes / 60)} more hours"
    return f"{minutes} more minute{'s' if minutes > 1 else ''}"


def time_to_wait(request: HttpRequest, credentials: dict[str, Any] | None) -> dt.timedelta:
    """Until the lock on this name at this address opens."""
    pause = get_cool_off(request) or dt.timedelta(0)
    last = (
        AccessAttempt.objects.filter(
            username=get_client_username(request, credentials) or "",
            ip_address=get_client_ip_address(request),
        )
        .order_by("-attempt_time")
        .values_list("attempt_time", flat=True)
        .first()
    )
    return (last or timezone.now()) + pause - timezone.now()


def pause(request: HttpRequest | None) -> dt.timedelta:
    """How long this name is locked at this address: twice as long with each lock since its last log-in."""
    locks = _failures_of(request).filter(locked_out=True).count() if request else 0
    return min(FIRST_PAUSE * 2 ** min(max(locks - 1, 0), 10), LONGEST_PAUSE)


def _failures_of(request: HttpRequest, username: str = "") -> QuerySet[AccessFailureLog]:
    return AccessFailureLog.objects.filter(
        username=username or get_client_username(request) or "",
        ip_address=get_client_ip_address(request),
    )


def listen() -> None:
    """Have log-ins, log-outs and locks go to the audit log."""
    user_locked_out.connect(note_lockout, dispatch_uid="tradershub.lockout")
    user_logged_in.connect(note_login, dispatch_uid="tradershub.lockout")
    user_logged_out.connect(note_logout, dispatch_uid="tradershub.lockout")


def note_lockout(
    *, request: HttpRequest, username: str = "", ip_address: str = "", **_: Any
) -> None:
    """A receiver of axes' user_locked_out: the log says who was shut out, and from where.

    Axes sends it for each attempt at a closed lock too; those would let a stranger fill the log.
    """
    if getattr(request, "axes_failures_since_start", None) is None:
        return
    audit.record("login.locked", actor=username or "unknown", details={"address": ip_address})


def note_login(*, request: HttpRequest | None, user: Any, **_: Any) -> None:
    """A receiver of user_logged_in: the next lock is as short as the first again."""
    first_password.forget(user)
    if request is not None:
        _failures_of(request, user.get_username()).delete()
    audit.record("login", actor=user, owner=user, details={"address": address_of(request)})


def note_logout(*, request: HttpRequest | None, user: Any, **_: Any) -> None:
    """A receiver of user_logged_out; a session that had run out has no user."""
    if user is not None:
        audit.record("logout", actor=user, owner=user, details={"address": address_of(request)})


def address_of(request: HttpRequest | None) -> str:
    return (get_client_ip_address(request) or "") if request is not None else ""
