"""Failpoints of processes that run already: a file of that name says how, and is used up by the first to come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path


class Armed(Mapping[str, str]):
    """Stands in for the setting FAILPOINTS."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __bool__(self) -> bool:
        return True

    def __contains__(self, name: object) -> bool:
        return (self.folder / str(name)).exists()

    def __getitem__(self, name: str) -> str:
        """How to fail there; of several processes only one does."""
        file = self.folder / name
        try:
            how = file.read_text()
            file.unlink()
        except FileNotFoundError:
            return "sleep:0"
        return how

    def __iter__(self) -> Iterator[str]:
        return (file.name for file in self.folder.glob("*"))

    def __len__(self) -> int:
        return len(list(self.folder.glob("*")))
