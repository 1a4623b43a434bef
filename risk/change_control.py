"""Who may loosen what: lowering and stopping need nothing, raising and releasing a person, a reason and a code."""

from __future__ import annotations

from typing import Any

from tradershub.core.errors import BadInput, NotAllowed
from tradershub.core.persons import is_administrator
from tradershub.core.step_up import Kind, demand

SHORTEST_REASON = 8


def needs_step_up(
    actor: Any, *, owner_id: int | None, reason: str, kind: Kind = Kind.LOOSEN
) -> None:
    """The one place that lets somebody loosen: raise a limit, release a switch, let a broken limit go on.

    It takes the owner of what is loosened (an administrator for what binds everybody), a typed reason, and a
    fresh second factor. Raises NotAllowed, BadInput, StepUpNeeded.
    """
    check_owner(actor, owner_id)
    if len(reason.strip()) < SHORTEST_REASON:
        raise BadInput(
            f"Expected a reason of at least {SHORTEST_REASON} characters, found {reason.strip()!r}",
            param="reason",
        )
    demand(actor, kind)


def check_owner(actor: Any, owner_id: int | None) -> None:
    """Raises NotAllowed unless it is the actor's own, or binds all and the actor is an administrator.

    A program (a name instead of a user), as a command on the hub's own machine, may do both.
    """
    if not hasattr(actor, "pk"):
        return
    if owner_id is None:
        if not is_administrator(actor):
            raise NotAllowed("Only an administrator changes what binds everybody")
    elif owner_id != actor.pk:
        raise NotAllowed("This is not yours to change")
