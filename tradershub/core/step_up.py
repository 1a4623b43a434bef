"""Step-up: what loosens, or moves real money by hand, needs a code that was proved with the very request.

The proof rides on the person who acts (`person.proof`): pages and API put it there, services ask for it by
`demand`. A person without a proof is refused; a program (a name instead of a person) runs on the hub's own
machine and is not asked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import MutableMapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import Model
from django.utils import timezone

CODE, HEADER = "step_up_code", "X-Step-Up"
REMEMBERED = "step_up"  # in the session: action and row -> when it was proved
FRESH = dt.timedelta(minutes=5)


class Kind(StrEnum):
    """What is asked for, in the words of its refusal."""

    LOOSEN = "Letting more through than a limit did"
    RELEASE = "Releasing the kill switch"
    CONNECTION = "Opening, changing or deleting a connection with secrets"
    TRADING = "Switching on trading for real money"
    ORDER = "Sending an order for real money by hand"
    SIGNAL = "Letting a signal send orders for real money"
    SETTLE = "Saying what became of an order"
    API_KEY = "Making an API key that may write"
    FACTOR = "Changing a second factor"
    PERSON = "Changing who may log in, and what they may do"


# A code is taken once and shown for half a minute: who trades by hand must be able to send a second order.
LASTING = frozenset({Kind.ORDER, Kind.SIGNAL})


@dataclass(slots=True)
class Proof:
    """What the request brought. refusal: why its code was not taken. session: of a browser, to remember in."""

    is_given: bool = False
    refusal: str = ""
    session: MutableMapping[str, Any] | None = None


class StepUpNeeded(Exception):
    """It needs a second factor. Not a HubError: a page must ask for the code, not only say a sentence."""

    code = "step_up_required"

    def __init__(self, kind: Kind, refusal: str = "") -> None:
        self.kind, self.refusal = kind, refusal
        super().__init__(self.message)

    @property
    def message(self) -> str:
        return f"{self.kind} needs a fresh code of your second factor"


def demand(actor: Any, kind: Kind, about: Model | None = None) -> None:
    """Raises StepUpNeeded unless the actor's request proved it: one code, one request.

    An action of LASTING is then open for five minutes, in this session and about this row alone.
    """
    if not hasattr(actor, "pk"):
        return
    proof: Proof = getattr(actor, "proof", None) or Proof()
    if not proves(proof, kind, about):
        raise StepUpNeeded(kind, proof.refusal)
    if proof.is_given and kind in LASTING and proof.session is not None:
        _remember(proof.session, kind, about)


def proves(proof: Proof, kind: Kind, about: Model | None) -> bool:
    """Whether it is enough for that."""
    return proof.is_given or _is_remembered(proof, kind, about)


def _is_remembered(proof: Proof, kind: Kind, about: Model | None) -> bool:
    if proof.session is None or kind not in LASTING:
        return False
    at = proof.session.get(REMEMBERED, {}).get(_mark(kind, about))
    age = timezone.now() - dt.datetime.fromisoformat(at) if at else FRESH
    return dt.timedelta(0) <= age < FRESH


def _remember(session: MutableMapping[str, Any], kind: Kind, about: Model | None) -> None:
    known = session.get(REMEMBERED, {})
    session[REMEMBERED] = {**known, _mark(kind, about): timezone.now().isoformat()}


def _mark(kind: Kind, about: Model | None) -> str:
    return f"{kind.name} {about._meta.label} {about.pk}" if about is not None else kind.name
