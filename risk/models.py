"""Limits, what is used and reserved of them, who stopped what, and what was refused."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from accounts.models import Account
from brokers.models import BrokerSymbol, Instrument
from risk.kinds import KINDS, Basis, Scope, Trail, Unit, Window
from tradershub.core.fields import LotsField, MoneyField, RateField
from tradershub.core.owned import OwnedModel
from tradershub.core.validators import check_zone, currency_code, not_negative


def kind_choices() -> list[tuple[str, str]]:
    return [(kind.value, spec.label) for kind, spec in KINDS.items()]


def _choices(values: type[Basis] | type[Scope] | type[Trail] | type[Unit] | type[Window]):
    return [(v.value, v.value.replace("_", " ").capitalize()) for v in values if v.value]


class Limit(OwnedModel):
    """How much is allowed of one thing. Without an owner it binds everybody, and administrators keep it.

    value is in `unit`; money in `currency`, that of the account where it is empty. What else a kind reads is
    said in risk.kinds and docs/risk.md.
    """

    OWNER_PATH = "owner"

    kind = models.CharField(max_length=20, choices=kind_choices)
    scope = models.CharField(max_length=12, choices=_choices(Scope))
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="limits",
    )
    account = models.ForeignKey(
        Account, on_delete=models.CASCADE, null=True, blank=True, related_name="limits"
    )
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, null=True, blank=True, related_name="limits"
    )
    strategy = models.CharField(max_length=60, blank=True, help_text="Key of the strategy")
    value = RateField(default=0, validators=[not_negative])
    unit = models.CharField(max_length=8, choices=_choices(Unit))
    currency = models.CharField(
        max_length=3, blank=True, validators=[currency_code], help_text="Empty: the account's"
    )
    words = models.JSONField(
        "symbols", default=list, blank=True, help_text="Symbols, or currencies, that it is about"
    )
    seconds = models.PositiveIntegerField(
        null=True, blank=True, help_text="Window of entries and requests"
    )
    window = models.CharField(max_length=6, choices=_choices(Window), blank=True)
    basis = models.CharField(
        max_length=8,
        choices=_choices(Basis),
        default=Basis.BALANCE,
        help_text="Loss is counted from",
    )
    trail = models.CharField(
        max_length=12,
        choices=_choices(Trail),
        default=Trail.STATIC,
        help_text="Drawdown is counted from",
    )
    capital = MoneyField(
        null=True, blank=True, help_text="Initial capital of which a percent is, or profit target"
    )
    lock_at = MoneyField(null=True, blank=True, help_text="The floor trails no higher")
    zone = models.CharField(
        max_length=60, blank=True, validators=[check_zone], help_text="Empty: the broker's clock"
    )
    resets_at = models.TimeField(null=True, blank=True, help_text="Empty: the broker's rollover")
    preset = models.CharField(max_length=40, blank=True, editable=False)
    enabled = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["scope", "kind", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(value__gte=0), name="limit_not_negative"),
            models.CheckConstraint(
                condition=Q(scope="all", owner__isnull=True)
                | ~Q(scope="all") & Q(owner__isnull=False),
                name="limit_of_all_has_no_owner",
            ),
            models.CheckConstraint(
                condition=(
                    Q(account__isnull=False, scope="account")
                    | Q(account__isnull=True) & ~Q(scope="account")
                ),
                name="limit_names_its_account",
            ),
            models.CheckConstraint(
                condition=(
                    Q(instrument__isnull=False, scope="instrument")
                    | Q(instrument__isnull=True) & ~Q(scope="instrument")
                ),
                name="limit_names_its_instrument",
            ),
            models.CheckConstraint(
                condition=~Q(strategy="") & Q(scope="strategy")
                | Q(strategy="") & ~Q(scope="strategy"),
                name="limit_names_its_strategy",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.about}"

    @property
    def about(self) -> str:
        """What it is set on, in words."""
        if self.scope == Scope.ACCOUNT:
            return f"account {self.account.number}"
        if self.scope == Scope.INSTRUMENT:
            return str(self.instrument)
        if self.scope == Scope.STRATEGY:
            return f"strategy {self.strategy}"
        return "every account" if self.scope == Scope.ALL else "all own accounts"


class Blackout(OwnedModel):
    """From when until when an event keeps entries back. Without an owner it binds everybody.

    currency: of a pair either, of anything else that of its price.
    """

    class Scope(models.TextChoices):
        ALL = "all", "Every instrument"
        CURRENCY = "currency", "A currency"
        INSTRUMENT = "instrument", "An instrument"

    OWNER_PATH = "owner"

    event = models.CharField(max_length=120, help_text="As nonfarm payrolls, or rate decision")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="blackouts",
    )
    scope = models.CharField("about", max_length=10, choices=Scope)
    currency = models.CharField(max_length=3, blank=True, validators=[currency_code])
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, null=True, blank=True, related_name="blackouts"
    )
    starts_at = models.DateTimeField("from")
    ends_at = models.DateTimeField("to")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-starts_at", "-id"]
        verbose_name = "news blackout"
        indexes = [models.Index(fields=["ends_at"], name="blackout_ends_at")]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="blackout_ends_after_it_begins",
                violation_error_message="Expected an end after the beginning",
            ),
            models.CheckConstraint(
                condition=Q(scope="all", currency="", instrument__isnull=True)
                | Q(scope="currency", instrument__isnull=True) & ~Q(currency="")
                | Q(scope="instrument", currency="", instrument__isnull=False),
                name="blackout_names_what_it_is_about",
                violation_error_message=(
                    "Expected the currency, or the instrument, that it is about, and nothing else"
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event}, {self.about}, {self.starts_at:%Y-%m-%d %H:%M} UTC"

    @property
    def about(self) -> str:
        """What it keeps back, in words."""
        named = {self.Scope.CURRENCY: self.currency, self.Scope.INSTRUMENT: str(self.instrument)}
        return named.get(self.Scope(self.scope), "every instrument")

    def runs(self, at: dt.datetime) -> bool:
        return self.starts_at <= at < self.ends_at


class Usage(models.Model):
    """A counter: how much of one allowance is used, and how much orders hold that are on their way.

    `used` is measured from the books while the row is locked. `reference`: what a loss is counted from, or the
    high so far. broken_at: when a limit of loss was found broken; it stays so until the window ends or a person
    lets it go on.
    """

    scope = models.CharField(max_length=160)
    key = models.CharField(max_length=80, blank=True)
    limit = models.ForeignKey(
        Limit, on_delete=models.CASCADE, null=True, blank=True, related_name="usages"
    )
    used = RateField(default=0)
    reserved = RateField(default=0)
    since = models.DateTimeField(null=True, blank=True)
    reference = MoneyField(null=True, blank=True)
    broken_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scope", "key"], name="usage_unique"),
            models.CheckConstraint(condition=Q(used__gte=0), name="usage_used_not_negative"),
            models.CheckConstraint(
                condition=Q(reserved__gte=0), name="usage_reserved_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}".strip()


class Reservation(OwnedModel):
    """What one order may use, by its client id: held until it is filled or over.

    ask: what it adds (risk.facts.Ask). consumed: the share of it that was filled, 0 to 1.
    """

    client_order_id = models.CharField(max_length=64, unique=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="reservations")
    symbol = models.ForeignKey(BrokerSymbol, on_delete=models.PROTECT, related_name="+")
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, null=True, related_name="+"
    )
    intent = models.CharField(max_length=5, choices=[("entry", "Entry"), ("exit", "Exit")])
    side = models.CharField(max_length=4, choices=[("buy", "Buy"), ("sell", "Sell")])
    lots = LotsField()
    strategy = models.CharField(max_length=60, blank=True)
    origin = models.CharField(max_length=120, blank=True)
    parent = models.CharField(max_length=64, blank=True)
    automatic = models.BooleanField(default=False)
    fingerprint = models.CharField(max_length=64)
    ask = models.JSONField()
    epoch = models.PositiveBigIntegerField()
    consumed = RateField(default=0)
    at = models.DateTimeField()
    over_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["account", "at"], name="reservation_account_at"),
            models.Index(fields=["strategy", "at"], name="reservation_strategy_at"),
            models.Index(
                fields=["account"], name="reservation_held", condition=Q(over_at__isnull=True)
            ),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(lots__gt=0), name="reservation_lots_positive"),
            models.CheckConstraint(
                condition=Q(consumed__gte=0, consumed__lte=1), name="reservation_share"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.client_order_id}: {self.side} {self.lots.normalize():f} {self.symbol.name}"


class Hold(models.Model):
    """A reservation's part of one counter, and what is left of it. Usage.reserved is the sum of what is left."""

    reservation = models.ForeignKey(Reservation, on_delete=models.CASCADE, related_name="holds")
    usage = models.ForeignKey(Usage, on_delete=models.CASCADE, related_name="holds")
    amount = RateField()
    left = RateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reservation", "usage"], name="hold_unique"),
            models.CheckConstraint(
                condition=Q(left__gte=0, left__lte=F("amount")), name="hold_left_of_amount"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.left.normalize():f} of {self.usage}"


