"""The real terms of connected accounts: symbols, contracts and leverage as their platform says them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db import transaction

from accounts.models import Account, AccountTerms
from brokers import learning
from brokers.adapters.base import Adapter
from brokers.adapters.errors import AdapterError, Unavailable
from brokers.adapters.messages import AccountReport, SymbolReport
from brokers.checking import what_is_wrong
from brokers.connecting import open_adapter
from brokers.learning import Lesson, Word
from brokers.models import Connection
from brokers.platforms import PLATFORMS
from tradershub.core.audit import record
from tradershub.core.dated import each_in_force
from tradershub.core.errors import Conflict
from tradershub.core.net import redacted

MOST_DETAILS = 100
Line = tuple[Account, Adapter]
Said = tuple[list[SymbolReport], list[tuple[Account, AccountReport]]]


def can_be_learned(connection: Connection) -> bool:
    """Whether a platform stands there that has terms of its own to say."""
    adapter = PLATFORMS.load(connection.platform)
    return adapter.capabilities.places_orders and not adapter.own_venue


def preview(connection: Connection) -> Lesson:
    """What taking the platform's word over would do now. Asks the platform, writes nothing.

    Raises Conflict, saying why, where it cannot be asked.
    """
    with _asked(connection) as said:
        symbols, accounts = said
        lesson = learning.lesson_of(connection, symbols)
        _of_accounts(lesson, accounts, learning.word_of(connection))
        return lesson


def take_over(connection: Connection, *, actor: Any) -> Lesson:
    """Ask the platform for its symbols, contracts and leverages, and write them down. Raises as `preview`."""
    with _asked(connection) as said:
        return _write(connection, said, actor=actor, is_routine=False)


def keep_up(connection: Connection, lines: Iterable[Line]) -> None:
    """Take over what has changed since, by lines that are open. Raises what the adapters raise."""
    _write(connection, _ask(connection, list(lines)), actor="keeper", is_routine=True)


@contextmanager
def _asked(connection: Connection) -> Iterator[Said]:
    accounts = list(connection.accounts.filter(status=Account.Status.OPEN).order_by("pk"))
    if not can_be_learned(connection):
        raise Conflict(f"{connection} has no terms but those that are entered here")
    if not accounts:
        raise Conflict(
            f"No open account is connected by {connection.name} yet: choose it on an account's page"
        )
    with ExitStack() as open_ones:
        lines: list[Line] = []
        try:
            for account in accounts:
                adapter = open_adapter(connection, account.number)
                open_ones.callback(adapter.close_session)
                lines.append((account, adapter))
            said = _ask(connection, lines)
        except AdapterError as error:
            secrets = [secret for _, line in lines for secret in line.line.secrets.values()]
            why = redacted(error.message, secrets)
            raise Conflict(f"{connection.name} cannot say its terms: {why}") from error
    yield said


def _ask(connection: Connection, lines: list[Line]) -> Said:
    """Everything is asked before anything is written. Raises Unavailable where another account answers."""
    accounts = []
    for account, adapter in lines:
        report = adapter.account()
        if wrong := what_is_wrong(report, adapter, connection, account.currency):
            raise Unavailable(f"Account {account.number}: {wrong}", code="account")
        accounts.append((account, report))
    return lines[0][1].terms(), accounts


@transaction.atomic
def _write(connection: Connection, said: Said, *, actor: Any, is_routine: bool) -> Lesson:
    """is_routine: not told in the audit log unless something is new."""
    symbols, accounts = said
    lesson = learning.learn(connection, symbols)
    of_accounts = Lesson()
    _of_accounts(of_accounts, accounts, learning.word_of(connection))
    learning.write(of_accounts)
    for name in ("added", "changed", "differences"):
        getattr(lesson, name).extend(getattr(of_accounts, name))
    lesson.changes |= of_accounts.changes
    lesson.same += of_accounts.same
    learning.note(connection, lesson)
    if lesson.is_news or not is_routine:
        _record(connection, lesson, actor=actor)
    return lesson


def _of_accounts(
    lesson: Lesson, accounts: Iterable[tuple[Account, AccountReport]], by: Word
) -> None:
    """An account's leverage, where the platform says one. Its levels it leaves as they are.

    An account has one connection at a time: what an earlier one said is for this one to change.
    """
    alone = Word(by.source, by.day)
    stated = [(account, report.leverage) for account, report in accounts if report.leverage]
    rows = AccountTerms.objects.filter(account__in=[account for account, _ in stated])
    held = {row.account_id: row for row in each_in_force(rows, by.day)}
    for account, leverage in stated:
        fresh = AccountTerms(account=account, leverage=leverage)
        lesson.take(f"Account {account.number}", held.get(account.pk), fresh, ["leverage"], alone)


def _record(connection: Connection, lesson: Lesson, *, actor: Any) -> None:
    record(
        "connection.take_over",
        actor=actor,
        owner=connection.owner,
        target=connection,
        summary=f"Took over from {connection}: {in_words(lesson)}",
        details={
            "added": [str(row) for row in lesson.added[:MOST_DETAILS]],
            "changed": dict(list(lesson.changes.items())[:MOST_DETAILS]),
        },
    )


def in_words(lesson: Lesson) -> str:
    """As "68 new symbols; terms: 69 new, 1 changed, 0 other than here, 0 not understood"."""
    new = len(lesson.symbols)
    return (
        f"{new} new symbol{'' if new == 1 else 's'}; terms: {len(lesson.added)} new, "
        f"{len(lesson.changed)} changed, {len(lesson.differences)} other than here, "
        f"{len(lesson.unclear)} not understood"
    )
