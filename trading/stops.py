"""A stop of one strategy or source: by its key, which for a source is the id in its address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from risk import kill_switch
from risk.kill_switch import Scope, ScopeKind
from risk.models import KillSwitch
from strategies.models import Strategy
from strategies.queries import by_key
from tradershub.core.errors import BadInput
from trading.models import SignalSource

NAMED = 20  # in a refusal


ByKey = Callable[[Any, ScopeKind, str], Scope]


def named(owner: Any, kind: ScopeKind, key: str) -> Scope:
    """The person's strategy, or source of signals, of that key. Raises BadInput: a stop of none stops nothing."""
    return OF[kind](owner, key)


def stopped(owner: Any, kind: ScopeKind, key: str) -> Scope:
    """As `named`, of what is stopped: where it is gone since it is let go all the same."""
    of = kill_switch.of_strategy if kind == ScopeKind.STRATEGY else kill_switch.of_source
    scope = of(owner, key)
    is_stopped = KillSwitch.objects.filter(scope=kind.value, key=scope.key, engaged=True).exists()
    return scope if is_stopped else named(owner, kind, key)


def _strategy(owner: Any, key: str) -> Scope:
    found = by_key(owner, key)
    if found is None:
        keys = Strategy.objects.filter(owner=owner).order_by("key").values_list("key", flat=True)
        raise _unknown("strategy", key, list(keys[:NAMED]))
    return kill_switch.of_strategy(owner, found.key)


def _source(owner: Any, uid: str) -> Scope:
    rows = SignalSource.objects.filter(owner=owner)
    if not rows.filter(uid=uid).exists():
        known = rows.order_by("name").values_list("uid", "name")[:NAMED]
        raise _unknown("source", uid, [f"{uid} ({name})" for uid, name in known])
    return kill_switch.of_source(owner, uid)


OF = {ScopeKind.STRATEGY: _strategy, ScopeKind.SOURCE: _source}


def in_words(scope: Scope) -> str:
    """What is stopped, as its person calls it; a source by its name."""
    if scope.kind == ScopeKind.SOURCE:
        uid = scope.key.partition(":")[2]
        found = SignalSource.objects.filter(uid=uid).values_list("name", flat=True).first()
        return f"source {found}" if found else kill_switch.in_words(scope)
    return kill_switch.in_words(scope)


def in_force(owner: Any) -> list[str]:
    """All that is stopped of the person's trading, in words with the reason, the widest first."""
    rows = kill_switch.switches_of(owner).filter(engaged=True)
    widest_first = list(ScopeKind)
    found = sorted(rows, key=lambda row: widest_first.index(ScopeKind(row.scope)))
    told = [(in_words(Scope(ScopeKind(row.scope), row.key)), row.reason) for row in found]
    if kill_switch.file_is_there():
        told.insert(
            0, (in_words(kill_switch.ALL), f"the file {kill_switch.FILE} is in the data folder")
        )
    return [f"{what} ({reason})" if reason else what for what, reason in told]


def _unknown(what: str, key: str, known: list[str]) -> BadInput:
    expected = f"expected one of {', '.join(known)}" if known else "you have none"
    return BadInput(f'There is no {what} "{key[:40]}" of yours; {expected}', param="key")
