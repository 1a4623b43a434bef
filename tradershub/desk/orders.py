"""Orders: what was asked and what came of it, each as a story; changed, cancelled, settled by hand."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import Account, Deal, Position
from brokers.adapters.messages import NEEDS
from tradershub.core.entries import EntryForm, ExactNumber, MomentField, entry_page
from tradershub.core.errors import Conflict
from tradershub.core.formats import lots, plain
from tradershub.core.pages import Crumb, render_page
from tradershub.core.paging import CappedPaginator
from tradershub.desk.importing import need
from tradershub.desk.ticket import worded
from trading import in_doubt, queries, services
from trading.admin.orders import CancelForm, SettleForm
from trading.models import Order, OrderAttempt, OrderCheck
from trading.queries import deals_of
from trading.states import OPEN, PENDING, State

LOOK, CHANGE, SETTLE = (f"trading.{verb}_order" for verb in ("view", "change", "settle"))
PAGE = 50
GOOD, BAD = {"filled"}, {"blocked", "rejected", "not_sent", "unknown", "quarantined"}
HASTY = {
    State.RECEIVED,
    State.QUEUED,
    State.SENDING,
    State.UNKNOWN,
    *PENDING,
}  # soon something else
STANDINGS = {"live": "Under way", "over": "Over"}
EVERY, EVERY_LIVE = 1, 5  # seconds until a page looks again
BOOKED_WITHIN = dt.timedelta(minutes=1)


def tone(order: Order) -> str:
    if order.state in GOOD:
        return "good"
    if order.state in BAD:
        return "bad"
    return "" if order.is_over else "warning"


# -- The list ----------------------------------------------------------------------------------
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """What was asked, newest first; what it is narrowed to stands in the address."""
    need(request, LOOK)
    rows = _narrowed(request).select_related("account", "symbol__instrument")
    shown = CappedPaginator(rows.order_by("-id"), PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    return render_page(
        request,
        "desk/orders.html",
        title="What was asked, and what came of it?",
        page=shown,
        rows=[(order, tone(order), worded(order)) for order in shown],
        accounts=Account.objects.for_user(request.user).select_related("broker"),
        standings=STANDINGS,
        states=Order.State.choices,
        chosen=request.GET,
        is_narrowed=any(request.GET.get(name) for name in ("account", "state", "symbol")),
        query=query.urlencode(),
        halted=queries.halted_lanes(request.user),
        every=EVERY_LIVE,
    )


def _narrowed(request: HttpRequest) -> QuerySet[Order]:
    rows, asked = Order.objects.for_user(request.user), request.GET
    account = asked.get("account", "")
    if account.isdecimal() and len(account) < 19:
        rows = rows.filter(account=account)
    if asked.get("symbol"):
        rows = rows.filter(symbol__name__iexact=asked["symbol"].strip())
    state = asked.get("state", "")
    if state in STANDINGS:
        rows = rows.filter(state__in=Order.LIVE if state == "live" else Order.OVER)
    elif state in Order.State.values:
        rows = rows.filter(state=state)
    return rows


# -- Its story ---------------------------------------------------------------------------------
@require_GET
def story(request: HttpRequest, pk: int) -> HttpResponse:
    """What was asked, what every rule said, each step, each word of the broker, and what was booked."""
    need(request, LOOK)
    order = mine(request, pk)
    deals = list(deals_of(order).order_by("at", "id"))
    return render_page(
        request,
        "desk/order.html",
        title=f"What came of order {order.pk}?",
        crumbs=CRUMBS,
        order=order,
        words=worded(order),
        tone=tone(order),
        tick=getattr(order.symbol.instrument, "tick_size", None),
        stages=_stages(order),
        events=order.events.order_by("seq"),
        attempts=order.attempts.order_by("number"),
        deals=deals,
        positions=_positions(order, deals),
        can_change=order.state in OPEN,
        can_cancel=not order.is_over and order.state != State.CANCEL_PENDING,
        can_settle=in_doubt.may_be_settled(order),
        every=every_of(order),
    )


def every_of(order: Order) -> int:
    """Seconds until the page looks again, 0 for never: what is booked may come after the end."""
    if order.state in HASTY:
        return EVERY
    is_fresh = order.done_at is None or timezone.now() - order.done_at < BOOKED_WITHIN
    return EVERY_LIVE if is_fresh or not order.is_over else 0


CRUMBS: tuple[Crumb, ...] = (("Orders", "/orders/"),)


def mine(request: HttpRequest, pk: int) -> Order:
    """The person's order. Raises Http404 for another's as for none."""
    rows = Order.objects.for_user(request.user).filter(pk=pk)
    found: Order | None = rows.select_related(
        "account__broker", "account__connection", "symbol__instrument"
    ).first()
    if found is None:
        raise Http404("There is no such order")
    return found


def address(order: Order) -> str:
    return reverse("desk:order", args=[order.pk])


@dataclass(slots=True)
class Stage:
    """What every rule said at one moment."""

    words: str
    at: dt.datetime
    checks: list[OrderCheck]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)


def _stages(order: Order) -> list[Stage]:
    """Each time that it was judged, refusals first."""
    found: dict[tuple[str, dt.datetime], Stage] = {}
    for check in order.checks.order_by("passed", "id"):
        new = Stage(check.get_stage_display(), check.at, [])
        found.setdefault((check.stage, check.at), new).checks.append(check)
    return sorted(found.values(), key=lambda stage: stage.at)


def _positions(order: Order, deals: list[Deal]) -> dict[str, int]:
    """Ids of the positions that its deals are of, by the broker's number."""
    refs = {deal.position_ref for deal in deals} - {""}
    held = Position.objects.filter(account=order.account_id, symbol=order.symbol_id, ref__in=refs)
    return dict(held.values_list("ref", "pk"))


