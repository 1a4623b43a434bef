"""Making and changing strategies."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from copy import copy
from typing import Any

from django.db import transaction

from brokers.models import Instrument
from strategies.models import Strategy
from strategies.queries import reaches_real_money
from tradershub.core.audit import record
from tradershub.core.changes import changes_since, state_of
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.step_up import Kind, demand
from tradershub.core.validation import cleaned

Status = Strategy.Status
FIXED = ("key", "owner")
RISING = (  # towards real money
    Status.ARCHIVED, Status.PAUSED, Status.DEVELOPMENT, Status.TESTING, Status.LIVE,
)  # fmt: skip


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
    instruments: Collection[Instrument] | None = None,
    **changes: Any,
) -> Strategy:
    """Change what a strategy says; its orders keep what they were made under.

    Its key stays: a stop, limits and orders name the strategy by it. Raises BadInput; StepUpNeeded where more
    real money follows its signals: more orders of them, or larger ones.
    """
    strategy = Strategy.objects.select_for_update().get(pk=strategy.pk)
    for name in FIXED:
        if name in changes and changes.pop(name) != getattr(strategy, name):
            raise BadInput(f"The {name} of a strategy is fixed: register another one", param=name)
    before, was = state_of(strategy, changes), copy(strategy)
    for name, value in changes.items():
        setattr(strategy, name, value)
    old = strategy.instruments.all()
    traded, trades = _symbols(old), _symbols(old if instruments is None else instruments)
    raises = _lets_more_through(was, cleaned(strategy)) or _widens(traded, trades)
    if raises and reaches_real_money(strategy):
        demand(actor, Kind.SIGNAL, strategy)
    strategy.save()
    details: dict[str, Any] = dict(changes_since(before, strategy))
    if instruments is not None:
        strategy.instruments.set(instruments)
    if traded != trades:
        details["instruments"] = [", ".join(traded), ", ".join(trades)]
    record(
        "strategy.edit",
        actor=actor,
        target=strategy,
        summary=strategy.key,
        details=details,
        owner=strategy.owner,
    )
    return strategy


def _lets_more_through(was: Strategy, now: Strategy) -> bool:
    """Whether a change makes more or larger orders of the same signals. Hours and days only say when."""
    return (
        RISING.index(now.status) > RISING.index(was.status)
        or _widens(was.platforms, now.platforms)
        or (was.one_at_a_time and not now.one_at_a_time)
        or not _is_no_larger(was, now)
    )


def _is_no_larger(was: Strategy, now: Strategy) -> bool:
    """A size that a signal says may be any; sizes in two units are not compared."""
    if was.size is None or now.size is None:
        return was.size is None and now.size is None
    return bool(now.size_in == was.size_in and now.size <= was.size)


def _widens(before: Collection[str], after: Collection[str]) -> bool:
    """Of lists that allow what they name, and all where they are empty."""
    return bool(before) and not (after and set(after) <= set(before))


def _symbols(instruments: Iterable[Instrument]) -> list[str]:
    return sorted(instrument.symbol for instrument in instruments)


def _refuse_taken(strategy: Strategy) -> None:
    if Strategy.objects.filter(owner=strategy.owner, key__iexact=strategy.key).exists():
        raise Conflict(f'There is a strategy "{strategy.key}" already', param="key")
