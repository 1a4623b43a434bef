"""A connection is tried without sending anything: account, contracts, prices, and how old these are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from brokers.adapters.base import Adapter
from brokers.adapters.errors import AdapterError, Unavailable
from brokers.adapters.messages import AccountReport, SymbolReport
from brokers.connecting import open_adapter, why_shut
from brokers.models import Connection
from brokers.platforms import PLATFORMS
from tradershub.core.audit import record
from tradershub.core.formats import age, money
from tradershub.core.net import redacted

MOST_ACCOUNTS = 5
MOST_QUOTES = 5
NOT_ASKED = "not asked, for the step before failed"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried. said: in a sentence. ok: None where there was nothing to ask.

    answered: whether the platform itself gave an answer.
    """

    what: str
    said: str
    ok: bool | None
    answered: bool = False


def check_connection(connection: Connection, *, actor: Any) -> list[Step]:
    """Try it, keep what was found on its row, and say it step by step. Never sends an order."""
    steps = list(_steps(connection))
    failed = next((step for step in steps if step.ok is False), None)
    now = timezone.now()
    connection.checked_at = now
    connection.fault = f"{failed.what}: {failed.said}"[:300] if failed else ""
    if any(step.answered for step in steps):
        connection.seen_at = now
    connection.save(update_fields=["checked_at", "seen_at", "fault"])
    record(
        "connection.test",
        actor=actor,
        owner=connection.owner,
        target=connection,
        summary=f"Tested {connection}: {connection.fault or 'it answers'}",
    )
    return steps


def _steps(connection: Connection) -> Iterator[Step]:
    accounts = list(connection.accounts.filter(status="open").order_by("pk")[:MOST_ACCOUNTS])
    if not accounts or not _answers(connection):
        yield from _unasked(connection)
        accounts = []
    for account in accounts:
        yield from _of_account(connection, account.number, account.currency)
    shut = why_shut(connection)
    yield Step("Orders", shut or "may be sent where an account allows it", None if shut else True)


def _answers(connection: Connection) -> bool:
    """Whether there is a platform to ask at all."""
    return bool(PLATFORMS.load(connection.platform).capabilities.places_orders)


def _unasked(connection: Connection) -> Iterator[Step]:
    """What can be known without asking the platform anything."""
    try:
        adapter = open_adapter(connection, "")
    except Unavailable as error:
        yield Step("Settings and secrets", error.message, False)
        return
    adapter.close_session()
    yield Step("Settings and secrets", "are there", True)
    if adapter.capabilities.places_orders:
        yield Step("Account", "none is connected yet: connect one, and test again", None)
    else:
        yield Step("Account", "nobody answers there: a person carries the orders out", None)


def _of_account(connection: Connection, number: str, currency: str) -> Iterator[Step]:
    try:
        adapter = open_adapter(connection, number)
    except Unavailable as error:
        yield Step(f"Account {number}", error.message, False)
        return
    try:
        yield from _asked(adapter, connection, currency)
    finally:
        adapter.close_session()


def _asked(adapter: Adapter, connection: Connection, currency: str) -> Iterator[Step]:
    what = f"Account {adapter.line.number}"
    account, step = _try(adapter, what, adapter.account, _worded_account)
    if account is not None and (wrong := what_is_wrong(account, adapter, connection, currency)):
        step = Step(what, wrong, False)
    yield step
    symbols, step = _try(adapter, "Contracts", adapter.terms, _worded_symbols)
    yield step
    names = [symbol.name for symbol in symbols or []][:MOST_QUOTES]
    if not names:
        yield Step("Prices", NOT_ASKED if symbols is None else "of nothing", None)
        return
    _, step = _try(adapter, "Prices", lambda: adapter.quotes(names), _worded_quotes)
    yield step


def _try(
    adapter: Adapter, what: str, ask: Callable[[], Any], worded: Callable[[Any], str]
) -> tuple[Any, Step]:
    """What was answered, None for a refusal, and the step that says it."""
    began = time.monotonic()
    try:
        found = ask()
    except AdapterError as error:
        said = redacted(error.message, adapter.line.secrets.values())
        return None, Step(what, said, False)
    milliseconds = round((time.monotonic() - began) * 1000)
    return found, Step(what, f"{worded(found)}, in {milliseconds} ms", True, answered=True)


def what_is_wrong(
    account: AccountReport, adapter: Adapter, connection: Connection, currency: str
) -> str:
    """What is another account than the one meant, in a sentence; empty where it is the one."""
    if account.number != adapter.line.number:
        return f"another account answers: {account.number}"
    if account.currency != currency:
        return f"is kept in {account.currency} there, in {currency} here"
    if account.live != connection.live:
        said = {True: "real money", False: "no real money"}
        return f"has {said[account.live]} there; the connection says {said[connection.live]}"
    return ""


def _worded_account(account: AccountReport) -> str:
    return f"balance {money(account.balance, account.currency)} {account.currency}"


def _worded_symbols(symbols: list[SymbolReport]) -> str:
    return f"{len(symbols)} symbols" if len(symbols) != 1 else "one symbol"


def _worded_quotes(quotes: list[Any]) -> str:
    if not quotes:
        return "none is known yet"
    newest = max(quotes, key=lambda quote: quote.at)
    return f"{newest.symbol} {newest.bid:f}/{newest.ask:f}, {age(newest.at, now=timezone.now())}"
