"""Channels on the desk and over the API: opened with advice, tested, connected; what is secret never comes back."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import Channel, Notification
from accounts.subscribing import unsealed
from tests.accounts.chats import TOKEN, chat_server, send_all, telegram, texts
from tests.factories import make_account, make_owner
from tradershub.core.api_keys import SCOPES, create_key
from tradershub.roles import set_up_groups

pytestmark = pytest.mark.django_db


@pytest.fixture
def trader(client):
    set_up_groups()
    person = make_owner(is_staff=True)
    person.groups.add(Group.objects.get(name="Trader"))
    client.force_login(person)
    return person


@pytest.fixture
def chat(settings):
    with chat_server(settings) as server:
        yield server


def page(client, address="/channels/1/"):
    return client.get(address).content.decode()


def opened(client, **fields):
    given = {"name": "Phone", "topics": ["entry"], "commands": "on", "token": "form-1"} | fields
    return client.post("/channels/new/telegram/", given, follow=True).content.decode()


def test_a_channel_is_opened_and_its_token_is_shown_nowhere(client, trader, chat):
    form = client.get("/channels/new/telegram/").content.decode()
    assert "@BotFather" in form and "Entries filled" in form
    wrong = opened(client, asked_token="1234:wrong")
    assert "Expected a bot token" in wrong and "1234:wrong" not in wrong
    shown = opened(client, asked_token=TOKEN)
    channel = Channel.objects.get()
    assert "Does Phone reach you?" in shown and "canary" not in shown
    assert (channel.topics, channel.commands, channel.owner) == (["entry"], True, trader)
    assert "canary" not in client.get(f"/channels/{channel.pk}/edit").content.decode()
    client.post(f"/channels/{channel.pk}/edit", {"name": "Pocket", "topics": ["stop"]})
    channel.refresh_from_db()
    assert (channel.name, channel.topics, channel.commands) == ("Pocket", ["stop"], False)
    assert unsealed(channel) == {"token": TOKEN}
    client.post(f"/channels/{channel.pk}/delete", {"token": "form-2"})
    assert not Channel.objects.exists()


def test_the_code_is_shown_once(client, trader, chat):
    channel = telegram(trader, chat=None)
    address = f"/channels/{channel.pk}/"
    assert "No chat is connected yet" in page(client, address)
    shown = client.post(f"{address}code").content.decode()
    code = re.search(r"/start ([A-Z0-9]{10})", shown)[1]
    assert code not in page(client, address) and TOKEN not in shown
    assert code not in str(list(Channel.objects.values()))


def test_a_test_message_goes_through_the_outbox_and_stands_on_the_page(client, trader, chat):
    channel = telegram(trader)
    address = f"/channels/{channel.pk}/"
    assert "on its way" in client.post(f"{address}test", follow=True).content.decode()
    assert Notification.objects.get().state == "due"
    send_all()
    assert texts(chat)[0].startswith("A test message")
    shown = page(client, address)
    assert "Works" in shown and "message 1" in shown and "canary" not in shown


def test_a_failure_is_on_the_page_and_on_the_dashboard(client, trader, chat):
    make_account(owner=trader)
    channel = telegram(trader)
    chat.fail("403")
    client.post(f"/channels/{channel.pk}/test")
    send_all()
    assert "blocked by the user" in page(client, f"/channels/{channel.pk}/")
    assert "Phone does not reach you" in client.get("/").content.decode()


def test_over_the_api(client, trader, chat):
    _key, text = create_key(owner=trader, name="program", scopes=SCOPES)
    program = Client(headers={"Authorization": f"Bearer {text}"})
    made = program.post(
        "/api/v1/channels",
        {"name": "Phone", "kind": "telegram", "secrets": {"token": TOKEN}, "topics": ["stop"]},
        content_type="application/json",
    )
    assert made.status_code == 201 and made.json()["is_connected"] is False
    assert "canary" not in made.content.decode()
    where = f"/api/v1/channels/{made.json()['id']}"
    assert len(program.post(f"{where}/code").json()["code"]) == 10
    refused = program.post(f"{where}/test")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    wrong = program.patch(where, {"topics": ["weather"]}, content_type="application/json")
    assert wrong.status_code == 422 and "Expected some of" in wrong.json()["error"]["message"]
    assert program.get("/api/v1/notifications").json()["data"] == []
    assert program.delete(where).status_code == 204 and not Channel.objects.exists()
