"""Settings as the environment gives them, each refused in one sentence when it cannot be meant."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

SCHEMES = ("sqlite", "postgres", "postgresql")


class Environment(environ.Env):
    """Names the variable whose text cannot be read. Raises ImproperlyConfigured."""

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError as error:
            found = os.environ.get(var, "")[:40]
            raise ImproperlyConfigured(f'{var} is "{found}": {error}') from error


def data_folder(path: Path) -> Path:
    """The folder of keys, books and backups, made for its own user only when it is not there.

    Raises ImproperlyConfigured where it cannot be made or written to.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"The data folder {path} cannot be made: {error.strerror}. Set TRADERSHUB_DATA to another."
        ) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise ImproperlyConfigured(
            f"The data folder {path} cannot be written to. Set TRADERSHUB_DATA to another."
        )
    return path


def database(env: Environment, *, default: str) -> dict[str, Any]:
    """Django's settings of the database. Raises ImproperlyConfigured, without the address: it has a password."""
    url = env("DATABASE_URL", default="") or default
    if url.partition("://")[0] not in SCHEMES:
        raise ImproperlyConfigured(
            "DATABASE_URL names a database that the hub cannot use: expected "
            "postgres://user:password@host:5432/name, or nothing for SQLite."
        )
    return env.db_url_config(url)


def usable_keys(keys: Sequence[str]) -> list[str]:
    """The keys themselves. Raises ImproperlyConfigured, without showing one, where it is no Fernet key."""
    for number, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except ValueError as error:
            raise ImproperlyConfigured(
                f"Key {number} of FIELD_KEYS is not a key: expected 32 bytes in url-safe base64."
            ) from error
    return list(keys)
