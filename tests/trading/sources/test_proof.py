"""Only the source itself can send its signals."""

import base64
import datetime as dt

import pytest

from trading.sources import proof
from trading.sources.draft import Unreadable
from trading.sources.proof import Signed

NOW = dt.datetime(2026, 3, 2, 9, 15, tzinfo=dt.UTC)
SECRET = proof.PREFIX + base64.b64encode(b"x" * 32).decode()
BODY = b'{"action": "buy"}'


def headers(*, at=NOW, body=BODY, secret=SECRET, id="m1"):
    seconds = int(at.timestamp())
    return {
        proof.ID: id,
        proof.AT: str(seconds),
        proof.SIGNATURE: proof.signature(secret, id=id, at=seconds, body=body),
    }


def check(sent, body=BODY, secrets=(SECRET,)):
    return proof.signed(sent, body, secrets=secrets, now=NOW)


def test_a_signature_over_the_very_bytes_is_accepted():
    assert check(headers()) == Signed("m1")


def test_long_ids_that_begin_alike_are_told_apart():
    ids = ["x" * 120, "x" * 120 + "1", "x" * 120 + "2", "x" * 4000]
    kept = [check(headers(id=id)).id for id in ids]

    assert len(set(kept)) == len(ids)
    assert max(map(len, kept)) == 120


def test_the_example_of_the_standard_itself():
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    sent = {
        proof.ID: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        proof.AT: "1614265330",
        proof.SIGNATURE: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    now = dt.datetime.fromtimestamp(1614265330, tz=dt.UTC)
    result = proof.signed(sent, b'{"test": 2432232314}', secrets=[secret], now=now)

    assert result == Signed("msg_p5jXN8AQM9LWM0D4loKWxJek")


def test_one_of_several_signatures_and_secrets_is_enough():
    sent = headers()
    sent[proof.SIGNATURE] = "v1,AAAA v2,xyz " + sent[proof.SIGNATURE]

    assert check(sent, secrets=("whsec_b3RoZXI=", SECRET)) == Signed("m1")


@pytest.mark.parametrize("seconds", [-299, 0, 299])
def test_a_time_within_five_minutes_is_accepted(seconds):
    assert isinstance(check(headers(at=NOW + dt.timedelta(seconds=seconds))), Signed)


@pytest.mark.parametrize("seconds", [-301, 301, 86400 * 365])
def test_an_old_or_early_time_is_refused(seconds):
    assert check(headers(at=NOW + dt.timedelta(seconds=seconds))).code == "timestamp"


def test_a_body_written_anew_is_refused():
    assert check(headers(), body=b'{"action":"buy"}') == proof.BAD


def test_another_secret_is_refused():
    assert check(headers(secret="whsec_b3RoZXI=")) == proof.BAD


@pytest.mark.parametrize("name", [proof.ID, proof.AT, proof.SIGNATURE])
def test_a_missing_header_is_refused(name):
    sent = headers()
    del sent[name]

    assert isinstance(check(sent), Unreadable)


@pytest.mark.parametrize("at", ["", "soon", "١٢٣", "1" * 40, "-5"])
def test_a_time_that_is_no_number_is_refused(at):
    assert isinstance(check({**headers(), proof.AT: at}), Unreadable)


def test_a_signature_for_another_message_is_refused():
    assert check({**headers(id="m2"), proof.ID: "m1"}) == proof.BAD


def test_a_token_is_known_by_its_hash():
    kept = [proof.token_hash("other"), proof.token_hash("mine")]

    assert proof.is_one_of("mine", kept)
    assert not proof.is_one_of("his", kept)
    assert not proof.is_one_of("", kept)


@pytest.mark.parametrize(
    ("address", "fits"),
    [
        ("52.89.214.238", True),
        ("::ffff:52.89.214.238", True),
        ("10.1.2.3", True),
        ("52.89.214.239", False),
        ("not an address", False),
        ("", False),
    ],
)
def test_addresses_are_held_to_the_list(address, fits):
    assert proof.comes_from(address, ["52.89.214.238", "10.0.0.0/8"]) is fits


def test_without_a_list_every_address_may_send():
    assert proof.comes_from("203.0.113.9", [])
