"""Whether a message comes from its source: a signature with its time, a bearer key, or a token in the address."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trading.sources.draft import Unreadable

TOLERANCE = dt.timedelta(minutes=5)
ID, AT, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
LONGEST_ID = 120
PREFIX = "whsec_"
BAD = Unreadable("bad_signature", "The signature does not fit the body")


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that fits. id: the sender's own for this message, hashed where it is long."""

    id: str


def signed(
    headers: Mapping[str, str], body: bytes, *, secrets: Iterable[str], now: dt.datetime
) -> Signed | Unreadable:
    """Check `webhook-id`, `webhook-timestamp`, `webhook-signature` (names in lower case) over the bytes as sent.

    The signature is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`; several may stand between
    blanks. secrets: any of them, as base64 after `whsec_`. Source: Standard Webhooks, standardwebhooks.com.
    """
    sent_id, at = headers.get(ID, ""), headers.get(AT, "")
    if not sent_id or not at or not headers.get(SIGNATURE):
        return Unreadable("no_signature", f"Expected the headers {ID}, {AT} and {SIGNATURE}")
    if not (at.isascii() and at.isdigit() and len(at) <= 12):
        return Unreadable("timestamp", f"{AT} was {at[:20]!r}; expected seconds since 1970")
    if abs(now.timestamp() - int(at)) > TOLERANCE.total_seconds():
        return Unreadable("timestamp", f"{AT} is more than {TOLERANCE.seconds // 60} minutes off")
    content = b".".join((sent_id.encode(), at.encode(), body))
    given = [part.partition(",") for part in headers[SIGNATURE].split()]
    offered = [text for version, _, text in given if version == "v1"]
    fits = False
    for secret in secrets:
        expected = base64.b64encode(hmac.digest(_key(secret), content, "sha256")).decode()
        for text in offered:  # every pair is compared, so that the time tells nothing
            fits |= hmac.compare_digest(expected.encode(), text.encode())
    return Signed(_kept(sent_id)) if fits else BAD


def _kept(sent_id: str) -> str:
    """The id itself, or the hash of a long one: two that begin alike are two."""
    return sent_id if len(sent_id) <= LONGEST_ID else token_hash(sent_id)


def signature(secret: str, *, id: str, at: int, body: bytes) -> str:
    """What a sender puts into `webhook-signature`."""
    content = b".".join((id.encode(), str(at).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(_key(secret), content, "sha256")).decode()


def _key(secret: str) -> bytes:
    text = secret.removeprefix(PREFIX)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode()


def token_hash(token: str) -> str:
    """What is kept of a bearer key or token; random secrets of 256 bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_one_of(token: str, hashes: Iterable[str]) -> bool:
    """Whether that is one of the tokens kept; takes as long for any."""
    mine, fits = token_hash(token), False
    for kept in hashes:
        fits |= hmac.compare_digest(mine, kept)
    return fits


def comes_from(address: str, allowed: Iterable[str]) -> bool:
    """Whether that address is in one of the networks; without any, every address may send."""
    mine = networks(allowed)
    if not mine:
        return True
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in mine)


def networks(texts: Iterable[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The networks of these texts; an address is a network of one. Raises ValueError."""
    return [ipaddress.ip_network(text, strict=False) for text in texts]
