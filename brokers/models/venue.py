"""The memory of the paper accounts: what happened at their venue, and the state it led to."""

from __future__ import annotations

from django.db import models

from brokers.models.connection import Connection
from tradershub.core.owned import OwnedModel


class VenueEvent(OwnedModel):
    """Something that happened at a paper account (`finance.venue.events`), append-only.

    `seq` counts from 1 without a gap; the venue is rebuilt from the last snapshot and what follows it.
    """

    OWNER_PATH = "connection__owner"

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="events")
    account = models.CharField(max_length=40)
    seq = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=30)
    at = models.DateTimeField()
    payload = models.JSONField()

    class Meta:
        ordering = ["connection", "account", "seq"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "account", "seq"], name="venue_event_seq_unique"
            ),
            models.CheckConstraint(condition=models.Q(seq__gt=0), name="venue_event_seq_positive"),
        ]

    def __str__(self) -> str:
        return f"#{self.seq} {self.kind}"


class VenueSnapshot(OwnedModel):
    """The venue of a paper account as its event `seq` left it."""

    OWNER_PATH = "connection__owner"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="snapshots")
    account = models.CharField(max_length=40)
    seq = models.PositiveBigIntegerField()
    state = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["connection", "account"], name="venue_snapshot_unique")
        ]

    def __str__(self) -> str:
        return f"{self.account} at #{self.seq}"
