"""A received file is read by a worker, and shown: what would become of each row, and to whom it belongs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.imports.states import State, end, file_of, take
from accounts.models import FileMapping, StatementImport
from accounts.statements import importer, mapping, storage
from accounts.statements.addressee import Addressee, addressee
from accounts.statements.base import NotAStatement, Statement, UnknownTable
from accounts.statements.bounded import (
    Bounds,
    fits_in_child,
    preview_in_child,
    read_in_child,
    suggest_in_child,
)
from accounts.statements.preview import report, samples
from brokers.models import Broker
from tradershub.core.crypto import Unreadable
from tradershub.core.errors import BadInput, Conflict, HubError
from tradershub.core.garbage import uncollected
from tradershub.core.queue import enqueue

READ_TASK = "accounts.tasks.read_statement"
PREVIEW_SECONDS = 15  # a person waits for it


@uncollected()
def read_file(path: Path, *, columns: dict[str, Any] | None = None) -> Statement:
    """What the file says, read in a child process. Raises NotAStatement with one sentence."""
    return read_in_child(
        path,
        mapping=columns,
        memory_mb=settings.STATEMENT_MEMORY_MB,
        seconds=settings.STATEMENT_SECONDS,
    )


def read(imported: StatementImport) -> StatementImport:
    """Read a received file and show what would become of it. Safe to run twice; writes no books."""
    if not take(imported, of=(State.RECEIVED, State.READING), to=State.READING):
        return imported
    try:
        with storage.opened(file_of(imported)) as path:
            statement = _read_mapped(imported, path)
        if statement is not None:
            _show(imported, statement)
    except (NotAStatement, Unreadable, HubError) as error:
        end(imported, State.REFUSED, str(error))
    return imported


def _read_mapped(imported: StatementImport, path: Path) -> Statement | None:
    """The statement; None for a table whose columns a person must name first."""
    columns = columns_of(imported)
    try:
        return read_file(path, columns=columns)
    except UnknownTable as error:
        return _with_saved_mapping(imported, path, str(error))


def columns_of(imported: StatementImport) -> dict[str, Any] | None:
    if imported.preview.get("columns"):
        return dict(imported.preview["columns"])
    return imported.mapping.mapping if imported.mapping else None


def _with_saved_mapping(imported: StatementImport, path: Path, why: str) -> Statement | None:
    saved = list(FileMapping.objects.for_user(imported.owner))
    bounds = Bounds(settings.STATEMENT_MEMORY_MB, settings.STATEMENT_SECONDS)
    fitting = fits_in_child(path, [row.mapping for row in saved], bounds=bounds) if saved else None
    if fitting is not None:
        imported.mapping = saved[fitting]
        return read_file(path, columns=imported.mapping.mapping)
    imported.preview = {"mapping": suggest_in_child(path, bounds=bounds)}
    end(imported, State.NEEDS_MAPPING, why)
    return None


def _show(imported: StatementImport, statement: Statement) -> None:
    whose = addressee(statement, owner=imported.owner, account=imported.account)
    if whose.refusal:
        return end(imported, State.REFUSED, whose.refusal)
    imported.account, imported.format = whose.account, statement.format
    kept = {key: imported.preview[key] for key in ("columns",) if key in imported.preview}
    imported.preview = kept | shown(statement, whose, name=imported.file_name)
    return end(imported, State.PREVIEW, "")


def shown(statement: Statement, whose: Addressee, *, name: str) -> dict[str, Any]:
    """What `--json` prints of a file, and what a person wants to see besides before confirming."""
    plan = importer.planned(statement, whose.account)
    return {
        **report(name, statement, plan, whose.account),
        **samples(statement, plan, whose.account),
        "opening": whose.opening,
        "question": whose.question,
    }


def name_columns(
    imported: StatementImport, columns: dict[str, Any], *, save_for: Broker | None = None
) -> StatementImport:
    """Say how the columns of a table are to be read, save it for a broker if wanted, and read again."""
    try:
        named = mapping.Mapping.from_dict(columns)
    except ValueError as error:
        raise BadInput(str(error), param="columns") from error
    with transaction.atomic():
        if not take(imported, of=(State.NEEDS_MAPPING, State.PREVIEW), to=State.RECEIVED):
            raise Conflict("Only a file that waits for its columns, or is shown, can be read anew.")
        if save_for is not None:
            imported.mapping = _save_mapping(named, imported.owner, save_for)
        imported.preview = {"columns": named.to_dict()}
        imported.save(update_fields=["preview", "mapping"])
        enqueue(READ_TASK, imported.pk)
    imported.refresh_from_db()
    return imported


def first_rows(
    imported: StatementImport, columns: dict[str, Any], *, rows: int = 8
) -> tuple[list[list[str]], Statement | None]:
    """The first rows of a table as they stand, and as this mapping reads them; the latter None while
    one of its questions is open. Raises NotAStatement with one sentence, BadInput without the file.
    """
    bounds = Bounds(settings.STATEMENT_MEMORY_MB, PREVIEW_SECONDS)
    with storage.opened(file_of(imported)) as path:
        return preview_in_child(path, columns, rows=rows, bounds=bounds)


def _save_mapping(named: mapping.Mapping, owner: Any, broker: Broker) -> FileMapping:
    row, _ = FileMapping.objects.update_or_create(
        owner=owner,
        broker=broker,
        headings_hash=named.headings_hash,
        defaults={"name": f"{named.layout} of {broker}"[:80], "mapping": named.to_dict()},
    )
    return row
