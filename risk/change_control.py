"""Who may loosen what: lowering and stopping need nothing, raising and releasing need a person and a reason."""

from __future__ import annotations

from typing import Any

from tradershub.core.errors import BadInput, NotAllowed
from tradershub.core.persons import is_administrator

SHORTEST_REASON = 8


def needs_step_up(actor: Any, *, owner_id: int | None, reason: str) -> None:
    """The one place that lets somebody loosen: raise a limit, release a switch, let a broken limit go on.

    Today: the owner of what is loosened (an administrator for what binds everybody), with a typed reason.
    A second factor will be asked for here and nowhere else. Raises NotAllowed, BadInput.
    """
    check_owner(actor, owner_id)
    if len(reason.strip()) < SHORTEST_REASON:
        raise BadInput(
            f"Expected a reason of at least {SHORTEST_REASON} characters, found {reason.strip()!r}",
            param="reason",
        )


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
