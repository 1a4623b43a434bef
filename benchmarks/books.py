"""Books of any size in a minute: 200 accounts, of which 20 are traded and the others copy them row by row.

The traded ones go through the hub's own booking; the copies are INSERT ... SELECT, so that what is derived
follows from the deals in them too.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection, models, transaction
from django.utils import timezone

from accounts import booking
from accounts.figures import snapshot
from accounts.models import (
    Account,
    AccountTerms,
    Break,
    BrokerOrder,
    DayFigures,
    Deal,
    EquitySnapshot,
    Position,
    StatementFile,
    StatementImport,
    StatementLine,
)
from brokers.models import Broker
from brokers.services import symbol_for
from tradershub.core.audit import record

ACCOUNTS, TEMPLATES, FILES, MARKS = 200, 20, 12, 100
BROKERS = ("Northgate Markets", "Harbour FX", "Meridian Trading")
CURRENCIES = ("USD", "EUR", "GBP")
SYMBOLS = ("EURUSD", "GBPUSD", "USDJPY", "AUDUSD", "USDCHF", "XAUUSD", "US30.cash", "XAGUSD")
A_DAY = 3  # trades of an account
OPEN = 2  # of an account, at the end
MAKER = "benchmark"
BOOKS = (
    StatementLine, Break, EquitySnapshot, DayFigures, Position, BrokerOrder, Deal, StatementImport,
    StatementFile, AccountTerms, Account,
)  # fmt: skip


def fill(deals: int, *, owner: Any, still_open: int = OPEN) -> None:
    """Empty books, then so many deals (about) up to today, in 200 accounts of this person.

    still_open: positions of an account.
    """
    empty()
    per_account = deals // ACCOUNTS
    accounts = [_account(n, owner) for n in range(ACCOUNTS)]
    for n, account in enumerate(accounts[:TEMPLATES]):
        trade(account, deals=per_account, seed=n, still_open=still_open)
    with transaction.atomic():
        for n, account in enumerate(accounts[TEMPLATES:]):
            copy(accounts[n % TEMPLATES], account)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def empty() -> None:
    with connection.cursor() as cursor:
        tables = [model._meta.db_table for model in BOOKS]
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
            return
        for table in tables:
            cursor.execute(f"DELETE FROM {table}")


def spread(owners: int) -> Any:
    """Share the accounts out among so many persons; the last of them."""
    users = get_user_model().objects
    persons = [users.create_user(f"spread{n}", is_staff=True) for n in range(owners)]
    for n, account in enumerate(Account.objects.order_by("pk")):
        person = persons[n % owners]
        Account.objects.filter(pk=account.pk).update(owner=person)
        account.statements.update(owner=person)
    return persons[-1]


# -- One account -------------------------------------------------------------------------------
def _account(n: int, owner: Any) -> Account:
    """Its twins of the same remainder share broker and currency."""
    twin = n % TEMPLATES
    broker, _ = Broker.objects.get_or_create(name=BROKERS[twin % len(BROKERS)])
    account = Account.objects.create(
        owner=owner, broker=broker, number=str(70_000 + n), name=f"Account {n}",
        currency=CURRENCIES[twin % len(CURRENCIES)],
    )  # fmt: skip
    AccountTerms.objects.create(account=account, valid_from=dt.date(2020, 1, 1), leverage=100)
    _statements(account)
    _break(account)
    return account


def _statements(account: Account) -> None:
    StatementImport.objects.bulk_create(
        StatementImport(
            owner=account.owner, account=account, file_name=f"{account.number}-{n}.html",
            sha256=f"{account.pk:032}{n:032}", format="mt5_html", booked_at=timezone.now(),
            state=StatementImport.State.BOOKED, preview={"lines": {"booked": 400}},
        )
        for n in range(FILES)
    )  # fmt: skip


def _break(account: Account) -> None:
    kind, cause = Break.Kind.TOTAL, "The file prints a profit of 12.10, its rows add up to 12.00"
    Break.objects.create(account=account, kind=kind, cause=cause, difference=Decimal("0.10"))
    record("statement.book", actor=MAKER, target=account, summary=cause, owner=account.owner)


def trade(account: Account, *, deals: int, seed: int, still_open: int = OPEN) -> None:
    """Deals, orders, lines, positions, day figures and marks of equity."""
    now = timezone.now().replace(microsecond=0)
    trades = max((deals - 1) // 2, still_open + 1)
    maker = _Maker(account, trades=trades, now=now, seed=seed, still_open=still_open)
    booking.book(account, maker.deals())
    booking.derive(account, symbols=None)
    for n in range(MARKS):
        worth = Decimal(100_000 + n * 100)
        at = now - dt.timedelta(days=n * 7)
        snapshot(account, at=at, source="statement", balance=worth, equity=worth + 10)
    with transaction.atomic():
        _say_whence(account)


class _Maker:
    """Round trips, newest last: a larger book has a longer past."""

    def __init__(
        self, account: Account, *, trades: int, now: dt.datetime, seed: int, still_open: int
    ) -> None:
        self._rng = random.Random(seed)
        self._symbols = [symbol_for(account.broker, name).pk for name in SYMBOLS]
        self._symbols = self._rng.sample(self._symbols, 4)
        self._trades, self._now, self._still_open = trades, now, still_open
        self._begins = now - dt.timedelta(days=trades / A_DAY)

    def deals(self) -> Iterator[booking.NewDeal]:
        yield booking.NewDeal(
            key="deposit", kind="deposit", at=self._begins, source="statement",
            profit=Decimal(100_000), broker_deal_id="1", comment="Deposit",
        )  # fmt: skip
        for n in range(self._trades):
            yield from self._trip(n)

    def _trip(self, n: int) -> Iterator[booking.NewDeal]:
        lots = Decimal(self._rng.randint(1, 200)).scaleb(-2)
        opened = self._begins + dt.timedelta(days=n / A_DAY, minutes=self._rng.randint(1, 400))
        shared = {
            "kind": "trade", "source": "statement", "symbol_id": self._rng.choice(self._symbols),
            "volume": lots, "price": Decimal(self._rng.randint(90_000, 140_000)).scaleb(-5),
            "position_ref": str(10_000_000 + n), "commission": -(lots * 3).quantize(Decimal("0.01")),
        }  # fmt: skip
        yield self._deal(2 * n, shared, at=opened, side="buy", entry="in")
        if n < self._trades - self._still_open:
            out = {
                "side": "sell",
                "entry": "out",
                "profit": self._profit(),
                "swap": Decimal("-0.35"),
            }
            yield self._deal(2 * n + 1, shared, at=opened + dt.timedelta(hours=5), **out)

    def _deal(self, n: int, shared: dict[str, Any], **own: Any) -> booking.NewDeal:
        ticket = str(20_000_000 + n)
        own["at"] = min(own["at"], self._now)
        return booking.NewDeal(
            key=ticket, broker_deal_id=ticket, broker_order_id=str(30_000_000 + n),
            broker_time=f"{own['at']:%Y.%m.%d %H:%M:%S}", **shared, **own,
        )  # fmt: skip

    def _profit(self) -> Decimal:
        return Decimal(self._rng.randint(-9000, 10000)).scaleb(-2)


def _say_whence(account: Account) -> None:
    """Each deal's statement line, and the order that it filled."""
    first = account.statements.order_by("pk").values_list("pk", flat=True)[0]
    deals = Deal._meta.db_table
    values = '{"type":"buy","volume":"0.50","price":"1.10000","profit":"0.00","comment":""}'
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {deals} SET statement_id = %s + id %% {FILES} WHERE account_id = %s",
            [first, account.pk],
        )
        cursor.execute(
            f"INSERT INTO {StatementLine._meta.db_table} "
            '(statement_id, "row", section, fate, reason, key, "values", deal_id) '
            "SELECT statement_id, id, 'deals', 'booked', '', key, %s, id "
            f"FROM {deals} WHERE account_id = %s",
            [values, account.pk],
        )
        cursor.execute(
            f"INSERT INTO {BrokerOrder._meta.db_table} (account_id, broker_order_id, symbol_id, "
            "type, side, volume, filled, price, bracket, state, placed_at, done_at, position_ref, "
            "comment, source, statement_id) SELECT account_id, broker_order_id, symbol_id, "
            "'market', side, volume, volume, price, '', 'filled', at, at, position_ref, '', "
            f"'statement', statement_id FROM {deals} WHERE account_id = %s AND kind = 'trade'",
            [account.pk],
        )


