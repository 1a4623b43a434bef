"""Commands from a chat: only from where and whom they may come, once each, and nothing that loosens."""

from __future__ import annotations

import re
import threading
import time

import pytest
from django.contrib.auth.models import Group
from django.utils import timezone

from accounts import notify, subscribing
from accounts.models import Channel, Notification, Position
from accounts.notify import named
from risk import kill_switch
from tests.accounts.chats import CHAT, chat_server, send_all, telegram, texts
from tests.factories import make_account, make_owner, make_symbol
from tradershub.core.errors import Conflict
from tradershub.core.models import AuditEntry
from tradershub.roles import set_up_groups
from trading import chat as commands
from trading import services
from trading.chatting import Chats, Ear, to_hear
from trading.models import Flattening, Order

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings, tmp_path):
    settings.CHAT_SECONDS, settings.DATA_DIR = 0, tmp_path
    with chat_server(settings) as served:
        yield served


@pytest.fixture
def trader(desk):
    return member(desk.owner, "Trader")


def member(person, group):
    set_up_groups()
    person.is_staff = True
    person.save()
    person.groups.set([Group.objects.get(name=group)])
    return person


def heard(channel):
    """What was written since, read by the hub, and its answers sent."""
    Ear(channel.pk, "test").turn()
    send_all(rounds=4)
    channel.refresh_from_db()


def answers(server, channel, *texts_said, **how):
    """What the hub answers to that."""
    before = len(server.seen)
    for text in texts_said:
        server.say(text, **how)
    heard(channel)
    return "\n".join(texts(server)[before:])


def test_a_chat_connects_itself_with_the_code_once(server, trader):
    channel = telegram(trader, chat=None)
    assert to_hear() == []
    code = subscribing.new_code(channel, actor=trader)
    assert to_hear() == [channel.pk]
    assert answers(server, channel, "hello", "/start WRONGCODE9", chat=5, person=5) == ""
    said = answers(server, channel, f"/start {code.lower()}", chat=7, person=8, name="Ada's phone")
    assert said.startswith("Connected")
    assert (channel.chat, channel.chat_name) == (7, "Ada's phone")
    assert [one["id"] for one in channel.people] == [8] and channel.code == ""
    assert answers(server, channel, code, chat=9, person=9) == ""
    channel.refresh_from_db()
    assert channel.chat == 7


def test_a_code_ends(server, trader):
    channel = telegram(trader, chat=None)
    code = subscribing.new_code(channel, actor=trader)
    Channel.objects.update(code_until=channel.created_at)
    assert answers(server, channel, code) == ""
    assert channel.chat is None


def test_strangers_are_ignored_and_written_down_once(server, trader):
    channel = telegram(trader)
    said = answers(server, channel, "/stop", "/status", chat=666, person=CHAT)
    assert said == "" and not kill_switch.engaged_for(trader).engaged
    assert AuditEntry.objects.filter(action="channel.stranger").count() == 1
    assert "Only who sent" in answers(server, channel, "/stop", chat=CHAT, person=666)
    assert not kill_switch.engaged_for(trader).engaged


def test_status_and_positions_of_the_owner_only(server, trader, desk):
    make_account(owner=make_owner(), name="Somebody else's")
    channel = telegram(trader)
    services.place_by_hand(desk.account, actor=trader, symbol="EURUSD", side="buy", lots="0.5")
    desk.pump()
    Channel.objects.update(topics=[])
    said = answers(server, channel, "/status")
    assert said.startswith("Trading is on") and "equity" in said and "Orders open: 0." in said
    assert "Somebody" not in said
    assert "position" in answers(server, channel, "/positions@hub_bot").lower()
    assert "/flatten" in answers(server, channel, "/help")
    assert "Not understood" in answers(server, channel, "release everything")


def test_stop_stops_at_once_also_when_it_comes_late(server, trader, desk):
    channel = telegram(trader, topics=["stop"])
    waiting = desk.place("0.5")
    said = answers(server, channel, "/stop", at=time.time() - 3600)
    assert "Stopped: all of your accounts" in said and "Reason: /stop from Phone" in said
    assert kill_switch.engaged_for(trader).engaged
    assert desk.state(waiting) == "not_sent"
    assert not kill_switch.standing(make_account()).engaged


