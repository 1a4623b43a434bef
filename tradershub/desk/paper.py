"""Opening a paper account: a short form in front of one service."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts.models import LARGEST_LEVERAGE, Account
from accounts.papers import open_paper_account
from brokers.models import Broker, Connection
from tradershub.core.entries import EntryForm, ExactNumber, entry_page
from tradershub.core.formats import money
from tradershub.core.models import Preference
from tradershub.desk.importing import need

OPEN = "accounts.add_account"
LEAD = (
    "A market of its own in the hub: orders fill at its prices, with margin, swaps and stop-outs, and "
    "everything is booked as at a broker. No order leaves the hub."
)


class PaperForm(EntryForm):
    action = "paper.open"

    name = forms.CharField(
        max_length=80, initial="Paper", widget=UnfoldAdminTextInputWidget(attrs={"autofocus": True})
    )
    currency = forms.RegexField(
        r"^[A-Za-z]{3}$",
        error_messages={"invalid": "Expected a currency code of three letters, as USD"},
        widget=UnfoldAdminTextInputWidget,
    )
    deposit = ExactNumber(initial=10_000, help_text="What it begins with")
    leverage = forms.IntegerField(
        min_value=1,
        max_value=LARGEST_LEVERAGE,
        initial=30,
        help_text="30 means 1:30",
        widget=UnfoldAdminIntegerFieldWidget,
    )
    mode = forms.ChoiceField(choices=Account.Mode.choices, widget=UnfoldAdminSelectWidget)
    like = forms.ModelChoiceField(
        label="Symbols and terms",
        queryset=Broker.objects.none(),
        required=False,
        empty_label="Those of the starter catalogue",
        help_text="Or as this broker has them",
        widget=UnfoldAdminSelectWidget,
    )
    source = forms.ModelChoiceField(
        label="Prices",
        queryset=Connection.objects.none(),
        required=False,
        empty_label="Invented",
        to_field_name="name",
        help_text="Or those of one of your connections",
        widget=UnfoldAdminSelectWidget,
    )
    always_open = forms.BooleanField(
        label="Open at weekends", required=False, initial=True, widget=UnfoldBooleanSwitchWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["like"].queryset = Broker.objects.filter(
            symbols__terms__isnull=False
        ).distinct()
        mine = Connection.objects.for_user(self.user).filter(enabled=True)
        self.fields["source"].queryset = mine.exclude(platform="manual")
        preference = Preference.objects.filter(owner=self.user).first() or Preference()
        self.fields["currency"].initial = preference.base_currency

    def carry_out(self) -> Account:
        values = self.values
        source = values.pop("source")
        feed = {"feed": "connection", "source": source.name} if source else {}
        return open_paper_account(actor=self.user, owner=self.user, **values, **feed)

    def done(self, row: Account) -> str:
        paid_in = money(self.values["deposit"], row.currency)
        return (
            f"{row.name} is open. Its {paid_in} {row.currency} are booked as soon as the hub's keeper "
            "has looked at it."
        )


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    need(request, OPEN)
    return entry_page(
        request,
        PaperForm(request.POST or None, user=request.user),
        title="Open a paper account",
        button="Open the account",
        back=reverse("admin:index"),
        lead=LEAD,
        crumbs=(("Accounts", reverse("admin:accounts_account_changelist")),),
    )
