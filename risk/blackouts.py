"""Windows around events in which no entry is made: set, changed, removed. Each change is in the audit log.

To keep more back needs nothing. To let entries through that a running window refuses needs a reason and a
second factor, as all that loosens.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.utils import timezone

from risk.change_control import check_owner, needs_step_up
from risk.models import Blackout
from tradershub.core.audit import record
from tradershub.core.changes import changes_since, state_of
from tradershub.core.errors import BadInput
from tradershub.core.validation import cleaned

CHANGEABLE = ("event", "scope", "currency", "instrument", "starts_at", "ends_at")


@transaction.atomic
def add_blackout(window: Blackout, *, actor: Any) -> Blackout:
    """One more window; it can only forbid. Raises BadInput, NotAllowed."""
    may_become(window, actor=actor)
    window.save()
    _record("add", window, actor=actor, details=_told(window))
    return window


@transaction.atomic
def edit_blackout(window: Blackout, *, actor: Any, reason: str = "", **changes: Any) -> Blackout:
    """Change a window. Whose it is stays. Raises BadInput, NotAllowed, StepUpNeeded."""
    window = Blackout.objects.select_for_update(of=("self",)).get(pk=window.pk)
    before = state_of(window, changes)
    for name, value in changes.items():
        setattr(window, name, value)
    may_become(window, actor=actor, reason=reason)
    window.save()
    _record(
        "edit", window, actor=actor, details={**changes_since(before, window), "reason": reason}
    )
    return window


@transaction.atomic
def remove_blackout(window: Blackout, *, actor: Any, reason: str = "") -> None:
    """Raises NotAllowed; where it runs also BadInput without a reason, and StepUpNeeded."""
    check_owner(actor, window.owner_id)
    if window.runs(timezone.now()):
        needs_step_up(actor, owner_id=window.owner_id, reason=reason)
    _record("remove", window, actor=actor, details={**_told(window), "reason": reason})
    window.delete()


def may_become(window: Blackout, *, actor: Any, reason: str = "") -> None:
    """Raises what `add_blackout` or `edit_blackout` would, without writing."""
    now = timezone.now()
    check_owner(actor, window.owner_id)
    cleaned(window)
    stored = Blackout.objects.filter(pk=window.pk).first() if window.pk else None
    if stored is None and window.ends_at <= now:
        raise BadInput(
            f"Expected an end that is still to come, found {window.ends_at:%Y-%m-%d %H:%M} UTC",
            param="ends_at",
        )
    if stored is not None and loosens(stored, window, at=now):
        needs_step_up(actor, owner_id=window.owner_id, reason=reason)


def loosens(before: Blackout, after: Blackout, *, at: dt.datetime) -> bool:
    """Whether the change lets an entry through, now or later, that the window which runs would refuse."""
    if not before.runs(at):
        return False
    is_as_wide = after.scope == Blackout.Scope.ALL or _subject(after) == _subject(before)
    return not (is_as_wide and after.runs(at) and after.ends_at >= before.ends_at)


def _subject(window: Blackout) -> tuple[Any, ...]:
    return window.scope, window.currency, window.instrument_id


def _record(verb: str, window: Blackout, *, actor: Any, details: dict[str, Any]) -> None:
    record(
        f"blackout.{verb}", actor=actor, target=window, summary=str(window), details=details,
        owner=window.owner_id,
    )  # fmt: skip


def _told(window: Blackout) -> dict[str, Any]:
    return {
        "event": window.event,
        "about": window.about,
        "from": window.starts_at.isoformat(),
        "to": window.ends_at.isoformat(),
    }
