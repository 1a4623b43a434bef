"""Orders of ours in the admin: read with their whole story, cancelled, settled where only a person can."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from tradershub.core.admin import FactsAdmin
from tradershub.core.entries import EntryForm, entry_page
from tradershub.core.errors import Conflict
from tradershub.core.formats import plain
from trading import in_doubt, services
from trading.models import Lane, Order, OrderAttempt, OrderCheck, OrderEvent
from trading.states import State

MAY_CHANGE = ["work"]
SPACE = "\u00a0"  # at which no line breaks
LONGEST_WHY = 90  # characters: the whole stands on the row's own page
LABELS = dict.fromkeys(State, "info")
LABELS |= dict.fromkeys([State.BLOCKED, State.REJECTED, State.NOT_SENT], "danger")
LABELS |= dict.fromkeys([State.UNKNOWN, State.QUARANTINED], "warning")
LABELS |= {State.FILLED: "success", State.CANCELLED: "default", State.EXPIRED: "default"}


@display(description="Account")
def account_name(row: Any) -> str:
    return str(row.account.name or row.account.number)


@display(description="Symbol")
def symbol_name(row: Any) -> str:
    return str(row.symbol.name)


@display(description="Why", empty_value="–")
def why(row: Any) -> str:
    return in_a_cell(row.reason)


def in_a_cell(words: str) -> str:
    short = Truncator(words).chars(LONGEST_WHY)
    return format_html('<span class="hub-why">{}</span>', short) if short else ""


class Story(TabularInline):
    """Rows of an order, only to be read."""

    extra = 0
    tab = True
    can_delete = False
    ordering = ["id"]

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    has_change_permission = has_add_permission


class EventInline(Story):
    model = OrderEvent
    fields = ["seq", "at", "origin", "target", "rule", "code", "text", "actor"]


class CheckInline(Story):
    model = OrderCheck
    fields = ["stage", "rule", "passed", "code", "text", "figures"]


class AttemptInline(Story):
    model = OrderAttempt
    fields = ["number", "action", "outcome", "code", "text", "sent_at", "answered_at", "evidence"]


class CancelForm(EntryForm):
    action = "cancel sent order"

    def __init__(self, *args: Any, subject: Order, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order = subject

    def check_possible(self) -> None:
        if self.order.is_over:
            state = self.order.get_state_display().lower()
            raise Conflict(f"Order {self.order.client_order_id} is {state} already")

    def carry_out(self) -> Order:
        return services.cancel(self.order, actor=self.user)

    def done(self, row: Order) -> str:
        return f"Order {row.client_order_id} is to be cancelled"


class SettleForm(CancelForm):
    action = "settle order"

    broker_order_id = forms.CharField(
        max_length=64,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        label="The broker's number of the order",
        help_text="Empty: the broker does not have it",
    )
    evidence = forms.CharField(
        max_length=300,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        label="How do you know?",
    )

    def check_possible(self) -> None:
        if not in_doubt.may_be_settled(self.order):
            raise Conflict(
                f"Order {self.order.client_order_id} is not quarantined: it settles by itself"
            )

    def carry_out(self) -> Order:
        return in_doubt.settle_by_hand(self.order, actor=self.user, **self.values)

    def done(self, row: Order) -> str:
        return f"Order {row.client_order_id} is {row.get_state_display().lower()}"


class MayWork:
    """Who may act. The theme would look dotted names up in a database not yet made."""

    def has_work_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("trading.change_order")

    def has_settle_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        return request.user.has_perm("trading.settle_order")


@admin.register(Order)
class OrderAdmin(MayWork, FactsAdmin):
    list_display = [
        "client_order_id",
        "received_at",
        account_name,
        symbol_name,
        "asked",
        "done",
        "stands",
        why,
    ]
    list_filter = ["state", "kind", ("received_at", RangeDateTimeFilter)]
    search_fields = ["client_order_id__exact", "broker_order_id__exact", "strategy__exact"]
    list_select_related = ["account__broker", "symbol__broker"]
    inlines = [EventInline, CheckInline, AttemptInline]

    @display(description="Asked", ordering="lots")
    def asked(self, order: Order) -> str:
        kind = "" if order.kind == Order.Kind.MARKET else f" {order.get_kind_display().lower()}"
        return f"{order.get_side_display()}{SPACE}{plain(order.lots)}{kind}"

    @display(description="Filled", ordering="filled", empty_value="–")
    def done(self, order: Order) -> str:
        price = order.average_price
        return f"{plain(order.filled)} at{SPACE}{plain(price)}" if price else ""

    @display(description="State", ordering="state", label=LABELS)
    def stands(self, order: Order) -> tuple[str, str]:
        return order.state, order.get_state_display()

    actions = ["cancel_selected"]
    actions_row = actions_detail = ["cancel", "settle"]

    def refused_actions(self, row: Order) -> set[str]:
        refused = set() if row.state == Order.State.QUARANTINED else {"settle"}
        return refused | ({"cancel"} if row.is_over else set())

    @action(description="Cancel", permissions=MAY_CHANGE)
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = self._mine(request, object_id)
        form = CancelForm(request.POST or None, user=request.user, subject=order)
        return self._page(request, form, title=f"Cancel {order}?", button="Cancel the order")

    @action(description="Say what became of it", permissions=["settle"])
    def settle(self, request: HttpRequest, object_id: str) -> HttpResponse:
        order = self._mine(request, object_id)
        form = SettleForm(request.POST or None, user=request.user, subject=order)
        return self._page(request, form, title=f"What became of {order}?", button="That is so")

    @action(description="Cancel the selected orders", permissions=MAY_CHANGE)
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Order]) -> None:
        self.apply_to_each(request, queryset, services.cancel, done="to be cancelled")

    def _mine(self, request: HttpRequest, object_id: str) -> Order:
        order = self.get_object(request, object_id)
        if order is None:
            raise Http404("There is no such row")
        return order

    def _page(self, request: HttpRequest, form: Any, *, title: str, button: str) -> HttpResponse:
        back = reverse("admin:trading_order_changelist")
        return entry_page(
            request, form, title=title, button=button, back=back, is_dangerous=True,
            crumbs=(("Sent orders", back),),
        )  # fmt: skip


@admin.register(OrderAttempt)
class OrderAttemptAdmin(FactsAdmin):
    list_display = [
        "made_at",
        account_name,
        "order",
        "action",
        "outcome",
        "code",
        "text",
        "asked_by",
    ]
    list_filter = ["outcome", "action"]
    search_fields = ["order__client_order_id__exact"]
    list_select_related = ["account__broker", "order__symbol"]


class ResumeForm(EntryForm):
    action = "resume lane"

    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget, label="Why?")

    def __init__(self, *args: Any, subject: Lane, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lane = subject

    def carry_out(self) -> Lane:
        in_doubt.resume_lane(self.lane.account, actor=self.user, reason=self.values["reason"])
        return self.lane

    def done(self, row: Lane) -> str:
        return f"Orders of {row.account} go out again"


@admin.register(Lane)
class LaneAdmin(MayWork, FactsAdmin):
    list_display = [account_name, "halted", "halted_because", "next_seq", "holder", "until"]
    list_filter = ["halted"]
    list_select_related = ["account__broker"]
    actions_detail = ["resume"]

    def refused_actions(self, row: Lane) -> set[str]:
        return set() if row.halted else {"resume"}

    @action(description="Let orders out again", permissions=MAY_CHANGE)
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        lane = self.get_object(request, object_id)
        if lane is None:
            raise Http404("There is no such row")
        back = reverse("admin:trading_lane_changelist")
        form = ResumeForm(request.POST or None, user=request.user, subject=lane)
        return entry_page(
            request, form, title=f"Let orders of {lane.account} out again?", button="Let them out",
            lead=lane.halted_because, back=back, is_dangerous=True, crumbs=(("Lanes", back),),
        )  # fmt: skip
