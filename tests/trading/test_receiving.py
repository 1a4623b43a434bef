"""A message is stored once, whoever sends it how often; only its source can send it."""

import base64
import datetime as dt
import json
import logging

import pytest
from django.test import Client
from django.utils import timezone
from structlog.stdlib import ProcessorFormatter

from tests.factories import make_owner, make_strategy
from tradershub.core.models import AuditEntry
from trading import receiving, signals
from trading.models import Signal, SignalSource
from trading.sealing import signing_secrets
from trading.sources import proof

pytestmark = pytest.mark.django_db

BUY = {"id": "1", "symbol": "EURUSD", "action": "buy", "size": "1"}


@pytest.fixture(autouse=True)
def queue(monkeypatch):
    """What was enqueued."""
    sent = []
    monkeypatch.setattr(receiving, "enqueue", lambda name, *args, **kwargs: sent.append(args))
    return sent


class Sender:
    """Somebody who sends to a source of Ada's."""

    def __init__(self, **fields):
        self.owner = make_owner()
        given = {"name": "charts", "mode": "live", **fields}
        self.source, self.secret = signals.create_source(
            actor=self.owner, owner=self.owner, **given
        )
        self.client = Client()

    def send(self, body=BUY, *, token=None, headers=None, **kwargs):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        path = f"/api/v1/signals/{self.source.uid}"
        path += f"/{self.secret if token is None else token}" if token != "" else ""
        content = kwargs.pop("content_type", "application/json")
        return self.client.post(path, raw, content_type=content, headers=headers or {}, **kwargs)


@pytest.fixture
def sender():
    return Sender()


def code_of(answer):
    return answer.json()["error"]["code"]


def test_a_signal_is_stored_and_answered_with_its_id(sender, queue):
    answer = sender.send()

    assert answer.status_code == 202, answer.content
    signal = Signal.objects.get()
    assert answer.json() == {"id": signal.pk, "state": "received"}
    assert (signal.key, signal.mode, signal.address) == ("id:1", "live", "127.0.0.1")
    assert json.loads(signal.body) == BUY
    assert queue == [(signal.pk,)]


def test_what_comes_again_is_counted_on_the_first(sender, queue):
    answers = [sender.send() for _ in range(5)]

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert Signal.objects.get().deliveries == 5
    assert len(queue) == 1


def test_an_id_that_comes_with_another_body_is_refused_and_told(sender, queue):
    sender.send()
    answer = sender.send({**BUY, "size": "9"})

    assert (answer.status_code, code_of(answer)) == (409, "idempotency_mismatch")
    assert AuditEntry.objects.filter(action="signal.mismatch").count() == 1
    assert len(queue) == 1


