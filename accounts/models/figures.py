"""What pages read instead of a million deals: figures by day, and marks of equity."""

from __future__ import annotations

from django.db import models

from accounts.models.account import Account
from brokers.models import BrokerSymbol
from tradershub.core.fields import LotsField, MoneyField
from tradershub.core.formats import plain
from tradershub.core.owned import OwnedModel


class DayFigures(OwnedModel):
    """Sums over the deals of one account, symbol and trading day of its broker. Currency: the account's.

    symbol is empty for rows without one (deposits, interest). net = profit + swap + commission + fee +
    tax of trades; gross_profit and gross_loss (negative) split the net of closing deals by its sign.
    """

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="day_figures")
    symbol = models.ForeignKey(BrokerSymbol, on_delete=models.PROTECT, null=True, blank=True)
    day = models.DateField()
    deals = models.PositiveIntegerField(default=0)
    closings = models.PositiveIntegerField(default=0)
    wins = models.PositiveIntegerField(default=0)
    losses = models.PositiveIntegerField(default=0)
    volume = LotsField(default=0)
    profit = MoneyField(default=0)
    swap = MoneyField(default=0)
    commission = MoneyField(default=0)
    fee = MoneyField(default=0)
    tax = MoneyField(default=0)
    net = MoneyField(default=0)
    gross_profit = MoneyField(default=0)
    gross_loss = MoneyField(default=0)
    deposits = MoneyField(default=0)
    withdrawals = MoneyField(default=0)
    credit = MoneyField(default=0)
    other = MoneyField(default=0, help_text="Interest, dividends, corrections, opening balance ...")

    class Meta:
        ordering = ["account", "day"]
        verbose_name = verbose_name_plural = "day figures"
        indexes = [models.Index(fields=["day", "account"], name="day_figures_day")]
        constraints = [
            models.UniqueConstraint(fields=["account", "symbol", "day"], name="day_figures_unique"),
            models.UniqueConstraint(
                fields=["account", "day"],
                name="day_figures_unique_without_symbol",
                condition=models.Q(symbol__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.day}: {plain(self.net)}"


class EquitySnapshot(OwnedModel):
    """What the account was worth at a moment, and what said so. Prices are stored, never invented."""

    class Source(models.TextChoices):
        STATEMENT = "statement", "Statement"
        QUOTE = "quote", "Quotes"
        BALANCE = "balance", "Balance only"
        MANUAL = "manual", "By hand"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="snapshots")
    at = models.DateTimeField()
    balance = MoneyField()
    credit = MoneyField(default=0)
    floating = MoneyField(null=True, blank=True, help_text="Without open swap")
    open_swap = MoneyField(null=True, blank=True)
    equity = MoneyField()
    margin = MoneyField(null=True, blank=True)
    source = models.CharField(max_length=10, choices=Source)
    statement = models.ForeignKey(
        "accounts.StatementImport", on_delete=models.CASCADE, null=True, blank=True
    )

    class Meta:
        ordering = ["-at"]
        indexes = [models.Index(fields=["account", "at"], name="snapshot_account_at")]
        constraints = [
            models.UniqueConstraint(fields=["account", "at", "source"], name="snapshot_unique")
        ]

    def __str__(self) -> str:
        return f"{self.account_id} {self.at:%Y-%m-%d}: {plain(self.equity)}"
