"""What became of deals that stood in the books, on its way to the audit log.

Deals are rewritten and taken out only inside `trail`, which its caller closes with an audit entry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from accounts.models import StatementImport
from tradershub.core.audit import plain, record

Facts = dict[str, Any]
MOST = 200  # changes that one audit entry lists


@dataclass(slots=True)
class Trail:
    """Rewritten deals are told all, with old and new facts, in further entries where one does not hold them.

    Of the deals taken out the first are listed, and a digest covers all: each stood in a file, which the
    entry names by its hash.
    """

    actor: Any
    target: StatementImport
    rewritten: list[Facts] = field(default_factory=list)
    removed: list[Facts] = field(default_factory=list)
    removals: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def rewrite(self, before: Facts, after: Facts) -> None:
        """before, after: key and facts of the deal; facts that stay the same are left out of the entry."""
        changed = {
            name: [_said(was), _said(after[name])]
            for name, was in before.items()
            if was != after[name]
        }
        if not changed:
            return
        self.rewritten.append({"deal": before["key"]} | changed)
        if len(self.rewritten) == MOST:
            self._tell()

    def remove(self, key: str, facts: Facts) -> None:
        line = {"deal": key} | {name: _said(value) for name, value in facts.items() if value}
        self.removals += 1
        self.digest.update(_line(line))
        if len(self.removed) < MOST:
            self.removed.append(line)

    def _tell(self) -> None:
        record(
            "deals.rewrite",
            actor=self.actor,
            target=self.target,
            summary=f"{self.target.file_name}: {len(self.rewritten)} deals say something else",
            details={"sha256": self.target.sha256, "rewritten": self.rewritten},
            owner=self.target.owner_id,
        )
        self.rewritten = []

    def details(self) -> dict[str, Any]:
        """What is left to tell, for the entry that closes the trail; empty where nothing was changed.

        digest: SHA-256 over all removals in their order, each as JSON with sorted keys and a line feed.
        """
        told: dict[str, Any] = {"rewritten": self.rewritten} if self.rewritten else {}
        if self.removals:
            told["taken_out"] = {
                "count": self.removals,
                "first": self.removed,
                "digest": self.digest.hexdigest(),
            }
        return told


def _said(value: Any) -> Any:
    """As JSON keeps it, numbers as short as they are."""
    return f"{value.normalize():f}" if isinstance(value, Decimal) else plain(value)


def _line(change: Facts) -> bytes:
    return json.dumps(change, sort_keys=True).encode() + b"\n"


_open: ContextVar[Trail] = ContextVar("trail")


@contextmanager
def trail(*, actor: Any, target: StatementImport) -> Iterator[Trail]:
    """Where what is rewritten and taken out meanwhile is noted; the caller writes `details` down."""
    opened = Trail(actor, target)
    token = _open.set(opened)
    try:
        yield opened
    finally:
        _open.reset(token)


def current() -> Trail:
    """The open trail. Raises LookupError where nobody would tell the audit log of a change."""
    return _open.get()
