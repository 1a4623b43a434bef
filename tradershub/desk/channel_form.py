"""The form of a channel, drawn from what its kind asks for. Secrets are written and never shown."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.crypto import salted_hmac
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts import subscribing
from accounts.channels import CHANNELS
from accounts.models import Channel, Topic
from accounts.models.notification import CHOSEN
from brokers.adapters.settings import LONGEST, Described, described
from tradershub.core.entries import EntryForm
from tradershub.core.errors import HubError

ASKED = "asked_"  # apart from the fields that every form has
KEPT = "Left empty, it stays as it is."
TOPICS = [(topic.value, topic.label) for topic in Topic if topic.value in CHOSEN]


class ChannelForm(EntryForm):
    """Opens a channel of a kind, or edits the one that is given."""

    name = forms.CharField(
        max_length=80, help_text="What you call it", widget=UnfoldAdminTextInputWidget
    )

    def __init__(
        self, *args: Any, kind: str, channel: Channel | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.kind, self.channel = kind, channel
        self.action = f"channel.edit {channel.pk}" if channel else "channel.open"
        self.asked = described(CHANNELS.load(kind).settings)
        self.fields["name"].initial = channel.name if channel else CHANNELS.label(kind)
        self.fields |= {ASKED + one.name: self._field(one) for one in self.asked}
        self.fields["topics"] = forms.MultipleChoiceField(
            label="What it is told",
            choices=TOPICS,
            required=False,
            initial=channel.topics if channel else list(CHOSEN),
            widget=UnfoldAdminCheckboxSelectMultipleWidget,
        )
        if CHANNELS.load(kind).has_chat:
            self.fields["commands"] = forms.BooleanField(
                label="Commands from the chat",
                required=False,
                initial=channel.commands if channel else True,
                help_text="To ask, stop and flatten. Nothing there can let trading go on.",
                widget=UnfoldBooleanSwitchWidget,
            )

    def _field(self, field: Described) -> forms.Field:
        about: dict[str, Any] = {"label": field.label, "help_text": field.help_text}
        if not field.secret:
            kept = self.channel.settings.get(field.name, "") if self.channel else ""
            widget = UnfoldAdminTextInputWidget
            return forms.CharField(**about, max_length=LONGEST, initial=kept, widget=widget)
        if self.channel and self.channel.sealed:
            about["help_text"] = f"{KEPT} {field.help_text}"
        attrs = {"autocomplete": "new-password", "spellcheck": "false"}
        return forms.CharField(
            **about,
            required=self.channel is None,
            max_length=subscribing.LONGEST_SECRET,
            widget=UnfoldAdminPasswordWidget(attrs=attrs, render_value=False),
        )

    @property
    def values(self) -> dict[str, Any]:
        """What tells one sending from another: of secrets only a mark that shows nothing of them."""
        secrets = self._of(secret=True)
        boxes = {ASKED + name for name in secrets}
        plain = {name: value for name, value in super().values.items() if name not in boxes}
        marks = "\n".join(f"{name} {text}" for name, text in sorted(secrets.items()))
        return plain | {"secrets": salted_hmac("desk.channel_form", marks).hexdigest()}

    def _of(self, *, secret: bool) -> dict[str, Any]:
        names = [one.name for one in self.asked if one.secret == secret]
        return {name: self.cleaned_data[ASKED + name] for name in names}

    def carry_out(self) -> Channel:
        given = self.cleaned_data
        values = {name: given[name] for name in ("name", "topics", "commands") if name in given}
        values |= {"settings": self._of(secret=False), "secrets": self._of(secret=True)}
        try:
            if self.channel:
                return subscribing.edit_channel(self.channel, actor=self.user, **values)
            return subscribing.open_channel(
                actor=self.user, owner=self.user, kind=self.kind, **values
            )
        except HubError as refusal:
            if ASKED + refusal.param in self.fields:
                refusal.param = ASKED + refusal.param
            raise

    def done(self, row: Channel) -> str:
        return f"{row} is {'changed' if self.channel else 'open'}"


class DeleteChannelForm(EntryForm):
    def __init__(self, *args: Any, channel: Channel, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.channel = channel
        self.action = f"channel.delete {channel.pk}"

    def carry_out(self) -> Channel:
        subscribing.delete_channel(self.channel, actor=self.user)
        return self.channel

    def done(self, row: Channel) -> str:
        return f"{row} is deleted, its secrets too"
