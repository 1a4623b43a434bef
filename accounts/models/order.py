"""An order as the broker states it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models.account import Account
from brokers.models import BrokerSymbol
from tradershub.core.fields import LotsField, PriceField
from tradershub.core.formats import lots
from tradershub.core.owned import OwnedModel


class BrokerOrder(OwnedModel):
    """Placed at the broker: seen in a statement, live, or entered by hand."""

    class Type(models.TextChoices):
        MARKET = "market", "Market"
        LIMIT = "limit", "Limit"
        STOP = "stop", "Stop"
        STOP_LIMIT = "stop_limit", "Stop limit"

    class State(models.TextChoices):
        WORKING = "working", "Working"
        PARTIAL = "partial", "Partly filled"
        FILLED = "filled", "Filled"
        CANCELLED = "cancelled", "Cancelled"
        EXPIRED = "expired", "Expired"
        REJECTED = "rejected", "Rejected"

    OWN = "hand"  # begins the id of an order of which nobody gave the broker's number
    LIVE = (State.WORKING, State.PARTIAL)

    account = models.ForeignKey(  # found by order_broker_id_unique
        Account, on_delete=models.PROTECT, related_name="orders", db_index=False
    )
    broker_order_id = models.CharField(max_length=64)
    symbol = models.ForeignKey(BrokerSymbol, on_delete=models.PROTECT, related_name="orders")
    type = models.CharField(max_length=12, choices=Type)
    side = models.CharField(max_length=4, choices=[("buy", "Buy"), ("sell", "Sell")])
    volume = LotsField()
    filled = LotsField(default=0)
    price = PriceField(null=True, blank=True)
    limit_price = PriceField(null=True, blank=True, help_text="Stop limit: price of the limit")
    stop_loss = PriceField(null=True, blank=True)
    take_profit = PriceField(null=True, blank=True)
    trailing_distance = PriceField(null=True, blank=True)
    bracket = models.CharField(
        max_length=64, blank=True, help_text="Orders of one bracket: one fills, the others end"
    )
    state = models.CharField(max_length=10, choices=State, default=State.WORKING)
    placed_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    position_ref = models.CharField(max_length=120, blank=True)
    comment = models.CharField(max_length=300, blank=True)
    source = models.CharField(max_length=10, default="manual")
    statement = models.ForeignKey(
        "accounts.StatementImport",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="orders",
    )

    class Meta:
        ordering = ["-placed_at", "-id"]
        verbose_name = "broker's order"
        indexes = [
            models.Index(fields=["account", "state"], name="order_account_state"),
            models.Index(fields=["placed_at", "id"], name="order_placed_at"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "broker_order_id"], name="order_broker_id_unique"
            ),
            models.CheckConstraint(
                condition=Q(volume__gt=0, filled__gte=0), name="order_volume_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.broker_order_id}: {self.side} {lots(self.volume)} {self.type}, {self.state}"
