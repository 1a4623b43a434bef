"""The states of an import, and the one way from one into the next."""

from __future__ import annotations

import structlog

from accounts.models import StatementFile, StatementImport
from tradershub.core.errors import BadInput

State = StatementImport.State
log = structlog.get_logger("accounts.imports")


def take(imported: StatementImport, *, of: tuple[str, ...], to: str) -> bool:
    """Whether the import was in one of these states and is now ours in the next."""
    taken = StatementImport.objects.filter(pk=imported.pk, state__in=of).update(state=to)
    imported.refresh_from_db()
    return bool(taken)


def end(imported: StatementImport, state: str, reason: str) -> None:
    imported.state, imported.reason = state, reason[:500]
    imported.save()
    log.info("statement", id=imported.pk, state=state, reason=reason)


def file_of(imported: StatementImport) -> StatementFile:
    if imported.file is None:
        raise BadInput("The original file was deleted; upload it again.")
    return imported.file
