"""The sandbox's own place and addresses, put into the environment before the settings read it. Standard library only.

It has a data folder and a database of its own, and knows no service outside this machine.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PORT = 8100
LOOPBACK = "127.0.0.1"


class Ports(NamedTuple):
    """Of the hub, of OANDA's simulator and the hand behind it, of the chats' simulator: four in a row."""

    hub: int
    oanda: int
    control: int
    chat: int

    @classmethod
    def from_first(cls, port: int) -> Ports:
        return cls(port, port + 1, port + 2, port + 3)


def is_asked_for(words: Sequence[str]) -> bool:
    """Whether the command line's words, after the program's name, call for the sandbox."""
    return list(words[:1]) == ["sandbox"]


def prepare_environment(words: Sequence[str]) -> None:
    """Have the settings, and every process started from here, be the sandbox's.

    Its data folder lies in the hub's own, as `sandbox`, unless --data names another.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--data", default="")
    asked, _ = parser.parse_known_args(list(words))
    usual = Path(os.environ.get("TRADERSHUB_DATA") or ROOT / "var") / "sandbox"
    folder = Path(asked.data or usual).resolve()
    chat = f"http://{LOOPBACK}:{Ports.from_first(asked.port).chat}"
    os.environ |= {
        "SANDBOX": "1",
        "TRADERSHUB_DATA": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'hub.sqlite3'}",
        "HTTPS": "0",
        "LOAD_RATES": os.environ.get("LOAD_RATES", "1"),
        "OUTGOING_ALLOWED": "",
        "TELEGRAM_API": chat,
        "SLACK_HOOKS": chat,
        "VAULT_ADDR": "",
        "EMAIL_HOST": "",
    }
