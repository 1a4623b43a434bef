"""Where signals come from, what they said, what each gate said of them, and where a strategy's orders go."""

from __future__ import annotations

import datetime as dt
import secrets
import zoneinfo
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from accounts.models import Account
from brokers.models import Instrument
from strategies.models import Strategy
from tradershub.core.fields import ExactDecimalField
from tradershub.core.owned import OwnedModel
from tradershub.core.validators import above_zero, check_zone
from tradershub.finance.sizing import SizeIn
from trading.sources import SOURCES
from trading.sources.draft import Habits, LevelIn
from trading.sources.plain import draft_from_plain
from trading.sources.proof import networks


def dialects() -> list[tuple[str, str]]:
    return SOURCES.choices()


def new_uid() -> str:
    """The name of a source in its address; begins with a letter, so that it is never taken for a number."""
    return f"s{secrets.token_hex(7)}"


def check_networks(found: Any) -> None:
    """Raises ValidationError for what is no address or network."""
    if not isinstance(found, list):
        raise ValidationError(f"Expected a list of addresses, found {found!r}")
    try:
        networks(found)
    except ValueError as error:
        raise ValidationError(
            f"Expected addresses or networks as 52.89.214.238: {error}"
        ) from error


class SignalSource(OwnedModel):
    """One sender: what it writes, how it proves who it is, and what its signals may do.

    `hashes` are of its bearer keys or address tokens, `sealed` are its signing secrets; two of either hold at
    a time, so that one can be changed after the other.
    """

    OWNER_PATH = "owner"

    class Proof(models.TextChoices):
        SIGNED = "signed", "Signed, with its time"
        BEARER = "bearer", "Key in a header"
        TOKEN = "token", "Token in the address"
        FOLDER = "folder", "Drop folder only"

    class Mode(models.TextChoices):
        LIVE = "live", "Live: orders go out at once"
        APPROVAL = "approval", "Approval: a person lets each one through"
        DRY_RUN = "dry_run", "Dry run: shows what it would do"

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="signal_sources"
    )
    uid = models.CharField(max_length=16, unique=True, default=new_uid, editable=False)
    name = models.CharField(max_length=80)
    dialect = models.CharField(max_length=20, choices=dialects, default="generic")
    proof = models.CharField(max_length=8, choices=Proof, default=Proof.TOKEN)
    addresses = models.JSONField(
        default=list, blank=True, validators=[check_networks], help_text="Empty: from anywhere"
    )
    mode = models.CharField(max_length=8, choices=Mode, default=Mode.DRY_RUN)
    enabled = models.BooleanField(default=True)
    strategy = models.ForeignKey(
        Strategy,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="sources",
        help_text="Of signals that name none; of all, where it is fixed",
    )
    strategy_is_fixed = models.BooleanField(
        default=False, help_text="Signals cannot choose another strategy"
    )
    size_in = models.CharField(
        max_length=16,
        choices=Strategy.SizeUnit,
        default=SizeIn.LOTS.value,
        help_text="Unit of its sizes",
    )
    level_in = models.CharField(
        max_length=10,
        choices=[(unit.value, unit.value.capitalize()) for unit in LevelIn],
        default=LevelIn.PRICE.value,
        help_text="What its stops and targets are given in",
    )
    time_zone = models.CharField(
        max_length=60, default="UTC", validators=[check_zone], help_text="Of times without a zone"
    )
    expires_after = models.PositiveIntegerField(
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(86_400)],
        help_text="Seconds after which an entry is too late",
    )
    approve_within = models.PositiveIntegerField(
        default=900,
        validators=[MinValueValidator(1), MaxValueValidator(86_400)],
        help_text="Seconds in which a person may approve an entry",
    )
    burst = models.PositiveIntegerField(
        default=15,
        validators=[MinValueValidator(1), MaxValueValidator(10_000)],
        help_text="More entries than this in three minutes are refused",
    )
    hashes = models.JSONField(default=list, editable=False)
    sealed = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "source of signals"
        verbose_name_plural = "sources of signals"
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="signal_source_name_unique"),
            models.CheckConstraint(
                condition=Q(strategy_is_fixed=False) | Q(strategy__isnull=False),
                name="signal_source_fixed_has_strategy",
                violation_error_message="Expected the strategy to which the source is fixed",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def habits(self) -> Habits:
        return Habits(
            size_in=SizeIn(self.size_in),
            level_in=LevelIn(self.level_in),
            zone=zoneinfo.ZoneInfo(self.time_zone),
            strategy=self.strategy.key if self.strategy else "",
        )


class Route(OwnedModel):
    """An account to which a strategy's orders go, and with how much of its size."""

    OWNER_PATH = "strategy__owner"

    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="routes")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="routes")
    share = ExactDecimalField(
        default=1, validators=[above_zero], help_text="1 is the strategy's own size, 0.5 half of it"
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["strategy", "id"]
        constraints = [
            models.UniqueConstraint(fields=["strategy", "account"], name="route_unique"),
            models.CheckConstraint(condition=Q(share__gt=0), name="route_share_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.strategy} → {self.account}"


class Signal(OwnedModel):
    """One message of a source, from its body to what came of it.

    `key` tells it from every other of the source: the sender's id, or a hash of what makes it one. A message
    that comes again is counted on the first. `draft` is what was understood, as plain data.

    A received one whose code is WAITS waits for what is on its way at the broker; looked_at: when last it did.
    Where only some accounts had to, each of these goes on in a signal of its own. rest_of: the message it is
    of, account: the one it is for, generation: 1 where that account has closed a part already.
    """

    OWNER_PATH = "source__owner"

    class State(models.TextChoices):
        RECEIVED = "received", "Received"
        WAITING = "waiting", "Waits for approval"
        REFUSED = "refused", "Refused"
        DRY = "dry", "Shown only"
        ORDERED = "ordered", "Became orders"
        DECLINED = "declined", "Declined by a person"

    WAITS = "WAITS"

    source = models.ForeignKey(SignalSource, on_delete=models.PROTECT, related_name="signals")
    key = models.CharField(max_length=80)
    body = models.TextField()
    body_hash = models.CharField(max_length=64)
    content_type = models.CharField(max_length=100, blank=True)
    address = models.CharField(max_length=45, blank=True)
    received_at = models.DateTimeField()
    deliveries = models.PositiveIntegerField(default=1)
    last_delivery_at = models.DateTimeField()
    mode = models.CharField(max_length=8, choices=SignalSource.Mode)
    draft = models.JSONField(null=True, blank=True)
    strategy = models.ForeignKey(
        Strategy, on_delete=models.PROTECT, null=True, blank=True, related_name="signals"
    )
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, null=True, blank=True, related_name="signals"
    )
    state = models.CharField(max_length=8, choices=State, default=State.RECEIVED)
    code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=150, blank=True)
    approved_at = models.DateTimeField(null=True, blank=True)
    planned = models.JSONField(default=list, blank=True)
    replay_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replays"
    )
    rest_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="rests"
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    generation = models.PositiveSmallIntegerField(default=0)
    looked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["source", "received_at"], name="signal_source_received"),
            models.Index(fields=["state"], name="signal_undone", condition=Q(state="received")),
            models.Index(fields=["state"], name="signal_asks", condition=Q(state="waiting")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["source", "key"], name="signal_key_unique"),
            models.CheckConstraint(
                condition=Q(rest_of__isnull=True) | Q(account__isnull=False),
                name="signal_rest_has_its_account",
            ),
        ]

    def __str__(self) -> str:
        return f"Signal {self.pk} of {self.source}"

    @property
    def root(self) -> Signal:
        """The message that it is the rest of, or itself."""
        return self.rest_of or self

    @property
    def origin(self) -> str:
        """What its orders are made from: the same after a restore, a second delivery and a wait."""
        return f"{self.source.uid}:{self.root.key}"

    @property
    def waits(self) -> bool:
        """Whether it waits for the outcome of orders, not for a person."""
        return self.state == self.State.RECEIVED and self.code == self.WAITS

    @property
    def begun_at(self) -> dt.datetime:
        """When it was asked for: received, or let through by a person, whose word is newer."""
        return self.approved_at or self.received_at

    @property
    def approve_until(self) -> dt.datetime | None:
        """Of an entry that waits for a person: until when it may be approved; an exit always may."""
        if self.state != self.State.WAITING or draft_from_plain(self.draft).is_exit:
            return None
        return self.received_at + dt.timedelta(seconds=self.source.approve_within)

    @property
    def state_in_words(self) -> str:
        return "Waits for an order" if self.waits else self.get_state_display()


class Gate(OwnedModel):
    """What one gate said of a signal, and the figures it said it on; append-only."""

    OWNER_PATH = "signal__source__owner"

    signal = models.ForeignKey(Signal, on_delete=models.PROTECT, related_name="gates")
    at = models.DateTimeField()
    name = models.CharField(max_length=40)
    passed = models.BooleanField()
    code = models.CharField(max_length=40, blank=True)
    text = models.CharField(max_length=500, blank=True)
    figures = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["signal", "id"]

    def __str__(self) -> str:
        return f"{self.name}: {'passed' if self.passed else self.text}"
