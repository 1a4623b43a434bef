"""Start-up checks: every name that is resolved late resolves, so that no task fails for a typo."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.utils.module_loading import import_string

from tradershub.core import net
from tradershub.schedules import SCHEDULES

FOLDERS = ("tradershub", "brokers", "accounts", "strategies", "risk", "trading")
# The open Internet, a local network, the metadata services of clouds, a disguise.
OUTSIDE = ("93.184.216.34", "10.0.0.1", "169.254.169.254", "::ffff:8.8.8.8")


def broken_names(**_: Any) -> list[CheckMessage]:
    """An error for each periodic or enqueued function that does not exist."""
    names = {periodic.task for periodic in SCHEDULES} | set(enqueued_names())
    return [
        Error(f'There is no function "{name}" for a worker to call', id="tradershub.E001")
        for name in sorted(names)
        if not resolves(name)
    ]


def sandbox_leaks(**_: Any) -> list[CheckMessage]:
    """In sandbox mode an error for each kind of address that the guard would let through."""
    if not settings.SANDBOX:
        return []
    return [
        Error(f"In sandbox mode the hub would connect to {address}", id="tradershub.E002")
        for address in OUTSIDE
        if reaches(address)
    ]


def reaches(address: str) -> bool:
    """Asks the guard alone: nothing is sent."""
    try:
        net.vetted(address, 443, trusted=[f"{address}:443"])
    except net.AddressRefused:
        return False
    return True


def resolves(name: str) -> bool:
    try:
        return callable(import_string(name))
    except ImportError:
        return False


def enqueued_names() -> Iterator[str]:
    """The dotted names that the code hands to `enqueue` as plain text."""
    for folder in FOLDERS:
        for path in sorted((Path(settings.BASE_DIR) / folder).rglob("*.py")):
            yield from names_in(path.read_text(encoding="utf-8"))


def names_in(source: str) -> Iterator[str]:
    if "enqueue(" not in source:
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and name_of(node.func) == "enqueue" and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and "." in str(first.value):
                yield str(first.value)


def name_of(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
