"""Tables that belong to no app: the audit chain, API keys, preferences, signs of life."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from tradershub.core.validators import check_zone, currency_code


class AuditEntry(models.Model):
    """One action, chained to the one before it: hash = SHA-256(previous hash + canonical content).

    Written only by `core.audit.record`; the database refuses updates and deletes.
    """

    seq = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField(default=timezone.now)
    actor = models.CharField(max_length=150, blank=True, help_text="User name, or the program")
    owner_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    action = models.CharField(max_length=60)
    target = models.CharField(max_length=120, blank=True, help_text="Model and id")
    summary = models.CharField(max_length=300, blank=True)
    details = models.JSONField(default=dict, blank=True)
    request_id = models.CharField(max_length=40, blank=True)
    previous_hash = models.CharField(max_length=64, unique=True)
    hash = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ["-seq"]
        verbose_name = "audit entry"
        verbose_name_plural = "audit log"

    def __str__(self) -> str:
        return f"#{self.seq} {self.action}"


class ApiKey(models.Model):
    """A program's way in. The key is shown once; only its hash is kept."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys"
    )
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, unique=True)
    hash = models.CharField(max_length=64)
    scopes = models.JSONField(default=list, help_text='Any of "read", "write", "import"')
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class Preference(models.Model):
    """What one person likes: base currency, display zone, remembered filters and columns."""

    owner = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="preference"
    )
    base_currency = models.CharField(max_length=3, default="EUR", validators=[currency_code])
    time_zone = models.CharField(
        max_length=60, default="UTC", validators=[check_zone], help_text="For display only"
    )
    remembered = models.JSONField(default=dict, blank=True)

    def __str__(self) -> str:
        return f"Preferences of {self.owner}"


class Submission(models.Model):
    """A form or request that was carried out, by the token it bore, and the row it made."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    token = models.CharField(max_length=64)
    action = models.CharField(max_length=60)
    model = models.CharField(max_length=60, blank=True)
    row_id = models.BigIntegerField(null=True, blank=True)
    at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "token"], name="submission_token_unique")
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.token[:8]}"


class Heartbeat(models.Model):
    """When something that must stay alive was last seen at work."""

    name = models.CharField(max_length=60, unique=True)
    at = models.DateTimeField(default=timezone.now)
    detail = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"
