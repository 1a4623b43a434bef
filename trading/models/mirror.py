"""Who follows which connection, and how far the books of a connected account follow its platform."""

from __future__ import annotations

from django.db import models

from accounts.models import Account
from brokers.models import Connection
from tradershub.core.owned import OwnedModel


class Lease(OwnedModel):
    """Which keeper follows a connection, until when by the database's clock; whoever comes later waits."""

    OWNER_PATH = "connection__owner"

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, related_name="lease")
    holder = models.CharField(max_length=120)
    until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.connection} by {self.holder}"


class Mirror(OwnedModel):
    """How far an account's books follow what its platform says, and where the two differ.

    connection: whose cursor it is; with another one all is read anew. cursor: the platform's own, of the deals
    that are booked. refused: by the platform's deal id, why it
    cannot be booked. extra: keys of deals that the platform does not know. doubts: differences which the
    last look found; those found twice in a row become Breaks.
    """

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="mirror")
    connection = models.ForeignKey(
        Connection, on_delete=models.SET_NULL, null=True, blank=True, related_name="mirrors"
    )
    cursor = models.TextField(blank=True)
    refused = models.JSONField(default=dict)
    extra = models.JSONField(default=list)
    doubts = models.JSONField(default=list)
    looked_at = models.DateTimeField(null=True, blank=True)
    history_at = models.DateTimeField(null=True, blank=True, help_text="Last read from its start")

    def __str__(self) -> str:
        return f"Mirror of {self.account}"
