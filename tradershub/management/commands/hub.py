"""Start web server, workers and keeper, and look after them until told to stop."""

from __future__ import annotations

import errno
import io
import socket
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tradershub import schedules
from tradershub.core.private import tighten
from tradershub.core.queue import CLUSTERS
from tradershub.doorbell import ANYWHERE, Doorbell
from tradershub.soleness import Taken, alone, sharing
from tradershub.supervisor import Member, Supervisor
from tradershub.watchdog import Pulse, Watchdog

WEB = "web"
KEEPER = "keeper"
PARTS = (WEB, *CLUSTERS, KEEPER)
AGAIN = "make run PORT={port}"
NEAR = 100  # ports that are tried for one that is free
HEAD_START = 1.0  # seconds by which the page comes before the workers


class Command(BaseCommand):
    help = "Start web server, workers and keeper, and look after them until Ctrl-C or SIGTERM."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="Address to listen on")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--web-workers", type=int, default=2 if settings.ON_POSTGRESQL else 1)
        parser.add_argument(
            "--only", default=",".join(PARTS), help=f"Some of {','.join(PARTS)}, for own services"
        )

        parser.add_argument("--prepare", action="store_true", help="Run prepare before starting")
        parser.add_argument("--no-demo", action="store_true", help="Prepare without the example")

    def handle(self, *args: Any, **options: Any) -> None:
        parts = options["only"].split(",")
        if unknown := set(parts) - set(PARTS):
            raise CommandError(
                f'There is no part "{sorted(unknown)[0]}"; expected some of {", ".join(PARTS)}.'
            )
        if options["web_workers"] < 1:
            raise CommandError(f"--web-workers was {options['web_workers']}; expected 1 or more.")
        if WEB in parts:
            claim_ports(options["host"], [options["port"]], again=AGAIN)
        tighten()
        self.log_in = io.StringIO()
        try:
            own = sorted(set(parts) - {WEB})
            with sharing(settings.DATA_DIR), alone(settings.DATA_DIR, own):
                self._run(parts, options)
        except Taken as taken:
            raise CommandError(second_hub(str(taken))) from taken
        finally:
            self._tell_log_in()
        self.stdout.write("TradersHub has stopped.")

    def _run(self, parts: list[str], options: dict[str, Any]) -> None:
        if options["prepare"]:
            self.prepare(options)
        if WEB in parts:
            refuse_without_pages()
        if set(parts) & set(CLUSTERS):
            schedules.sync()
        members = [*self.companions(), *(member(part, options) for part in parts)]
        supervisor = Supervisor(members)
        supervisor.stop_on_signals()
        if WEB in parts:
            self._announce(options["host"], options["port"], supervisor.stopping)
        else:
            self._tell_log_in()
        supervisor.run()

    def prepare(self, options: dict[str, Any]) -> None:
        """Make the data folder ready; what is to be told is told once the web server answers."""
        call_command("prepare", no_demo=options["no_demo"], stdout=self.log_in)

    def companions(self) -> list[Member]:
        """What runs beside the hub's own parts."""
        return []

    def _tell_log_in(self) -> None:
        """Print what `prepare` said of a first log-in, once; nothing when there is none to tell."""
        told, self.log_in = self.log_in.getvalue(), io.StringIO()
        if told:
            self.stdout.write(told)
            self.stdout.flush()

    def _announce(self, host: str, port: int, stopping: threading.Event) -> None:
        """Print the log-in and the address as soon as the web server answers there."""

        def wait_and_tell() -> None:
            while not stopping.wait(0.1):
                if answers(host, port):
                    self._tell_log_in()
                    self.stdout.write(f"TradersHub runs at {address(host, port)} (Ctrl-C stops it)")
                    self.stdout.flush()
                    return

        threading.Thread(target=wait_and_tell, daemon=True).start()


def member(part: str, options: dict[str, Any]) -> Member:
    if part == WEB:
        place = [options["host"], str(options["port"]), str(options["web_workers"])]
        return Member(part, place, guard=Doorbell(options["host"], options["port"]))
    guard = Pulse(part) if part == KEEPER else Watchdog(part)
    return Member(part, [], guard=guard, not_before=time.monotonic() + HEAD_START)


def refuse_without_pages() -> None:
    """Raises CommandError where the static files were never collected: each page would be an error."""
    manifest = getattr(staticfiles_storage, "manifest_name", None)
    if manifest and not staticfiles_storage.exists(manifest):
        raise CommandError(
            f"The data folder {settings.DATA_DIR} is not prepared: it has no static files; run "
            "manage.py prepare, or start with --prepare."
        )


def claim_ports(host: str, ports: Sequence[int], *, again: str) -> None:
    """Raises CommandError in one sentence when nothing can listen at one of these ports in a row.

    again: the command that starts it elsewhere, with {port} for the first.
    """
    for port in ports:
        if not 1 <= port <= 65535:
            raise CommandError(f"{port} is not a port; expected 1 to 65535.")
        try:
            bind(host, port)
        except OSError as error:
            raise CommandError(
                refusal(error, host, port, _elsewhere(host, ports, again))
            ) from error


def bind(host: str, port: int) -> None:
    """Take the port and give it back. Raises OSError where it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))


def _elsewhere(host: str, ports: Sequence[int], again: str) -> str:
    """ ": COMMAND" with the next port from which as many are free; empty where none is near."""
    begin, count = ports[0] + 1, len(ports)
    for first in range(begin, min(begin + NEAR, 65537 - count)):
        try:
            for port in range(first, first + count):
                bind(host, port)
        except OSError:
            continue
        return f": {again.format(port=first)}"
    return ""


def second_hub(part: str) -> str:
    if part == "restore":
        return f"A restore is at work in the data folder {settings.DATA_DIR}; wait for its end."
    return (
        f'A hub runs on the data folder {settings.DATA_DIR} already (its part "{part}"); stop that one, '
        "or give this one a folder of its own with TRADERSHUB_DATA."
    )


def refusal(error: OSError, host: str, port: int, elsewhere: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is in use by another program; stop that one or choose another port{elsewhere}"
    return f"Cannot listen on {host}, port {port}: {error.strerror or error}."


def answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((ANYWHERE.get(host, host), port), timeout=1).close()
    except OSError:
        time.sleep(0.1)
        return False
    return True


def address(host: str, port: int) -> str:
    shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
