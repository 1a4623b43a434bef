"""A signal's story and what a person does with it; how a source sends, and its secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from tradershub.core.errors import HubError
from tradershub.core.pages import render_page
from tradershub.desk.importing import need
from tradershub.desk.orders import EVERY, EVERY_LIVE, every_of
from tradershub.desk.orders import tone as order_tone
from trading import signals
from trading.admin.signals import tell_secret
from trading.dropfolder import fault_of, folder_of
from trading.models import Gate, Order, Signal, SignalSource
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
    orders = list(_orders(signal))
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
        orders=[(order, order_tone(order), _answer(order)) for order in orders],
        events=_events(orders),
        replays=signal.replays.order_by("id"),
        every=_every(signal, orders),
    )


def _orders(signal: Signal) -> QuerySet[Order]:
    rows = orders_of(signal).select_related("account", "symbol__instrument")
    return rows.prefetch_related("events", "attempts").order_by("id")


def _answer(order: Order) -> str:
    """The broker's last answer: how it ended, in its own words, under which number; empty without one."""
    last = max(order.attempts.all(), key=lambda one: one.number, default=None)
    if last is None:
        return ""
    number = order.broker_order_id and f"number {order.broker_order_id}"
    return ", ".join(filter(None, [last.get_outcome_display(), last.text, number]))


def _every(signal: Signal, orders: Sequence[Order]) -> int:
    """Seconds until the page looks again, 0 for never."""
    if signal.waits or signal.state == Signal.State.WAITING:
        return EVERY_LIVE
    if signal.state == Signal.State.RECEIVED:
        return EVERY
    return min(filter(None, map(every_of, orders)), default=0)


def _events(orders: Iterable[Order]) -> list[Any]:
    """All moves of its orders by time."""
    found = [event for order in orders for event in order.events.all()]
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
    is_folder = found.proof == SignalSource.Proof.FOLDER
    return render_page(
        request,
        "desk/signal_source.html",
        title=f"How does {found.name} send?",
        crumbs=(("Sources of signals", reverse("admin:trading_signalsource_changelist")),),
        source=found,
        address=request.build_absolute_uri(signals.path_of(found)),
        folder=folder_of(found) if is_folder else None,
        fault=fault_of(found) if is_folder else "",
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
