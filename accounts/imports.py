"""A statement's way into the books and out again: received, read, shown, confirmed, booked, undone.

Each step is a state of the StatementImport; the queue only wakes the worker that takes the next one.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import booking, tieout
from accounts.models import Account, FileMapping, StatementFile, StatementImport
from accounts.services import open_account
from accounts.statements import importer, mapping, storage
from accounts.statements.addressee import Addressee, addressee, known_broker
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
from brokers.services import open_broker
from tradershub.core.audit import record
from tradershub.core.crypto import Unreadable
from tradershub.core.errors import BadInput, Conflict, HubError, NotFound
from tradershub.core.garbage import uncollected
from tradershub.core.queue import enqueue
from tradershub.core.validation import bad_input

State = StatementImport.State
READ_TASK, BOOK_TASK = "accounts.tasks.read_statement", "accounts.tasks.book_statement"
OPENING_FIELDS = (
    "number", "currency", "leverage", "kind", "mode", "server", "holder", "platform", "opened_on",
)  # fmt: skip
PREVIEW_SECONDS = 15  # a person waits for it
DISCARDABLE = (
    State.RECEIVED, State.NEEDS_MAPPING, State.PREVIEW, State.REFUSED, State.FAILED,
)  # fmt: skip
log = structlog.get_logger("accounts.imports")


# -- Receiving -----------------------------------------------------------------------------------
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


# -- Reading -------------------------------------------------------------------------------------
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
    if not _take(imported, of=(State.RECEIVED, State.READING), to=State.READING):
        return imported
    try:
        with storage.opened(_file_of(imported)) as path:
            statement = _read_mapped(imported, path)
        if statement is not None:
            _show(imported, statement)
    except (NotAStatement, Unreadable, HubError) as error:
        _end(imported, State.REFUSED, str(error))
    return imported


def _file_of(imported: StatementImport) -> StatementFile:
    if imported.file is None:
        raise BadInput("The original file was deleted; upload it again.")
    return imported.file


def _read_mapped(imported: StatementImport, path: Path) -> Statement | None:
    """The statement; None for a table whose columns a person must name first."""
    columns = _columns_of(imported)
    try:
        return read_file(path, columns=columns)
    except UnknownTable as error:
        return _with_saved_mapping(imported, path, str(error))


def _columns_of(imported: StatementImport) -> dict[str, Any] | None:
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
    _end(imported, State.NEEDS_MAPPING, why)
    return None


def _show(imported: StatementImport, statement: Statement) -> None:
    whose = addressee(statement, owner=imported.owner, account=imported.account)
    if whose.refusal:
        return _end(imported, State.REFUSED, whose.refusal)
    imported.account, imported.format = whose.account, statement.format
    kept = {key: imported.preview[key] for key in ("columns",) if key in imported.preview}
    imported.preview = kept | shown(statement, whose, name=imported.file_name)
    return _end(imported, State.PREVIEW, "")


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
        if not _take(imported, of=(State.NEEDS_MAPPING, State.PREVIEW), to=State.RECEIVED):
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
    with storage.opened(_file_of(imported)) as path:
        return preview_in_child(path, columns, rows=rows, bounds=bounds)


def _save_mapping(named: mapping.Mapping, owner: Any, broker: Broker) -> FileMapping:
    row, _ = FileMapping.objects.update_or_create(
        owner=owner,
        broker=broker,
        headings_hash=named.headings_hash,
        defaults={"name": f"{named.layout} of {broker}"[:80], "mapping": named.to_dict()},
    )
    return row


# -- Confirming and booking ----------------------------------------------------------------------
def confirm(
    imported: StatementImport,
    *,
    actor: Any,
    account: Account | None = None,
    opening: dict[str, Any] | None = None,
) -> StatementImport:
    """The person's yes: the account is chosen, or opened, and a worker is woken to book.

    opening: the fields to open an account with, `broker` by its name; those the file says are in
    `preview["opening"]`. Raises BadInput where it is not clear which account, Conflict in a wrong state.
    """
    if account is not None and account.owner_id != imported.owner_id:
        raise NotFound("There is no such account.", param="account")
    with transaction.atomic():
        if not _take(imported, of=(State.PREVIEW,), to=State.CONFIRMED):
            raise Conflict(
                f"The file is {imported.get_state_display().lower()}; nothing to confirm."
            )
        imported.account = account or imported.account or _opened(imported, opening, actor=actor)
        imported.preview = imported.preview | {"confirmed_by": str(actor)}
        imported.save(update_fields=["account", "preview"])
        enqueue(BOOK_TASK, imported.pk)
    imported.refresh_from_db()
    return imported


def _opened(imported: StatementImport, opening: dict[str, Any] | None, *, actor: Any) -> Account:
    proposed = imported.preview.get("opening") or {}
    if opening is None:
        raise BadInput(
            imported.preview.get("question") or "Choose an account, or open one.", param="account"
        )
    return open_as_stated({**proposed, **opening}, actor=actor, owner=imported.owner)


@transaction.atomic
def open_as_stated(opening: dict[str, Any], *, actor: Any, owner: Any) -> Account:
    """Open the account, and its broker where nobody knows it yet, with what a file or a person says."""
    name = opening.get("broker") or ""
    if not name or not opening.get("currency"):
        raise BadInput(
            "An account needs a broker and a currency; the file does not say both.", param="broker"
        )
    get_user_model().objects.select_for_update(no_key=True).get(pk=owner.pk)  # a file at a time
    broker = known_broker(name) or open_broker(
        actor=actor, name=name, aliases=opening.get("aliases") or []
    )
    fields = {key: opening[key] for key in OPENING_FIELDS if opening.get(key) is not None}
    mine = Account.objects.for_user(owner).filter(broker=broker, number=fields.get("number", ""))
    if already := mine.first():  # another file of the same batch has opened it
        return already
    return open_account(actor=actor, owner=owner, broker=broker, **fields)


def book(imported: StatementImport) -> StatementImport:
    """Book a confirmed file, all or nothing. Safe to run twice."""
    if not _take(imported, of=(State.CONFIRMED, State.BOOKING), to=State.BOOKING):
        return imported
    try:
        with storage.opened(_file_of(imported)) as path:
            statement = read_file(path, columns=_columns_of(imported))
        whose = addressee(statement, owner=imported.owner, account=imported.account)
        if whose.refusal:
            raise BadInput(whose.refusal)
        return book_read(imported, statement, actor=imported.preview.get("confirmed_by", ""))
    except (NotAStatement, Unreadable, HubError) as error:
        _end(imported, State.FAILED, str(error))
    return imported


@uncollected()
def book_read(imported: StatementImport, statement: Statement, *, actor: Any) -> StatementImport:
    """Book a statement that was just read, tie the account out, and write it to the audit log.

    Raises BadInput for what the books cannot keep; nothing is written then.
    """
    head = report(imported.file_name, statement, importer.Plan([], []), imported.account)
    try:
        with transaction.atomic():
            if _is_booked_meanwhile(imported):
                return imported
            plan = importer.book(imported, statement, progress=Watcher(imported.pk))
            counts = plan.counts() | {"inferred": imported.deals.filter(inferred=True).count()}
            imported.preview = imported.preview | head | {"lines": counts}
            imported.format, imported.state = head["format"], State.BOOKED
            imported.booked_at, imported.reason = timezone.now(), ""
            imported.progress = imported.progress_total = importer.STEPS
            imported.save()
            tieout.reconcile(imported.account)
            _write_down("statement.book", imported, actor, counts)
    except ValidationError as error:
        raise bad_input(error) from error
    return imported


def _is_booked_meanwhile(imported: StatementImport) -> bool:
    """Whether another worker has booked the file by now; else nobody can while we hold the account."""
    booking.lock(imported.account)
    if not StatementImport.objects.filter(pk=imported.pk, state=State.BOOKED).exists():
        return False
    imported.refresh_from_db()
    return True


def _write_down(action: str, imported: StatementImport, actor: Any, counts: dict[str, int]) -> None:
    record(
        action,
        actor=actor,
        target=imported,
        summary=f"{imported.file_name}: {', '.join(f'{n} {word}' for word, n in counts.items() if n)}",
        details={"sha256": imported.sha256, "account": imported.account_id, **counts},
        owner=imported.owner,
    )


@transaction.atomic
def undo(imported: StatementImport, *, actor: Any) -> dict[str, int]:
    """Take a booked file out of the books; what other sources confirm stays.

    Returns the number of deals `removed` and `kept`. Raises Conflict for a file that is not booked, and
    where a deal that must go was reversed by hand.
    """
    if not _take(imported, of=(State.BOOKED,), to=State.BOOKED):
        raise Conflict(f"The file is {imported.get_state_display().lower()}; nothing to undo.")
    counts = importer.undo(imported)
    imported.undone_at = timezone.now()
    imported.save(update_fields=["undone_at"])
    tieout.reconcile(imported.account, undone=imported)
    _write_down("statement.undo", imported, actor, counts)
    return counts


@transaction.atomic
def discard(imported: StatementImport, *, actor: Any) -> None:
    """Drop a file before it is booked, with its bytes where no other import needs them.

    Raises Conflict while a worker reads or books it, and for what is or was in the books.
    """
    if not _take(imported, of=DISCARDABLE, to=State.REFUSED):
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


# -- States --------------------------------------------------------------------------------------
def _take(imported: StatementImport, *, of: tuple[str, ...], to: str) -> bool:
    """Whether the import was in one of these states and is now ours in the next."""
    taken = StatementImport.objects.filter(pk=imported.pk, state__in=of).update(state=to)
    imported.refresh_from_db()
    return bool(taken)


def _end(imported: StatementImport, state: str, reason: str) -> None:
    imported.state, imported.reason = state, reason[:500]
    imported.save()
    log.info("statement", id=imported.pk, state=state, reason=reason)


@dataclass(frozen=True, slots=True)
class Watcher:
    """Tells others how far a booking is, beside its transaction, which nobody sees before it ends."""

    import_id: int
    began: float = field(default_factory=time.time)

    def __call__(self, done: int, total: int) -> None:
        cache.set(_progress_key(self.import_id), (done, total, self.began), timeout=3600)


def progress(imported: StatementImport) -> tuple[int, int]:
    """Steps done and steps in all; (0, 0) while nothing is known."""
    if imported.state == State.BOOKING:
        return _told(imported)[:2]
    return imported.progress, imported.progress_total


def seconds_left(imported: StatementImport) -> int | None:
    """How long booking will still take, if its steps go on as they went; None while that is not known."""
    done, total, began = _told(imported)
    if imported.state != State.BOOKING or not done:
        return None
    return max(round((time.time() - began) * (total - done) / done), 0)


def _told(imported: StatementImport) -> tuple[int, int, float]:
    return cache.get(_progress_key(imported.pk)) or (0, importer.STEPS, time.time())


def _progress_key(import_id: int) -> str:
    return f"statement-import-{import_id}"
