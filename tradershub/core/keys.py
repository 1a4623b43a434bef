"""Keys the hub makes for itself on first use and keeps beside its data, readable by its own user only."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet


def kept_key(path: Path) -> str:
    """The key kept in that file; made there, with mode 0600, when there is none yet.

    A key is 32 random bytes as URL-safe base64 text, fit for Fernet and for SECRET_KEY.
    """
    if not path.exists():
        _write_once(path, Fernet.generate_key())
    return path.read_text(encoding="ascii").strip()


def _write_once(path: Path, key: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key)
    try:
        os.link(draft, path)  # fails when another process was first: its key is the one that counts
    except FileExistsError:
        return
    finally:
        draft.unlink()
