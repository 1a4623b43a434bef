"""Settings as the environment gives them, each refused in one sentence when it cannot be meant."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

SCHEMES = ("sqlite", "postgres", "postgresql")
ADDRESS_EXPECTED = (
    "expected postgres://user:password@host:5432/name, special characters of the password written "
    "as %2F and the like, or sqlite:////path/to/file, or nothing for SQLite in the data folder."
)
ON, OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
WHOLE, NUMBER = re.compile(r"[+-]?[0-9]{1,18}"), re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?")
DAY = 24 * 3600


class Environment(environ.Env):
    """Switches and numbers, each within what can be meant. An empty text is the default."""

    def switch(self, name: str, *, default: bool) -> bool:
        """Raises ImproperlyConfigured for a word that is neither yes nor no."""
        found = self._text(name)
        if not found:
            return default
        if found.lower() not in ON + OFF:
            raise refusal(name, found, expected="1 for on or 0 for off")
        return found.lower() in ON

    def count(self, name: str, *, default: int, least: int = 1, most: int = 10**12) -> int:
        """A whole number. Raises ImproperlyConfigured outside of what is allowed."""
        found = self._text(name)
        if not found:
            return default
        if not WHOLE.fullmatch(found) or not least <= int(found) <= most:
            raise refusal(name, found, expected=f"a whole number from {least} to {most}")
        return int(found)

    def seconds(self, name: str, *, default: float, above: float = 0) -> float:
        """Raises ImproperlyConfigured unless it is more than `above` and at most a day."""
        found = self._text(name)
        value = float(found or default) if NUMBER.fullmatch(found or "0") else 0.0
        if not above < value <= DAY:
            expected = f"a number of seconds above {above:g} and up to {DAY}"
            raise refusal(name, found or f"{value:g}", expected=expected)
        return value

    def _text(self, name: str) -> str:
        return str(self.get_value(name, default="")).strip()


def refusal(name: str, found: str, *, expected: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f'{name} is "{found[:40]}"; expected {expected}.')


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
            f"DATABASE_URL names a database that the hub cannot use: {ADDRESS_EXPECTED}"
        )
    found = _parts_of(env, url)
    if not _is_whole(found):
        raise ImproperlyConfigured(f"DATABASE_URL cannot be read: {ADDRESS_EXPECTED}")
    return found


def _parts_of(env: Environment, url: str) -> dict[str, Any]:
    """Empty for an address that cannot be read: the parser's own error would quote the password."""
    if url.startswith("sqlite") and not url.startswith("sqlite:///"):
        return {}
    try:
        return dict(env.db_url_config(url))
    except ValueError:
        return {}


def _is_whole(found: dict[str, Any]) -> bool:
    """Whether the parts of the address name one place that every process finds again."""
    name = str(found.get("NAME") or "")
    if found.get("ENGINE", "").endswith("sqlite3"):
        return name not in ("", ":memory:")
    return bool(name) and not set(name) & set("/@:")


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


def private_places(places: Sequence[str]) -> list[str]:
    """Each "host:port" or "10.0.0.0/8". Raises ImproperlyConfigured."""
    for place in places:
        if not _is_place(place):
            expected = "hosts with their port or networks, as 192.168.1.5:8443,10.1.0.0/16"
            raise refusal("OUTGOING_ALLOWED", place, expected=expected)
    return list(places)


def _is_place(place: str) -> bool:
    try:
        if "/" in place:
            ipaddress.ip_network(place, strict=False)
            return True
        parts = urlsplit(f"//{place}")
        return bool(parts.hostname and parts.port and not parts.path and "@" not in place)
    except ValueError:
        return False


def web_address(name: str, found: str) -> str:
    """The address itself, or nothing. Raises ImproperlyConfigured, without the address: it may have a password."""
    expected = "expected https://host:port without a name, a password or a path."
    try:
        parts = urlsplit(found)
        if not found or parts.scheme in ("http", "https") and _is_bare(parts):
            return found
    except ValueError:  # whose message would quote a part of it
        raise ImproperlyConfigured(f"{name} cannot be read: {expected}") from None
    raise ImproperlyConfigured(f"{name} cannot be used: {expected}")


def _is_bare(parts: Any) -> bool:
    more = parts.username or parts.password or parts.query or parts.fragment
    return bool(parts.hostname and parts.port != 0 and not more and parts.path in ("", "/"))
