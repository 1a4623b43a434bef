"""A received file is read by a worker, and shown: what would become of each row, and to whom it belongs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.imports.progress import OF_READING, Cancelled, Watcher, start_afresh
from accounts.imports.states import State, end, file_of, take
from accounts.models import FileMapping, StatementImport
from accounts.statements import importer, mapping, storage, table_totals
from accounts.statements.addressee import Addressee, addressee
from accounts.statements.base import NotAStatement, Statement, UnknownTable
from accounts.statements.bounded import (
    Bounds,
    Tell,
    fits_in_child,
    preview_in_child,
    read_in_child,
    suggest_in_child,
)
from accounts.statements.keepable import kept
from accounts.statements.preview import report, samples
from brokers.models import Broker
from tradershub.core.crypto import Unreadable
from tradershub.core.errors import BadInput, Conflict, HubError
from tradershub.core.garbage import uncollected
from tradershub.core.queue import enqueue

READ_TASK = "accounts.tasks.read_statement"
MODE_ASSUMED = (
    "The file does not say, and its rows do not prove, whether the account is hedging or netting; a new "
    "account is kept as hedging until you or a later file say otherwise."
)
PREVIEW_SECONDS = 15  # a person waits for it
READABLE_AGAIN = (State.CANCELLED, State.REFUSED, State.FAILED)
NAMEABLE_AGAIN = (State.PREVIEW, State.REFUSED)
ASKED = "asked"  # in a preview: a person wants to be asked what the columns mean
WHICH_BROKER = (
    "Mappings of several brokers fit these headings and read them differently; "
    "say which broker the file is of, or name its columns."
)


@uncollected()
def read_file(
    path: Path, *, columns: dict[str, Any] | None = None, tell: Tell | None = None
) -> Statement:
    """What the file says that the books can keep, read in a child process.

    Raises NotAStatement with one sentence.

    tell: hears how far the child is; what it raises ends the child.
    """
    statement = read_in_child(
        path,
        mapping=columns,
        memory_mb=settings.STATEMENT_MEMORY_MB,
        seconds=settings.STATEMENT_SECONDS,
        tell=tell,
    )
    return kept(statement)


def read(imported: StatementImport) -> StatementImport:
    """Read a received file and show what would become of it. Safe to run twice; writes no books."""
    if not take(imported, of=(State.RECEIVED, State.READING), to=State.READING):
        return imported
    try:
        with storage.opened(file_of(imported)) as path:
            statement = _read_mapped(imported, path, Watcher(imported, OF_READING).hear)
        if statement is not None:
            _show(imported, statement)
    except Cancelled:
        end(imported, of=State.READING, to=State.CANCELLED)
    except (NotAStatement, Unreadable, HubError) as error:
        end(imported, of=State.READING, to=State.REFUSED, reason=str(error), keep=("mapping",))
    return imported


def _read_mapped(imported: StatementImport, path: Path, tell: Tell) -> Statement | None:
    """The statement; None for a table whose columns a person must name first."""
    columns = columns_of(imported)
    try:
        return read_file(path, columns=columns, tell=tell)
    except UnknownTable as error:
        return _with_saved_mapping(imported, path, str(error), tell)


def columns_of(imported: StatementImport) -> dict[str, Any] | None:
    if imported.preview.get("columns"):
        return dict(imported.preview["columns"])
    return imported.mapping.mapping if imported.mapping else None


def _with_saved_mapping(
    imported: StatementImport, path: Path, why: str, tell: Tell
) -> Statement | None:
    bounds = Bounds(settings.STATEMENT_MEMORY_MB, settings.STATEMENT_SECONDS)
    is_asked = imported.preview.get(ASKED)
    fitting = [] if is_asked else _fitting_mappings(imported, path, bounds)
    if fitting and len({_reading_of(row) for row in fitting}) == 1:
        imported.mapping = fitting[0]
        return read_file(path, columns=imported.mapping.mapping, tell=tell)
    imported.preview = {
        "mapping": suggest_in_child(path, bounds=bounds),
        "offered": [{"id": row.pk, "broker": row.broker.name} for row in fitting],
    }
    reason = WHICH_BROKER if fitting else why
    end(imported, of=State.READING, to=State.NEEDS_MAPPING, reason=reason, keep=("preview",))
    return None


def _fitting_mappings(imported: StatementImport, path: Path, bounds: Bounds) -> list[FileMapping]:
    """The saved mapping that the file has the headings of: its broker's, else one of each broker."""
    saved = list(FileMapping.objects.for_user(imported.owner).select_related("broker"))
    if not saved:
        return []
    places = fits_in_child(path, [row.mapping for row in saved], bounds=bounds)
    by_broker: dict[int, FileMapping] = {}
    for row in (saved[place] for place in places):
        by_broker.setdefault(row.broker_id, row)
    mine = by_broker.get(_broker_of(imported) or 0)
    return [mine] if mine else list(by_broker.values())


