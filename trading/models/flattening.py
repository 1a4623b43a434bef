"""An account that a person asked to be emptied, and how far that is."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import Account
from tradershub.core.owned import OwnedModel


class Flattening(OwnedModel):
    """All orders of an account cancelled, all positions closed; under way until the broker says that it is so.

    words: why it is not flat yet, in a sentence. looked_at: when the broker last said what is left; orders,
    positions: how many it said then, None before. tries: rounds in a row that changed nothing.
    """

    class State(models.TextChoices):
        ASKED = "asked", "Asked"
        WORKING = "working", "Under way"
        FLAT = "flat", "Flat"
        WITHDRAWN = "withdrawn", "Withdrawn"

    OPEN = (State.ASKED, State.WORKING)

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="flattenings")
    state = models.CharField(max_length=9, choices=State, default=State.ASKED)
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    words = models.CharField(max_length=300, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)
    orders = models.PositiveIntegerField(null=True, blank=True)
    positions = models.PositiveIntegerField(null=True, blank=True)
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account"],
                condition=Q(state__in=["asked", "working"]),
                name="flattening_one_open_an_account",
            ),
            models.CheckConstraint(
                condition=~Q(state="flat") | Q(orders=0, positions=0, looked_at__isnull=False),
                name="flattening_flat_by_the_brokers_word",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.get_state_display().lower()}"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN

    def in_words(self) -> str:
        """What the broker said is left, and why."""
        if self.orders is None or self.positions is None:
            left = "the broker has not answered yet"
        else:
            counts = ((self.positions, "position"), (self.orders, "order"))
            words = (f"{n} {word}{'' if n == 1 else 's'}" for n, word in counts)
            left = f"{' and '.join(words)} left"
        return f"{left}. {self.words}".strip()
