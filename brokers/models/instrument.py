"""Instruments as we name them, as each broker names them, and each broker's dated terms for them."""

from __future__ import annotations

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from brokers.models.broker import Broker
from tradershub.core.dated import DatedTerms
from tradershub.core.fields import SCALE, LotsField, MoneyField, PriceField, RateField
from tradershub.core.validators import above_zero, not_negative


class Instrument(models.Model):
    """What is traded, whoever the broker is."""

    class Category(models.TextChoices):
        FX = "fx", "Currency pair"
        METAL = "metal", "Metal"
        INDEX = "index", "Index"
        ENERGY = "energy", "Energy"
        CRYPTO = "crypto", "Crypto"
        STOCK = "stock", "Stock"
        FUTURE = "future", "Future"
        OTHER = "other", "Other"

    symbol = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=120, blank=True)
    category = models.CharField(max_length=10, choices=Category)
    base = models.CharField(max_length=12, help_text="Currency or code of what is bought")
    quote = models.CharField(max_length=3, help_text="Currency of the price")
    pip_size = PriceField(null=True, blank=True, validators=[above_zero])
    tick_size = PriceField(validators=[above_zero])
    tick_value = MoneyField(
        null=True, blank=True, validators=[above_zero], help_text="Futures: quote currency a tick"
    )
    contract_size = LotsField(validators=[above_zero], help_text="Units in one lot")
    exchange = models.CharField(max_length=20, blank=True)
    aliases = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["symbol"]
        constraints = [
            models.CheckConstraint(condition=Q(tick_size__gt=0), name="instrument_tick_positive"),
            models.CheckConstraint(
                condition=Q(pip_size__isnull=True) | Q(pip_size__gt=0),
                name="instrument_pip_positive",
            ),
            models.CheckConstraint(
                condition=Q(contract_size__gt=0), name="instrument_contract_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.symbol


class BrokerSymbol(models.Model):
    """One broker's own name for an instrument; instrument is empty while nobody has said which it is."""

    broker = models.ForeignKey(Broker, on_delete=models.PROTECT, related_name="symbols")
    name = models.CharField(max_length=64)
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, null=True, blank=True, related_name="broker_symbols"
    )
    mapped_by = models.CharField(max_length=150, blank=True, help_text="Rule or person")

    class Meta:
        ordering = ["broker__name", "name"]
        constraints = [
            models.UniqueConstraint(fields=["broker", "name"], name="broker_symbol_unique")
        ]

    def __str__(self) -> str:
        return f"{self.name} @ {self.broker}"


class SymbolTerms(DatedTerms):
    """The broker's contract for a symbol, from `valid_from` until the next row's day.

    Rates are percent a year or points a night as swap_mode says; costs are negative swap rates and
    positive commission rates.
    """

    PARENT = "symbol"
    UNSTATED = frozenset({"commission_scheme", "commission_rate"})

    class Commission(models.TextChoices):
        NONE = "none", "None"
        PER_LOT_SIDE = "per_lot_side", "Money a lot and side"
        PER_MILLION = "per_million", "USD a million USD traded, each side"
        PERCENT = "percent", "Percent of the notional, each side"
        PER_TRADE = "per_trade", "Money a deal"

    class Swap(models.TextChoices):
        NONE = "none", "None"
        POINTS = "points", "Points"
        MONEY = "money", "Money a lot, account currency"
        INTEREST = "interest", "Percent a year"
        FINANCING = "financing", "Percent a year of 365 days, as OANDA charges it"

    class Margin(models.TextChoices):
        FOREX = "forex", "Forex"
        FOREX_NO_LEVERAGE = "forex_no_leverage", "Forex without leverage"
        CFD = "cfd", "CFD"
        CFD_LEVERAGE = "cfd_leverage", "CFD with leverage"
        CFD_INDEX = "cfd_index", "CFD index"
        FUTURES = "futures", "Futures"

    symbol = models.ForeignKey(BrokerSymbol, on_delete=models.PROTECT, related_name="terms")
    contract_size = LotsField(validators=[above_zero])
    digits = models.PositiveSmallIntegerField(default=5, validators=[MaxValueValidator(SCALE)])
    tick_size = PriceField(validators=[above_zero])
    tick_value = MoneyField(null=True, blank=True, validators=[above_zero])
    lot_min = LotsField(default="0.01", validators=[above_zero])
    lot_step = LotsField(default="0.01", validators=[above_zero])
    lot_max = LotsField(null=True, blank=True, validators=[above_zero])
    commission_scheme = models.CharField(max_length=20, choices=Commission, default=Commission.NONE)
    commission_rate = RateField(default=0)
    swap_mode = models.CharField(max_length=10, choices=Swap, default=Swap.NONE)
    swap_long = RateField(default=0)
    swap_short = RateField(default=0)
    margin_mode = models.CharField(max_length=20, choices=Margin, default=Margin.FOREX)
    margin_rate = RateField(default=1, validators=[not_negative])
    margin_initial = MoneyField(null=True, blank=True, validators=[not_negative])
    hedged_size = LotsField(
        null=True,
        blank=True,
        validators=[not_negative],
        help_text="Contract size of the covered part",
    )

    class Meta:
        ordering = ["symbol", "-valid_from"]
        verbose_name = verbose_name_plural = "contract terms"
        constraints = [
            models.UniqueConstraint(fields=["symbol", "valid_from"], name="terms_start_unique"),
            models.CheckConstraint(
                condition=Q(contract_size__gt=0), name="terms_contract_positive"
            ),
            models.CheckConstraint(condition=Q(tick_size__gt=0), name="terms_tick_positive"),
            models.CheckConstraint(condition=Q(lot_step__gt=0), name="terms_step_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} from {self.valid_from}"
