"""The signing secrets of a source, encrypted where they lie and bound to the row they belong to."""

from __future__ import annotations

import json

from tradershub.core.crypto import Unreadable, decrypt, encrypt
from trading.models import SignalSource


def seal_secrets(source: SignalSource, secrets: list[str]) -> str:
    """The text to keep in `sealed`."""
    plain = json.dumps({"of": source.uid, "secrets": secrets})
    return encrypt(plain.encode()).decode("ascii") if secrets else ""


def signing_secrets(source: SignalSource) -> list[str]:
    """The secrets that a signature may be made with. Raises Unreadable for a text of another row."""
    if not source.sealed:
        return []
    found = json.loads(decrypt(source.sealed.encode("ascii")))
    if found["of"] != source.uid:
        raise Unreadable(f"The secrets of {source} were sealed for another source")
    return list(found["secrets"])