def test_a_stop_stands_where_it_cannot_be_answered(server, trader, desk, monkeypatch):
    channel = telegram(trader, topics=[])
    monkeypatch.setattr(commands, "reply", _failing)
    server.say("/stop")
    with pytest.raises(RuntimeError):
        Ear(channel.pk, "test").turn()
    assert kill_switch.standing(desk.account).engaged


def _failing(*_, **__):
    raise RuntimeError("no answer")


def test_stop_of_one_account_by_its_number(server, trader, desk):
    other = make_account(owner=trader, name="Tokyo")
    channel = telegram(trader, topics=[])
    assert "Stopped: Tokyo" in answers(server, channel, "/stop tokyo")
    assert kill_switch.standing(other).engaged and not kill_switch.standing(desk.account).engaged
    assert "no open account or strategy" in answers(server, channel, "/stop Osaka")


def test_a_name_of_two_accounts_stops_neither_and_says_so(server, trader):
    alike = [make_account(owner=trader, name="Demo") for _ in range(2)]
    channel = telegram(trader, topics=[])
    said = answers(server, channel, "/stop demo")
    assert "Not done" in said and '2 open accounts of yours are called "demo"' in said
    answers(server, channel, f"/stop {alike[1].number}")
    assert [kill_switch.standing(account).engaged for account in alike] == [False, True]


def test_an_update_is_done_once_however_often_it_comes(server, trader):
    channel = telegram(trader, topics=[])
    number = server.say("/stop")
    update = server.updates[-1]
    for _ in range(3):
        commands.take(channel, update)
    assert kill_switch.engaged_for(trader).engaged
    assert Notification.objects.filter(key=f"reply:{number}").count() == 1
    assert AuditEntry.objects.filter(action="kill_switch.engage").count() == 1


def test_a_stop_is_heard_where_telegram_numbers_anew(server, trader, desk, monkeypatch):
    """To an offset that is far ahead Telegram gives what waits."""
    channel = telegram(trader, topics=[])
    Channel.objects.update(heard=900_000_000)
    real = server._get_updates
    monkeypatch.setattr(server, "_get_updates", lambda given: real({**given, "offset": 0}))
    assert "Stopped" in answers(server, channel, "/stop")
    assert kill_switch.standing(desk.account).engaged
    assert channel.heard == server.updates[-1]["update_id"] + 1


def test_what_telegram_gives_again_is_not_done_again(server, trader, monkeypatch):
    channel = telegram(trader, topics=[])
    real = server._get_updates
    monkeypatch.setattr(server, "_get_updates", lambda given: real({**given, "offset": 0}))
    answers(server, channel, "/status")
    first = channel.heard
    answers(server, channel, "/help")
    assert channel.heard == first + 1


def test_a_group_that_becomes_a_supergroup_may_command_at_once(server, trader, desk):
    channel = telegram(trader, chat=-77, topics=[])
    moved = {"chat": {"id": -77}, "from": {"id": -77}, "migrate_to_chat_id": -10077}
    strange = {"chat": {"id": 666}, "from": {"id": 666}, "migrate_to_chat_id": 667}
    for number, message in enumerate((moved, strange), start=1):
        commands.take(channel, {"update_id": number, "message": message})
    answers(server, channel, "/stop", chat=-10077, person=-77)
    assert kill_switch.standing(desk.account).engaged
    assert channel.chat == -10077 and channel.strangers == []


def test_flatten_asks_first_and_does_it_with_the_number_once(server, trader, desk):
    channel = telegram(trader, topics=[])
    question = answers(server, channel, "/flatten")
    number = re.search(r"/flatten (\d{4})", question)[1]
    assert not Flattening.objects.exists() and not kill_switch.engaged_for(trader).engaged
    wrong = f"{(int(number) + 1) % 10000:04d}"
    assert "not the number" in answers(server, channel, f"/flatten {wrong}")
    assert "not the number" in answers(server, channel, f"/flatten {number}")
    number = re.search(r"/flatten (\d{4})", answers(server, channel, "/flatten"))[1]
    assert "being made flat" in answers(server, channel, f"/flatten {number}")
    assert Flattening.objects.get().account == desk.account
    assert kill_switch.engaged_for(trader).engaged


