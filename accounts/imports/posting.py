"""A confirmed file goes into the books of its account, all or nothing, and out of them again."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts import booking, tieout
from accounts.imports.progress import Watcher
from accounts.imports.reading import columns_of, read_file
from accounts.imports.states import State, end, file_of, take
from accounts.models import StatementImport
from accounts.statements import importer, storage
from accounts.statements.addressee import addressee
from accounts.statements.base import NotAStatement, Statement
from accounts.statements.preview import report
from accounts.trail import Trail, trail
from tradershub.core.audit import record
from tradershub.core.crypto import Unreadable
from tradershub.core.errors import BadInput, Conflict, HubError
from tradershub.core.garbage import uncollected
from tradershub.core.validation import bad_input


def book(imported: StatementImport) -> StatementImport:
    """Book a confirmed file, all or nothing. Safe to run twice."""
    if not take(imported, of=(State.CONFIRMED, State.BOOKING), to=State.BOOKING):
        return imported
    try:
        with storage.opened(file_of(imported)) as path:
            statement = read_file(path, columns=columns_of(imported))
        whose = addressee(statement, owner=imported.owner, account=imported.account)
        if whose.refusal:
            raise BadInput(whose.refusal)
        return book_read(imported, statement, actor=imported.preview.get("confirmed_by", ""))
    except (NotAStatement, Unreadable, HubError) as error:
        end(imported, State.FAILED, str(error))
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
            with trail(actor=actor, target=imported) as changed:
                plan = importer.book(imported, statement, progress=Watcher(imported.pk))
            counts = plan.counts() | {"inferred": imported.deals.filter(inferred=True).count()}
            imported.preview = imported.preview | head | {"lines": counts}
            imported.format, imported.state = head["format"], State.BOOKED
            imported.booked_at, imported.reason = timezone.now(), ""
            imported.progress = imported.progress_total = importer.STEPS
            imported.save()
            tieout.reconcile(imported.account)
            _write_down("statement.book", imported, actor, counts, changed)
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
    with trail(actor=actor, target=imported) as changed:
        counts = importer.undo(imported)
    imported.undone_at = timezone.now()
    imported.save(update_fields=["undone_at"])
    tieout.reconcile(imported.account, undone=imported)
    _write_down("statement.undo", imported, actor, counts, changed)
    return counts
