"""Stop trading, let it go on, say what is stopped, have accounts made flat; works without a web server.

The stop works without a database, too.
"""

from __future__ import annotations

import getpass
import logging
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.db.models import Q

from accounts.models import Account
from risk import kill_switch
from risk.kill_switch import ALL, Scope, ScopeKind
from risk.models import KillSwitch
from strategies.models import Strategy
from tradershub.core.errors import HubError
from tradershub.core.logs import quietly
from trading import flattening, stops
from trading.models import Flattening, SignalSource

NARROW = ("account", "strategy", "source")


class Command(BaseCommand):
    help = "Stop trading (on), let it go on (off), or say what is stopped (status)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["on", "off", "status"])
        parser.add_argument("--account", type=int, metavar="N", help="Only the account of this id")
        parser.add_argument("--owner", metavar="USER", help="Only the accounts of this user")
        parser.add_argument("--strategy", metavar="KEY", help="Only the strategy of this key")
        parser.add_argument(
            "--source", metavar="ID", help="Only the source of signals with this id in its address"
        )
        parser.add_argument("--reason", default="", metavar="TEXT", help="Needed to let it go on")
        parser.add_argument(
            "--flatten",
            action="store_true",
            help="With on: cancel every order and close every position, too (the keeper does it)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        given = [name for name in NARROW if options[name]]
        if len(given) > 1 or options["account"] and options["owner"]:
            raise CommandError("Expected one of --account, --owner, --strategy and --source.")
        if options["flatten"] and options["what"] != "on":
            raise CommandError("Expected --flatten with on.")
        try:
            with quietly(logging.ERROR):  # that it stops is what it says itself
                getattr(self, f"_{options['what']}")(options)
        except HubError as refusal:
            raise CommandError(refusal.message) from refusal

    def _on(self, options: dict[str, Any]) -> None:
        """The file first: it stops this machine even where the database cannot be reached."""
        is_all = not any(options[name] for name in (*NARROW, "owner"))
        reason = options["reason"] or "by command"
        if is_all:
            kill_switch.write_file(reason)
        try:
            scope = _scope(options, stops.named)
            if options["flatten"]:
                self._flatten(scope, reason)
                return
            epoch = kill_switch.engage(scope, actor=_who(), reason=reason)
        except DatabaseError as fault:
            if not is_all:
                raise CommandError(f"The database said: {fault}. Nothing is stopped.") from fault
            raise CommandError(
                f"This machine is stopped by the file {kill_switch.file_path()}, but the database "
                f"could not be told: {fault}. Other machines may go on."
            ) from fault
        self.stdout.write(f"Stopped: {_words(scope)} (epoch {epoch}).")

    def _flatten(self, scope: Scope, reason: str) -> None:
        rows = flattening.stop_and_flatten(scope, actor=_who(), reason=reason)
        self.stdout.write(f"Stopped: {_words(scope)}.")
        for row in rows:
            why = flattening.by_hand(row.account)
            self.stdout.write(f"{row.account}: {why or 'asked to become flat'}.")
        self.stdout.write("The running keeper does it. kill_switch status says how far it is.")

    def _off(self, options: dict[str, Any]) -> None:
        scope = _scope(options, stops.stopped)
        epoch = kill_switch.release(scope, actor=_who(), reason=options["reason"])
        self.stdout.write(f"Released: {_words(scope)} (epoch {epoch}). What was stopped stays so.")

    def _status(self, options: dict[str, Any]) -> None:
        if kill_switch.file_is_there():
            self.stdout.write(f"stopped  everything, by the file {kill_switch.file_path()}")
        rows = KillSwitch.objects.filter(engaged=True)
        for row in rows:
            why = f": {row.reason}" if row.reason else ""
            words = _words(Scope(ScopeKind(row.scope), row.key))
            self.stdout.write(
                f"stopped  {words}, since {row.changed_at:%Y-%m-%d %H:%M} UTC by {row.by}{why}"
            )
        if not rows and not kill_switch.file_is_there():
            self.stdout.write("Nothing is stopped.")
        for row in Flattening.objects.filter(state__in=Flattening.OPEN).select_related("account"):
            self.stdout.write(f"{row}, {row.in_words()}")


def _scope(options: dict[str, Any], by_key: stops.ByKey) -> Scope:
    if options["account"]:
        account = Account.objects.filter(pk=options["account"]).first()
        if account is None:
            raise CommandError(f"There is no account with the id {options['account']}.")
        return kill_switch.of_account(account)
    for kind in (ScopeKind.STRATEGY, ScopeKind.SOURCE):
        if key := options[kind.value]:
            return by_key(_owner_of(kind, key, options), kind, key)
    return kill_switch.of_owner(_person(options["owner"])) if options["owner"] else ALL


def _person(name: str) -> Any:
    found = get_user_model().objects.filter(username=name).first()
    if found is None:
        raise CommandError(f'There is no user "{name}".')
    return found


def _owner_of(kind: ScopeKind, key: str, options: dict[str, Any]) -> Any:
    """Whose strategy or source it is: as named, else the only person who has it, or has it stopped."""
    if options["owner"]:
        return _person(options["owner"])
    rows = {
        ScopeKind.STRATEGY: Strategy.objects.filter(key__iexact=key),
        ScopeKind.SOURCE: SignalSource.objects.filter(uid=key),
    }
    stopped = KillSwitch.objects.filter(scope=kind.value, key__endswith=f":{key}", engaged=True)
    theirs = Q(pk__in=rows[kind].values("owner")) | Q(pk__in=stopped.values("owner_id"))
    people = get_user_model().objects.filter(theirs)
    if len(people) != 1:
        found = "nobody has" if not people else "several people have"
        raise CommandError(f'Expected --owner: {found} a {kind.value} "{key}".')
    return people[0]


def _words(scope: Scope) -> str:
    if scope.kind in stops.OF:
        return f"{stops.in_words(scope)} of {get_user_model().objects.get(pk=scope.owner_id)}"
    return "everything" if scope == ALL else f"{scope.kind.value} {scope.key}"


def _who() -> str:
    """The command and the user of the system that ran it, who is no user of the hub."""
    return f"kill_switch ({getpass.getuser()})"
