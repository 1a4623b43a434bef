"""The booked files of an account are read anew, where the clock of its broker was set otherwise."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction

from accounts import booking
from accounts.imports.posting import book_read, undo
from accounts.imports.reading import columns_of, read_file
from accounts.imports.states import State, file_of
from accounts.models import Account, StatementImport
from accounts.statements import storage
from accounts.statements.base import NotAStatement, Statement
from brokers.models import Broker
from tradershub.core.audit import record
from tradershub.core.crypto import Unreadable
from tradershub.core.errors import Conflict, HubError
from tradershub.core.garbage import uncollected


def reread_broker(broker: Broker, *, actor: Any, since: dt.date | None = None) -> int:
    """Read every account at the broker anew, each in its own transaction; how many files there were.

    since: accounts whose files end before that day on the server's clock are left as they are.
    Raises Conflict, when all others are done, for accounts that could not be read anew; nothing of
    those is changed.
    """
    count, failures = 0, []
    for account in Account.objects.filter(broker=broker):
        try:
            count += reread(account, actor=actor) if _is_concerned(account, since) else 0
        except (NotAStatement, Unreadable, HubError) as error:
            failures.append(f"{account.pk}: {error}")
            _tell_failure(account, str(error), actor=actor)
        booking.rebuild(account)
    if failures:
        raise Conflict(f"Accounts at {broker} could not be read anew: {'; '.join(failures)}")
    return count


def _is_concerned(account: Account, since: dt.date | None) -> bool:
    files = _booked(account)
    if since is None:
        return files.exists()
    earliest = dt.datetime.combine(since, dt.time(), tzinfo=dt.UTC) - dt.timedelta(days=1)
    return files.filter(period_to__gte=earliest).exists()


def _booked(account: Account) -> Any:
    """The files in the books in the order in which they came."""
    return StatementImport.objects.filter(account=account, state=State.BOOKED).order_by(
        "booked_at", "id"
    )


@uncollected()
def reread(account: Account, *, actor: Any) -> int:
    """Take all files out of the books and book them as they are read now, all of it or nothing.

    Keys of rows without an id hold their times, so rows are not changed in place. Returns how many
    files there were; raises what reading and booking raise. Safe to run twice.
    """
    read = {imported.pk: _statement(imported) for imported in _booked(account)}
    with transaction.atomic():
        booking.lock(account)
        files = list(_booked(account))
        for imported in reversed(files):
            undo(imported, actor=actor)
        for imported in files:  # one may have come since they were read
            _book_again(imported, read.get(imported.pk) or _statement(imported), actor=actor)
        _tell(account, files, actor=actor)
    return len(files)


def _statement(imported: StatementImport) -> Statement:
    with storage.opened(file_of(imported)) as path:
        return read_file(path, columns=columns_of(imported))


def _book_again(imported: StatementImport, statement: Statement, *, actor: Any) -> None:
    came_at = imported.booked_at
    imported.state, imported.undone_at = State.BOOKING, None
    imported.save(update_fields=["state", "undone_at"])
    book_read(imported, statement, actor=actor)
    imported.booked_at = came_at
    imported.save(update_fields=["booked_at"])


def _tell(account: Account, files: list[StatementImport], *, actor: Any) -> None:
    zone = account.broker.time_zone
    record(
        "account.reread",
        actor=actor,
        target=account,
        summary=f"{account}: {len(files)} files read anew on the clock of {zone}",
        details={"files": [imported.sha256 for imported in files], "time_zone": zone},
        owner=account.owner_id,
    )


def _tell_failure(account: Account, reason: str, *, actor: Any) -> None:
    record(
        "account.reread_failed",
        actor=actor,
        target=account,
        summary=f"{account} could not be read anew: {reason}",
        owner=account.owner_id,
    )
