"""`manage.py import_statement FILE...`: statements into the books from a terminal or a script."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser, OutputWrapper
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from accounts import imports
from accounts.imports.progress import OF_BOOKING, Counting, HowFar
from accounts.models import Break, StatementImport
from accounts.statements import storage
from accounts.statements.addressee import Addressee, addressee
from accounts.statements.base import NotAStatement, Statement
from accounts.statements.importer import planned
from accounts.statements.preview import report
from accounts.statements.table_totals import other_currency
from tradershub.core.errors import HubError

WRONG_USE, REFUSED = 2, 1
Told = tuple[dict[str, Any], list[str]]  # what --json prints of a file, and its notes
LINE = 78  # letters, so that it stays one line on a narrow terminal


class Command(BaseCommand):
    help = "Read statement files and book them; --dry-run only shows what they say."
    requires_system_checks: list[str] = []  # some read the database, which a dry run does not need

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="statement or zip")
        parser.add_argument("--account", default="", metavar="N", help="number of the account")
        parser.add_argument("--broker", default="", metavar="NAME", help="the account's broker")
        parser.add_argument("--owner", default="", metavar="USER", help="whose account it is")
        parser.add_argument(
            "--open", action="store_true", help="open broker and account as the file says"
        )
        parser.add_argument("--dry-run", action="store_true", help="write nothing")
        parser.add_argument("--yes", action="store_true", help="book without asking")
        parser.add_argument(
            "--json", action=argparse.BooleanOptionalAction, default=False,
            help="print one JSON object a file",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        check_use(options)
        with quiet_logs(), older_schema_told():
            run = Run(self, options)
            for path in options["files"]:
                run.add(path)
        if run.refused:
            sys.exit(REFUSED)


def check_use(options: dict[str, Any]) -> None:
    """Raises CommandError with exit status 2 for what cannot be carried out whatever the files say."""
    for path in options["files"]:
        if not path.is_file():
            raise CommandError(f"{path} is no file.", returncode=WRONG_USE)
    if not options["dry_run"] and not options["yes"] and not sys.stdin.isatty():
        raise CommandError(
            "Booking asks first, and there is no terminal to ask on; add --yes or --dry-run.",
            returncode=WRONG_USE,
        )


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Standard error is for refusals, one line each: what is done stands in the audit chain anyway."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def older_schema_told() -> Iterator[None]:
    """Raises CommandError with exit status 2 for a fault that comes of migrations not yet applied."""
    try:
        yield
    except (OperationalError, ProgrammingError) as fault:
        executor = MigrationExecutor(connection)
        due = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        if not due:
            raise
        raise CommandError(
            f"The database is older than this program ({due} migrations are not applied yet); "
            "run `manage.py prepare` first.",
            returncode=WRONG_USE,
        ) from fault


class Terminal(Counting):
    """One line on a terminal that says how far a file is, wiped in the end; nothing elsewhere."""

    def __init__(self, stream: OutputWrapper, name: str) -> None:
        super().__init__(OF_BOOKING)
        self._stream, self._name, self._longest = stream, name, 0

    def tell(self, *told: Any) -> None:
        self._show(f"{self._name}: {HowFar.of_told(*told).words}"[:LINE])

    def _show(self, line: str) -> None:
        if self._stream.isatty():
            self._longest = max(self._longest, len(line))
            self._stream.write(f"\r{line:{self._longest}}", style_func=str, ending="")
            self._stream.flush()

    def wipe(self) -> None:
        if self._longest:
            self._show("")
            self._stream.write("\r", style_func=str, ending="")


def owner_of(name: str, *, needed: bool) -> Any:
    """The person named; without a name the only person there is. None where nobody is needed or found."""
    persons = get_user_model().objects.filter(is_active=True)
    try:
        found = list(persons.filter(username=name) if name else persons.order_by("pk")[:2])
    except (OperationalError, ProgrammingError):
        found = []
    if len(found) == 1 or not (needed or name):
        return found[0] if len(found) == 1 else None
    if name:
        raise CommandError(f"There is no person {name!r}.", returncode=WRONG_USE)
    raise CommandError(
        "Say whose account it is: --owner USER."
        if found
        else "There is no person yet to own an account.",
        returncode=WRONG_USE,
    )


class Run:
    """One call of the command: the files in turn, each with its own fate."""

    def __init__(self, command: BaseCommand, options: dict[str, Any]) -> None:
        self.out, self.err, self.options = command.stdout, command.stderr, options
        self.dry_run = options["dry_run"]
        self.has_books = not self.dry_run or books_exist()
        self.owner = owner_of(options["owner"], needed=not self.dry_run) if self.has_books else None
        self.batch = uuid.uuid4()
        self.refused = 0

    def add(self, path: Path) -> None:
        """Import one file, or each file of a zip."""
        try:
            with storage.members(path, str(path)) as files:
                for file, name in files:
                    self._add_one(file, name)
        except NotAStatement as error:
            self._refuse(str(path), str(error))

    def _add_one(self, path: Path, name: str) -> None:
        terminal = Terminal(self.err, Path(name).name)
        become = self._shown if self.dry_run else self._booked
        try:
            told = become(path, name, terminal)
        except (NotAStatement, HubError) as error:
            terminal.wipe()
            return self._refuse(name, str(error))
        terminal.wipe()
        if told is not None:
            self._print(*told)
        return None

    def _refuse(self, name: str, reason: str) -> None:
        self.refused += 1
        self.err.write(f"{name}: {' '.join(reason.split())}")

    def _shown(self, path: Path, name: str, terminal: Terminal) -> Told:
        statement = imports.read_file(path, tell=terminal.hear)
        whose = self._addressee(statement) if self.has_books else Addressee()
        if whose.refusal:
            raise NotAStatement(whose.refusal)
        shown = report(name, statement, planned_for(statement, whose), whose.account)
        return shown, statement.notes

    def _addressee(self, statement: Statement) -> Addressee:
        number, broker = self.options["account"], self.options["broker"]
        return addressee(statement, owner=self.owner, number=number, broker=broker)

    def _booked(self, path: Path, name: str, terminal: Terminal) -> Told | None:
        with ThreadPoolExecutor(1) as beside:  # another process reads: this one can pack the while
            data = beside.submit(storage.packed, path)
            statement = imports.read_file(path, tell=terminal.hear)
        whose = self._addressee(statement)
        if reason := whose.refusal or other_currency(statement) or self._why_not(whose):
            raise NotAStatement(reason)
        if not self.options["yes"]:
            terminal.wipe()
            if not self._asked(name, statement, whose):
                return None
        with transaction.atomic():
            kept = storage.store(path, owner=self.owner, data=data.result())
            account = whose.account or imports.open_as_stated(
                whose.opening, actor=self.owner, owner=self.owner
            )
            imported = StatementImport.objects.create(
                owner=self.owner, account=account, file=kept, file_name=Path(name).name[-255:],
                sha256=kept.sha256, batch=self.batch, state=StatementImport.State.BOOKING,
            )  # fmt: skip
            imports.book_read(imported, statement, actor=self.owner, progress=terminal)
        shown = {key: imported.preview[key] for key in KEYS} | {"file": name}
        return shown | {"breaks": [*shown["breaks"], *held_otherwise(imported)]}, statement.notes

    def _why_not(self, whose: Addressee) -> str:
        """What is missing before the file can be booked; empty when nothing is."""
        if whose.account is not None:
            return ""
        if whose.question:
            return f"{whose.question} Say so with --account and --broker, of an account that is open here."
        if not self.options["open"]:
            number, broker = whose.opening["number"], whose.opening["broker"]
            return f"There is no account {number} at {broker} yet; add --open to open it as the file says."
        return ""

    def _asked(self, name: str, statement: Statement, whose: Addressee) -> bool:
        counts = planned_for(statement, whose).counts()
        where = (
            whose.account or f"a new account {whose.opening['number']} at {whose.opening['broker']}"
        )
        self.err.write(f"{name}: {words(counts)} for {where}")
        return input("Book it? [y/N] ").strip().lower() in ("y", "yes")

    def _print(self, shown: dict[str, Any], notes: list[str]) -> None:
        if self.options["json"]:
            self.out.write(json.dumps(shown, ensure_ascii=False))
            return
        account = shown["account"] or {"number": "unknown", "currency": ""}
        self.out.write(
            f"{shown['file']}: {shown['format']}, account {account['number']} {account['currency']}"
        )
        self.out.write(f"  {words(shown['lines'])}")
        for sentence in shown["breaks"]:
            self.out.write(f"  Break: {sentence}")
        for sentence in notes:
            self.out.write(f"  Note: {sentence}")


def held_otherwise(imported: StatementImport) -> list[str]:
    """What the file holds open and the books do not, or the other way round: known once it is booked."""
    open_ones = Break.objects.filter(statement=imported, kind=Break.Kind.POSITION, state="open")
    rows = open_ones.order_by("symbol", "cause").values_list("symbol", "cause")
    return [f"{symbol}: {cause}" for symbol, cause in rows]


KEYS = ("file", "format", "account", "period", "lines", "file_totals", "our_totals", "breaks")


def planned_for(statement: Statement, whose: Addressee) -> Any:
    return planned(statement, whose.account)


def words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items())


def books_exist() -> bool:
    """Whether there is a database with our tables; a dry run needs none."""
    try:
        return "accounts_account" in connection.introspection.table_names()
    except OperationalError:
        return False