def test_alert_and_bar_tell_signals_apart_where_there_is_no_id(sender):
    alert = {"symbol": "EURUSD", "action": "buy", "alert": "Long", "bar_at": "2026-03-02T09:15:00Z"}
    first, again = sender.send(alert), sender.send(alert)
    other = sender.send({**alert, "bar_at": "2026-03-02T09:16:00Z"})
    closing = sender.send({**alert, "action": "close"})

    ids = [answer.json()["id"] for answer in (first, again, other, closing)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_two_fills_of_one_bar_and_alert_are_two_signals():
    sender = Sender(dialect="tradingview")
    bar = {"symbol": "EURUSD", "action": "sell", "alert": "TP", "bar_at": "2026-03-02T09:15:00Z"}
    half = {"position": "long", "position_size": "0.2", "previous_position_size": "0.4"}
    rest = {"position": "flat", "position_size": "0", "previous_position_size": "0.2"}
    answers = [
        sender.send({**bar, "size": "0.2", "previous_position": "long", **fill})
        for fill in (half, rest, half)
    ]

    ids = [answer.json()["id"] for answer in answers]
    assert (len(set(ids)), ids[0]) == (2, ids[2])


def test_what_cannot_be_told_from_another_signal_and_says_something_else_is_told(
    sender, queue, monkeypatch
):
    told = []
    monkeypatch.setattr(receiving.telling, "tell", lambda *args, **kwargs: told.append(args[1]))
    alert = {"symbol": "EURUSD", "action": "buy", "alert": "Long", "bar_at": "2026-03-02T09:15:00Z"}
    first = sender.send(alert).json()["id"]
    answer = sender.send({**alert, "stop_loss": "1.05"})

    assert (answer.status_code, code_of(answer)) == (409, "idempotency_mismatch")
    assert (told, len(queue)) == ([f"signal:{first}:other"], 1)


def test_ids_that_differ_in_their_last_letter_are_two_signals(sender):
    answers = [sender.send({**BUY, "id": "x" * 130 + end}) for end in "ab"]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert Signal.objects.count() == 2


def test_a_live_source_needs_an_id_or_a_bar(sender, queue):
    answer = sender.send({"symbol": "EURUSD", "action": "buy"})

    assert (answer.status_code, code_of(answer)) == (422, "no_key")
    assert Signal.objects.get().state == "refused"
    assert not queue


def test_elsewhere_the_same_body_within_a_minute_is_the_same_signal(queue, monkeypatch):
    sender = Sender(mode="dry_run")
    sent = {"symbol": "EURUSD", "action": "buy"}
    first, again = sender.send(sent), sender.send(sent)
    later_on = timezone.now() + dt.timedelta(seconds=61)
    monkeypatch.setattr(receiving.timezone, "now", lambda: later_on)
    later = sender.send(sent)

    assert first.json() == again.json()
    assert later.json() != first.json()
    assert len(queue) == 2


def test_what_was_no_signal_is_one_once_its_source_reads_it(queue):
    sender = Sender(mode="live")
    sent = {"symbol": "EURUSD", "action": "buy"}
    assert code_of(sender.send(sent)) == "no_key"
    signals.edit_source(sender.source, actor=sender.owner, mode="approval")
    answer = sender.send(sent)

    taken = Signal.objects.get(pk=answer.json()["id"])
    assert (taken.state, queue) == ("received", [(taken.pk,)])


def test_what_was_sent_again_by_hand_takes_no_message_for_its_own(queue, monkeypatch):
    sender = Sender(mode="approval")
    sent = {"symbol": "EURUSD", "action": "buy"}
    first = Signal.objects.get(pk=sender.send(sent).json()["id"])
    later_on = timezone.now() + dt.timedelta(seconds=61)
    monkeypatch.setattr(receiving.timezone, "now", lambda: later_on)
    monkeypatch.setattr(signals, "enqueue", lambda *args, **kwargs: "")
    by_hand = signals.send_again(first, actor=sender.owner)

    assert sender.send(sent).json()["id"] not in (first.pk, by_hand.pk)


def test_two_deliveries_at_once_on_either_side_of_a_second_are_one(queue, monkeypatch):
    sender = Sender(mode="approval")
    first = sender.send({"symbol": "EURUSD", "action": "buy"})
    looked, look = [], receiving._same_body

    def nothing_yet(*args):
        looked.append(args)
        return look(*args) if len(looked) > 1 else None

    monkeypatch.setattr(receiving, "_same_body", nothing_yet)
    later_on = timezone.now() + dt.timedelta(seconds=1)
    monkeypatch.setattr(receiving.timezone, "now", lambda: later_on)
    again = sender.send({"symbol": "EURUSD", "action": "buy"})

    assert (again.json()["id"], len(queue)) == (first.json()["id"], 1)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"\xff\xfe\x00", 400, "not_text"),
        (b"{", 400, "not_json"),
        (b'{"size": NaN}', 400, "not_json"),
        (b'{"a": 1, "a": 2}', 400, "duplicate_key"),
        (b"buy now", 422, "no_signal"),
        (b'{"symbol": "{{ticker}}"}', 422, "placeholder"),
        (b'{"symbol": "E", "action": "buy", "size": "-1"}', 422, "qty_out_of_range"),
    ],
)
def test_what_is_no_signal_is_refused_and_kept(sender, queue, body, status, code):
    answers = [sender.send(body) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [status] * 3
    assert code_of(answers[0]) == code
    kept = Signal.objects.get()
    assert (kept.state, kept.code, kept.deliveries) == ("refused", code, 3)
    assert not queue


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded"])
def test_the_body_decides_and_not_the_type_that_it_is_sent_under(kind):
    """B9: TradingView calls its JSON text, and curl calls everything a form; prose is refused as prose."""
    sender = Sender(dialect="generic")
    assert sender.send(content_type=kind).status_code == 202
    refused = sender.send(b"Buy EURUSD now!", content_type=kind)
    assert (refused.status_code, code_of(refused)) == (422, "no_signal")
    assert Signal.objects.get(state="refused").content_type == kind


def test_a_body_that_is_too_large_is_refused_before_it_is_read(sender):
    answer = sender.send(b"{" + b" " * 65536)

    assert answer.status_code == 413
    assert not Signal.objects.exists()


@pytest.mark.parametrize("token", ["", "wrong"])
def test_without_the_right_token_there_is_no_source(sender, token):
    assert sender.send(token=token).status_code == 404
    assert not Signal.objects.exists()


def test_the_token_of_one_source_opens_no_other(sender):
    other = Sender(name="other")

    assert sender.send(token=other.secret).status_code == 404


@pytest.mark.parametrize("uid", ["%00", "s%00", "%ED%A0%80", "s" * 5000])
def test_an_address_that_no_source_could_have_finds_nothing(client, uid):
    for path in (uid, f"{uid}/token"):
        answer = client.post(f"/api/v1/signals/{path}", b"{}", content_type="text/plain")
        assert (answer.status_code, code_of(answer)) == (404, "not_found")


def test_a_source_that_is_off_or_whose_owner_is_gone_is_not_there(sender):
    SignalSource.objects.update(enabled=False)
    assert sender.send().status_code == 404
    SignalSource.objects.update(enabled=True)
    sender.owner.is_active = False
    sender.owner.save()
    assert sender.send().status_code == 404


def test_an_address_that_is_not_on_the_list_finds_nothing():
    sender = Sender(addresses=["52.89.214.238", "10.0.0.0/8"])

    assert sender.send().status_code == 404
    assert sender.send(REMOTE_ADDR="10.1.2.3").status_code == 202


def test_a_key_in_the_header():
    sender = Sender(proof="bearer")
    headers = {"Authorization": f"Bearer {sender.secret}"}

    assert sender.send(token="").status_code == 401
    assert sender.send(token="", headers={"Authorization": "Bearer x"}).status_code == 401
    assert sender.send(token=sender.secret, headers=headers).status_code == 404
    assert sender.send(token="", headers=headers).status_code == 202


def signed(secret, body, *, id="m1", at=None):
    at = int((at or timezone.now()).timestamp())
    signature = proof.signature(secret, id=id, at=at, body=body)
    return {proof.ID: id, proof.AT: str(at), proof.SIGNATURE: signature}


def test_a_signed_message_brings_its_own_id():
    sender = Sender(proof="signed")
    body = b'{"symbol": "EURUSD", "action": "buy"}'
    headers = signed(sender.secret, body)

    assert sender.send(body, token="", headers=headers).status_code == 202
    assert sender.send(body, token="", headers=headers).status_code == 202
    assert Signal.objects.get().key == "id:m1"
    altered = sender.send(body + b" ", token="", headers=headers)
    assert (altered.status_code, code_of(altered)) == (401, "bad_signature")
    old = signed(sender.secret, body, at=timezone.now() - dt.timedelta(minutes=6))
    assert code_of(sender.send(body, token="", headers=old)) == "timestamp"


def test_a_new_secret_holds_beside_the_old_one_until_that_is_dropped():
    sender = Sender(proof="signed")
    old, body = sender.secret, b'{"symbol": "EURUSD", "action": "buy"}'
    new = signals.new_secret(sender.source, actor=sender.owner)

    assert sender.send(body, token="", headers=signed(old, body, id="a")).status_code == 202
    assert sender.send(body, token="", headers=signed(new, body, id="b")).status_code == 202
    signals.drop_old_secret(sender.source, actor=sender.owner)
    assert sender.send(body, token="", headers=signed(old, body, id="c")).status_code == 401
    assert sender.send(body, token="", headers=signed(new, body, id="d")).status_code == 202


@pytest.mark.parametrize("kind", ["token", "bearer", "signed"])
def test_no_secret_stands_anywhere_in_the_clear(kind):
    sender = Sender(proof=kind)
    headers = {"Authorization": f"Bearer {sender.secret}"}
    sender.send(headers=headers)

    kept = SignalSource.objects.get()
    bare = sender.secret.removeprefix(proof.PREFIX)
    told = [str(kept.hashes), kept.sealed, *map(str, Signal.objects.values_list())]
    told += [str(entry.details) + entry.summary for entry in AuditEntry.objects.all()]
    assert not any(
        bare in text or base64.b64encode(bare.encode()).decode() in text for text in told
    )


def test_a_sealed_secret_is_of_its_own_source_only():
    one, other = Sender(proof="signed"), Sender(proof="signed", name="other")
    SignalSource.objects.filter(pk=other.source.pk).update(
        sealed=SignalSource.objects.get(pk=one.source.pk).sealed
    )
    body = b'{"symbol": "EURUSD", "action": "buy"}'
    other.client.raise_request_exception = False

    assert signing_secrets(SignalSource.objects.get(pk=one.source.pk)) == [one.secret]
    assert other.send(body, token="", headers=signed(one.secret, body)).status_code == 500
    assert not Signal.objects.exists()


def test_anothers_strategy_is_no_strategy_of_mine():
    theirs = make_strategy(make_owner())
    with pytest.raises(signals.BadInput, match="no such strategy"):
        Sender(strategy=theirs)


@pytest.mark.parametrize("token", [None, "wrong-token"])
def test_no_log_holds_the_token_of_an_address(sender, caplog, token):
    sender.send(token=token)
    formatters = [handler.formatter for handler in logging.getLogger().handlers]
    ours = next(found for found in formatters if isinstance(found, ProcessorFormatter))
    written = "".join(ours.format(record) for record in caplog.records)

    assert f"/signals/{sender.source.uid}/***" in written
    assert sender.secret not in written and "wrong-token" not in written
