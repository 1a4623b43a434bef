"""Start a hub that nothing leaves: simulators beside it, example accounts in it, a signal to send."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import CommandError, CommandParser
from django.db import connection

from tradershub.checks import sandbox_leaks
from tradershub.core.logs import quietly
from tradershub.first_password import NAME
from tradershub.management.commands import hub
from tradershub.management.sandbox_books import Sandbox, furnish
from tradershub.sandbox import LOOPBACK, PORT, Ports
from tradershub.supervisor import Member

AGAIN = 'make sandbox ARGS="--port {port}"'
MARKER = "sandbox.marker"
BODY = (
    '{"id": "1", "symbol": "EURUSD", "action": "buy", "size": "0.5", "size_in": "percent_risk", '
    '"stop_loss_pips": "50"}'
)


class Command(hub.Command):
    help = (
        "Start a hub on a data folder of its own, with simulated platforms; each start begins anew."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port", type=int, default=PORT, help="The hub's; the next three are the simulators'"
        )
        parser.add_argument("--data", default="", help="Folder of its own; var/sandbox without it")

    def handle(self, *args: Any, **options: Any) -> None:
        refuse_without_guard()
        self.ports = Ports.from_first(options["port"])
        hub.claim_ports(LOOPBACK, self.ports, again=AGAIN)
        shape = {"host": LOOPBACK, "web_workers": 1, "only": ",".join(hub.PARTS)}
        super().handle(*args, **options, **shape, prepare=True, no_demo=True)

    @quietly()
    def prepare(self, options: dict[str, Any]) -> None:
        begin_anew()
        super().prepare(options)
        owner = get_user_model().objects.get(username=NAME)
        self.log_in.write(welcome(furnish(owner, oanda_port=self.ports.oanda), self.ports))

    def companions(self) -> list[Member]:
        oanda = [str(self.ports.oanda), str(self.ports.control), str(ledger())]
        return [Member("oanda", oanda), Member("chat", [str(self.ports.chat)])]


def refuse_without_guard() -> None:
    """Raises CommandError unless the guard over outgoing connections is up, and holds."""
    if not settings.SANDBOX:
        raise CommandError("The sandbox is started by manage.py sandbox, and by nothing else.")
    if leaks := sandbox_leaks():
        raise CommandError("\n".join(str(leak.msg) for leak in leaks))


def begin_anew() -> None:
    """Forget what an earlier sandbox kept, for the simulators remember nothing either.

    Raises CommandError for a folder with another hub's books in it.
    """
    folder = Path(settings.DATA_DIR)
    books = [folder / f"hub.sqlite3{end}" for end in ("", "-wal", "-shm")]
    marker = folder / MARKER
    if books[0].exists() and not marker.exists():
        raise CommandError(
            f"The folder {folder} holds the books of a hub that is no sandbox; name another with --data."
        )
    marker.touch()
    connection.close()
    for path in (*books, ledger()):
        path.unlink(missing_ok=True)


def ledger() -> Path:
    """What OANDA's simulator was asked and did, for who wants to compare."""
    return Path(settings.DATA_DIR) / "oanda.jsonl"


def welcome(made: Sandbox, ports: Ports) -> str:
    """What can be done now. The address with its token is shown here and nowhere else."""
    accounts = ", ".join(str(account.name) for account in made.accounts)
    address = f"http://{LOOPBACK}:{ports.hub}/api/v1/signals/{made.source.uid}/{made.token}"
    return f"""
  SANDBOX: nothing leaves this machine, and each start begins anew.

  Accounts: {accounts}. Send a signal to all of them, each time with another id:

  curl {address} \\
    -H 'Content-Type: application/json' \\
    -d '{BODY}'

  What the chat received: http://{LOOPBACK}:{ports.chat}/
  OANDA's simulator: http://{LOOPBACK}:{ports.oanda}/v3/accounts, its control channel
  http://{LOOPBACK}:{ports.control}/state (docs/sandbox.md)

"""
