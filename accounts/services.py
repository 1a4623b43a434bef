"""Opening, editing, connecting and closing accounts; their dated terms are written by core.terms."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import Account, AccountTerms
from brokers.models import Broker, Connection
from tradershub.core.audit import record
from tradershub.core.changes import changes_since, state_of
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.queue import enqueue
from tradershub.core.step_up import Kind, demand
from tradershub.core.validation import cleaned

FIXED = ("owner", "broker", "currency")


@transaction.atomic
def open_account(
    *,
    actor: Any,
    owner: Any,
    broker: Broker,
    number: str,
    currency: str,
    leverage: int | None = None,
    margin_call_level: Any = None,
    stop_out_level: Any = None,
    **fields: Any,
) -> Account:
    """A new account; with leverage or levels given, its first terms hold from its opening.

    Raises Conflict where the broker is closed, BadInput where a field is wrong or the number is taken, and for
    levels without a leverage.
    """
    if not broker.is_open:
        raise Conflict(f"{broker} is closed: reopen it before you open an account there")
    terms = {
        "leverage": leverage,
        "margin_call_level": margin_call_level,
        "stop_out_level": stop_out_level,
    }
    check_first_terms(**terms)
    fields.setdefault("opened_on", timezone.now().date())
    account = cleaned(
        Account(
            owner=owner, broker=broker, number=number.strip(), currency=currency.upper(), **fields
        )
    )
    account.save()
    _first_terms(account, **{name: value for name, value in terms.items() if value is not None})
    record("account.open", actor=actor, target=account, summary=f"Opened {account}", owner=owner)
    return account


def check_first_terms(*, leverage: int | None, **levels: Any) -> None:
    """Raises BadInput for levels without a leverage, which would otherwise be assumed."""
    if leverage is None and any(level is not None for level in levels.values()):
        raise BadInput(
            "Expected a leverage with the levels of margin call and stop-out, found none: enter all three, or "
            "the levels once the platform has said the leverage",
            param="leverage",
        )


def _first_terms(account: Account, **terms: Any) -> None:
    if terms:
        start = account.opened_on or dt.date(1970, 1, 1)
        cleaned(AccountTerms(account=account, valid_from=start, **terms)).save()


@transaction.atomic
def edit_account(account: Account, *, actor: Any, **changes: Any) -> Account:
    """Change what an account is called and how it is described; owner, broker and currency are fixed."""
    for name in FIXED:
        if name in changes and changes[name] != getattr(account, name):
            raise BadInput(
                f"The {name} of an account is fixed (it is {getattr(account, name)}): "
                "open another account",
                param=name,
            )
    if "mode" in changes:
        changes["mode_is_assumed"] = False
    before = state_of(account, changes)
    for name, value in changes.items():
        setattr(account, name, value)
    cleaned(account).save()
    record(
        "account.edit",
        actor=actor,
        target=account,
        details=changes_since(before, account),
        owner=account.owner,
    )
    follow_mode(account, changes)
    return account


def follow_mode(account: Account, changed: Iterable[str]) -> None:
    """Have the positions follow, where an account was said to be hedging or netting."""
    if "mode" in changed:
        enqueue("accounts.tasks.rebuild_account", account.pk)


@transaction.atomic
def close_account(account: Account, *, actor: Any) -> Account:
    """Nothing is booked there any more. Raises Conflict while a position or an order is open."""
    account = Account.objects.select_for_update().get(pk=account.pk)
    check_may_close(account)
    account.status, account.closed_at = Account.Status.CLOSED, timezone.now()
    account.may_trade = account.closes_only = False
    account.save()
    record(
        "account.close",
        actor=actor,
        target=account,
        summary=f"Closed {account}",
        owner=account.owner,
    )
    return account


def check_may_close(account: Account) -> None:
    """Raises Conflict, saying what is open, where the account cannot be closed."""
    if not account.is_open:
        raise Conflict(f"{account} is closed already")
    if still_open := _what_is_open(account):
        raise Conflict(f"{account} cannot be closed: {still_open} still open")


def _what_is_open(account: Account) -> str:
    """As "1 position is" or "3 positions and 1 order are"; empty when nothing is."""
    positions = account.positions.filter(open_volume__gt=0).count()
    orders = account.orders.filter(state__in=["working", "partial"]).count()
    counted = ((positions, "position"), (orders, "order"))
    parts = [f"{n} {word}{'s' if n > 1 else ''}" for n, word in counted if n]
    verb = "is" if positions + orders == 1 else "are"
    return f"{' and '.join(parts)} {verb}" if parts else ""


def check_may_reopen(account: Account) -> None:
    """Raises Conflict, saying why, where the account cannot be reopened."""
    if account.is_open:
        raise Conflict(f"{account} is open already")
    if not account.broker.is_open:
        raise Conflict(f"{account.broker} is closed: reopen it first")


@transaction.atomic
def reopen_account(account: Account, *, actor: Any) -> Account:
    """Undo of closing. Raises Conflict while its broker is closed."""
    check_may_reopen(account)
    account.status, account.closed_at = Account.Status.OPEN, None
    account.save()
    record(
        "account.reopen",
        actor=actor,
        target=account,
        summary=f"Reopened {account}",
        owner=account.owner,
    )
    return account


@transaction.atomic
def connect_account(account: Account, connection: Connection | None, *, actor: Any) -> Account:
    """Follow the account by this connection, or by none; trading has to be switched on anew.

    Raises BadInput for a connection of another person or broker, Conflict for one of paper, whose account was
    opened with it.
    """
    account = Account.objects.select_for_update().get(pk=account.pk)
    check_may_connect(account, connection)
    before = {"connection": str(account.connection or ""), "may_trade": account.may_trade}
    account.connection = connection
    account.may_trade = account.closes_only = False
    account.save(update_fields=["connection", "may_trade", "closes_only"])
    record(
        "account.connect",
        actor=actor,
        target=account,
        summary=f"Connected {account} by {connection or 'nothing'}",
        details={"was": before},
        owner=account.owner,
    )
    return account


def check_may_connect(account: Account, connection: Connection | None) -> None:
    """Raises BadInput or Conflict, saying why, where the account cannot be connected so."""
    if account.kind == Account.Kind.PAPER and account.connection_id:
        raise Conflict(f"{account} is kept by its own venue, and stays there", param="connection")
    if connection is None:
        return
    if connection.owner_id != account.owner_id:
        raise BadInput("There is no such connection of yours", param="connection")
    if connection.broker_id != account.broker_id:
        raise BadInput(
            f"{connection.name} leads to {connection.broker}, expected {account.broker}",
            param="connection",
        )


@transaction.atomic
def switch_trading(account: Account, *, on: bool, actor: Any, closes_only: bool = False) -> Account:
    """Let the hub send orders to this account, or none. Raises Conflict where that cannot be or is so.

    closes_only: with `on` False, orders that cancel or close go out still. To let more out than before, for
    real money, needs a second factor (StepUpNeeded).
    """
    account = Account.objects.select_for_update().get(pk=account.pk)
    check_may_switch(account, on=on, closes_only=closes_only)
    lets_more_out = on or (closes_only and not account.may_trade)
    if lets_more_out and account.is_for_real_money:
        demand(actor, Kind.TRADING)
    account.may_trade, account.closes_only = on, closes_only
    account.save(update_fields=["may_trade", "closes_only"])
    word = "on" if on else "off"
    but = " but for closings" if closes_only else ""
    record(
        "account.trading_closings" if closes_only else f"account.trading_{word}",
        actor=actor,
        target=account,
        summary=f"Switched {word} trading in {account}{but}",
        owner=account.owner,
    )
    return account


def check_may_switch(account: Account, *, on: bool, closes_only: bool = False) -> None:
    """Raises Conflict where trading cannot be switched so, BadInput for on and closings only at once."""
    if on and closes_only:
        raise BadInput("Expected trading on, or closings only: found both", param="closes_only")
    if (account.may_trade, account.closes_only) == (on, closes_only):
        but = " but for closings" if closes_only else ""
        raise Conflict(f"Trading in {account} is switched {'on' if on else 'off'}{but} already")
    on = on or closes_only
    if on and not account.is_open:
        raise Conflict(f"{account} is closed: reopen it first")
    if on and account.connection_id is None:
        raise Conflict(f"{account} has no connection: orders would not know where to go")
