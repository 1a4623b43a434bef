"""A confirmed file goes into the books of its account, all or nothing, and out of them again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import booking, tieout
from accounts.imports.cancelling import write_cancelled
from accounts.imports.progress import OF_BOOKING, Cancelled, Watcher, start_afresh
from accounts.imports.reading import columns_of, read_file
from accounts.imports.states import State, end, file_of, hold, take
from accounts.models import Account, StatementImport, Topic
from accounts.notify import Words, named, tell
from accounts.progress import UNWATCHED, Progress
from accounts.statements import importer, storage
from accounts.statements.addressee import addressee, new_names
from accounts.statements.base import NotAStatement, Statement
from accounts.statements.preview import report
from accounts.trail import Trail, trail
from brokers.services import edit_broker
from tradershub.core.audit import record
from tradershub.core.crypto import Unreadable
from tradershub.core.errors import BadInput, Conflict, HubError
from tradershub.core.garbage import uncollected
from tradershub.core.validation import bad_input

GIVEN_BACK = "Booking was cancelled; nothing of the file is in the books."


def book(imported: StatementImport) -> StatementImport:
    """Book a confirmed file, all or nothing. Safe to run twice."""
    if not take(imported, of=(State.CONFIRMED, State.BOOKING), to=State.BOOKING):
        return imported
    watcher = Watcher(imported, OF_BOOKING)
    try:
        with storage.opened(file_of(imported)) as path:
            statement = read_file(path, columns=columns_of(imported), tell=watcher.hear)
        whose = addressee(statement, owner=imported.owner, account=imported.account)
        if whose.refusal:
            raise BadInput(whose.refusal)
        actor = imported.preview.get("confirmed_by", "")
        return book_read(imported, statement, actor=actor, progress=watcher)
    except Cancelled as wish:
        give_back(imported, by=wish.by)
    except (NotAStatement, Unreadable, HubError) as error:
        end(imported, of=State.BOOKING, to=State.FAILED, reason=str(error))
    return imported


@transaction.atomic
def give_back(imported: StatementImport, *, by: str) -> None:
    """A booking that was cancelled, and rolled back, may be confirmed again."""
    end(imported, of=State.BOOKING, to=State.PREVIEW, reason=GIVEN_BACK)
    write_cancelled(imported, actor=by)
    start_afresh(imported)


@uncollected()
def book_read(
    imported: StatementImport, statement: Statement, *, actor: Any, progress: Progress = UNWATCHED
) -> StatementImport:
    """Book a statement that was just read, tie the account out, and write it to the audit log.

    Raises BadInput for what the books cannot keep, and whatever `progress` raises to stop the work;
    nothing is written then.
    """
    head = report(imported.file_name, statement, importer.Plan([], []), imported.account)
    try:
        with transaction.atomic():
            if not _is_ours(imported):
                return imported
            with trail(actor=actor, target=imported) as changed, _mode_told(imported, actor=actor):
                plan = importer.book(imported, statement, progress=progress)
            counts = plan.counts() | {"inferred": imported.deals.filter(inferred=True).count()}
            imported.preview = imported.preview | head | {"lines": counts}
            imported.format, imported.state = head["format"], State.BOOKED
            imported.booked_at, imported.reason = timezone.now(), ""
            imported.save()
            progress.begin(importer.CHECK, 0)
            tieout.reconcile(imported.account)
            _write_down("statement.book", imported, actor, counts, changed)
            words = Words(
                f"Booked: {imported.file_name}",
                f"{counts.get('booked', 0)} lines, {named(imported.account)}",
            )
            key = f"import:{imported.pk}:{imported.booked_at.timestamp():.3f}"
            tell(Topic.BOOKS, key, words, owner_id=imported.owner_id)
            _remember_names(imported.account, statement, actor=actor)
    except ValidationError as error:
        raise bad_input(error) from error
    return imported


def _is_ours(imported: StatementImport) -> bool:
    """Whether the file is still to be booked, which nobody can change while we hold account and import.

    Another worker may have booked it by now, or given it back as cancelled.
    """
    booking.lock(imported.account)
    if hold(imported, state=State.BOOKING):
        return True
    imported.refresh_from_db()
    return False


@contextmanager
def _mode_told(imported: StatementImport, *, actor: Any) -> Iterator[None]:
    """Write to the audit log that the file corrected the mode which the account was assumed to have."""
    mine = Account.objects.filter(pk=imported.account_id)
    before = mine.get().mode
    yield
    account = mine.get()
    if account.mode != before:
        imported.account.mode = account.mode
        record(
            "account.edit",
            actor=actor,
            target=account,
            summary=f"{account} is {account.mode}, as its files prove; {before} was assumed",
            details={"mode": [before, account.mode]},
            owner=account.owner_id,
        )


def _remember_names(account: Account, statement: Statement, *, actor: Any) -> None:
    """Whoever booked the file here has said whose names it prints; the next one is known by them."""
    if names := new_names(statement.account, account):
        aliases = [*account.broker.aliases, *names]
        edit_broker(account.broker, actor=actor, aliases=aliases)


def _write_down(
    action: str, imported: StatementImport, actor: Any, counts: dict[str, int], changed: Trail
) -> None:
    record(
        action,
        actor=actor,
        target=imported,
        summary=f"{imported.file_name}: {', '.join(f'{n} {word}' for word, n in counts.items() if n)}",
        details={
            "sha256": imported.sha256,
            "account": imported.account_id,
            **counts,
            **changed.details(),
        },
        owner=imported.owner,
    )


@transaction.atomic
def undo(imported: StatementImport, *, actor: Any) -> dict[str, int]:
    """Take a booked file out of the books; what other sources confirm stays.

    Returns the number of deals `removed` and `kept`. Raises Conflict for a file that is not booked, and
    where a deal that must go was reversed by hand.
    """
    if not take(imported, of=(State.BOOKED,), to=State.BOOKED):
        raise Conflict(f"The file is {imported.get_state_display().lower()}; nothing to undo.")
    with trail(actor=actor, target=imported) as changed, _mode_told(imported, actor=actor):
        counts = importer.undo(imported)
    imported.undone_at = timezone.now()
    imported.save(update_fields=["undone_at"])
    tieout.reconcile(imported.account, undone=imported)
    _write_down("statement.undo", imported, actor, counts, changed)
    return counts
