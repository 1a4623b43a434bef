"""A person wants a file not to be read, or not to be booked, after all."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from accounts.imports.progress import ask_to_stop, start_afresh
from accounts.imports.states import State, take
from accounts.models import StatementImport
from tradershub.core.audit import record
from tradershub.core.errors import Conflict

UNREAD = (State.RECEIVED, State.READING)
CANCELLABLE = (*UNREAD, State.CONFIRMED, State.BOOKING)


def cancel(imported: StatementImport, *, actor: Any) -> StatementImport:
    """Stop the work on a file that waits, or is being read or booked; nothing of it is in the books then.

    A file not yet read is CANCELLED, a confirmed one is shown again. One that is being booked is so once
    its worker has heard and rolled back; where that was done already, it is BOOKED, and can be undone.
    Raises Conflict where nothing is to be cancelled.
    """
    imported.refresh_from_db(fields=["state"])
    if imported.state not in CANCELLABLE:
        raise Conflict(f"The file is {imported.get_state_display().lower()}; nothing to cancel.")
    ask_to_stop(imported, actor=actor)
    if (
        imported.state == State.BOOKING
    ):  # its worker holds the row, and on SQLite the whole database
        return imported
    with transaction.atomic():
        if take(imported, of=UNREAD, to=State.CANCELLED):
            write_cancelled(imported, actor=actor)
        elif take(imported, of=(State.CONFIRMED,), to=State.PREVIEW):
            write_cancelled(imported, actor=actor)
            start_afresh(imported)
    return imported


def write_cancelled(imported: StatementImport, *, actor: Any) -> None:
    record(
        "statement.cancel",
        actor=actor,
        target=imported,
        summary=f"Cancelled {imported.file_name}",
        details={"sha256": imported.sha256},
        owner=imported.owner,
    )
