"""Where a connection's secrets lie: here encrypted, in the environment, in a file, in a vault.

Read only when an adapter is opened or a secret is replaced; never shown, logged or sent back.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from django.conf import settings

from brokers import vault
from brokers.adapters.settings import secret_names
from brokers.models import Connection
from brokers.platforms import PLATFORMS
from tradershub.core import sealing
from tradershub.core.crypto import Unreadable

PREFIX = "CONNECTION_"  # so that no connection can name the hub's own keys
NAME = re.compile(r"[A-Z][A-Z0-9_]{0,99}")
LARGEST_FILE = 64 * 1024
Store = Connection.Store


class SecretsUnavailable(Exception):
    """The secrets cannot be had now. message: one sentence without any of them."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def seal(connection: Connection, values: Mapping[str, str]) -> str:
    """The secrets as the database keeps them: readable for this connection alone, "" for none."""
    return sealing.seal(values, kind="connection", uid=str(connection.uid))


def unsealed(connection: Connection) -> dict[str, str]:
    """The secrets by the names that the platform's settings give them. Raises SecretsUnavailable."""
    return READERS[connection.store](connection)


def expected(connection: Connection) -> list[str]:
    """The names of the secrets that its platform asks for."""
    return secret_names(PLATFORMS.load(connection.platform).settings)


def _from_database(connection: Connection) -> dict[str, str]:
    try:
        return sealing.unseal(connection.sealed, kind="connection", uid=str(connection.uid))
    except sealing.OfAnother as error:
        raise SecretsUnavailable("Its secrets were sealed for another connection") from error
    except Unreadable as error:
        raise SecretsUnavailable("Its secrets cannot be read with any key in FIELD_KEYS") from error


# -- By reference ------------------------------------------------------------------------------
def _from_environment(connection: Connection) -> dict[str, str]:
    found = {}
    for name, variable in variables(connection).items():
        if not (value := os.environ.get(variable, "")):
            raise SecretsUnavailable(f"The environment has no variable {variable}")
        found[name] = value
    return found


def variables(connection: Connection) -> dict[str, str]:
    """Secret -> variable, as "token=CONNECTION_TOKEN, key=CONNECTION_KEY"; one secret needs no name.

    Raises SecretsUnavailable.
    """
    parts = [part.strip() for part in connection.reference.split(",") if part.strip()]
    names = expected(connection)
    if len(names) == len(parts) == 1 and "=" not in parts[0]:
        parts = [f"{names[0]}={parts[0]}"]
    pairs = [part.partition("=") for part in parts]
    for name, _, variable in pairs:
        if name.strip() not in names:
            wanted = ", ".join(f"{one}={PREFIX}{one.upper()}" for one in names)
            raise SecretsUnavailable(f'Expected variables as "{wanted}"')
        if not NAME.fullmatch(variable.strip()) or not variable.strip().startswith(PREFIX):
            raise SecretsUnavailable(f"Expected the name of a variable that begins with {PREFIX}")
    return {name.strip(): variable.strip() for name, _, variable in pairs}


def _from_file(connection: Connection) -> dict[str, str]:
    path = place(connection)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise SecretsUnavailable(
            f"The file {path.name} cannot be read: {error.strerror}"
        ) from error
    if len(data) > LARGEST_FILE:
        raise SecretsUnavailable(f"The file {path.name} has more than {LARGEST_FILE} bytes")
    try:
        # Editors of Windows put a mark before the text, which would be sent with the secret.
        return _named(data.decode("utf-8-sig").strip(), expected(connection))
    except ValueError as error:
        wanted = "one secret, or name=value lines, or a JSON object of texts"
        # The cause would quote what stands in the file.
        raise SecretsUnavailable(f"The file {path.name} cannot be read: expected {wanted}") from (
            None if isinstance(error, UnicodeDecodeError | json.JSONDecodeError) else error
        )


def place(connection: Connection) -> Path:
    """The file in the folder of secrets. Raises SecretsUnavailable for a name that leads out of it."""
    folder = Path(settings.SECRETS_DIR).resolve()
    try:
        path = (folder / connection.reference).resolve()
    except (OSError, ValueError) as error:
        raise SecretsUnavailable("Expected the name of a file") from error
    if path == folder or not path.is_relative_to(folder):
        raise SecretsUnavailable(f"Expected the name of a file in {folder}")
    return path


def _named(text: str, names: list[str]) -> dict[str, str]:
    """The secrets of a file. Raises ValueError."""
    if text.startswith("{"):
        return _texts(json.loads(text))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(names) == len(lines) == 1 and not lines[0].startswith(f"{names[0]}="):
        return {names[0]: lines[0]}
    if any("=" not in line for line in lines):
        raise ValueError("a line without a name")
    return {name.strip(): value.strip() for name, _, value in (ln.partition("=") for ln in lines)}


def _texts(found: object) -> dict[str, str]:
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise ValueError("no object of texts")
    return found


def _from_vault(connection: Connection) -> dict[str, str]:
    try:
        return vault.secrets_at(connection.reference)
    except vault.VaultError as error:
        raise SecretsUnavailable(str(error)) from error


READERS: dict[str, Callable[[Connection], dict[str, str]]] = {
    Store.DATABASE: _from_database,
    Store.ENVIRONMENT: _from_environment,
    Store.FILE: _from_file,
    Store.VAULT: _from_vault,
}