# -- Its copies --------------------------------------------------------------------------------
def copy(source: Account, target: Account) -> None:
    """Every row of one account into another of the same broker and currency."""
    files = [
        account.statements.order_by("pk").values_list("pk", flat=True)[0]
        for account in (source, target)
    ]
    statement = f"statement_id + {files[1] - files[0]}"
    for model, own in (
        (Deal, {"account_id": str(target.pk), "statement_id": statement}),
        (BrokerOrder, {"account_id": str(target.pk), "statement_id": statement}),
        (Position, {"account_id": str(target.pk)}),
        (DayFigures, {"account_id": str(target.pk)}),
        (EquitySnapshot, {"account_id": str(target.pk)}),
    ):
        _copy(model, f"account_id = {source.pk}", own)
    _copy_lines(source, target, statement)


def _copy(model: type[models.Model], where: str, own: dict[str, str]) -> None:
    columns = [field.column for field in model._meta.concrete_fields if not field.primary_key]
    names = ", ".join(f'"{name}"' for name in columns)
    values = ", ".join(own.get(name, f'"{name}"') for name in columns)
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({names}) SELECT {values} FROM {table} WHERE {where}")


def _copy_lines(source: Account, target: Account, statement: str) -> None:
    lines, deals = StatementLine._meta.db_table, Deal._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO {lines} (statement_id, "row", section, fate, reason, key, "values", '
            f'deal_id) SELECT line.{statement}, line."row", line.section, line.fate, line.reason, '
            f'line.key, line."values", mine.id FROM {lines} AS line '
            f"JOIN {deals} AS theirs ON theirs.id = line.deal_id AND theirs.account_id = %s "
            f"JOIN {deals} AS mine ON mine.account_id = %s AND mine.key = theirs.key",
            [source.pk, target.pk],
        )
