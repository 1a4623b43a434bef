"""A table of kinds: key, label, dotted path; the object is imported at first use."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any


class Registry:
    """`Registry(paper=("Paper", "brokers.adapters.paper.PaperAdapter"))`; a path may also name a module."""

    def __init__(self, **entries: tuple[str, str]) -> None:
        self._entries = entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def label(self, key: str) -> str:
        return self._entries[key][0]

    def choices(self) -> list[tuple[str, str]]:
        return [(key, label) for key, (label, _) in self._entries.items()]

    def load(self, key: str) -> Any:
        """The object of that key. Raises KeyError for an unknown key, ImportError for a wrong path."""
        path = self._entries[key][1]
        module_path, _, name = path.rpartition(".")
        module = import_module(module_path)
        return getattr(module, name) if hasattr(module, name) else import_module(path)