def test_flatten_promises_only_what_the_hub_can_do(server, trader, desk):
    services.place_by_hand(desk.account, actor=trader, symbol="EURUSD", side="buy", lots="0.5")
    desk.pump()
    apart = make_account(owner=trader, name="Tokyo")
    held = {"side": "buy", "volume": 1, "open_volume": 1, "opened_at": timezone.now()}
    Position.objects.create(account=apart, symbol=make_symbol(apart), ref="1", **held)
    channel = telegram(trader, topics=["stop"])
    question = answers(server, channel, "/flatten")
    assert "Close 1 position at the market?" in question
    assert question.splitlines()[1].startswith("Send /flatten ")
    why = "No connection: cancel and close at the broker by hand"
    assert f"Tokyo: {why}." in question and "Tokyo, " not in question and ", Tokyo" not in question
    number = re.search(r"/flatten (\d{4})", question)[1]
    said = answers(server, channel, f"/flatten {number}")
    assert f"Tokyo: {why}." in said and "Flattening: Tokyo" not in said
    assert f"Not flat: Tokyo\n{why}" in said

    alone = answers(server, channel, "/flatten tokyo")
    assert "The hub can close nothing in 1 account" in alone


def test_an_old_command_is_not_done(server, trader, desk):
    channel = telegram(trader)
    assert "too long ago" in answers(server, channel, "/flatten", at=time.time() - 600)


def test_status_names_all_that_is_stopped(server, trader, desk):
    channel = telegram(trader)
    kill_switch.engage(kill_switch.of_account(desk.account), actor=trader)
    kill_switch.engage(kill_switch.of_strategy(trader, "mr-1"), actor=trader, reason="news")
    Channel.objects.update(topics=[])
    said = answers(server, channel, "/status")
    assert f"Stopped: {named(desk.account)}, strategy mr-1 (news)\n" in said
    kill_switch.engage(kill_switch.of_owner(trader), actor=trader)
    assert "Stopped: all of your accounts, account" in answers(server, channel, "/status")


def test_who_may_only_look_may_not_stop(server, desk):
    viewer = member(desk.owner, "Viewer")
    channel = telegram(viewer)
    assert "may not use /stop" in answers(server, channel, "/stop")
    assert "Trading is on" in answers(server, channel, "/status")
    viewer.is_active = False
    viewer.save()
    assert "may not use the hub" in answers(server, channel, "/status")


def test_commands_can_be_switched_off(server, trader):
    channel = telegram(trader, commands=False)
    assert "switched off" in answers(server, channel, "/stop")
    assert not kill_switch.engaged_for(trader).engaged


def test_a_command_that_fails_answers_so_and_is_not_tried_for_ever(server, trader, monkeypatch):
    channel = telegram(trader)
    broken = {"/status": ((), lambda *_: Order.objects.get(pk=-1))}
    monkeypatch.setattr(commands, "COMMANDS", commands.COMMANDS | broken)
    assert "It failed: DoesNotExist" in answers(server, channel, "/status")
    assert channel.heard == server.updates[-1]["update_id"] + 1


@pytest.mark.parametrize("message", [{"text": "hi"}, {"chat": {"id": CHAT}, "text": "\ud83d"}])
def test_an_update_that_cannot_be_read_holds_up_none_behind_it(server, trader, desk, message):
    channel = telegram(trader, topics=[])
    subscribing.new_code(channel, actor=trader)
    server.say("/stop")
    odd = {
        "update_id": server.updates[-1]["update_id"] - 1,
        "message": {"from": {"id": 5}} | message,
    }
    server.updates.insert(0, odd)
    Ear(channel.pk, "test").turn()
    assert kill_switch.standing(desk.account).engaged


