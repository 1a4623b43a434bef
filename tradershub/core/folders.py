"""A folder that others may write to, held open: nothing that they put there leads the hub elsewhere.

A link has its place refused, and who swaps the folder for one later moves only its name. Windows names no files within
an open folder: there it is looked at when it is opened, and no more.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tradershub.core.errors import Conflict

HELD = os.listdir in os.supports_fd and os.supports_dir_fd >= {
    *(os.open, os.stat, os.mkdir, os.rename, os.unlink)
}
ITSELF = getattr(os, "O_NOFOLLOW", 0)
AT_ONCE = getattr(os, "O_NONBLOCK", 0)  # a pipe that nobody writes to would be waited for
JUNCTION = 0xA0000003  # Windows: what IO_REPARSE_TAG_MOUNT_POINT is, a link between folders


class Linked(Conflict):
    """A link stands where a folder should."""

    code = "linked"


@dataclass(frozen=True, slots=True)
class Folder:
    """handle: of the open folder, None where the system names no files within one."""

    path: Path
    handle: int | None

    def seen(self) -> dict[str, os.stat_result]:
        """What lies there by name, and what each is itself: a link is not followed."""
        found = {}
        names = os.listdir(self.path if self.handle is None else self.handle)  # noqa: PTH208 - iterdir takes no handle
        for name in names:
            with suppress(FileNotFoundError):  # gone since
                found[name] = self.look_at(name)
        return found

    def look_at(self, name: str) -> os.stat_result:
        return os.stat(self._at(name), dir_fd=self.handle, follow_symlinks=False)

    def refuse_link(self, name: str) -> None:
        """Raises Linked for a link, FileNotFoundError for nothing."""
        if is_link(self.look_at(name)):
            raise Linked(_refusal(self.path / name))

    def read(self, name: str) -> IO[bytes]:
        """The file itself, open. Raises OSError for a link, where the system can tell."""
        return open(self._at(name), "rb", opener=self._open)

    def write(self, name: str, text: str) -> None:
        """A new file; a file or link of that name is taken away, and what it leads to stays as it is."""
        with suppress(FileNotFoundError):
            os.unlink(self._at(name), dir_fd=self.handle)
        with open(self._at(name), "x", encoding="utf-8", opener=self._open) as file:
            file.write(text)

    def move(self, name: str, to: Folder, new: str) -> None:
        source, target = self._at(name), to._at(new)
        os.rename(source, target, src_dir_fd=self.handle, dst_dir_fd=to.handle)

    def _at(self, name: str) -> Path | str:
        return self.path / name if self.handle is None else name

    def _open(self, path: str, flags: int) -> int:
        return os.open(path, flags | ITSELF | AT_ONCE, 0o666, dir_fd=self.handle)


@contextmanager
def held(path: Path, *, within: Folder | None = None) -> Iterator[Folder]:
    """The folder, made where it is missing. within: what it lies in, where that is held.

    Raises Linked for a link, OSError for what is no folder or may not be read.
    """
    name, above = (within._at(path.name), within.handle) if within else (path, None)
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=above)
    if is_link(os.stat(name, dir_fd=above, follow_symlinks=False)):
        raise Linked(_refusal(path))
    handle = os.open(name, os.O_DIRECTORY | ITSELF, dir_fd=above) if HELD else None
    try:
        yield Folder(path, handle)
    finally:
        if handle is not None:
            os.close(handle)


def is_link(found: os.stat_result) -> bool:
    """Whether what was seen, itself and not followed, leads elsewhere."""
    return stat.S_ISLNK(found.st_mode) or getattr(found, "st_reparse_tag", 0) == JUNCTION


def _refusal(path: Path) -> str:
    return f'"{path.name}" in {path.parent} is a link; expected a folder of its own'
