"""Client order ids: 22 characters that any platform carries, the same for the same decision for ever.

A decision that is taken again, by a repeated webhook or after an old backup was restored, gets the id that it
had: what was sent before is found at the broker and not sent anew. Pure: the key comes as an argument.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass

# Without I, L, O, U: fit for a file's name, for CSV, and for reading out aloud.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
MARK = "T"
DIGITS = 20  # of 5 bits: 100 bits of the hash
BITS = 5
PATTERN = re.compile(f"{MARK}[{ALPHABET}]{{{DIGITS + 1}}}")

FLATTEN = "flatten"  # the kind of what closes an account that is to become flat


@dataclass(frozen=True, slots=True)
class Origin:
    """What an order is the answer to. kind and id: of the decision, as ("hand", a form's token).

    leg: which of several orders of it. generation: 0, and one more for each new decision about the same.
    """

    kind: str
    id: str
    leg: int = 0
    generation: int = 0


def client_order_id(origin: Origin, *, account_id: int, key: str) -> str:
    """The id of the order that this decision makes on that account. key: secret, of this hub alone."""
    # As JSON: no two decisions read the same, whatever characters their ids have.
    parts = [origin.kind, origin.id, account_id, origin.leg, origin.generation]
    text = json.dumps(parts, separators=(",", ":")).encode()
    number = int.from_bytes(hmac.digest(key.encode(), text, hashlib.sha256), "big")
    digits = "".join(ALPHABET[(number >> BITS * place) % len(ALPHABET)] for place in range(DIGITS))
    return MARK + digits + check_character(digits)


def check_character(digits: str) -> str:
    """The character that makes every single wrong one show (Luhn's scheme, modulo 32)."""
    total = 0
    for place, character in enumerate(reversed(digits)):
        value = ALPHABET.index(character) * (2 if place % 2 == 0 else 1)
        total += value // len(ALPHABET) + value % len(ALPHABET)
    return ALPHABET[-total % len(ALPHABET)]


def is_client_order_id(text: str) -> bool:
    """Whether this can be an id of ours, unharmed."""
    return bool(PATTERN.fullmatch(text)) and check_character(text[1:-1]) == text[-1]
