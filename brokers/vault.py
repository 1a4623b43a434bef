"""Secrets kept in a vault. One kind is known: HashiCorp's, its key-value engine of version 2.

Source: developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2, "Read secret version". Another vault is a
class with `read` and a choice in `the_vault`.
"""

from __future__ import annotations

import re
import threading
import time
from typing import Any, Protocol
from urllib.parse import quote

import httpx
from django.conf import settings

from tradershub.core import net

PATH = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
SAID = {
    400: "the vault did not understand the question",
    403: "the vault refuses the hub's token, or the token may not read there",
    404: "the vault has nothing there",
    429: "the vault is a standby and answers nobody",
    472: "the vault is a recovery secondary and answers nobody",
    473: "the vault is a standby and answers nobody",
    503: "the vault is sealed or down for maintenance",
}


class VaultError(Exception):
    """The vault did not give the secrets. One sentence, without any of them and without its token."""


class Vault(Protocol):
    def read(self, path: str) -> dict[str, str]:
        """The secrets kept at that place. Raises VaultError."""


class HashiCorpVault:
    """Reads the newest version at `mount`/`prefix`/path with a token."""

    def __init__(self, *, address: str, token: str, mount: str, prefix: str) -> None:
        self._url = httpx.URL(address)
        self._token, self._mount, self._prefix = token, mount.strip("/"), prefix.strip("/")

    def read(self, path: str) -> dict[str, str]:
        if not PATH.fullmatch(path) or ".." in path.split("/") or "." in path.split("/"):
            raise VaultError("Expected a place in the vault as broker/name")
        inner = "/".join(part for part in (self._prefix, path) if part)
        where = f"/v1/{quote(self._mount)}/data/{quote(inner)}"
        return self._secrets(self._asked(where))

    def _asked(self, where: str) -> Any:
        port = self._url.port or (443 if self._url.scheme == "https" else 80)
        trusted = [f"{self._url.host}:{port}"]
        headers = {"X-Vault-Token": self._token, "X-Vault-Request": "true"}
        try:
            with net.client(trusted=trusted, ports=(), base_url=self._url) as client:
                answer = client.get(where, headers=headers)
        except httpx.HTTPError as error:
            said = net.redacted(str(error), [self._token]) or type(error).__name__
            raise VaultError(
                f"The vault at {self._url.host}:{port} did not answer: {said}"
            ) from None
        if answer.status_code != httpx.codes.OK:
            said = SAID.get(answer.status_code, f"the vault answered {answer.status_code}")
            raise VaultError(said[0].upper() + said[1:])
        return answer

    def _secrets(self, answer: httpx.Response) -> dict[str, str]:
        try:
            found = answer.json()["data"]["data"]
        except (ValueError, KeyError, TypeError, RecursionError):
            # Without its cause, which would quote the answer.
            raise VaultError("The answer is none of a key-value engine of version 2") from None
        if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
            raise VaultError("The vault keeps there something else than names with texts")
        return found


def the_vault() -> Vault:
    """The vault that the settings name. Raises VaultError where they name none."""
    if not settings.VAULT_ADDR or not settings.VAULT_TOKEN:
        raise VaultError("No vault is set up: expected VAULT_ADDR and VAULT_TOKEN in the settings")
    return HashiCorpVault(
        address=settings.VAULT_ADDR,
        token=settings.VAULT_TOKEN,
        mount=settings.VAULT_MOUNT,
        prefix=settings.VAULT_PATH,
    )


_kept: dict[str, tuple[float, dict[str, str]]] = {}
_lock = threading.Lock()


def secrets_at(path: str) -> dict[str, str]:
    """What the vault keeps at that place, asked again after VAULT_SECONDS. Raises VaultError.

    In between an order does not wait for the vault. What is kept lives in this process alone; once it is
    too old, a vault that is down means no secrets.
    """
    now = time.monotonic()
    with _lock:
        kept = _kept.get(path)
    if kept and now - kept[0] < settings.VAULT_SECONDS:
        return dict(kept[1])
    forget(path)
    found = the_vault().read(path)
    with _lock:
        _kept[path] = (now, found)
    return dict(found)


def forget(path: str = "") -> None:
    """Ask anew the next time, for all places without one."""
    with _lock:
        if path:
            _kept.pop(path, None)
        else:
            _kept.clear()
