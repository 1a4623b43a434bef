"""Messages leave at the pace of their service, once where all goes well, and never silently not at all."""

from __future__ import annotations

import datetime as dt
import smtplib
import threading

import pytest
from django.db import connections
from django.utils import timezone

from accounts import notify, outbox, subscribing
from accounts.channels.base import Part, cut, written
from accounts.channels.telegram import Telegram, units
from accounts.models import Channel, Notification, Topic
from accounts.notify import Words, tell
from tests.accounts.chats import TOKEN, chat_server, send_all, slack, telegram, texts
from tests.factories import make_owner
from tradershub.core import net
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.models import AuditEntry
from trading.keeper import Senders

pytestmark = pytest.mark.django_db
State = Notification.State


@pytest.fixture
def chat(settings):
    with chat_server(settings) as server:
        yield server


@pytest.fixture
def owner():
    return make_owner()


class Clock:
    """The time of the outbox; `wait` lets some pass."""

    def __init__(self) -> None:
        self.at = timezone.now()

    def now(self) -> dt.datetime:
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += dt.timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    for module in (outbox, notify):
        monkeypatch.setattr(module.timezone, "now", made.now)
    return made


def say(owner, *titles, topic=Topic.ENTRY):
    for title in titles:
        tell(topic, f"key {title}", Words(title), owner_id=owner.pk)


def states():
    return sorted(Notification.objects.values_list("state", flat=True))


def test_the_same_key_is_told_once(owner, chat):
    telegram(owner)
    say(owner, "Filled", "Filled")
    send_all(rounds=2)
    assert texts(chat) == ["Filled"]


def test_only_what_a_channel_chose_comes_there(owner, chat):
    telegram(owner, topics=["stop"])
    slack(owner, chat, topics=["entry"])
    say(owner, "An entry")
    say(owner, "A stop", topic=Topic.STOP)
    send_all()
    assert {(one["service"], one["text"]) for one in chat.seen} == {
        ("telegram", "A stop"),
        ("slack", "*An entry*"),
    }


def test_a_message_a_second_and_what_is_urgent_first(owner, chat, clock):
    telegram(owner)
    say(owner, "One", "Two")
    say(owner, "Stop", topic=Topic.STOP)
    for _ in range(3):
        outbox.send_all()
    assert texts(chat) == ["Stop"]
    for _ in range(2):
        clock.wait(1.1)
        outbox.send_all()
    assert texts(chat) == ["Stop", "One", "Two"]


def test_a_clock_that_is_set_back_shuts_no_channel(owner, chat, clock):
    telegram(owner)
    say(owner, "One", "Two")
    outbox.send_all()
    clock.wait(-3600)
    say(owner, "Stop", topic=Topic.STOP)
    outbox.send_all()
    clock.wait(1.1)
    outbox.send_all()
    assert texts(chat) == ["One", "Stop", "Two"]
    chat.fail("429", seconds=7)
    say(owner, "Filled")
    clock.wait(1.1)
    outbox.send_all()
    clock.wait(2)
    assert outbox.due() == []  # it was asked to rest


def test_a_group_is_written_to_more_slowly(owner, chat, clock):
    telegram(owner, chat=-100)
    say(owner, "One", "Two")
    outbox.send_all()
    clock.wait(1.1)
    outbox.send_all()
    assert texts(chat) == ["One"]
    clock.wait(2.1)
    outbox.send_all()
    assert texts(chat) == ["One", "Two"]


def test_a_crowd_becomes_one_message(owner, chat):
    telegram(owner)
    say(owner, *[f"Fill {n}" for n in range(12)])
    send_all()
    [said] = texts(chat)
    assert said == "\n\n".join(f"Fill {n}" for n in range(12))
    assert states() == ["sent"] * 12


def test_who_is_told_to_wait_waits_as_long_as_that(owner, chat, clock):
    telegram(owner)
    chat.fail("429", seconds=7)
    say(owner, "Filled")
    outbox.send_all()
    for _ in range(3):
        clock.wait(2)
        outbox.send_all()
    assert texts(chat) == [] and states() == ["due"]
    clock.wait(1.5)
    outbox.send_all()
    assert texts(chat) == ["Filled"]


@pytest.mark.parametrize("kind", ["500", "html"])
def test_what_may_pass_is_tried_again_later_each_time(owner, chat, clock, kind):
    channel = telegram(owner)
    chat.fail(kind, times=3)
    say(owner, "Filled")
    waits = []
    for _ in range(3):
        outbox.send_all()
        channel.refresh_from_db()
        waits.append((channel.not_before - clock.at).total_seconds())
        clock.wait(waits[-1] + 0.1)
    assert waits[0] < waits[1] < waits[2] and channel.fault
    outbox.send_all()
    channel.refresh_from_db()
    assert texts(chat) == ["Filled"] and channel.fault == ""


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_service_that_hangs_holds_up_no_other_channel(chat, monkeypatch):
    owner, hangs = make_owner(), threading.Event()
    telegram(owner)
    slack(owner, chat)
    monkeypatch.setattr(Telegram, "send", lambda *_: hangs.wait(10) and "" or "")
    say(owner, "Filled")
    senders = Senders()
    senders.send()
    assert len(senders.running) == 2
    by_name = {thread.name: thread for thread in senders.running.values()}
    [quick] = [
        one
        for one in by_name.values()
        if one.name.endswith(str(Channel.objects.get(kind="slack").pk))
    ]
    quick.join(5)
    assert texts(chat) == ["*Filled*"]
    hangs.set()
    for thread in by_name.values():
        thread.join(5)


