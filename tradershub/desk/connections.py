"""A connection: its page, opened, edited, tested, switched, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import learning
from brokers import connecting
from brokers.adapters.settings import described
from brokers.checking import Step, check_connection
from brokers.learning import MOST_TOLD, Lesson, noted
from brokers.models import Connection
from brokers.platforms import PLATFORMS
from tradershub.core.audit import entries_about
from tradershub.core.entries import entry_page
from tradershub.core.errors import HubError
from tradershub.core.pages import Crumb, render_page
from tradershub.desk.connection_form import ConnectionForm, DeleteForm, advice
from tradershub.desk.importing import need
from tradershub.desk.platforms import CRUMBS, LOGGED, VIEW, ending, symbol_maps, today

ADD, CHANGE, DELETE = (f"brokers.{verb}_connection" for verb in ("add", "change", "delete"))
MOST_ACCOUNTS = 50


@require_GET
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """Whether it works, what it is set to, and what was done with it."""
    need(request, VIEW)
    return _page(request, mine(request, pk))


def mine(request: HttpRequest, pk: int) -> Connection:
    """The person's connection. Raises Http404 for another's as for none."""
    rows = Connection.objects.for_user(request.user).select_related("broker")
    return get_object_or_404(rows, pk=pk)


def address(connection: Connection) -> str:
    return reverse("desk:connection", args=[connection.pk])


def _page(
    request: HttpRequest,
    connection: Connection,
    *,
    steps: Sequence[Step] = (),
    lesson: Lesson | None = None,
) -> HttpResponse:
    accounts = connection.accounts.select_related("broker").order_by("number")
    return render_page(
        request,
        "desk/connection.html",
        title=f"Does {connection.name} work?",
        crumbs=_crumbs(connection),
        connection=connection,
        platform=connecting.platform_row(connection.platform),
        shut=connecting.why_shut(connection),
        state=connecting.condition(connection),
        ending=ending(connection, today()),
        settings=_settings(connection),
        secrets=_secrets(connection),
        accounts=accounts[:MOST_ACCOUNTS],
        maps=symbol_maps([connection.broker]),
        steps=steps,
        lesson=lesson,
        lesson_told=[*lesson.differences, *lesson.unclear][:MOST_TOLD] if lesson else [],
        learns=learning.can_be_learned(connection),
        taken=noted(connection),
        advice=list(advice(connection.platform)),
        log=entries_about(Connection, str(connection.pk), reader=request.user)[:LOGGED],
    )


def _crumbs(connection: Connection) -> tuple[Crumb, ...]:
    label = connection.get_platform_display()
    return (*CRUMBS, (label, reverse("desk:platform", args=[connection.platform])))


def _settings(connection: Connection) -> list[tuple[str, str]]:
    """Label and value of what is no secret."""
    fields = described(PLATFORMS.load(connection.platform).settings)
    return [
        (field.label, _worded(connection.settings.get(field.name, field.default), field.choices))
        for field in fields
        if not field.secret
    ]


def _worded(value: Any, choices: Sequence[tuple[str, str]]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(dict(choices).get(value, value))


def _secrets(connection: Connection) -> str:
    """Where they lie, in words, and whether there are any; nothing is read."""
    fields = described(PLATFORMS.load(connection.platform).settings)
    if not any(field.secret for field in fields):
        return "None are needed"
    if connection.store == Connection.Store.DATABASE:
        return "Kept here, encrypted" if connection.sealed else "None yet: edit it, and enter them"
    return f"{connection.get_store_display()}: {connection.reference}"


# -- Actions -----------------------------------------------------------------------------------
@require_GET
def choose(request: HttpRequest) -> HttpResponse:
    """The platforms to choose from."""
    need(request, ADD)
    return render_page(
        request,
        "desk/choose_platform.html",
        title="What do you want to connect?",
        crumbs=CRUMBS,
        choices=[(row, PLATFORMS.load(row.key).capabilities) for row in connecting.all_platforms()],
    )


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, key: str) -> HttpResponse:
    """The form of a platform; one with a market of its own is opened with its first account."""
    need(request, ADD)
    if key not in PLATFORMS:
        raise Http404("There is no such platform")
    if PLATFORMS.load(key).own_venue:
        return redirect("desk:paper")
    label = PLATFORMS.label(key)
    form = ConnectionForm(request.POST or None, user=request.user, platform=key)
    return entry_page(
        request,
        form,
        title=f"Connect to {label}",
        button="Open the connection",
        back=reverse("desk:platform", args=[key]),
        crumbs=(*CRUMBS, (label, reverse("desk:platform", args=[key]))),
        advice=tuple(advice(key)),
        then=address,
    )


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    connection = mine(request, pk)
    need(request, CHANGE)
    form = ConnectionForm(
        request.POST or None,
        user=request.user,
        platform=connection.platform,
        connection=connection,
    )
    return entry_page(
        request,
        form,
        title=f"What changes in {connection.name}?",
        button="Change the connection",
        back=address(connection),
        crumbs=(*_crumbs(connection), (connection.name, address(connection))),
        advice=tuple(advice(connection.platform)),
    )


@require_POST
def test(request: HttpRequest, pk: int) -> HttpResponse:
    """Read account, contracts and prices; sends no order, so that doing it twice harms nothing."""
    connection = mine(request, pk)
    need(request, CHANGE)
    steps = check_connection(connection, actor=request.user)
    return _page(request, connection, steps=steps)


@require_POST
def take_over(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what taking the platform's symbols and terms over would do; with sure=1 do it."""
    connection = mine(request, pk)
    need(request, CHANGE)
    try:
        if request.POST.get("sure") != "1":
            return _page(request, connection, lesson=learning.preview(connection))
        lesson = learning.take_over(connection, actor=request.user)
    except HubError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"Taken over: {learning.in_words(lesson)}")
    return HttpResponseRedirect(address(connection))


@require_POST
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    """on=1 lets orders through, on=0 none."""
    connection = mine(request, pk)
    need(request, CHANGE)
    on = request.POST.get("on") == "1"
    try:
        connecting.switch_connection(connection, on=on, actor=request.user)
    except HubError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{connection} is switched {'on' if on else 'off'}")
    return HttpResponseRedirect(address(connection))


@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    connection = mine(request, pk)
    need(request, DELETE)
    return entry_page(
        request,
        DeleteForm(request.POST or None, user=request.user, connection=connection),
        title=f"Delete {connection}?",
        button=f"Delete {connection.name}",
        back=address(connection),
        then=lambda _: reverse("desk:platform", args=[connection.platform]),
        lead="Its secrets are deleted with it. What was booked stays.",
        crumbs=_crumbs(connection),
        is_dangerous=True,
    )