class LastEquity(OwnedModel):
    """What an account was last seen to be worth: its result (equity less outside money) at that moment."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, related_name="last_equity")
    result = MoneyField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.account_id}: {self.result.normalize():f}"


class KillSwitch(models.Model):
    """Whether a scope is stopped. The epoch only grows; orders carry that under which they were allowed."""

    class Scope(models.TextChoices):
        ALL = "all", "Everything"
        OWNER = "owner", "All accounts of a person"
        ACCOUNT = "account", "An account"
        STRATEGY = "strategy", "A strategy"
        SOURCE = "source", "A signal source"

    scope = models.CharField(max_length=10, choices=Scope)
    key = models.CharField(max_length=140, blank=True)
    owner_id = models.BigIntegerField(null=True, blank=True, db_index=True)
    engaged = models.BooleanField(default=False)
    epoch = models.PositiveBigIntegerField(default=0)
    reason = models.CharField(max_length=300, blank=True)
    by = models.CharField(max_length=150, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["scope", "key"]
        verbose_name = "kill switch"
        verbose_name_plural = "kill switches"
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="kill_switch_unique")]

    def __str__(self) -> str:
        state = "stopped" if self.engaged else "free"
        return f"{self.get_scope_display()} {self.key}: {state}".replace(" :", ":")


class RiskEvent(OwnedModel):
    """A refusal, a limit found broken, a limit let go on: kept beside the audit log to be counted and shown."""

    class Kind(models.TextChoices):
        REFUSED = "refused", "Order refused"
        BROKEN = "broken", "Limit broken"
        RELEASED = "released", "Let go on"

    OWNER_PATH = "account__owner"

    kind = models.CharField(max_length=10, choices=Kind)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="risk_events")
    limit = models.ForeignKey(Limit, on_delete=models.SET_NULL, null=True, related_name="events")
    client_order_id = models.CharField(max_length=64, blank=True)
    rule = models.CharField(max_length=40)
    code = models.CharField(max_length=40)
    text = models.CharField(max_length=300)
    figures = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        verbose_name = "refusal"
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["account", "at"], name="risk_event_account_at")]

    def __str__(self) -> str:
        return self.text
