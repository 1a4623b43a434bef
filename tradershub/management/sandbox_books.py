"""What stands in a fresh sandbox: accounts at every simulator, a strategy that is routed to them, a source, a chat."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any, NamedTuple

from django.db import transaction

from accounts.models import Account
from accounts.papers import open_paper_account
from accounts.services import open_account, switch_trading
from accounts.subscribing import connect_chat, open_channel
from brokers.connecting import open_connection
from brokers.learning import ask_for
from brokers.models import Connection, Instrument
from brokers.services import open_broker
from brokers.simulators.oanda import EXAMPLES
from brokers.simulators.oanda.simulator import TOKEN
from strategies.models import Strategy
from strategies.services import create_strategy
from trading.models import SignalSource
from trading.signals import create_source, set_route

KEY = "sandbox"
ACTOR = "sandbox"  # a program on this machine, which the audit names
TRADED = ("EURUSD", "GBPUSD", "USDJPY")
CHAT = 4242  # who writes in the simulated chat unless told otherwise
BOT = 100200300


class Sandbox(NamedTuple):
    """token: of the address that signals are sent to, shown once."""

    accounts: list[Account]
    strategy: Strategy
    source: SignalSource
    token: str


@transaction.atomic
def furnish(owner: Any, *, oanda_port: int) -> Sandbox:
    """Everything that a signal needs to become orders on paper and at OANDA's simulator."""
    accounts = [_paper_account(owner), *_oanda_accounts(owner, oanda_port)]
    strategy = create_strategy(
        actor=ACTOR,
        owner=owner,
        key=KEY,
        name="Sandbox",
        status=Strategy.Status.LIVE,
        instruments=Instrument.objects.filter(symbol__in=TRADED),
    )
    for account in accounts:
        set_route(strategy, account, actor=ACTOR)
    source, token = create_source(
        actor=ACTOR,
        owner=owner,
        name="Sandbox",
        mode=SignalSource.Mode.LIVE,
        strategy=strategy,
    )
    _chat(owner)
    return Sandbox(accounts, strategy, source, token)


def _paper_account(owner: Any) -> Account:
    return open_paper_account(
        actor=ACTOR,
        owner=owner,
        name="Paper",
        currency="USD",
        deposit="100000",
        always_open=True,
    )


def _oanda_accounts(owner: Any, port: int) -> list[Account]:
    """One netting, one hedging, by one connection to the simulator."""
    broker = open_broker(
        actor=ACTOR,
        name="OANDA's simulator",
        time_zone="America/New_York",
        rollover=dt.time(17),
    )
    connection = open_connection(
        actor=ACTOR,
        owner=owner,
        broker=broker,
        platform="oanda",
        name="OANDA's simulator",
        settings={"environment": "simulator", "port": port},
        secrets={"token": TOKEN},
    )
    ask_for(connection)  # the keeper takes the simulator's terms over
    return [_account(owner, connection, terms) for terms in EXAMPLES]


def _account(owner: Any, connection: Connection, terms: Any) -> Account:
    account = open_account(
        actor=ACTOR,
        owner=owner,
        broker=connection.broker,
        number=terms.id,
        currency=terms.currency,
        name=f"OANDA {terms.alias.lower()}",
        kind=Account.Kind.DEMO,
        mode=Account.Mode.HEDGING if terms.hedging else Account.Mode.NETTING,
        platform=connection.platform,
        connection=connection,
    )
    return switch_trading(account, on=True, actor=ACTOR)


def _chat(owner: Any) -> None:
    """A channel to the simulated chat, connected as its code would."""
    channel = open_channel(
        actor=ACTOR,
        owner=owner,
        kind="telegram",
        name="Simulated chat",
        secrets={"token": f"{BOT}:{secrets.token_hex(20)}"},
    )
    connect_chat(channel, chat=CHAT, name="Simulated chat", person=CHAT, person_name="You")
