"""Run the simulator: `python -m brokers.simulators.oanda --port 0 --stream-port 0 --ledger FILE`.

Prints one line of JSON with its addresses, token and accounts, then serves until it is told to end.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from brokers.simulators.oanda.exchange import EXAMPLES, AccountTerms
from brokers.simulators.oanda.simulator import TOKEN, Simulator


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    try:
        accounts = accounts_of(asked.accounts) if asked.accounts else EXAMPLES
        simulator = Simulator(
            host=asked.host,
            port=asked.port,
            stream_port=asked.stream_port,
            control_port=asked.control_port,
            token=asked.token,
            accounts=accounts,
            ledger=asked.ledger,
            seed=asked.seed,
            tick=asked.tick,
            heartbeat=asked.heartbeat,
        )
    except (ValueError, OSError) as unfit:
        print(f"The simulator cannot start: {unfit}", file=sys.stderr)
        return 2
    end = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: end.set())
    with simulator:
        print(json.dumps(simulator.addresses), flush=True)
        end.wait()
    return 0


def accounts_of(text: str) -> list[AccountTerms]:
    """Accounts from JSON, or from a file that holds it. Raises ValueError with what was expected."""
    raw = text if text.lstrip().startswith("[") else Path(text).read_text(encoding="utf-8")
    try:
        rows = json.loads(raw, parse_float=Decimal)
        return [
            AccountTerms(**row | {"balance": Decimal(str(row.get("balance", 100_000)))})
            for row in rows
        ]
    except (TypeError, AttributeError, ArithmeticError) as unfit:
        expected = 'a list of {"id", "currency", "hedging", "balance", "alias"}'
        raise ValueError(f"expected {expected}, found {raw[:80]!r}") from unfit


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m brokers.simulators.oanda", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=0, help="of REST; 0 for any")
    parser.add_argument("--stream-port", type=int, default=0, help="the same as --port for one")
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--accounts", default="", help="JSON, or a file that holds it")
    parser.add_argument("--ledger", type=Path, help="file that is appended to")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--tick", type=float, default=0.5, help="seconds between prices, 0 for none"
    )
    parser.add_argument("--heartbeat", type=float, default=5.0, help="seconds")
    return parser


if __name__ == "__main__":
    sys.exit(main())
