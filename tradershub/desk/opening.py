"""Which account a file belongs to: one of the person's, or one to be opened from what the file says."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.models import Account


class OpeningForm(forms.Form):
    """Either an existing account, or number, currency and broker of a new one."""

    account = forms.ModelChoiceField(
        label="Existing account",
        queryset=Account.objects.none(),
        required=False,
        empty_label="Open a new account as below",
        widget=UnfoldAdminSelectWidget,
    )
    broker = forms.CharField(required=False, max_length=120, widget=UnfoldAdminTextInputWidget)
    number = forms.CharField(required=False, max_length=40, widget=UnfoldAdminTextInputWidget)
    currency = forms.RegexField(
        r"^[A-Za-z]{3}$",
        required=False,
        error_messages={"invalid": "Expected a currency code of three letters, as USD"},
        widget=UnfoldAdminTextInputWidget,
    )
    leverage = forms.IntegerField(
        required=False, min_value=1, help_text="30 means 1:30", widget=UnfoldAdminIntegerFieldWidget
    )
    kind = forms.ChoiceField(choices=Account.Kind.choices, widget=UnfoldAdminSelectWidget)
    mode = forms.ChoiceField(
        choices=[("", "Not known: hedging, until a file proves netting"), *Account.Mode.choices],
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, owner: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = Account.objects.for_user(owner).filter(status="open")
        self.fields["account"].queryset = mine.select_related("broker")
        for name in ("kind", "mode"):
            self.fields[name].required = False

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        if not values.get("account"):
            for name in ("broker", "number", "currency"):
                if not values.get(name) and name not in self.errors:
                    self.add_error(name, f"The file does not say the {name}; please fill it in")
        return values

    def fields_to_open(self) -> dict[str, Any] | None:
        """The fields of the account to open; None where an existing one was chosen."""
        if self.cleaned_data["account"]:
            return None
        wanted = ("broker", "number", "currency", "leverage", "kind", "mode")
        said = {name: self.cleaned_data[name] for name in wanted if self.cleaned_data[name]}
        return {**said, "currency": said["currency"].upper()}
