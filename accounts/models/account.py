"""An account at a broker, and the dated terms it is traded under."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from brokers.models import Broker, Connection
from tradershub.core.dated import DatedTerms
from tradershub.core.fields import RateField
from tradershub.core.owned import OwnedModel
from tradershub.core.validators import currency_code, not_negative

LARGEST_LEVERAGE = 10_000


class Account(OwnedModel):
    """One account number at one broker. The currency is fixed: money of another is another account."""

    OWNER_PATH = "owner"

    class Kind(models.TextChoices):
        LIVE = "live", "Live"
        DEMO = "demo", "Demo"
        PAPER = "paper", "Paper"
        PROP = "prop", "Prop firm"

    class Mode(models.TextChoices):
        HEDGING = "hedging", "Hedging"
        NETTING = "netting", "Netting"

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        CLOSED = "closed", "Closed"

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="accounts"
    )
    broker = models.ForeignKey(Broker, on_delete=models.PROTECT, related_name="accounts")
    number = models.CharField(max_length=40)
    name = models.CharField(max_length=120, blank=True, help_text="What you call it")
    holder = models.CharField(max_length=120, blank=True)
    server = models.CharField(max_length=80, blank=True)
    platform = models.CharField(max_length=20, blank=True)
    connection = models.ForeignKey(
        Connection, on_delete=models.PROTECT, null=True, blank=True, related_name="accounts"
    )
    may_trade = models.BooleanField(
        "trading", default=False, help_text="Whether the hub may send orders to this account"
    )
    closes_only = models.BooleanField(
        "closings only",
        default=False,
        editable=False,
        help_text="Whether only orders that cancel or close may go there",
    )
    currency = models.CharField(max_length=3, validators=[currency_code])
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.LIVE)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.HEDGING)
    mode_is_assumed = models.BooleanField(
        default=False,
        editable=False,
        help_text="Neither a person nor a file said the mode; the files that prove one decide",
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    opened_on = models.DateField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    notes = models.TextField(blank=True)
    figures_stamp = models.UUIDField(
        default=uuid.uuid4, editable=False, help_text="Another one after each change of its figures"
    )

    class Meta:
        ordering = ["broker__name", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "broker", "number"], name="account_number_unique"
            ),
            models.CheckConstraint(
                condition=Q(status="closed") | Q(closed_at__isnull=True),
                name="account_open_has_no_closing_time",
            ),
            models.CheckConstraint(
                condition=Q(may_trade=False) | Q(closes_only=False),
                name="account_trades_or_only_closes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name or self.number} ({self.currency}, {self.broker})"

    @property
    def is_open(self) -> bool:
        return self.status == self.Status.OPEN

    @property
    def may_close(self) -> bool:
        """Whether the hub may cancel, close and protect there."""
        return self.may_trade or self.closes_only

    @property
    def trading_in_words(self) -> str:
        if self.closes_only:
            return "closings only"
        return "trading is on" if self.may_trade else "trading is off"

    @property
    def is_for_real_money(self) -> bool:
        """Unless both the account and its connection say otherwise: either is easily set wrong."""
        is_practice = self.kind in (self.Kind.PAPER, self.Kind.DEMO)
        return not is_practice or bool(self.connection and self.connection.live)


class AccountTerms(DatedTerms, OwnedModel):
    """Leverage and margin levels, from `valid_from` until the next row's day."""

    PARENT = "account"
    UNSTATED = frozenset({"margin_call_level", "stop_out_level"})

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="terms")
    leverage = models.PositiveIntegerField(
        default=30, validators=[MaxValueValidator(LARGEST_LEVERAGE)], help_text="30 means 1:30"
    )
    margin_call_level = RateField(default=100, validators=[not_negative], help_text="Percent")
    stop_out_level = RateField(default=50, validators=[not_negative], help_text="Percent")

    class Meta:
        ordering = ["account", "-valid_from"]
        verbose_name_plural = "account terms"
        constraints = [
            models.UniqueConstraint(
                fields=["account", "valid_from"], name="account_terms_start_unique"
            ),
            models.CheckConstraint(condition=Q(leverage__gt=0), name="account_leverage_positive"),
        ]

    def __str__(self) -> str:
        return f"1:{self.leverage} from {self.valid_from}"
