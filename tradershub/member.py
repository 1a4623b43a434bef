"""One process group of the hub: web server, worker cluster, keeper, or a simulator beside it.

    python -m tradershub.member execution
    python -m tradershub.member web 127.0.0.1 8000 1

Its standard input is a pipe that only the supervisor holds open: when that closes, however the
supervisor ended, the whole group goes at once, so that no orphan goes on taking tasks.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import threading
import time
from pathlib import Path

import django
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from tradershub.core.private import write_for_owner_only
from tradershub.processes import kill_tree

PR_SET_PDEATHSIG = 1  # Linux: the kernel signals a child whose parent has died
BLOCKING_THREADS = 4
PRICES_EVERY = 0.5  # seconds, at the simulated OANDA


def main(arguments: list[str]) -> None:
    role, *rest = arguments
    threading.Thread(target=end_with_supervisor, daemon=True).start()
    if role == "web":
        serve_web(host=rest[0], port=int(rest[1]), workers=int(rest[2]))
    elif role == "keeper":
        serve_keeper()
    elif role == "oanda":
        serve_oanda(port=int(rest[0]), control=int(rest[1]), ledger=Path(rest[2]))
    elif role == "chat":
        serve_chat(port=int(rest[0]))
    else:
        serve_cluster(role)


def serve_web(*, host: str, port: int, workers: int) -> None:
    Granian(
        "tradershub.wsgi:application",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=BLOCKING_THREADS,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
    ).serve()


def serve_cluster(name: str) -> None:
    """Run the cluster until it is told to stop or its sentinel dies."""
    os.environ["Q_CLUSTER_NAME"] = name  # read when the queue's settings are, also by its children
    if sys.platform == "linux":
        os.register_at_fork(after_in_child=end_with_parent)
    django.setup()
    from django_q import cluster as library  # needs the apps loaded and the name set

    from tradershub.core.sturdy_queue import SturdyQueue, sturdy_value

    if sys.platform != "win32":
        library.Queue, library.Value = SturdyQueue, sturdy_value
    gc.freeze()  # what is loaded stays: to look through it took 90 ms of a worker's time, again and again
    cluster = library.Cluster()
    cluster.start()
    while cluster.sentinel.is_alive():
        time.sleep(0.2)


def serve_keeper() -> None:
    """Follow the connected accounts until told to stop; a thread that hangs is left behind."""
    django.setup()
    from trading.keeper import Keeper  # needs the apps loaded

    Keeper(told_to_stop()).run()


def serve_oanda(*, port: int, control: int, ledger: Path) -> None:
    """The sandbox's OANDA: REST and streams at one address, prices that move."""
    from brokers.simulators.oanda import Simulator  # of no use to the other members

    simulator = Simulator(
        port=port, stream_port=port, control_port=control, ledger=ledger, tick=PRICES_EVERY
    )
    with simulator:
        told_to_stop().wait()


def serve_chat(*, port: int) -> None:
    """The sandbox's Telegram and Slack."""
    from brokers.simulators.chat import ChatServer  # of no use to the other members

    with ChatServer(port) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        told_to_stop().wait()
        server.shutdown()


def told_to_stop() -> threading.Event:
    """Set by the signals that ask a process to end."""
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    return stopping


def end_with_parent() -> None:
    """In a forked child on Linux: die with the process that forked it, so none is left unguarded."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def end_with_supervisor() -> None:
    """Wait for the pipe to close, then kill this process group."""
    os.read(sys.stdin.fileno(), 1)
    kill_tree(os.getpid())
    os._exit(1)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tradershub.settings")
    write_for_owner_only()
    main(sys.argv[1:])
