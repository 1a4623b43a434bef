"""A statement file comes in, and goes again if it is never booked."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.imports.progress import start_afresh
from accounts.imports.reading import READ_TASK
from accounts.imports.states import State, take
from accounts.models import Account, StatementFile, StatementImport
from accounts.statements import storage
from accounts.statements.base import NotAStatement
from tradershub.core.audit import record
from tradershub.core.errors import Conflict
from tradershub.core.queue import enqueue

DISCARDABLE = (
    State.RECEIVED, State.CANCELLED, State.NEEDS_MAPPING, State.PREVIEW, State.REFUSED, State.FAILED,
)  # fmt: skip


def receive(
    path: Path,
    *,
    name: str,
    owner: Any,
    batch: uuid.UUID | None = None,
    account: Account | None = None,
) -> list[StatementImport]:
    """Keep a file, or each file in a zip, and wake a worker to read it.

    account: where the person says it belongs; else the file must say so. A file that is refused as a
    whole (too large, a zip in a zip) comes back as one import in the state REFUSED.
    """
    batch = batch or uuid.uuid4()
    try:
        with storage.members(path, name) as files:
            return [
                _receive_one(file, name=shown, owner=owner, batch=batch, account=account)
                for file, shown in files
            ]
    except NotAStatement as error:
        return [_refused(name, str(error), owner=owner, batch=batch)]


def _refused(name: str, reason: str, *, owner: Any, batch: uuid.UUID) -> StatementImport:
    return StatementImport.objects.create(
        owner=owner, file_name=name[-255:], batch=batch, state=State.REFUSED, reason=reason[:500]
    )


def _receive_one(
    path: Path, *, name: str, owner: Any, batch: uuid.UUID, account: Account | None
) -> StatementImport:
    try:
        kept = storage.store(path, owner=owner)
    except NotAStatement as error:
        return _refused(name, str(error), owner=owner, batch=batch)
    with transaction.atomic():
        imported = _new(kept, name=name, batch=batch, account=account, state=State.RECEIVED)
        start_afresh(imported)  # a restored database gives numbers a second time
        enqueue(READ_TASK, imported.pk)
    imported.refresh_from_db()
    return imported


def _new(
    kept: StatementFile, *, name: str, batch: uuid.UUID, account: Account | None, state: str
) -> StatementImport:
    return StatementImport.objects.create(
        owner=kept.owner,
        account=account,
        file=kept,
        file_name=name[-255:],
        sha256=kept.sha256,
        batch=batch,
        state=state,
    )


@transaction.atomic
def discard(imported: StatementImport, *, actor: Any) -> None:
    """Drop a file before it is booked, with its bytes where no other import needs them.

    Raises Conflict while a worker reads or books it, and for what is or was in the books.
    """
    if not take(imported, of=DISCARDABLE, to=State.REFUSED):
        raise Conflict(
            f"The file is {imported.get_state_display().lower()}; it cannot be discarded."
        )
    record(
        "statement.discard",
        actor=actor,
        target=imported,
        summary=f"Discarded {imported.file_name}",
        details={"sha256": imported.sha256},
        owner=imported.owner,
    )
    file = imported.file
    imported.delete()
    if file and not StatementImport.objects.filter(file=file).exists():
        file.delete()


@transaction.atomic
def delete_file(imported: StatementImport, *, actor: Any) -> None:
    """Forget the original bytes; the hash and what was booked stay."""
    if imported.file_id is not None:
        StatementFile.objects.filter(pk=imported.file_id).delete()
        imported.refresh_from_db(fields=["file"])
        record("statement.delete_file", actor=actor, target=imported, owner=imported.owner)
