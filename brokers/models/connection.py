"""Platforms, a person's connections to them, and what an adapter keeps between two calls."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from brokers.models.broker import Broker
from brokers.platforms import PLATFORMS
from tradershub.core.owned import OwnedModel


def platform_choices() -> list[tuple[str, str]]:
    return PLATFORMS.choices()


class Platform(models.Model):
    """One row per adapter: whether orders go there. Errors in a row switch it off until a person acts.

    What cancels or closes still goes there then: nobody is locked into a position. A person's off is for all.
    """

    key = models.CharField(max_length=20, unique=True, choices=platform_choices)
    enabled = models.BooleanField(default=True)
    errors_in_row = models.PositiveIntegerField(default=0, editable=False)
    disabled_at = models.DateTimeField(null=True, blank=True, editable=False)
    disabled_because = models.CharField(max_length=300, blank=True, editable=False)
    closes_only = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(
                condition=Q(enabled=False) | Q(closes_only=False),
                name="platform_closes_only_while_off",
            ),
            models.CheckConstraint(
                condition=Q(enabled=False) | Q(disabled_at__isnull=True),
                name="platform_enabled_was_not_disabled",
            ),
        ]

    def __str__(self) -> str:
        return PLATFORMS.label(self.key) if self.key in PLATFORMS else self.key

    def takes(self, *, closing: bool) -> bool:
        """Whether it may be sent something. closing: it cancels, closes or protects."""
        return self.enabled or (closing and self.closes_only)


class Connection(OwnedModel):
    """A person's way to one platform at one broker; serves one account or many.

    `settings` are what the adapter's Settings name and are no secrets. Secrets are kept here encrypted, or
    lie where `reference` says: names of environment variables, a file, a place in the vault.
    """

    OWNER_PATH = "owner"

    class Store(models.TextChoices):
        DATABASE = "database", "Here, encrypted"
        ENVIRONMENT = "environment", "Environment variables"
        FILE = "file", "A file on the hub's machine"
        VAULT = "vault", "HashiCorp Vault"

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="connections"
    )
    broker = models.ForeignKey(Broker, on_delete=models.PROTECT, related_name="connections")
    platform = models.CharField(max_length=20, choices=platform_choices)
    name = models.CharField(max_length=80)
    live = models.BooleanField(default=False, help_text="Real money")
    enabled = models.BooleanField(default=True)
    settings = models.JSONField(default=dict, blank=True)
    store = models.CharField(max_length=12, choices=Store, default=Store.DATABASE)
    reference = models.CharField(max_length=300, blank=True)
    sealed = models.TextField(blank=True, editable=False)
    expires_on = models.DateField(null=True, blank=True, help_text="When its key or token ends")
    created_at = models.DateTimeField(auto_now_add=True)
    # What the last look at it found
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    seen_at = models.DateTimeField(null=True, blank=True, editable=False)
    fault = models.CharField(max_length=300, blank=True, editable=False)

    class Meta:
        ordering = ["platform", "name"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="connection_name_unique"),
            models.CheckConstraint(
                condition=Q(store="database") | Q(sealed=""), name="connection_one_place_of_secrets"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_platform_display()})"


class AdapterState(OwnedModel):
    """What an adapter stored under a key, of one connection and account; never a secret."""

    OWNER_PATH = "connection__owner"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="states")
    account = models.CharField(max_length=40, blank=True)
    key = models.CharField(max_length=80)
    value = models.JSONField()
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "account", "key"], name="adapter_state_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.key} of {self.connection}"


class TokenBucket(OwnedModel):
    """A rate limit of a connection that all processes share."""

    OWNER_PATH = "connection__owner"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="buckets")
    name = models.CharField(max_length=40)
    tokens = models.FloatField()
    counted_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "name"], name="token_bucket_unique")
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.connection}"
