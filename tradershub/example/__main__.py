"""`python -m tradershub.example FOLDER [--until DAY] [--seed N]`: write the example statements."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from tradershub.example.story import write_example


def main() -> None:
    """Write the files and print their names."""
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    parser = argparse.ArgumentParser(prog="python -m tradershub.example", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--until", type=date.fromisoformat, default=yesterday)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()
    for path in write_example(chosen.folder, until=chosen.until, seed=chosen.seed):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
