from __future__ import annotations

import os

import pytest
from cryptography.fernet import Fernet

from tradershub.core import crypto


def chunks(data, size=70_000):
    return [data[n : n + size] for n in range(0, len(data), size)]


@pytest.mark.parametrize("data", [b"", b"a", os.urandom(3_000_000), b"0" * 20_000_000])
def test_a_stream_comes_back_as_it_went_in(data):
    packed = b"".join(crypto.pack(chunks(data)))
    assert b"".join(crypto.unpack(packed)) == data


def test_what_is_stored_does_not_show_what_it_holds():
    assert b"secret" not in b"".join(crypto.pack([b"secret" * 100]))


def test_a_cut_or_altered_stream_is_refused():
    packed = b"".join(crypto.pack(chunks(os.urandom(3_000_000))))
    first, rest = packed.split(b"\n", 1)
    for broken in (rest, first + b"\n", b"x" + packed):
        with pytest.raises(crypto.Unreadable):
            list(crypto.unpack(broken))


def test_an_old_key_still_reads_until_the_data_is_renewed(settings):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.FIELD_KEYS = [old]
    packed = b"".join(crypto.pack([b"statement"]))
    settings.FIELD_KEYS = [new, old]
    renewed = crypto.renewed(packed)
    settings.FIELD_KEYS = [new]
    assert b"".join(crypto.unpack(renewed)) == b"statement"
    with pytest.raises(crypto.Unreadable):
        list(crypto.unpack(packed))
