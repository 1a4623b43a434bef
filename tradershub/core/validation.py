"""A row checked by its own fields and constraints, refused in sentences."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db.models import Model

from tradershub.core.errors import BadInput

Row = TypeVar("Row", bound=Model)


def cleaned(row: Row) -> Row:
    """The row itself when it may be saved. Raises BadInput naming the first wrong field and what was found."""
    try:
        row.full_clean()
    except ValidationError as error:
        raise bad_input(error) from error
    return row


def cleaned_fields(row: Row, *, known: Collection[str] = ()) -> Row:
    """As `cleaned`, by the row's own fields alone: asks the database nothing, whose constraints still hold.

    known: foreign keys whose rows were just read.
    """
    try:
        row.full_clean(exclude=set(known), validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise bad_input(error) from error
    return row


def bad_input(error: ValidationError) -> BadInput:
    """The same refusal as one sentence, with the name of the first wrong field."""
    if not hasattr(error, "error_dict"):
        return BadInput(" ".join(error.messages))
    field, messages = next(iter(error.message_dict.items()))
    if field == NON_FIELD_ERRORS:
        return BadInput(" ".join(messages))
    return BadInput(f"{field}: {' '.join(messages)}", param=field)
