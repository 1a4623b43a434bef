"""A person's second factor: an app set up and replaced, recovery codes, all of it removed."""

from __future__ import annotations

from typing import Any

import segno
from django import forms
from django.contrib import messages
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from tradershub.core import second_factor
from tradershub.core.entries import refuse
from tradershub.core.errors import HubError
from tradershub.core.models import Authenticator, RecoveryCodes
from tradershub.core.pages import render_page

TITLE = "How do you prove that it is you?"
WRONG_PASSWORD = "That is not your password"  # noqa: S105


class FirstCodeForm(forms.Form):
    """The password too: a session left open must not become a second factor of somebody else."""

    code = forms.CharField(
        max_length=20,
        label="The six digits that the app shows now",
        widget=UnfoldAdminTextInputWidget(
            attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}
        ),
    )
    password = forms.CharField(
        max_length=200,
        strip=False,
        label="Your password, once more",
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
    )


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    person = request.user.pk
    return render_page(
        request,
        "desk/security.html",
        title=TITLE,
        app=Authenticator.objects.filter(user=person, confirmed=True).first(),
        codes=RecoveryCodes.objects.filter(user=person).first(),
    )


@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Make a new secret; in place of an app that works it needs that one's code."""
    second_factor.begin(request.user)
    return redirect("desk:security-app")


@never_cache
@require_http_methods(["GET", "POST"])
def app(request: HttpRequest) -> HttpResponse:
    """The secret as a picture and a text, until the app has proved that it has it."""
    begun = second_factor.begun(request.user)
    if begun is None:
        return redirect("desk:security")
    form = FirstCodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        codes = _proved(request, form)
        if codes:
            return _shown_once(request, codes)
    return render_page(
        request,
        "desk/security_app.html",
        title="Does your app have the secret?",
        crumbs=_crumbs(),
        form=form,
        picture=_picture(second_factor.address_of(begun)),
        secret=second_factor.secret_text(begun),
    )


def _proved(request: HttpRequest, form: FirstCodeForm) -> list[str]:
    """The new recovery codes; none where the form says what is wrong."""
    given: dict[str, Any] = form.cleaned_data
    name = request.user.get_username()
    if authenticate(request, username=name, password=given["password"]) is None:
        form.add_error("password", WRONG_PASSWORD)
        return []
    try:
        codes = second_factor.finish(request.user, given["code"])
    except HubError as refusal:
        refuse(form, refusal)
        return []
    second_factor.end_sessions(request.user, but=request.session.session_key)
    return codes


def _picture(address: str) -> SafeString:
    """The QR code as SVG without colours of its own; what it says is only in its squares."""
    drawn = segno.make(address, error="m", micro=False)
    svg = drawn.svg_inline(scale=5, border=3, dark="#000", light="#fff", omitsize=True)
    return mark_safe(svg)  # noqa: S308


@never_cache
@require_POST
def renew_codes(request: HttpRequest) -> HttpResponse:
    try:
        return _shown_once(request, second_factor.renew_codes(request.user))
    except HubError as refusal:
        messages.error(request, refusal.message)
        return redirect("desk:security")


@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    try:
        second_factor.remove(request.user)
    except HubError as refusal:
        messages.error(request, refusal.message)
    else:
        second_factor.end_sessions(request.user, but=request.session.session_key)
        messages.success(request, "Removed: from now on the password alone logs you in")
    return redirect("desk:security")


def _shown_once(request: HttpRequest, codes: list[str]) -> HttpResponse:
    return render_page(
        request,
        "desk/security_codes.html",
        title="Where will you keep your recovery codes?",
        crumbs=_crumbs(),
        codes=codes,
    )


def _crumbs() -> tuple[tuple[str, str], ...]:
    return (("Second factor", reverse("desk:security")),)