def test_who_writes_as_the_group_is_nobody_that_may_command(server, trader, desk):
    """Telegram gives all anonymous administrators one id: the code of one would let all command."""
    channel = telegram(trader, chat=-77, topics=[])
    code = subscribing.new_code(channel, actor=trader)
    known = Channel.objects.get().people
    nobody = {"chat": {"id": -77}, "sender_chat": {"id": -77}, "date": int(time.time())}
    for number, (person, text) in enumerate([(1087968824, code), (-77, "/stop")], start=1):
        message = nobody | {"from": {"id": person, "is_bot": True}, "text": text}
        commands.take(channel, {"update_id": number, "message": message})
    assert Channel.objects.get().people == known
    assert not kill_switch.standing(desk.account).engaged


def test_another_keeper_does_not_ask_as_well(server, trader):
    channel = telegram(trader)
    server.say("/help")
    assert Ear(channel.pk, "one")._hold(channel) and not Ear(channel.pk, "two")._hold(channel)
    assert Ear(channel.pk, "two").turn() == 1.0
    channel.refresh_from_db()
    assert channel.heard == 0


def test_a_bot_whose_token_is_wrong_is_switched_off(server, trader, monkeypatch):
    channel = telegram(trader)
    monkeypatch.setattr("brokers.simulators.chat.TOKEN", re.compile("never"))
    Ear(channel.pk, "test").turn()
    channel.refresh_from_db()
    assert not channel.enabled and "Unauthorized" in channel.fault


def test_a_deaf_chat_is_told_elsewhere_and_so_is_its_return(server, trader, settings, monkeypatch):
    channel = telegram(trader)
    ear = Ear(channel.pk, "test")
    address, settings.TELEGRAM_API = settings.TELEGRAM_API, "http://127.0.0.1:9"
    ear.turn()
    assert not ear.is_told
    ear.failing_since -= 61
    ear.turn()
    settings.TELEGRAM_API = address
    ear.turn()
    titles = list(Notification.objects.order_by("id").values_list("title", flat=True))
    assert titles == ["Commands are not heard: Phone", "Commands are heard again: Phone"]


def test_a_long_rest_that_telegram_asks_for_is_told_when_it_begins(server, trader, monkeypatch):
    channel = telegram(trader)
    wait = {"ok": False, "description": "Too Many Requests", "parameters": {"retry_after": 900}}
    monkeypatch.setattr(server, "_get_updates", lambda given: (429, wait))
    assert Ear(channel.pk, "test").turn() == 900
    assert Notification.objects.get().title == "Commands are not heard: Phone"


def test_another_bot_must_connect_its_chat_anew(server, trader):
    channel = telegram(trader)
    token = "300003:AAE-another_bot-0123456789abcdef-0123456789"
    channel = subscribing.edit_channel(channel, actor=trader, secrets={"token": token})
    assert channel.chat is None and channel.people == []
    with pytest.raises(Conflict, match="No chat is connected"):
        subscribing.send_test(channel, actor=trader)


@pytest.mark.django_db(transaction=True)
def test_the_keeper_hears_a_stop_while_it_asks_and_answers_it(server, desk, settings, monkeypatch):
    """The long question to Telegram is open when the command is written."""
    settings.CHAT_SECONDS = 5
    owner = member(desk.owner, "Trader")
    notify.forget()
    channel = telegram(owner, topics=[])
    stopping, done, take = threading.Event(), threading.Event(), commands.take
    monkeypatch.setattr(commands, "take", lambda *given: take(*given) or done.set())
    chats = Chats("test", stopping)
    chats.tend()
    with server.news:
        assert server.news.wait_for(lambda: server.asking, 5)
    server.say("/stop")
    [thread] = chats.running.values()
    assert done.wait(5)
    stopping.set()
    server.closing = True
    with server.news:
        server.news.notify_all()
    thread.join(5)
    assert kill_switch.engaged_for(owner).engaged
    send_all()
    assert "Stopped: all of your accounts" in texts(server)[0]
    assert channel.pk in to_hear()
