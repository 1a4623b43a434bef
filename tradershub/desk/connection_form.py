"""The form of a connection, drawn from what its platform asks for. Secrets are written and never shown."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.crypto import salted_hmac
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from brokers import connecting
from brokers.adapters.settings import LONGEST, Described, described
from brokers.models import Broker, Connection
from brokers.platforms import PLATFORMS
from brokers.secrets import PREFIX
from tradershub.core.entries import EntryForm, ExactNumber
from tradershub.core.errors import Conflict, HubError
from tradershub.core.persons import is_administrator

SETTING, SECRET = "setting_", "secret_"
KEPT = "Left empty, it stays as it is."
EXPECTED = {
    "required": "Expected a value, found none",
    "invalid": "Expected a whole number",
    "invalid_choice": 'Expected one of the choices, found "%(value)s"',
}
ELSEWHERE = (
    f"Variables that begin with {PREFIX}, as token={PREFIX}TOKEN; a file in the folder of secrets; "
    "or a place in the vault. Leave it empty where the secrets are kept here."
)


class DayInput(forms.DateInput):
    """The browser's own picker of a day."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(
            attrs={"class": UnfoldAdminTextInputWidget().attrs["class"]}, format="%Y-%m-%d"
        )


class ConnectionForm(EntryForm):
    """Opens a connection to a platform, or edits the one that is given."""

    name = forms.CharField(
        max_length=80, help_text="What you call it", widget=UnfoldAdminTextInputWidget
    )
    broker = forms.ModelChoiceField(
        queryset=Broker.objects.none(),
        empty_label=None,
        help_text="An administrator adds it under Brokers first",
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(
        self, *args: Any, platform: str, connection: Connection | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.platform, self.connection = platform, connection
        self.action = f"connection.edit {connection.pk}" if connection else "connection.open"
        self.asked = described(PLATFORMS.load(platform).settings)
        if connection:
            self.fields["name"].initial = connection.name
            del self.fields["broker"]
        else:
            self.fields["broker"].queryset = Broker.objects.filter(status=Broker.Status.OPEN)
        self.fields |= self._drawn()
        self._draw_places()
        self._draw_rest()

    # -- What is drawn -------------------------------------------------------------------------
    def _drawn(self) -> dict[str, forms.Field]:
        kept = self.connection.settings if self.connection else {}
        return {self._box(one): self._field(one, kept.get(one.name)) for one in self.asked}

    @staticmethod
    def _box(field: Described) -> str:
        return f"{SECRET if field.secret else SETTING}{field.name}"

    def _field(self, field: Described, kept: Any) -> forms.Field:
        about: dict[str, Any] = {"label": field.label, "help_text": field.help_text}
        if field.secret:
            return self._secret(field, about)
        about |= {"required": False, "initial": field.default if kept is None else kept}
        if field.kind is bool:
            return forms.BooleanField(**about, widget=UnfoldBooleanSwitchWidget)
        about |= {"required": field.required, "error_messages": EXPECTED}
        if field.choices:
            return forms.ChoiceField(**about, choices=field.choices, widget=UnfoldAdminSelectWidget)
        if field.kind is int:
            return forms.IntegerField(**about, widget=UnfoldAdminIntegerFieldWidget)
        if field.kind is Decimal:
            about["initial"] = (
                Decimal(str(about["initial"])) if about["initial"] is not None else None
            )
            return ExactNumber(**about)
        return forms.CharField(**about, max_length=LONGEST, widget=UnfoldAdminTextInputWidget)

    def _secret(self, field: Described, about: dict[str, Any]) -> forms.Field:
        """Never filled in, and not required: it may be kept, or lie elsewhere."""
        if self.connection and self.connection.sealed:
            about["help_text"] = f"{KEPT} {field.help_text}".strip()
        attrs = {"autocomplete": "new-password", "spellcheck": "false"}
        return forms.CharField(
            **about,
            required=False,
            strip=True,
            max_length=connecting.LONGEST_SECRET,
            widget=UnfoldAdminPasswordWidget(attrs=attrs, render_value=False),
        )

    def _draw_places(self) -> None:
        """Where the secrets are kept: what lies outside the database is the machine's, for administrators."""
        if not self.secret_names or not is_administrator(self.user):
            return
        self.fields["store"] = forms.ChoiceField(
            label="Secrets are kept",
            choices=Connection.Store.choices,
            initial=self.connection.store if self.connection else Connection.Store.DATABASE,
            widget=UnfoldAdminSelectWidget,
        )
        self.fields["reference"] = forms.CharField(
            label="Where, outside the database",
            required=False,
            max_length=300,
            help_text=ELSEWHERE,
            initial=self.connection.reference if self.connection else "",
            widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        )

    def _draw_rest(self) -> None:
        row = self.connection
        if PLATFORMS.load(self.platform).capabilities.places_orders:
            self.fields["live"] = forms.BooleanField(
                label="Real money",
                required=False,
                initial=bool(row and row.live),
                help_text="Orders go out only where an account allows them, too.",
                widget=UnfoldBooleanSwitchWidget,
            )
        if self.secret_names:
            self.fields["expires_on"] = forms.DateField(
                label="Its key ends on",
                required=False,
                initial=row and row.expires_on,
                help_text="The dashboard says so in good time.",
                widget=DayInput,
            )

    @property
    def secret_names(self) -> list[str]:
        return [one.name for one in self.asked if one.secret]

    # -- What is sent --------------------------------------------------------------------------
    @property
    def values(self) -> dict[str, Any]:
        """What tells one sending from another: of secrets only a mark that shows nothing of them."""
        plain = {name: value for name, value in super().values.items() if not is_secret(name)}
        secrets = "\n".join(f"{name} {text}" for name, text in sorted(self._secrets().items()))
        return plain | {"secrets": salted_hmac("desk.connection_form", secrets).hexdigest()}

    def _secrets(self) -> dict[str, str]:
        return self._of(SECRET)

    def _of(self, prefix: str) -> dict[str, Any]:
        found = (
            (name.removeprefix(prefix), name)
            for name in self.cleaned_data
            if name.startswith(prefix)
        )
        return {name: self.cleaned_data[box] for name, box in found}

    def check_possible(self) -> None:
        if "broker" in self.fields and not self.fields["broker"].queryset.exists():
            raise Conflict(
                "There is no open broker to connect to: an administrator adds one under Brokers first"
            )

    def carry_out(self) -> Connection:
        given = self.cleaned_data
        named = ("name", "broker", "live", "expires_on", "store", "reference")
        values = {name: given[name] for name in named if name in given}
        values |= {"settings": plain_settings(self._of(SETTING)), "secrets": self._secrets()}
        try:
            if self.connection:
                return connecting.edit_connection(self.connection, actor=self.user, **values)
            owner = self.user
            return connecting.open_connection(
                actor=owner, owner=owner, platform=self.platform, **values
            )
        except HubError as refusal:
            refusal.param = self._box_called(refusal.param)
            raise

    def _box_called(self, name: str) -> str:
        names = (name, f"{SETTING}{name}", f"{SECRET}{name}")
        return next((box for box in names if box in self.fields), "")

    def done(self, row: Connection) -> str:
        return f"{row} is {'changed' if self.connection else 'open'}. Test it now."


def plain_settings(found: dict[str, Any]) -> dict[str, Any]:
    """As the service takes them: decimals as text, what was left empty not at all."""
    return {
        name: f"{value:f}" if isinstance(value, Decimal) else value
        for name, value in found.items()
        if value is not None
    }


def is_secret(name: str) -> bool:
    return name.startswith(SECRET)


def advice(platform: str) -> Iterable[str]:
    """What to mind when the key of that platform is made."""
    adapter = PLATFORMS.load(platform)
    yield from adapter.capabilities.notes
    if any(one.secret for one in described(adapter.settings)):
        yield "Give the key only what it needs: to trade, and never to withdraw."
        yield "Let the broker take it from the address of this machine alone, where that can be set."
        yield "Secrets are encrypted, or lie outside the database; no page, log or export shows them again."


class DeleteForm(EntryForm):
    def __init__(self, *args: Any, connection: Connection, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.connection = connection
        self.action = f"connection.delete {connection.pk}"

    def check_possible(self) -> None:
        connecting.check_may_delete(self.connection)

    def carry_out(self) -> Broker:
        connecting.delete_connection(self.connection, actor=self.user)
        return self.connection.broker

    def done(self, row: Broker) -> str:
        return f"{self.connection} is deleted, its secrets too"


class PlatformSwitchForm(EntryForm):
    """Switches a platform off with a reason."""

    reason = forms.CharField(
        required=False, max_length=250, label="Reason", widget=UnfoldAdminTextInputWidget
    )

    def __init__(self, *args: Any, platform: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.platform = platform
        self.action = f"platform.switch_off {platform.pk}"

    def carry_out(self) -> Any:
        reason = self.cleaned_data["reason"]
        return connecting.switch_platform(self.platform, on=False, actor=self.user, reason=reason)

    def done(self, row: Any) -> str:
        return f"{row} is switched off: no order goes there until it is switched on again"