def _broker_of(imported: StatementImport) -> int | None:
    """The broker of the import's account, else the one broker of the files that came with it."""
    if imported.account:
        return imported.account.broker_id
    others = StatementImport.objects.filter(owner=imported.owner, account__isnull=False)
    together = others.filter(batch=imported.batch).order_by()
    brokers = set(together.values_list("account__broker_id", flat=True))
    return brokers.pop() if imported.batch and len(brokers) == 1 else None


def _reading_of(row: FileMapping) -> mapping.Mapping:
    """What the mapping says of the rows, its remarks left out."""
    return replace(mapping.Mapping.from_dict(row.mapping), notes=(), known_as="")


def _show(imported: StatementImport, statement: Statement) -> None:
    whose = addressee(statement, owner=imported.owner, account=imported.account)
    if reason := whose.refusal or table_totals.other_currency(statement):
        return end(imported, of=State.READING, to=State.REFUSED, reason=reason, keep=("mapping",))
    imported.account, imported.format = whose.account, statement.format
    kept = {key: imported.preview[key] for key in ("columns",) if key in imported.preview}
    imported.preview = kept | shown(statement, whose, name=imported.file_name)
    return end(
        imported, of=State.READING, to=State.PREVIEW,
        keep=("account", "format", "mapping", "preview"),
    )  # fmt: skip


def shown(statement: Statement, whose: Addressee, *, name: str) -> dict[str, Any]:
    """What `--json` prints of a file, and what a person wants to see besides before confirming."""
    plan = importer.planned(statement, whose.account)
    if whose.opening and not whose.opening["mode"]:
        statement.notes.append(MODE_ASSUMED)
    return {
        **report(name, statement, plan, whose.account),
        **samples(statement, plan, whose.account),
        "opening": whose.opening,
        "question": whose.question,
        "offered_account": whose.offered and whose.offered.pk,
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


@transaction.atomic
def use_mapping(imported: StatementImport, saved: FileMapping) -> StatementImport:
    """Read a table whose columns are to be named as those of a saved mapping."""
    if not take(imported, of=(State.NEEDS_MAPPING,), to=State.RECEIVED):
        raise Conflict("The columns of this file are named already.")
    imported.mapping, imported.preview, imported.reason = saved, {}, ""
    imported.save(update_fields=["mapping", "preview", "reason"])
    enqueue(READ_TASK, imported.pk)
    imported.refresh_from_db()
    return imported


@transaction.atomic
def name_again(imported: StatementImport) -> StatementImport:
    """Have a person name the columns of a table anew, whatever they or a saved mapping said of them before."""
    if not (imported.mapping_id or imported.preview.get("columns")):
        raise Conflict("Nobody named the columns of this file.")
    if not take(imported, of=NAMEABLE_AGAIN, to=State.RECEIVED):
        raise Conflict(
            f"The file is {imported.get_state_display().lower()}; its columns stay as they are."
        )
    imported.mapping, imported.preview, imported.reason = None, {ASKED: True}, ""
    imported.save(update_fields=["mapping", "preview", "reason"])
    enqueue(READ_TASK, imported.pk)
    imported.refresh_from_db()
    return imported


@transaction.atomic
def read_again(imported: StatementImport) -> StatementImport:
    """Have a file read anew that was cancelled or refused, or that could not be booked."""
    file_of(imported)
    if not take(imported, of=READABLE_AGAIN, to=State.RECEIVED):
        raise Conflict(
            f"The file is {imported.get_state_display().lower()}; nothing to read again."
        )
    start_afresh(imported)
    imported.reason = ""
    imported.save(update_fields=["reason"])
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