def test_a_chat_that_blocked_the_bot_switches_the_channel_off_and_another_says_so(owner, chat):
    channel = telegram(owner)
    slack(owner, chat)
    chat.fail("403")
    tell(Topic.ENTRY, "k", Words("Filled"), owner_id=owner.pk)
    outbox.work(channel.pk)
    channel.refresh_from_db()
    assert not channel.enabled and "blocked" in channel.fault
    assert AuditEntry.objects.filter(action="channel.switch_off").exists()
    send_all(rounds=3)
    assert any(text.startswith("*No messages go to Phone*") for text in texts(chat))


def test_what_is_late_says_so_and_what_matters_no_more_is_dropped(owner, chat, clock):
    telegram(owner)
    say(owner, "Filled")
    clock.wait(600)
    outbox.send_all()
    assert "Late: this was at" in texts(chat)[0] and "10 min ago" in texts(chat)[0]
    say(owner, "Another")
    clock.wait(3 * 3600)
    outbox.send_all()
    assert len(chat.seen) == 1
    assert Notification.objects.get(title="Another").state == State.DROPPED


def test_killed_between_sending_and_marking_it_is_sent_again(owner, chat, monkeypatch):
    telegram(owner)
    say(owner, "Filled")

    class Killed(BaseException):
        pass

    def die(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "_mark", die)
        with pytest.raises(Killed):
            outbox.send_all()
    assert states() == ["sending"] and texts(chat) == ["Filled"]
    Channel.objects.update(busy_until=timezone.now() + outbox.HOLD, busy_by="the dead")
    assert outbox.due() == []
    Channel.objects.update(busy_until=timezone.now() - dt.timedelta(seconds=1))
    send_all()
    assert texts(chat) == ["Filled", "Filled"] and states() == ["sent"]


def test_a_channel_that_is_being_sent_by_is_left_alone(owner, chat, monkeypatch):
    channel = telegram(owner)
    say(owner, "One", "Two")
    send = Telegram.send

    def meanwhile(kind, parts):
        assert outbox.due() == []
        outbox.work(channel.pk)
        return send(kind, parts)

    monkeypatch.setattr(Telegram, "send", meanwhile)
    outbox.work(channel.pk)
    assert texts(chat) == ["One"] and states() == ["due", "sent"]


def test_a_channel_taken_after_the_clock_was_read_is_left_alone(owner, chat, clock):
    channel = telegram(owner)
    say(owner, "One")
    taken_at = clock.at + dt.timedelta(milliseconds=500)
    Channel.objects.update(busy_until=taken_at + outbox.HOLD, busy_by="another")
    assert outbox.due() == []
    outbox.work(channel.pk)
    assert texts(chat) == [] and states() == ["due"]


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_two_senders_at_once_send_it_once(chat):
    owner = make_owner()
    channel = telegram(owner)
    say(owner, "Filled")
    start = threading.Barrier(2)

    def race():
        try:
            start.wait(5)
            outbox.work(channel.pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=race) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts(chat) == ["Filled"] and states() == ["sent"]


def test_signs_of_the_format_arrive_as_they_are_written(owner, chat):
    telegram(owner)
    slack(owner, chat)
    tell(Topic.ENTRY, "k", Words("A <b> & *c* _d_", "1.1015 - x < y"), owner_id=owner.pk)
    send_all()
    assert set(texts(chat)) == {
        "A <b> & *c* _d_\n1.1015 - x < y",
        "*A <b> & *c* _d_*\n1.1015 - x < y",
    }


def test_a_long_text_is_cut_within_the_limit_and_never_within_a_tag(owner, chat):
    telegram(owner)
    tell(Topic.ENTRY, "k", Words("Long & tall", "🐘<\n" * 4000), owner_id=owner.pk)
    send_all()
    [said] = texts(chat)
    assert units(said) <= 4096 and said.endswith("…")


def test_cutting():
    assert cut("short", 10) == "short"
    assert cut("the first line\nand another", 20) == "the first line…"
    assert written([Part("T", "x" * 50)], longest=20) == "T\n" + "x" * 16 + "…"


