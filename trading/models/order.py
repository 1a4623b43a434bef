"""An order of ours: what was asked, what was decided, what was sent, what became of it."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q

from accounts.models import Account
from brokers.adapters.messages import Duration, Kind
from brokers.models import BrokerSymbol
from tradershub.core.fields import LotsField, PriceField
from tradershub.core.formats import lots
from tradershub.core.owned import OwnedModel
from trading import states
from trading.states import State


class Order(OwnedModel):
    """An instruction we give a broker, at most once. `accounts.BrokerOrder` is what the broker states.

    Written only by trading.journal: each change of state is a conditional update and an OrderEvent.
    position_ref: the position that it closes; lots of a closing are never more than that. reduces: it only
    takes back what is held. plan: why it was made, frozen. filled and average_price follow from the deals.
    holds: it has a reservation at risk. epoch: of the kill switch when it was let through.
    """

    class State(models.TextChoices):
        RECEIVED = State.RECEIVED.value, "Received"
        BLOCKED = State.BLOCKED.value, "Blocked"
        QUEUED = State.QUEUED.value, "Queued"
        SENDING = State.SENDING.value, "Sending"
        UNKNOWN = State.UNKNOWN.value, "Outcome unknown"
        QUARANTINED = State.QUARANTINED.value, "Quarantined"
        WORKING = State.WORKING.value, "Working"
        PARTIAL = State.PARTIAL.value, "Partly filled"
        CANCEL_PENDING = State.CANCEL_PENDING.value, "Being cancelled"
        REPLACE_PENDING = State.REPLACE_PENDING.value, "Being changed"
        FILLED = State.FILLED.value, "Filled"
        CANCELLED = State.CANCELLED.value, "Cancelled"
        EXPIRED = State.EXPIRED.value, "Expired"
        REJECTED = State.REJECTED.value, "Rejected"
        NOT_SENT = State.NOT_SENT.value, "Not sent"

    class Side(models.TextChoices):
        BUY = "buy", "Buy"
        SELL = "sell", "Sell"

    class Kind(models.TextChoices):
        MARKET = Kind.MARKET.value, "Market"
        LIMIT = Kind.LIMIT.value, "Limit"
        STOP = Kind.STOP.value, "Stop"
        STOP_LIMIT = Kind.STOP_LIMIT.value, "Stop limit"
        TRAILING_STOP = Kind.TRAILING_STOP.value, "Trailing stop"

    class Duration(models.TextChoices):
        GTC = Duration.GTC.value, "Until cancelled"
        DAY = Duration.DAY.value, "This trading day"
        GTD = Duration.GTD.value, "Until a time"
        IOC = Duration.IOC.value, "At once, the rest cancelled"
        FOK = Duration.FOK.value, "At once and whole, or not at all"

    LIVE = tuple(sorted(states.LIVE))
    OVER = tuple(sorted(states.OVER))
    OPEN = tuple(sorted(states.OPEN))
    MAYBE = tuple(sorted(states.MAYBE))
    AT_BROKER = tuple(sorted(states.OPEN | states.PENDING))

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="own_orders")
    symbol = models.ForeignKey(BrokerSymbol, on_delete=models.PROTECT, related_name="own_orders")
    client_order_id = models.CharField(max_length=22, unique=True)
    # Whose answer it is
    origin_kind = models.CharField(max_length=20)
    origin_id = models.CharField(max_length=120)
    leg = models.PositiveSmallIntegerField(default=0)
    generation = models.PositiveSmallIntegerField(default=0)
    strategy = models.CharField(max_length=80, blank=True)
    source = models.CharField(max_length=80, blank=True)
    automatic = models.BooleanField(default=False, help_text="No person pressed a button")
    asked_by = models.CharField(max_length=150, blank=True)
    signal_at = models.DateTimeField(null=True, blank=True)
    plan = models.JSONField(default=dict, blank=True)
    # What is asked
    side = models.CharField(max_length=4, choices=Side)
    lots = LotsField()
    kind = models.CharField(max_length=15, choices=Kind, default=Kind.MARKET)
    price = PriceField(null=True, blank=True)
    limit_price = PriceField(null=True, blank=True, help_text="Stop limit: price of the limit")
    distance = PriceField(null=True, blank=True, help_text="Trailing stop: from the market")
    bound = PriceField(null=True, blank=True, help_text="At the market: worst price accepted")
    stop_loss = PriceField(null=True, blank=True)
    take_profit = PriceField(null=True, blank=True)
    trail = PriceField(null=True, blank=True, help_text="How far its stop follows the market")
    duration = models.CharField(max_length=3, choices=Duration, default=Duration.GTC)
    expires_at = models.DateTimeField(null=True, blank=True)
    position_ref = models.CharField(max_length=120, blank=True)
    reduces = models.BooleanField(default=False)
    comment = models.CharField(max_length=60, blank=True)
    # Where it stands
    state = models.CharField(max_length=15, choices=State, default=State.RECEIVED)
    resume_state = models.CharField(max_length=15, choices=State, blank=True)
    version = models.PositiveIntegerField(default=0)
    code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    lane_seq = models.PositiveBigIntegerField(null=True, blank=True)
    epoch = models.PositiveBigIntegerField(default=0)
    holds = models.BooleanField(default=False)
    not_before = models.DateTimeField(null=True, blank=True)
    broker_order_id = models.CharField(max_length=64, blank=True)
    filled = LotsField(default=0)
    average_price = PriceField(null=True, blank=True)
    # When
    received_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "sent order"
        ordering = ["-id"]
        permissions = [("settle_order", "Can say what became of a quarantined order")]
        indexes = [
            models.Index(fields=["account", "state"], name="own_order_account_state"),
            models.Index(fields=["received_at", "id"], name="own_order_received"),
            models.Index(
                fields=["account", "lane_seq"], name="own_order_queued", condition=Q(state="queued")
            ),
            models.Index(fields=["state"], name="own_order_state"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["origin_kind", "origin_id", "account", "leg", "generation"],
                name="own_order_origin_unique",
            ),
            models.UniqueConstraint(fields=["account", "lane_seq"], name="own_order_lane_unique"),
            models.UniqueConstraint(
                fields=["account", "broker_order_id"],
                condition=~Q(broker_order_id=""),
                name="own_order_broker_id_unique",
            ),
            models.CheckConstraint(condition=Q(lots__gt=0), name="own_order_lots_positive"),
            models.CheckConstraint(condition=Q(filled__gte=0), name="own_order_filled_positive"),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in State]),
                name="own_order_state_known",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["working", "partial", "cancel_pending", "replace_pending"])
                | ~Q(broker_order_id=""),
                name="own_order_open_has_broker_id",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["cancel_pending", "replace_pending"], resume_state__gt="")
                | ~Q(state__in=["cancel_pending", "replace_pending"]) & Q(resume_state=""),
                name="own_order_resumes_when_pending",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["queued", "sending", "unknown", "quarantined"])
                | Q(lane_seq__isnull=False),
                name="own_order_sent_has_its_place",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.client_order_id}: {self.side} {lots(self.lots)} {self.symbol.name}"

    @property
    def is_over(self) -> bool:
        return self.state in self.OVER

    @property
    def left(self) -> Decimal:
        """Lots that have not filled."""
        return max(self.lots - self.filled, Decimal(0))


class OrderCheck(OwnedModel):
    """What one rule said of an order, and the figures it said it on. No order leaves without."""

    OWNER_PATH = "order__account__owner"

    class Stage(models.TextChoices):
        DECISION = "decision", "When it was decided"
        CLAIM = "claim", "Right before it was sent"
        CHANGE = "change", "When it was changed"

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="checks")
    stage = models.CharField(max_length=10, choices=Stage)
    at = models.DateTimeField()
    place = models.PositiveSmallIntegerField()
    rule = models.CharField(max_length=60)
    passed = models.BooleanField()
    code = models.CharField(max_length=40, blank=True)
    text = models.CharField(max_length=300, blank=True)
    figures = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["order", "id"]

    def __str__(self) -> str:
        return f"{self.rule}: {'passed' if self.passed else self.text}"


class OrderAttempt(OwnedModel):
    """One request to a broker, written down before its first byte leaves; never made twice.

    order: None where the stops of a position are set. asked: what was asked, as plain data. fence: of the
    lane when it was claimed; another number means that another worker has taken over. watermark: how far the
    account's history reached before. looks: complete reads in a row that did not find it.
    """

    class Action(models.TextChoices):
        PLACE = "place", "Place"
        CLOSE = "close", "Close"
        AMEND = "amend", "Change"
        CANCEL = "cancel", "Cancel"
        PROTECT = "protect", "Set stops"

    class Outcome(models.TextChoices):
        WAITING = "waiting", "Waits for its turn"
        OPEN = "open", "Under way"
        UNKNOWN = "unknown", "Answer lost"
        DONE = "done", "Answered"
        REJECTED = "rejected", "Refused by the broker"
        NOT_WRITTEN = "not_written", "Never left"
        PROVED_ABSENT = "proved_absent", "Proved absent"
        WITHDRAWN = "withdrawn", "Withdrawn before it left"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="attempts")
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, null=True, blank=True, related_name="attempts"
    )
    number = models.PositiveIntegerField(default=1)
    action = models.CharField(max_length=8, choices=Action)
    position_ref = models.CharField(max_length=120, blank=True)
    asked = models.JSONField()
    asked_by = models.CharField(max_length=150, blank=True)
    outcome = models.CharField(max_length=13, choices=Outcome)
    code = models.CharField(max_length=40, blank=True)
    text = models.CharField(max_length=300, blank=True)
    fence = models.PositiveBigIntegerField(default=0)
    watermark = models.CharField(max_length=120, blank=True)
    made_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(null=True, blank=True)
    looks = models.PositiveIntegerField(default=0)
    looked_at = models.DateTimeField(null=True, blank=True)
    seen_watermark = models.CharField(max_length=120, blank=True)
    evidence = models.JSONField(default=list, blank=True)

    class Meta:
        verbose_name = "request"
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["account", "outcome"],
                name="attempt_unsettled",
                condition=Q(outcome__in=["waiting", "open", "unknown"]),
            )
        ]
        constraints = [
            models.UniqueConstraint(fields=["order", "number"], name="attempt_number_unique"),
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(outcome__in=["open", "unknown"]),
                name="attempt_one_open_an_order",
            ),
            models.UniqueConstraint(
                fields=["order"], condition=Q(outcome="waiting"), name="attempt_one_waits_an_order"
            ),
            models.UniqueConstraint(
                fields=["account"], condition=Q(outcome="open"), name="attempt_one_open_a_lane"
            ),
            models.CheckConstraint(
                condition=Q(order__isnull=True, action="protect")
                | Q(order__isnull=False) & ~Q(action="protect"),
                name="attempt_is_of_an_order_or_position",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.number}: {self.get_outcome_display().lower()}"


class OrderEvent(OwnedModel):
    """One move of an order, append-only: the database refuses to change or delete it."""

    OWNER_PATH = "order__account__owner"

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="events")
    seq = models.PositiveIntegerField()
    at = models.DateTimeField()
    origin = models.CharField(max_length=15, blank=True)
    target = models.CharField(max_length=15)
    rule = models.CharField(max_length=6)
    code = models.CharField(max_length=40, blank=True)
    text = models.CharField(max_length=300, blank=True)
    actor = models.CharField(max_length=150, blank=True)
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["order", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["order", "seq"], name="order_event_seq_unique")
        ]

    def __str__(self) -> str:
        return f"#{self.seq} {self.origin} → {self.target}"


class Lane(OwnedModel):
    """An account's orders go out one after the other; whoever works them holds a lease.

    holder, until: who, and until when by the database's clock. fence: one more with each taking over.
    forgets: before an order is sent the broker is asked whether it has it already.
    """

    account = models.OneToOneField(Account, on_delete=models.PROTECT, related_name="lane")
    next_seq = models.PositiveBigIntegerField(default=1)
    halted = models.BooleanField(default=False)
    halted_because = models.CharField(max_length=300, blank=True)
    holder = models.CharField(max_length=60, blank=True)
    fence = models.PositiveBigIntegerField(default=0)
    until = models.DateTimeField(null=True, blank=True)
    forgets = models.BooleanField(
        default=False, help_text="Restored from a backup: the broker may have more than we know"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(halted=False) | ~Q(halted_because=""), name="lane_halted_says_why"
            ),
            models.CheckConstraint(condition=Q(next_seq__gt=0), name="lane_seq_positive"),
        ]

    def __str__(self) -> str:
        return f"Lane of {self.account}"
