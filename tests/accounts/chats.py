"""A chat server of its own and a channel to it."""

from __future__ import annotations

import threading
from contextlib import contextmanager

from accounts import outbox, subscribing
from accounts.models import Channel
from brokers.simulators.chat import ChatServer

TOKEN = "100001:AAE-canary_of_the_bot-0123456789abcdef"
CHAT = 4242


@contextmanager
def chat_server(settings):
    settings.SANDBOX = True
    with ChatServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        settings.TELEGRAM_API = settings.SLACK_HOOKS = server.address
        try:
            yield server
        finally:
            server.closing = True
            server.shutdown()
            thread.join()


def telegram(owner, *, number=100001, chat=CHAT, name="Phone", **fields):
    """A connected channel of that person."""
    token = TOKEN.replace("100001", str(number))
    channel = subscribing.open_channel(
        actor=owner, owner=owner, kind="telegram", name=name, secrets={"token": token}, **fields
    )
    if chat is not None:
        subscribing.connect_chat(channel, chat=chat, name="Ada", person=chat, person_name="Ada")
    return channel


def slack(owner, server, **fields):
    secrets = {"webhook": f"{server.address}/services/T1/B2/c4n4ry"}
    return subscribing.open_channel(
        actor=owner, owner=owner, kind="slack", name="Desk", secrets=secrets, **fields
    )


def send_all(*, rounds=1):
    """Send what is due as if each pause were over."""
    for _ in range(rounds):
        Channel.objects.update(not_before=None)
        outbox.send_all()


def texts(server):
    return [one["text"] for one in server.seen]