# -- Channels ----------------------------------------------------------------------------------
def test_the_token_is_nowhere_in_the_clear(owner, chat):
    channel = telegram(owner)
    chat.fail("500")
    say(owner, "Filled")
    send_all()
    stored = Channel.objects.values().get(pk=channel.pk)
    assert TOKEN not in str(stored) and "canary" not in str(stored)
    assert "canary" not in str(list(AuditEntry.objects.values()))
    assert subscribing.unsealed(channel) == {"token": TOKEN}


def test_a_secret_moved_to_another_channel_switches_it_off(owner, chat):
    thief = telegram(make_owner(), number=200002)
    Channel.objects.filter(pk=thief.pk).update(sealed=telegram(owner).sealed)
    say(thief.owner, "Filled")
    send_all()
    thief.refresh_from_db()
    assert not thief.enabled and "sealed for another" in thief.fault and texts(chat) == []


def test_a_bot_serves_one_channel(owner, chat):
    telegram(owner)
    with pytest.raises(Conflict, match="serves another channel"):
        telegram(make_owner())


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("telegram", {"secrets": {"token": "12:x"}}, "Expected a bot token"),
        ("slack", {"secrets": {"webhook": "https://hooks.slack.com.evil.net/services/a/b/c"}}, "Expected an"),
        ("slack", {"secrets": {"webhook": "https://hooks.slack.com@10.0.0.1/services/a/b/c"}}, "Expected an"),
        ("email", {"settings": {"address": "nobody"}}, "Expected an e-mail address"),
        ("apprise", {"secrets": {"address": "json://169.254.169.254/"}}, "Expected one of discord"),
        ("apprise", {"secrets": {"address": "gotifys://a.example/token?verify=no"}}, "Expected no option"),
        ("pigeon", {}, "Expected one of telegram"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_in_a_sentence(owner, kind, given, said):
    with pytest.raises(BadInput, match=said):
        subscribing.open_channel(actor=owner, owner=owner, kind=kind, name="x", **given)
    assert not Channel.objects.exists()


def test_a_message_by_e_mail(owner, settings, mailoutbox):
    settings.EMAIL_HOST = "mail.example"
    subscribing.open_channel(
        actor=owner, owner=owner, kind="email", name="Mail", settings={"address": "a@b.example"}
    )
    tell(Topic.ENTRY, "k", Words("Entry filled\nBcc: x@y.example", "at 1.1"), owner_id=owner.pk)
    send_all()
    [mail] = mailoutbox
    assert mail.subject == "TradersHub: Entry filled Bcc: x@y.example"
    assert mail.to == ["a@b.example"] and "at 1.1" in mail.body


@pytest.mark.parametrize(
    ("error", "enabled", "state"),
    [
        (smtplib.SMTPRecipientsRefused({"a@b.example": (450, b"4.2.0 Greylisted")}), True, State.DUE),
        (smtplib.SMTPRecipientsRefused({"a@b.example": (550, b"No such user")}), False, State.FAILED),
        (smtplib.SMTPAuthenticationError(454, b"4.7.0 Try again later"), True, State.DUE),
        (smtplib.SMTPAuthenticationError(535, b"Wrong password"), False, State.FAILED),
        (smtplib.SMTPDataError(451, b"Try again later"), True, State.DUE),
        (smtplib.SMTPDataError(554, b"Spam"), True, State.FAILED),
    ],
)  # fmt: skip
def test_mail_that_is_refused_for_a_while_is_sent_later(
    owner, settings, monkeypatch, error, enabled, state
):
    settings.EMAIL_HOST = "mail.example"
    channel = subscribing.open_channel(
        actor=owner, owner=owner, kind="email", name="Mail", settings={"address": "a@b.example"}
    )
    say(owner, "Filled")

    def refuse(*_):
        raise error

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
    send_all()
    channel.refresh_from_db()
    assert channel.enabled is enabled and channel.fault
    assert Notification.objects.filter(title="Filled").get().state == state


def test_mail_and_other_services_pass_the_guard_of_the_way_out(owner, settings, monkeypatch):
    settings.SANDBOX = True
    settings.EMAIL_HOST, settings.EMAIL_BACKEND = "8.8.8.8", "accounts.channels.email.VettedBackend"
    mail = {"kind": "email", "settings": {"address": "a@b.example"}}
    other = {"kind": "apprise", "secrets": {"address": "ntfys://8.8.8.8/topic"}}
    for given in (mail, other):
        subscribing.open_channel(actor=owner, owner=owner, name=given["kind"], **given)
    say(owner, "Filled")
    judged = []
    vetted = net.vetted
    monkeypatch.setattr(net, "vetted", lambda *a, **k: judged.append(a) or vetted(*a, **k))
    send_all()
    assert ("8.8.8.8", 443) in judged
    by_kind = {channel.kind: channel for channel in Channel.objects.all()}
    assert "in sandbox mode nothing leaves" in by_kind["email"].fault
    assert by_kind["apprise"].fault == "The service did not take it"
