"""Reading strategies."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from brokers.models import Instrument
from strategies.models import Strategy
from tradershub.core.prepared import prepared


def by_key(owner: Any, key: str) -> Strategy | None:
    """The owner's strategy of that key, whatever the case of its letters; None for none."""
    return Strategy.objects.filter(owner=owner, key__iexact=key).first()


@prepared
def instruments_of(strategy: Strategy) -> QuerySet[Instrument]:
    """The instruments that it may trade; none named: all."""
    return Instrument.objects.filter(strategy=strategy)
