"""Accounts and their terms in the admin: forms in front of the services."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import TabularInline
from unfold.decorators import action
from unfold.widgets import UnfoldAdminIntegerFieldWidget

from accounts import services
from accounts.admin.books import MayEnter, account_name
from accounts.models import LARGEST_LEVERAGE, Account, AccountTerms
from brokers.models import Broker
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


class OpenAccountForm(CheckedForm):
    """Leverage and levels are the account's first terms."""

    leverage = forms.IntegerField(
        min_value=1,
        max_value=LARGEST_LEVERAGE,
        initial=30,
        help_text="30 means 1:30",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    margin_call_level = ExactNumber(initial=Decimal(100), help_text="Percent")
    stop_out_level = ExactNumber(initial=Decimal(50), help_text="Percent")

    def check_with_books(self) -> None:
        broker: Broker = self.cleaned_data["broker"]
        if not broker.is_open:
            message = f"{broker} is closed: reopen it before you open an account there"
            raise Conflict(message, param="broker")
        self.instance.owner = self.user
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
FIRST_TERMS = ("First terms", {"fields": [("leverage", "margin_call_level", "stop_out_level")]})


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
    actions_detail = [{"title": "Enter", "items": ENTRIES}, *ClosableAdmin.actions_detail]
    fieldsets = [
        (None, {"fields": ["broker", ("number", "currency"), "name", ("kind", "mode")]}),
        (
            "As the broker names it",
            {"fields": ["holder", ("server", "platform"), "opened_on"]},
        ),
        ("State", {"fields": [("status", "closed_at"), "notes"]}),
    ]
    readonly_fields = ["status", "closed_at"]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        base = CheckedForm if obj else OpenAccountForm
        form = super().get_form(request, obj, **{**kwargs, "form": base})
        form.user = request.user
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj else [*self.fieldsets[:1], FIRST_TERMS, *self.fieldsets[1:]]

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        return [TermsInline] if obj else []

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        fixed = ["broker", "currency"] if obj else []
        return [*self.readonly_fields, *fixed]

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def refused_actions(self, row: Account) -> set[str]:
        return super().refused_actions(row) | (set() if row.is_open else {*ENTRIES})

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            services.edit_account(obj, actor=request.user, **changes)
            return
        given = {name: value for name, value in form.cleaned_data.items() if value is not None}
        account = services.open_account(actor=request.user, owner=request.user, **given)
        obj.pk = account.pk
        obj.refresh_from_db()

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
    list_display = [account_name, "valid_from", "leverage", "margin_call_level", "stop_out_level"]
    list_select_related = ["account__broker"]
