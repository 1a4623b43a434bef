"""What an edit changed, in the words that the audit log keeps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def state_of(row: Any, names: Iterable[str]) -> dict[str, str]:
    """The fields of those names as text, before an edit."""
    return {name: str(getattr(row, name)) for name in names}


def changes_since(before: dict[str, str], row: Any) -> dict[str, list[str]]:
    """Field -> [old, new] for the fields that are different now."""
    after = state_of(row, before)
    return {name: [before[name], after[name]] for name in before if before[name] != after[name]}


def in_words(details: dict[str, Any]) -> list[str]:
    """What was changed, of an entry's details: "leverage: 100 → 200"."""
    edits = {name: value for name, value in details.items() if isinstance(value, list)}
    return [f"{name}: {value[0]} → {value[1]}" for name, value in edits.items() if len(value) == 2]
