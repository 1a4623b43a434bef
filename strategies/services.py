"""Making and changing strategies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from brokers.models import Instrument
from strategies.models import Strategy
from tradershub.core.audit import record
from tradershub.core.changes import changes_since, state_of
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.validation import cleaned

FIXED = ("key", "owner")


@transaction.atomic
def create_strategy(
    *, actor: Any, owner: Any, instruments: Iterable[Instrument] = (), **fields: Any
) -> Strategy:
    """A new strategy; it begins as Testing unless told otherwise.

    Raises Conflict for a key that the owner has, also in other letters; BadInput for a wrong field.
    """
    strategy = Strategy(owner=owner, **fields)
    _refuse_taken(strategy)
    cleaned(strategy).save()
    strategy.instruments.set(instruments)
    record("strategy.create", actor=actor, target=strategy, summary=strategy.key, owner=owner)
    return strategy


@transaction.atomic
def edit_strategy(
    strategy: Strategy,
    *,
    actor: Any,
    instruments: Iterable[Instrument] | None = None,
    **changes: Any,
) -> Strategy:
    """Change what a strategy says; its orders keep what they were made under.

    Its key stays: a stop, limits and orders name the strategy by it. Raises BadInput.
    """
    strategy = Strategy.objects.select_for_update().get(pk=strategy.pk)
    for name in FIXED:
        if name in changes and changes.pop(name) != getattr(strategy, name):
            raise BadInput(f"The {name} of a strategy is fixed: register another one", param=name)
    before = state_of(strategy, changes)
    for name, value in changes.items():
        setattr(strategy, name, value)
    cleaned(strategy).save()
    details: dict[str, Any] = dict(changes_since(before, strategy))
    if instruments is not None:
        was = sorted(strategy.instruments.values_list("symbol", flat=True))
        strategy.instruments.set(instruments)
        now = sorted(strategy.instruments.values_list("symbol", flat=True))
        if was != now:
            details["instruments"] = [", ".join(was), ", ".join(now)]
    record(
        "strategy.edit",
        actor=actor,
        target=strategy,
        summary=strategy.key,
        details=details,
        owner=strategy.owner,
    )
    return strategy


def _refuse_taken(strategy: Strategy) -> None:
    if Strategy.objects.filter(owner=strategy.owner, key__iexact=strategy.key).exists():
        raise Conflict(f'There is a strategy "{strategy.key}" already', param="key")
