"""Deal: every row a broker books. The truth; positions, balance and figures follow from it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from accounts.models.account import Account
from brokers.models import BrokerSymbol
from tradershub.core.fields import LotsField, MoneyField, PriceField
from tradershub.core.formats import lots, signed
from tradershub.core.owned import OwnedModel


class Deal(OwnedModel):
    """One booked row, append-only; a mistake is reversed by another deal (`reverses`).

    What it says changes only where another source has the same row and the later word, and it goes only
    with the undo of its last source; the audit log keeps what it said (accounts.trail).

    Money is in `currency`, signed from the trader's side; amount = profit + swap + commission + fee + tax.
    `key` says which row of the broker this is: its deal id, or a hash of its content with the number of
    its occurrence, so that the same row booked twice is one row.
    `broker_time` is the broker's own text; `at` the moment it means in UTC.
    """

    class Kind(models.TextChoices):
        TRADE = "trade", "Trade"
        DEPOSIT = "deposit", "Deposit"
        WITHDRAWAL = "withdrawal", "Withdrawal"
        CREDIT = "credit", "Credit"
        BONUS = "bonus", "Bonus"
        INTEREST = "interest", "Interest"
        SWAP = "swap", "Swap"
        COMMISSION = "commission", "Commission"
        FEE = "fee", "Fee"
        DIVIDEND = "dividend", "Dividend"
        TAX = "tax", "Tax"
        CORRECTION = "correction", "Correction"
        COMPENSATION = "compensation", "Compensation"
        TRANSFER = "transfer", "Transfer"
        ARCHIVE = "archive", "Archived by the broker"
        OPENING = "opening", "Opening balance"

    class Side(models.TextChoices):
        NONE = "", "–"
        BUY = "buy", "Buy"
        SELL = "sell", "Sell"

    class Entry(models.TextChoices):
        NONE = "", "–"
        IN = "in", "In"
        OUT = "out", "Out"
        IN_OUT = "inout", "In/out (reversal)"
        OUT_BY = "out_by", "Out by (opposite position)"

    class Source(models.TextChoices):
        STATEMENT = "statement", "Statement"
        MANUAL = "manual", "By hand"
        LIVE = "live", "Live"

    account = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        related_name="deals",
        db_index=False,  # the other indexes begin with it; each more slows an import
    )
    key = models.CharField(max_length=100)
    broker_deal_id = models.CharField(max_length=64, blank=True)
    kind = models.CharField(max_length=12, choices=Kind)
    symbol = models.ForeignKey(
        BrokerSymbol, on_delete=models.PROTECT, null=True, blank=True, related_name="deals"
    )
    side = models.CharField(max_length=4, choices=Side, blank=True)
    entry = models.CharField(max_length=6, choices=Entry, blank=True)
    volume = LotsField(null=True, blank=True)
    price = PriceField(null=True, blank=True)
    currency = models.CharField(max_length=3)
    profit = MoneyField(default=0)
    swap = MoneyField(default=0)
    commission = MoneyField(default=0)
    fee = MoneyField(default=0)
    tax = MoneyField(default=0)
    amount = MoneyField(default=0)
    at = models.DateTimeField()
    broker_time = models.CharField(max_length=40, blank=True)
    position_ref = models.CharField(max_length=120, blank=True)
    broker_order_id = models.CharField(max_length=64, blank=True)
    client_order_id = models.CharField(max_length=64, blank=True)
    comment = models.CharField(max_length=300, blank=True)
    source = models.CharField(max_length=10, choices=Source)
    inferred = models.BooleanField(
        default=False, help_text="Not printed by the broker; follows from a row that is"
    )
    statement = models.ForeignKey(
        "accounts.StatementImport",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="deals",
    )
    reverses = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversed_by"
    )
    booked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["account", "at", "id"], name="deal_account_at"),
            models.Index(fields=["account", "symbol", "at"], name="deal_account_symbol_at"),
            models.Index(fields=["account", "position_ref"], name="deal_account_position"),
            models.Index(fields=["at", "id"], name="deal_at"),
            models.Index(fields=["kind", "at", "id"], name="deal_kind_at"),
            models.Index(fields=["amount", "id"], name="deal_amount"),
            models.Index(fields=["broker_deal_id"], name="deal_broker_id"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["account", "key"], name="deal_key_unique"),
            models.CheckConstraint(
                condition=Q(amount=F("profit") + F("swap") + F("commission") + F("fee") + F("tax")),
                name="deal_amount_is_the_sum",
            ),
            models.CheckConstraint(
                condition=~Q(kind="trade")
                | (
                    Q(side__in=["buy", "sell"], symbol__isnull=False, price__isnull=False)
                    & Q(volume__gt=0)
                ),
                name="deal_trade_is_whole",
            ),
        ]

    def __str__(self) -> str:
        what = self.get_kind_display().lower()
        if self.kind == self.Kind.TRADE:
            what = f"{self.side} {lots(self.volume)}"
        amount = signed(self.amount, self.currency)
        return f"{self.broker_deal_id or self.key}: {what}, {amount} {self.currency}"