# -- What a person does with it ----------------------------------------------------------------
class ChangeForm(EntryForm):
    action = "order.amend"

    lots = ExactNumber()
    price = ExactNumber(required=False)
    limit_price = ExactNumber(required=False)
    distance = ExactNumber(required=False)
    stop_loss = ExactNumber(label="Stop", required=False, help_text="Empty: none")
    take_profit = ExactNumber(label="Target", required=False, help_text="Empty: none")
    expires_at = MomentField(label="Until", required=False)

    def __init__(self, *args: Any, subject: Order, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order = subject
        for name in self._pointless():
            del self.fields[name]
        for name in self.fields.keys() - {"token"}:
            self.fields[name].initial = getattr(self.order, name)

    def _pointless(self) -> set[str]:
        """Prices that this kind of order has not."""
        prices = {"price", "limit_price", "distance"} - set(NEEDS.get(self.order.kind, ()))
        return prices if self.order.duration == "gtd" else prices | {"expires_at"}

    def check_possible(self) -> None:
        if self.order.state not in OPEN:
            state = self.order.get_state_display().lower()
            raise Conflict(f"The order is {state}: only one that works is changed")

    def carry_out(self) -> OrderAttempt:
        changes = {n: v for n, v in self.values.items() if v != getattr(self.order, n)}
        return services.amend(self.order, actor=self.user, **changes)

    def done(self, row: OrderAttempt) -> str:
        return "The broker is asked to change it"


@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    need(request, CHANGE)
    order = mine(request, pk)
    filled = f", {lots(order.filled)} of it filled" if order.filled else ""
    title = f"Cancel {_lowered(worded(order))} at {_name(order)}{filled}?"
    form = CancelForm(request.POST or None, user=request.user, subject=order)
    return _entry(request, form, title=title, button="Cancel the order", is_dangerous=True)


@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, pk: int) -> HttpResponse:
    need(request, CHANGE)
    order = mine(request, pk)
    form = ChangeForm(request.POST or None, user=request.user, subject=order)
    filled = f"{plain(order.filled)} lots are filled. " if order.filled else ""
    return _entry(
        request,
        form,
        title=f"What changes in {_lowered(worded(order))} at {_name(order)}?",
        button="Ask the broker to change it",
        lead=f"{filled}Risk is asked anew before anything is sent.",
    )


@require_http_methods(["GET", "POST"])
def settle(request: HttpRequest, pk: int) -> HttpResponse:
    need(request, SETTLE)
    order = mine(request, pk)
    return _entry(
        request,
        SettleForm(request.POST or None, user=request.user, subject=order),
        title=f"What became of {_lowered(worded(order))} at {_name(order)}?",
        button="Settle it",
        lead="Look into the broker's own platform first: the hub could not find out, and will not send it again.",
        is_dangerous=True,
    )


def _entry(request: HttpRequest, form: Any, **page: Any) -> HttpResponse:
    back = address(form.order)
    crumbs = (*CRUMBS, (f"Order {form.order.pk}", back))
    return entry_page(request, form, back=back, crumbs=crumbs, **page)


def _name(order: Order) -> str:
    return order.account.name or order.account.number


def _lowered(words: str) -> str:
    return words[:1].lower() + words[1:]
