"""Keys the hub makes for itself on first use and keeps beside its data, for its own user only."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet


def kept_keys(path: Path) -> list[str]:
    """The Fernet keys kept in that file, one a line; the first is made, with mode 0600, where there is none."""
    return _kept(path, lambda: Fernet.generate_key().decode("ascii")).split()


def put_before(path: Path, key: str) -> None:
    """Make that key the first of the file; the others stay, to read what they encrypted."""
    keys = [key, *kept_keys(path)]
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    _write_private(draft, "\n".join(keys).encode("ascii"))
    draft.replace(path)


def kept_secret(path: Path) -> str:
    """The random text kept in that file, fit for SECRET_KEY; made there when there is none yet."""
    return _kept(path, lambda: secrets.token_urlsafe(64))


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        _write_once(path, make().encode("ascii"))
    return path.read_text(encoding="ascii").strip()


def _write_once(path: Path, key: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write_private(draft, key)
        os.link(draft, path)  # fails when another process was first: its key is the one that counts
    except FileExistsError:
        return
    finally:
        draft.unlink(missing_ok=True)


def _write_private(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
