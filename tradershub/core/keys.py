"""Keys the hub makes for itself on first use and keeps beside its data, for its own user only."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet


def kept_key(path: Path) -> str:
    """The Fernet key kept in that file; made there, with mode 0600, when there is none yet."""
    return _kept(path, lambda: Fernet.generate_key().decode("ascii"))


def kept_secret(path: Path) -> str:
    """The random text kept in that file, fit for SECRET_KEY; made there when there is none yet."""
    return _kept(path, lambda: secrets.token_urlsafe(64))


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        _write_once(path, make().encode("ascii"))
    return path.read_text(encoding="ascii").strip()


def _write_once(path: Path, key: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(key)
        os.link(draft, path)  # fails when another process was first: its key is the one that counts
    except FileExistsError:
        return
    finally:
        draft.unlink()
