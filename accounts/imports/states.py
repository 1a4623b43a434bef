"""The states of an import, and the one way from one into the next."""

from __future__ import annotations

from contextlib import suppress

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.models import StatementFile, StatementImport, Topic
from accounts.notify import Words, tell
from tradershub.core.errors import BadInput

State = StatementImport.State
log = structlog.get_logger("accounts.imports")


def take(imported: StatementImport, *, of: tuple[str, ...], to: str) -> bool:
    """Whether the import was in one of these states and is now ours in the next."""
    taken = StatementImport.objects.filter(pk=imported.pk, state__in=of).update(state=to)
    with suppress(StatementImport.DoesNotExist):  # discarded by now, and so not taken
        imported.refresh_from_db()
    return bool(taken)


def hold(imported: StatementImport, *, state: str) -> bool:
    """Whether the import is in that state, and stays so until the transaction ends."""
    mine = StatementImport.objects.select_for_update(no_key=True)
    return mine.filter(pk=imported.pk, state=state).values_list("pk", flat=True).first() is not None


@transaction.atomic
def end(
    imported: StatementImport, *, of: str, to: str, reason: str = "", keep: tuple[str, ...] = ()
) -> None:
    """The work of state `of` is over. keep: further fields to store.

    Nothing is stored where somebody has cancelled, or even discarded, the import meanwhile.
    """
    if not hold(imported, state=of):
        return
    imported.state, imported.reason = to, reason[:500]
    imported.save(update_fields=["state", "reason", *keep])
    if to in (StatementImport.State.FAILED, StatementImport.State.REFUSED):
        words = Words(f"{imported.get_state_display()}: {imported.file_name}", reason)
        key = f"import:{imported.pk}:{to}:{timezone.now().timestamp():.0f}"
        tell(Topic.BOOKS, key, words, owner_id=imported.owner_id)
    log.info("statement", id=imported.pk, state=to, reason=reason)


def file_of(imported: StatementImport) -> StatementFile:
    if imported.file is None:
        raise BadInput("The original file was deleted; upload it again.")
    return imported.file
