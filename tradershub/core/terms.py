"""Writing dated terms down: the first ones, a correction, a change from a day on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, TypeVar

from django.db import transaction

from tradershub.core.audit import record
from tradershub.core.changes import changes_since, state_of
from tradershub.core.dated import DatedTerms
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.validation import cleaned

Terms = TypeVar("Terms", bound=DatedTerms)


@transaction.atomic
def add_terms(terms: Terms, *, actor: Any) -> Terms:
    """The first terms of their parent, or terms from before or after those known."""
    _begin_alone(terms)
    cleaned(terms).save()
    record("terms.add", actor=actor, target=terms, summary=f"Terms: {terms}", owner=_owner(terms))
    return terms


@transaction.atomic
def correct_terms(terms: Terms, *, actor: Any, **changes: Any) -> Terms:
    """The terms were written down wrongly: they change where they stand, for all their days."""
    before = state_of(terms, changes)
    _note_whose(terms, terms, changes)
    for name, value in changes.items():
        setattr(terms, name, value)
    _begin_alone(terms)
    cleaned(terms).save()
    record(
        "terms.correct",
        actor=actor,
        target=terms,
        details=changes_since(before, terms),
        owner=_owner(terms),
    )
    return terms


@transaction.atomic
def change_terms(terms: Terms, *, actor: Any, day: dt.date, **changes: Any) -> Terms:
    """The broker changed its terms on that day: new terms begin, the old stay for the days before."""
    check_change(terms, day)
    before = state_of(terms, changes)
    following = type(terms)._default_manager.get(pk=terms.pk)
    following.pk = None
    following._state.adding = True
    _note_whose(following, terms, changes)
    for name, value in {**changes, "valid_from": day}.items():
        setattr(following, name, value)
    cleaned(following).save()
    record(
        "terms.change",
        actor=actor,
        target=following,
        details=changes_since(before, following),
        owner=_owner(following),
    )
    return following


def check_change(terms: DatedTerms, day: dt.date) -> None:
    """Raises BadInput or Conflict unless new terms may begin on that day, after these."""
    if day <= terms.valid_from:
        raise BadInput(
            f"The change was dated {day}, but these terms begin on {terms.valid_from}; "
            "expected a later day, or a correction",
            param="valid_from",
        )
    if terms.siblings().filter(valid_from=day).exists():
        raise Conflict(f"Other terms begin on {day} already", param="valid_from")


def _begin_alone(terms: DatedTerms) -> None:
    if terms.siblings().filter(valid_from=terms.valid_from).exists():
        raise Conflict(f"Other terms begin on {terms.valid_from} already", param="valid_from")


def _note_whose(edited: DatedTerms, stored: DatedTerms, changes: Mapping[str, Any]) -> None:
    """Terms of which a person changes what a platform said are the person's from then on."""
    changed = {name for name, value in changes.items() if getattr(stored, name) != value}
    if changed - stored.UNSTATED:
        edited.source = ""


def _owner(terms: DatedTerms) -> Any:
    """The person whose terms these are; None for a symbol's, which all share."""
    return getattr(getattr(terms, terms.PARENT), "owner", None)
