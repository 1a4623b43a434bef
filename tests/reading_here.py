"""Files read in the process that asks, which starts no child: for tests of what becomes of a statement.

What the child itself promises is tried in tests/accounts/statements/test_reading.py.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import IO, Any

from accounts.statements import reading
from accounts.statements.bounded import Bounds, Tell, failure
from accounts.statements.meter import Reading


@contextmanager
def answer_here(
    path: Path, request: dict[str, Any], bounds: Bounds, tell: Tell | None = None
) -> Iterator[IO[str]]:
    """In place of `bounded.answer_of_child`: the same question and answer, as JSON, without bounds."""
    output = io.StringIO()
    with redirect_stdout(output):
        status = reading.answer(path, json.loads(json.dumps(request)))
    if tell:
        tell(Reading(0, 0.0))
    output.seek(0)
    if status:
        raise failure(status, "", output, bounds)
    yield output
