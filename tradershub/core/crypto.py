"""Secrets and private files at rest: encrypted with the first of FIELD_KEYS, readable with all of them."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

PIECE = 1 << 20
SEPARATOR = b"\n"


class Unreadable(Exception):
    """What was encrypted cannot be read with any of the keys at hand."""


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_KEYS])


def encrypt(data: bytes) -> bytes:
    """The bytes as a Fernet token (URL-safe base64)."""
    return _keys().encrypt(data)


def decrypt(token: bytes) -> bytes:
    """What `encrypt` was given. Raises Unreadable where no key fits or the token was altered."""
    try:
        return _keys().decrypt(token)
    except InvalidToken as error:
        raise Unreadable("The stored data cannot be read with any key in FIELD_KEYS") from error


def pack(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Compress and encrypt a stream, a piece at a time, so that memory does not follow its size."""
    squeeze = zlib.compressobj(1)  # statements are mostly repetition: speed before size
    waiting = bytearray()
    for chunk in chunks:
        waiting += squeeze.compress(chunk)
        while len(waiting) >= PIECE:
            yield encrypt(bytes(waiting[:PIECE])) + SEPARATOR
            del waiting[:PIECE]
    waiting += squeeze.flush()
    yield encrypt(bytes(waiting)) + SEPARATOR


def unpack(packed: bytes | memoryview) -> Iterator[bytes]:
    """The stream that `pack` was given. Raises Unreadable where it was altered or no key fits."""
    expand = zlib.decompressobj()
    for token in bytes(packed).split(SEPARATOR):
        piece = decrypt(token) if token else b""
        while piece:
            yield _expanded(expand, piece)
            piece = expand.unconsumed_tail
    if not expand.eof:
        raise Unreadable("The stored data is cut off")


def _expanded(expand: Any, piece: bytes) -> bytes:
    try:
        return bytes(expand.decompress(piece, PIECE))
    except zlib.error as error:
        raise Unreadable("The stored data does not begin where it should") from error


def renewed(packed: bytes | memoryview) -> bytes:
    """The same stream, or one token, under the first key, after a new key was put before the old ones.

    Raises Unreadable where no key fits.
    """
    keys = _keys()
    tokens = (token for token in bytes(packed).split(SEPARATOR) if token)
    try:
        return b"".join(keys.rotate(token) + SEPARATOR for token in tokens)
    except InvalidToken as error:
        raise Unreadable("The stored data cannot be read with any key in FIELD_KEYS") from error


def is_under_first_key(packed: bytes | memoryview) -> bool:
    """Whether the stream, or the token, was encrypted with the key that encrypts now."""
    first = Fernet(settings.FIELD_KEYS[0])
    try:
        for token in bytes(packed).split(SEPARATOR):
            if token:
                first.decrypt(token)
    except InvalidToken:
        return False
    return True
