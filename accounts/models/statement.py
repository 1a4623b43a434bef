"""A statement file on its way into the books, and each of its lines with its fate."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.models.account import Account
from accounts.models.deal import Deal
from brokers.models import Broker
from tradershub.core.owned import OwnedModel


class StatementFile(OwnedModel):
    """The original bytes, compressed and encrypted; deletable, its hash stays on the import."""

    OWNER_PATH = "owner"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    data = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "sha256"], name="statement_file_unique")
        ]

    def __str__(self) -> str:
        return self.sha256[:12]


class FileMapping(OwnedModel):
    """How the columns of one broker's table are to be read."""

    OWNER_PATH = "owner"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="mappings")
    name = models.CharField(max_length=80)
    headings_hash = models.CharField(max_length=64, help_text="Which tables it fits")
    mapping = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "saved mapping"
        constraints = [
            models.UniqueConstraint(
                fields=["owner", "broker", "headings_hash"], name="mapping_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.broker})"


class StatementImport(OwnedModel):
    """One file's way: received, read, shown, confirmed, booked, undone."""

    OWNER_PATH = "owner"

    class State(models.TextChoices):
        RECEIVED = "received", "Waiting to be read"
        READING = "reading", "Being read"
        NEEDS_MAPPING = "needs_mapping", "Columns to be named"
        PREVIEW = "preview", "Ready to book"
        REFUSED = "refused", "Refused"
        CANCELLED = "cancelled", "Cancelled"
        CONFIRMED = "confirmed", "Waiting to be booked"
        BOOKING = "booking", "Being booked"
        BOOKED = "booked", "Booked"
        UNDONE = "undone", "Undone"
        FAILED = "failed", "Failed"

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="statement_imports"
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="statements"
    )
    file = models.ForeignKey(StatementFile, on_delete=models.SET_NULL, null=True, blank=True)
    file_name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64, db_index=True)
    batch = models.UUIDField(null=True, blank=True, help_text="Files dropped together")
    format = models.CharField(max_length=30, blank=True)
    mapping = models.ForeignKey(FileMapping, on_delete=models.SET_NULL, null=True, blank=True)
    state = models.CharField(max_length=15, choices=State, default=State.RECEIVED)
    reason = models.CharField(max_length=500, blank=True, help_text="Why refused or failed")
    preview = models.JSONField(
        default=dict, blank=True, help_text="What --json prints, and samples"
    )
    period_from = models.DateTimeField(null=True, blank=True)
    period_to = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    booked_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        verbose_name = "import"
        indexes = [models.Index(fields=["account", "state"], name="import_account_state")]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.get_state_display()})"


class StatementLine(OwnedModel):
    """A row of a booked file that changes money, as read, and what became of it."""

    OWNER_PATH = "statement__owner"

    class Fate(models.TextChoices):
        BOOKED = "booked", "Booked"
        CONFIRMED = "confirmed", "Confirmed an entry by hand"
        DUPLICATE = "duplicate", "Already booked"
        INFERRED = "inferred", "Inferred"
        SUPERSEDED = "superseded", "Replaced by the real row"
        REFUSED = "refused", "Refused"

    statement = models.ForeignKey(StatementImport, on_delete=models.CASCADE, related_name="lines")
    row = models.PositiveIntegerField()
    section = models.CharField(max_length=30, blank=True)
    fate = models.CharField(max_length=12, choices=Fate)
    reason = models.CharField(max_length=300, blank=True)
    key = models.CharField(max_length=100, blank=True)
    values = models.JSONField(default=dict)
    deal = models.ForeignKey(
        Deal, on_delete=models.SET_NULL, null=True, blank=True, related_name="lines"
    )

    class Meta:
        ordering = ["statement", "row"]

    def __str__(self) -> str:
        return f"Row {self.row}: {self.get_fate_display()}"


class StatementExtras(OwnedModel):
    """What a booked file says besides money: orders, open positions. Kept for the undo of other files."""

    OWNER_PATH = "statement__owner"

    statement = models.OneToOneField(
        StatementImport, on_delete=models.CASCADE, related_name="extras"
    )
    data = models.BinaryField(help_text="Compressed JSON")

    class Meta:
        verbose_name_plural = "statement extras"

    def __str__(self) -> str:
        return f"Extras of {self.statement_id}"
