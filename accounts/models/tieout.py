"""A Break: where the books and the broker differ, with its cause."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.models.account import Account
from tradershub.core.fields import MoneyField
from tradershub.core.owned import OwnedModel


class Break(OwnedModel):
    """Equal causes (account, kind, symbol, cause) are one Break with a count and a sum."""

    class Kind(models.TextChoices):
        TOTAL = "total", "A printed total differs"
        RUNNING_BALANCE = "running_balance", "A running balance differs"
        BALANCE = "balance", "The balance differs"
        DISAGREEMENT = "disagreement", "Two sources disagree on a deal"
        MISSING = "missing", "Rows are missing"
        POSITION = "position", "An open position differs"
        DEAL_MISSING = "deal_missing", "A deal of the broker is not booked"
        DEAL_EXTRA = "deal_extra", "The broker does not know a deal"
        LIVE_POSITION = "live_position", "An open position differs from the broker's now"
        LIVE_BALANCE = "live_balance", "The balance differs from the broker's now"
        LIVE_ORDER = "live_order", "An order of the hub differs from the broker's now"

    class State(models.TextChoices):
        OPEN = "open", "Open"
        EXPLAINED = "explained", "Explained"
        CLOSED = "closed", "Closed"

    # Found by looking at the connected account, not in a file
    LIVE = (
        Kind.DEAL_MISSING,
        Kind.DEAL_EXTRA,
        Kind.LIVE_POSITION,
        Kind.LIVE_BALANCE,
        Kind.LIVE_ORDER,
    )

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="breaks")
    statement = models.ForeignKey(
        "accounts.StatementImport",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="breaks",
    )
    kind = models.CharField(max_length=20, choices=Kind)
    symbol = models.CharField(max_length=64, blank=True)
    cause = models.CharField(max_length=500)
    count = models.PositiveIntegerField(default=1)
    difference = MoneyField(null=True, blank=True, help_text="Broker's minus ours")
    details = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    explanation = models.CharField(max_length=500, blank=True)
    opened_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-opened_at", "-id"]
        indexes = [models.Index(fields=["account", "state"], name="break_account_state")]

    def __str__(self) -> str:
        return f"{self.account}: {self.cause}"
