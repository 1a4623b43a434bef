"""Deals in the admin: facts to read; new ones are entered, wrong ones reversed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import action

from accounts import manual
from accounts.admin.books import BooksAdmin, account_name, chosen_account, symbol_name
from accounts.entry_forms import ChargeForm, DepositForm, ReverseForm, TradeForm, WithdrawalForm
from accounts.models import Deal, StatementLine
from tradershub.core.entries import entry_page, is_refused
from tradershub.core.formats import money, signed

ENTRIES = {
    "trade": (TradeForm, "Trade", "What did the broker execute?", "Book the trade"),
    "deposit": (DepositForm, "Deposit", "What money came in?", "Book the deposit"),
    "withdrawal": (WithdrawalForm, "Withdrawal", "What money was taken out?", "Book it"),
    "charge": (ChargeForm, "Charge", "What did the broker charge or credit?", "Book the charge"),
}


@admin.register(Deal)
class DealAdmin(BooksAdmin):
    list_display = [
        "at",
        account_name,
        "kind",
        symbol_name,
        "side",
        "entry",
        "volume",
        "price",
        "amount",
        "currency",
        "source",
    ]
    list_filter = ["kind", "source", "inferred", ("at", RangeDateTimeFilter)]
    search_fields = ["broker_deal_id__exact", "position_ref__exact"]
    search_help_text = "Deal or position id"
    list_select_related = ["account__broker", "symbol__broker"]
    export_exclude = ("statement", "reverses")
    actions = ["reverse_selected"]
    actions_list = ["deposit", "withdrawal", "charge", "trade"]
    actions_row = actions_detail = ["reverse"]
    list_prefetch = ("reversed_by", Prefetch("lines", StatementLine.objects.only("pk", "deal")))

    def refused_actions(self, row: Deal) -> set[str]:
        return {"reverse"} if is_refused(manual.check_reversible, row) else set()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.add_deal")

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        query = request.GET.urlencode()
        address = reverse("admin:accounts_deal_trade")
        return HttpResponseRedirect(f"{address}?{query}" if query else address)

    @action(description="Deposit", permissions=["book"])
    def deposit(self, request: HttpRequest) -> HttpResponse:
        return self._enter(request, "deposit")

    @action(description="Withdrawal", permissions=["book"])
    def withdrawal(self, request: HttpRequest) -> HttpResponse:
        return self._enter(request, "withdrawal")

    @action(description="Charge", permissions=["book"])
    def charge(self, request: HttpRequest) -> HttpResponse:
        return self._enter(request, "charge")

    @action(description="Trade", permissions=["book"])
    def trade(self, request: HttpRequest) -> HttpResponse:
        return self._enter(request, "trade")

    def _enter(self, request: HttpRequest, kind: str) -> HttpResponse:
        form_class, _label, title, button = ENTRIES[kind]
        account = chosen_account(request)
        query = f"?account={account.pk}" if account else ""
        return entry_page(
            request,
            form_class(request.POST or None, user=request.user, account=account),
            title=title,
            button=button,
            back=self.list_address(),
            crumbs=self.crumbs,
            tabs=tuple(
                (label, reverse(f"admin:accounts_deal_{name}") + query, name == kind)
                for name, (_form, label, *_rest) in ENTRIES.items()
            ),
        )

    @action(description="Reverse", permissions=["book"])
    def reverse(self, request: HttpRequest, object_id: str) -> HttpResponse:
        deal = self.row_of(request, object_id)
        return entry_page(
            request,
            ReverseForm(request.POST or None, user=request.user, subject=deal),
            title=f"Reverse {deal.get_kind_display().lower()} {money(deal.amount, deal.currency)} "
            f"{deal.currency}?",
            button="Reverse it and keep both",
            back=self.list_address(),
            lead=f"Books {signed(-deal.amount, deal.currency)} {deal.currency} at the same moment in {deal.account}; "
            "the wrong entry and its reversal both stay.",
            is_dangerous=True,
            crumbs=self.crumbs,
        )

    @action(description="Reverse the selected entries", permissions=["add"])
    def reverse_selected(self, request: HttpRequest, queryset: QuerySet[Deal]) -> None:
        self.apply_to_each(request, queryset, manual.reverse, done="reversed")
