"""A signal's story and what a person does with it; how a source sends, and its secrets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from tradershub.core.errors import HubError
from tradershub.core.pages import render_page
from tradershub.desk.importing import need
from trading import signals
from trading.admin.signals import tell_secret
from trading.dropfolder import folder_of
from trading.models import Gate, Signal, SignalSource
from trading.queries import became, orders_of, with_orders
from trading.sources import SOURCES, STRATEGY

SHOWN = 20
LOOK, ACT = "trading.view_signal", "trading.change_signal"
LOOK_AT_SOURCE, CHANGE_SOURCE = "trading.view_signalsource", "trading.change_signalsource"
TONES = {"ordered": "good", "waiting": "warning", "refused": "bad", "declined": "bad"}
LIST = "admin:trading_signal_changelist"


@require_GET
def story(request: HttpRequest, pk: int) -> HttpResponse:
    need(request, LOOK)
    signal = _mine(request, pk)
    orders = orders_of(signal)
    return render_page(
        request,
        "desk/signal.html",
        title=f"What came of signal {signal.pk}?",
        crumbs=(("Signals", reverse(LIST)),),
        signal=signal,
        became=became(signal),
        tone=tone(signal),
        rests=signal.rests.select_related("account__broker").order_by("id"),
        gates=Gate.objects.filter(signal=signal),
        orders=orders.select_related("account", "symbol").order_by("id"),
        events=_events(orders),
        replays=signal.replays.order_by("id"),
    )


def _events(orders: Any) -> list[Any]:
    """All moves of its orders by time, with the broker's words."""
    found = [
        event
        for order in orders.prefetch_related("events").select_related("symbol", "account")
        for event in order.events.all()
    ]
    return sorted(found, key=lambda event: (event.at, event.order_id, event.seq))


@require_POST
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    return _acted(request, pk, signals.approve, "It was let through")


@require_POST
def decline(request: HttpRequest, pk: int) -> HttpResponse:
    return _acted(request, pk, signals.decline, "It was declined")


@require_POST
def again(request: HttpRequest, pk: int) -> HttpResponse:
    return _acted(request, pk, signals.send_again, "It was sent again, as a signal of its own")


def _acted(
    request: HttpRequest, pk: int, service: Callable[..., Signal], done: str
) -> HttpResponse:
    need(request, ACT)
    signal = _mine(request, pk)
    try:
        shown = service(signal, actor=request.user)
    except HubError as refusal:
        messages.error(request, refusal.message)
        return redirect("desk:signal", pk=pk)
    if shown.state == Signal.State.REFUSED:
        messages.error(request, f"Refused: {shown.reason}")
    elif shown.waits:
        messages.warning(request, f"It waits: {shown.reason}")
    else:
        messages.success(request, done)
    return redirect("desk:signal", pk=shown.pk)


# -- Sources -----------------------------------------------------------------------------------
@require_GET
def source(request: HttpRequest, pk: int) -> HttpResponse:
    need(request, LOOK_AT_SOURCE)
    found = _source(request, pk)
    return render_page(
        request,
        "desk/signal_source.html",
        title=f"How does {found.name} send?",
        crumbs=(("Sources of signals", reverse("admin:trading_signalsource_changelist")),),
        source=found,
        address=request.build_absolute_uri(signals.path_of(found)),
        folder=folder_of(found) if found.proof == SignalSource.Proof.FOLDER else None,
        template_text=_template(found),
        secrets=_count(found),
        signals=[(one, became(one), tone(one)) for one in _last(found)],
    )


def _template(source: SignalSource) -> str:
    """What to send, with the key of the source's own strategy."""
    text: str = SOURCES.load(source.dialect).TEMPLATE
    return text.replace(STRATEGY, source.strategy.key) if source.strategy else text


def _last(source: SignalSource) -> Any:
    rows = with_orders(Signal.objects.filter(source=source).defer("body", "draft"))
    return rows.select_related("instrument")[:SHOWN]


def tone(signal: Any) -> str:
    """The colour of what came of a signal."""
    if signal.waits or signal.state == Signal.State.ORDERED and signal.failed:
        return "warning"
    return TONES.get(signal.state, "")


def _count(source: SignalSource) -> int:
    return len(source.hashes) or len(signals.signing_secrets(source))


@require_POST
def new_secret(request: HttpRequest, pk: int) -> HttpResponse:
    need(request, CHANGE_SOURCE)
    found = _source(request, pk)
    try:
        tell_secret(request, found, signals.new_secret(found, actor=request.user))
    except HubError as refusal:
        messages.error(request, refusal.message)
    return redirect("desk:signal-source", pk=pk)


@require_POST
def drop_secret(request: HttpRequest, pk: int) -> HttpResponse:
    need(request, CHANGE_SOURCE)
    signals.drop_old_secret(_source(request, pk), actor=request.user)
    messages.success(request, "Only the newest secret holds from now on")
    return redirect("desk:signal-source", pk=pk)


def _mine(request: HttpRequest, pk: int) -> Signal:
    rows = Signal.objects.for_user(request.user)
    related = (
        "source__owner",
        "source__strategy",
        "strategy",
        "instrument",
        "replay_of",
        "rest_of",
    )
    rows = with_orders(rows)
    signal: Signal | None = rows.select_related(*related).filter(pk=pk).first()
    if signal is None:
        raise Http404("There is no such signal")
    return signal


def _source(request: HttpRequest, pk: int) -> SignalSource:
    rows = SignalSource.objects.for_user(request.user).select_related("owner", "strategy")
    found: SignalSource | None = rows.filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such source")
    return found
