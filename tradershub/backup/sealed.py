"""A file that only the holder of the field key can read, written and read as a stream.

Magic line, 8 bytes that tell the key, 8 bytes of nonce, then blocks: 4 bytes of length and that many
bytes of AES-256-GCM. Each block's number is in its nonce and the last is marked, so that a block
changed, moved or missing, or an end cut off, is found.
"""

from __future__ import annotations

import hashlib
import os
import struct
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tradershub.core.errors import BadInput

MAGIC = b"TRADERSHUB BACKUP 1\n"
BLOCK = 1 << 20
MORE, LAST = b"more", b"last"


class SealingWriter:
    """Takes bytes and writes them sealed; `close` marks the end and leaves the file open."""

    def __init__(self, file: BinaryIO, *, key: str) -> None:
        self._file, self._cipher = file, cipher_of(key)
        self._nonce, self._number, self._pending = os.urandom(8), 0, bytearray()
        file.write(MAGIC + key_id(key) + self._nonce)

    def write(self, data: bytes) -> int:
        self._pending += data
        while len(self._pending) > BLOCK:
            self._seal(bytes(self._pending[:BLOCK]), MORE)
            del self._pending[:BLOCK]
        return len(data)

    def close(self) -> None:
        self._seal(bytes(self._pending), LAST)

    def _seal(self, block: bytes, place: bytes) -> None:
        sealed = self._cipher.encrypt(nonce(self._nonce, self._number), block, place)
        self._file.write(struct.pack(">I", len(sealed)) + sealed)
        self._number += 1


class SealedReader:
    """Gives back what a SealingWriter took. Raises BadInput for a foreign, altered or cut file."""

    def __init__(self, file: BinaryIO, *, keys: list[str]) -> None:
        if file.read(len(MAGIC)) != MAGIC:
            raise BadInput("The file is not a backup of TradersHub")
        wanted = file.read(8)
        fitting = [key for key in keys if key_id(key) == wanted]
        if not fitting:
            raise BadInput(
                f"The backup was made with another field key (number {wanted.hex()}); put that key "
                "into FIELD_KEYS or into the file field_key of the data folder"
            )
        self._file, self._cipher = file, cipher_of(fitting[0])
        self._nonce, self._number, self._pending, self._over = file.read(8), 0, b"", False

    def read(self, size: int = -1) -> bytes:
        while not self._over and (size < 0 or len(self._pending) < size):
            self._pending += self._open_block()
        end = len(self._pending) if size < 0 else size
        data, self._pending = self._pending[:end], self._pending[end:]
        return data

    def _open_block(self) -> bytes:
        head = self._file.read(4)
        if len(head) < 4:
            raise BadInput(f"The backup is cut off after block {self._number}")
        sealed = self._file.read(min(struct.unpack(">I", head)[0], BLOCK + 16))
        for place in (MORE, LAST):
            try:
                block = self._cipher.decrypt(nonce(self._nonce, self._number), sealed, place)
            except InvalidTag:
                continue
            self._number += 1
            self._over = place == LAST
            return block
        raise BadInput(f"The backup was altered or cut off in block {self._number + 1}")


def nonce(start: bytes, number: int) -> bytes:
    return start + struct.pack(">I", number)


def key_id(key: str) -> bytes:
    """Eight bytes that tell keys apart and say nothing of the key."""
    return hashlib.sha256(b"id of " + key.encode("ascii")).digest()[:8]


def cipher_of(key: str) -> AESGCM:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tradershub backup")
    return AESGCM(kdf.derive(key.encode("ascii")))
