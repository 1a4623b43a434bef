"""Accounts and their terms in the admin: forms in front of the services."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from accounts import services
from accounts.admin.books import MayEnter, account_name
from accounts.models import LARGEST_LEVERAGE, Account, AccountTerms
from brokers.models import Broker, Connection
from tradershub.core.admin import DatedTermsAdmin, OwnedAdmin, readable
from tradershub.core.closing import ClosableAdmin, Turn
from tradershub.core.entries import ExactNumber, refuse
from tradershub.core.errors import Conflict, HubError
from tradershub.core.validation import cleaned


class CheckedForm(forms.ModelForm):
    """Says beside the field what the service would refuse."""

    user: Any = None

    def _post_clean(self) -> None:
        super()._post_clean()
        if self.errors:
            return
        try:
            self.check_with_books()
        except HubError as refusal:
            refuse(self, refusal)

    def check_with_books(self) -> None:
        cleaned(self.instance)


LEVELS = ("margin_call_level", "stop_out_level")


class OpenAccountForm(CheckedForm):
    """Leverage and levels are the account's first terms; without a leverage there are none yet."""

    leverage = forms.IntegerField(
        min_value=1,
        max_value=LARGEST_LEVERAGE,
        initial=30,
        required=False,
        help_text="30 means 1:30. Leave it empty where the platform will say it",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    margin_call_level = ExactNumber(initial=Decimal(100), help_text="Percent")
    stop_out_level = ExactNumber(initial=Decimal(50), help_text="Percent")

    def clean(self) -> dict[str, Any]:
        """Levels that nobody has typed are not stated without a leverage."""
        given = super().clean() or self.cleaned_data
        if given.get("leverage") is None and not {*LEVELS} & {*self.changed_data}:
            given |= dict.fromkeys(LEVELS)
        return given

    def check_with_books(self) -> None:
        broker: Broker = self.cleaned_data["broker"]
        if not broker.is_open:
            message = f"{broker} is closed: reopen it before you open an account there"
            raise Conflict(message, param="broker")
        services.check_first_terms(
            **{name: self.cleaned_data[name] for name in ("leverage", *LEVELS)}
        )
        self.instance.owner = self.user
        super().check_with_books()


class EditAccountForm(CheckedForm):
    """Only connections of the person to the account's broker can be chosen."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "connection" in self.fields:
            mine = Connection.objects.for_user(self.user).filter(broker=self.instance.broker)
            self.fields["connection"].queryset = mine

    def check_with_books(self) -> None:
        if "connection" in self.changed_data:
            stored = Account.objects.get(pk=self.instance.pk)
            services.check_may_connect(stored, self.cleaned_data["connection"])
        super().check_with_books()


class TermsInline(TabularInline):
    """The account's terms, to read; they are changed on their own page."""

    model = AccountTerms
    fields = readonly_fields = readable(
        AccountTerms, ["valid_from", "leverage", "margin_call_level", "stop_out_level"]
    )
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


ENTRIES = ["enter_deposit", "enter_withdrawal", "enter_charge", "enter_trade", "enter_order"]
CONNECTED = ("Connection", {"fields": [("connection", "may_trade", "closes_only")]})
FIRST_TERMS = ("First terms", {"fields": [("leverage", "margin_call_level", "stop_out_level")]})


TRADING_ON = Turn(
    partial(services.check_may_switch, on=True),
    partial(services.switch_trading, on=True),
    lead="The hub may then send orders to this account, within the limits of Risk.",
    done="traded from here",
)
TRADING_OFF = Turn(
    partial(services.check_may_switch, on=False),
    partial(services.switch_trading, on=False),
    lead="No order leaves for this account, closings neither; what is open there stays open. To get out of it "
    "from here, choose closings only.",
    done="no longer traded from here",
)
CLOSINGS = Turn(
    partial(services.check_may_switch, on=False, closes_only=True),
    partial(services.switch_trading, on=False, closes_only=True),
    lead="Only what cancels, closes or protects leaves for this account, also when a signal asks for it.",
    done="traded from here to close only",
)


@admin.register(Account)
class AccountAdmin(MayEnter, ClosableAdmin, OwnedAdmin):
    closing = Turn(services.check_may_close, services.close_account)
    reopening = Turn(services.check_may_reopen, services.reopen_account)
    closing_lead = "a closed account keeps its books, and can be reopened."
    list_display = ["number", "name", "broker", "currency", "kind", "mode", "state"]
    list_filter = ["status", "kind", "mode", "broker"]
    search_fields = ["number__istartswith", "name__icontains"]
    list_select_related = ["broker"]
    autocomplete_fields = ["broker"]
    actions_list = ["open_paper"]
    actions_detail = [
        {"title": "Enter", "items": ENTRIES},
        "trade_this",
        "closings_this",
        "stop_this",
        *ClosableAdmin.actions_detail,
    ]
    fieldsets = [
        (None, {"fields": ["broker", ("number", "currency"), "name", ("kind", "mode")]}),
        (
            "As the broker names it",
            {"fields": ["holder", ("server", "platform"), "opened_on"]},
        ),
        ("State", {"fields": [("status", "closed_at"), "notes"]}),
    ]
    readonly_fields = ["status", "closed_at", "may_trade", "closes_only"]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        base = EditAccountForm if obj else OpenAccountForm
        form = super().get_form(request, obj, **{**kwargs, "form": base})
        form.user = request.user
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        more = CONNECTED if obj else FIRST_TERMS
        return [*self.fieldsets[:1], more, *self.fieldsets[1:]]

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        return [TermsInline] if obj else []

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        fixed = ["broker", "currency"] if obj else []
        return [*self.readonly_fields, *fixed]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def refused_actions(self, row: Account) -> set[str]:
        refused = super().refused_actions(row) | (set() if row.is_open else {*ENTRIES})
        cannot = not row.is_open or row.connection_id is None
        if row.may_trade or cannot:
            refused.add("trade_this")
        if row.closes_only or cannot:
            refused.add("closings_this")
        return refused if row.may_close else refused | {"stop_this"}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            self._edit(obj, changes, actor=request.user)
            return
        given = {name: value for name, value in form.cleaned_data.items() if value is not None}
        account = services.open_account(actor=request.user, owner=request.user, **given)
        obj.pk = account.pk
        obj.refresh_from_db()

    @transaction.atomic
    def _edit(self, obj: Account, changes: dict[str, Any], *, actor: Any) -> None:
        """The connection has a service of its own, which the other fields must not be saved past."""
        wanted = changes.pop("connection", obj.connection)
        obj.connection_id = Account.objects.values_list("connection_id", flat=True).get(pk=obj.pk)
        if changes:
            services.edit_account(obj, actor=actor, **changes)
        if (wanted and wanted.pk) != obj.connection_id:
            services.connect_account(obj, wanted, actor=actor)

    @action(description="Open a paper account", permissions=["add"])
    def open_paper(self, request: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(reverse("desk:paper"))

    @action(description="Switch on trading", permissions=["change"])
    def trade_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask(request, object_id, words="Switch on trading in", turn=TRADING_ON)

    @action(description="Let only closings out", permissions=["change"])
    def closings_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask(request, object_id, words="Let only closings out of", turn=CLOSINGS)

    @action(description="Switch off trading", permissions=["change"])
    def stop_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._ask(request, object_id, words="Switch off trading in", turn=TRADING_OFF)

    def _entry(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        account = self.row_of(request, object_id)
        return HttpResponseRedirect(f"{reverse(f'admin:accounts_{name}')}?account={account.pk}")

    @action(description="Deposit", permissions=["book"])
    def enter_deposit(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._entry(request, object_id, "deal_deposit")

    @action(description="Withdrawal", permissions=["book"])
    def enter_withdrawal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._entry(request, object_id, "deal_withdrawal")

    @action(description="Swap, fee or other charge", permissions=["book"])
    def enter_charge(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._entry(request, object_id, "deal_charge")

    @action(description="Trade", permissions=["book"])
    def enter_trade(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._entry(request, object_id, "deal_trade")

    @action(description="Order", permissions=["place"])
    def enter_order(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._entry(request, object_id, "brokerorder_add")


@admin.register(AccountTerms)
class AccountTermsAdmin(DatedTermsAdmin, OwnedAdmin):
    list_display = [
        account_name, "valid_from", "leverage", "margin_call_level", "stop_out_level", "source",
    ]  # fmt: skip
    list_select_related = ["account__broker"]
