"""Secrets of a row, encrypted where they lie and bound to it: moved to another row they are refused."""

from __future__ import annotations

import json
from collections.abc import Mapping

from tradershub.core.crypto import Unreadable, decrypt, encrypt


class OfAnother(Unreadable):
    """The secrets were sealed for another row."""


def seal(values: Mapping[str, str], *, kind: str, uid: str) -> str:
    """The secrets as the database keeps them, "" for none. kind, uid: name the row, as "connection" and its uid."""
    if not values:
        return ""
    content = {kind: uid, "values": dict(values)}
    return encrypt(json.dumps(content).encode()).decode("ascii")


def unseal(sealed: str, *, kind: str, uid: str) -> dict[str, str]:
    """What `seal` was given for that row. Raises Unreadable; OfAnother for what was sealed for another."""
    if not sealed:
        return {}
    content = json.loads(decrypt(sealed.encode("ascii")))
    if content.get(kind) != uid:
        raise OfAnother(f"The secrets were sealed for another {kind}")
    return {str(name): str(value) for name, value in content["values"].items()}
