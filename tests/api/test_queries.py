"""How many queries the lists of the API take: as many for 30 rows as for 3."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import manual
from accounts.models import (
    AccountTerms,
    Break,
    Channel,
    FileMapping,
    Notification,
    StatementFile,
    StatementImport,
    StatementLine,
)
from brokers.models import Connection, FxRate, SymbolTerms
from risk.models import Blackout, Limit, RiskEvent
from tests.factories import make_account, make_broker, make_strategy, make_symbol
from tests.routes import operations
from tradershub.core.api_keys import create_key
from trading.models import Flattening, Order, Route, Signal, SignalSource

pytestmark = pytest.mark.django_db

# The key, its mark of use, permissions, the row above the list, the rows themselves.
MOST_QUERIES = 8
LISTS = [op for op in operations() if op.id.startswith("list_")]
FIXED = {"list_instruments", "list_platforms"}  # their rows come with the hub
BY_LOGIN = {"list_api_keys"}
FIRST_DAY = dt.date(2020, 1, 1)


@pytest.fixture
def fill(administrator):
    """Adds a row of each table to the first account, and another account with all of them."""
    owner = administrator.user
    first = make_account(owner=owner)
    symbol = make_symbol(first)
    file = StatementFile.objects.create(owner=owner, sha256="0" * 64, size=1)
    kept = {"owner": owner, "file": file, "file_name": "a", "state": "booked"}
    above = StatementImport.objects.create(account=first, **kept)

    def filled(start: int, end: int) -> dict[str, int]:
        for n in range(start, end):
            account = make_account(owner=owner, broker=make_broker())
            day = FIRST_DAY + dt.timedelta(days=n)
            entry = {"symbol": f"EUR{n}", "side": "buy", "volume": "1", "price": "1.1"}
            manual.trade(account, actor="me", **entry)
            manual.place_order(account, actor="me", **entry)
            Break.objects.create(account=account, kind="total", cause=str(n))
            StatementImport.objects.create(account=account, **kept)
            StatementLine.objects.create(statement=above, row=n, fate="booked")
            AccountTerms.objects.create(account=first, valid_from=day)
            SymbolTerms.objects.create(
                symbol=symbol, valid_from=day, contract_size=1, tick_size="0.1"
            )
            FxRate.objects.update_or_create(currency="XXX", day=day, defaults={"rate": 1})
            FileMapping.objects.create(
                owner=owner, broker=account.broker, name=str(n), headings_hash=str(n), mapping={}
            )
            create_key(owner=owner, name=str(n), scopes=["read"])
            channel = Channel.objects.create(owner=owner, name=str(n), kind="slack", sealed="x")
            on = {"scope": "account", "account": account, "owner": owner}
            limit = Limit.objects.create(kind="max_lots", unit="lots", value=1, **on)
            said = {"rule": "max_lots", "code": "MAX_LOTS", "text": "x", "kind": "refused"}
            at = dt.datetime.combine(day, dt.time(), dt.UTC)
            RiskEvent.objects.create(account=account, limit=limit, at=at, **said)
            Notification.objects.create(channel=channel, made_at=at, next_at=at, expires_at=at)
            hour = {"starts_at": at, "ends_at": at + dt.timedelta(hours=1)}
            Blackout.objects.create(owner=owner, event=str(n), scope="all", **hour)
            traded(account, str(n), at)
        return {"account_id": first.pk, "symbol_id": symbol.pk, "import_id": above.pk}

    return filled


def traded(account, name: str, at: dt.datetime) -> None:
    """A connection, a strategy and its route, a source, its signal and the order it became; a flattening."""
    owner, symbol = account.owner, make_symbol(account)
    Connection.objects.create(owner=owner, broker=account.broker, platform="manual", name=name)
    strategy = make_strategy(owner, f"s{name}")
    Route.objects.create(strategy=strategy, account=account)
    source = SignalSource.objects.create(owner=owner, name=name, strategy=strategy)
    Flattening.objects.create(account=account, asked_at=at, next_at=at)
    sent = {"key": name, "body": "{}", "body_hash": name, "mode": "live"}
    Signal.objects.create(source=source, received_at=at, last_delivery_at=at, **sent)
    Order.objects.create(
        account=account, symbol=symbol, client_order_id=name, origin_kind="hand", origin_id=name,
        side="buy", lots=1, received_at=at,
    )  # fmt: skip


def test_each_list_takes_as_many_queries_for_thirty_rows_as_for_three(administrator, fill):
    login = Client()
    login.force_login(administrator.user)

    def asked(op, ids):
        path = op.path.format(**ids)
        client = login if op.id in BY_LOGIN else administrator.client
        with CaptureQueriesContext(connection) as captured:
            rows = client.get(path, {"limit": 500}).json()["data"]
        return len(rows), [query["sql"] for query in captured]

    ids = fill(0, 3)
    for op in LISTS:
        asked(op, ids)
    few = {op.id: asked(op, ids) for op in LISTS}
    fill(3, 30)
    for op in LISTS:
        (rows, first), (more, second) = few[op.id], asked(op, ids)
        assert more - rows >= (0 if op.id in FIXED else 27), op.id
        assert len(second) <= min(len(first), MOST_QUERIES), (op.id, *second)
