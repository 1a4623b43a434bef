"""A holding, open or closed: derived from deals, updated in place by (account, symbol, ref)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models.account import Account
from brokers.models import BrokerSymbol
from tradershub.core.fields import LotsField, MoneyField, PriceField
from tradershub.core.formats import lots
from tradershub.core.owned import OwnedModel


class Position(OwnedModel):
    """ref: the broker's position id, else the id of the opening deal. Written only by accounts.booking.

    volume is what was opened in all, open_volume what is left; both positive, `side` says the direction.
    The mark_* fields are what a statement or platform last said of an open position; they are facts of
    their own and do not follow from the deals: mark_profit and mark_swap are of mark_volume lots opened at
    mark_open_price, whatever is open now (see accounts.valuation). first_stop stays when stop_loss follows the market.
    """

    account = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        related_name="positions",
        db_index=False,  # the other indexes begin with it; each more slows an import
    )
    ref = models.CharField(max_length=120)
    symbol = models.ForeignKey(BrokerSymbol, on_delete=models.PROTECT, related_name="positions")
    side = models.CharField(max_length=4, choices=[("buy", "Buy"), ("sell", "Sell")])
    volume = LotsField()
    open_volume = LotsField()
    open_price = PriceField(null=True, blank=True, help_text="Empty: the opening is not known")
    close_price = PriceField(null=True, blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    profit = MoneyField(default=0)
    swap = MoneyField(default=0)
    commission = MoneyField(default=0)
    fee = MoneyField(default=0)
    tax = MoneyField(default=0)
    net = MoneyField(default=0)
    deals = models.PositiveIntegerField(default=0)
    inferred = models.BooleanField(default=False, help_text="Its opening is not in any file")
    stop_loss = PriceField(null=True, blank=True)
    take_profit = PriceField(null=True, blank=True)
    trailing_distance = PriceField(
        null=True, blank=True, help_text="Distance at which the stop follows"
    )
    stops_differ = models.BooleanField(
        default=False,
        db_default=False,  # positions are written from deals, which know no stops
        help_text="Its trades carry different stops or trails: none is known of all",
    )
    first_stop = PriceField(null=True, blank=True, help_text="The stop first known: it makes 1 R")
    mark_volume = LotsField(null=True, blank=True, help_text="Lots that the mark is of")
    mark_open_price = PriceField(null=True, blank=True, help_text="Opening that the mark is of")
    mark_price = PriceField(null=True, blank=True)
    mark_profit = MoneyField(null=True, blank=True)
    mark_swap = MoneyField(null=True, blank=True)
    mark_at = models.DateTimeField(null=True, blank=True)
    mark_source = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ["-opened_at", "-id"]
        indexes = [
            models.Index(fields=["account", "closed_at", "id"], name="position_account_closed"),
            models.Index(fields=["closed_at", "id"], name="position_closed"),
            models.Index(
                fields=["account", "symbol"], name="position_open", condition=Q(open_volume__gt=0)
            ),
            models.Index(fields=["opened_at", "id"], name="position_opened"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "symbol", "ref"], name="position_ref_unique"
            ),
            models.CheckConstraint(condition=Q(open_volume__gte=0), name="position_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.ref}: {self.side} {lots(self.volume)} {self.symbol.name}"

    @property
    def is_open(self) -> bool:
        return self.open_volume > 0
