"""Whose account a file is about: found among the owner's, or proposed to be opened from what it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from accounts.models import Account
from accounts.statements.base import AccountInfo, Statement
from accounts.statements.clock import server_time
from brokers.models import Broker

KINDS = {"live": "live", "demo": "demo", "contest": "demo"}


@dataclass(slots=True)
class Addressee:
    """Where a file belongs. One of: an account; what to open one with; a question; a refusal.

    opening: fields of the account to open, `broker` as a name, and `aliases` for a broker that is new.
    question: what the file does not say and a person must, before it can be booked.
    """

    account: Account | None = None
    opening: dict[str, Any] = field(default_factory=dict)
    question: str = ""
    refusal: str = ""


def addressee(
    statement: Statement,
    *,
    owner: Any,
    number: str = "",
    broker: str = "",
    account: Account | None = None,
) -> Addressee:
    """Find the account of a file. number, broker, account: what a person said, which the file must not deny."""
    info = statement.account
    if account is not None:
        return Addressee(account, refusal=refusal_of(info, account))
    if number and info.number and number != info.number:
        return Addressee(refusal=f"The file is of account {info.number}; expected one of {number}.")
    number = number or info.number
    if not number:
        return Addressee(question="The file does not say which account it is of. Which one is it?")
    found = _find(info, owner=owner, number=number, broker=broker)
    if found is not None:
        return Addressee(found, refusal=refusal_of(info, found))
    return _proposal(statement, number=number, broker=broker)


def refusal_of(info: AccountInfo, account: Account) -> str:
    """Why the file cannot be booked to this account; empty when it can."""
    if info.number and info.number != account.number:
        return f"The file is of account {info.number}; expected one of {account.number}."
    if info.currency and info.currency != account.currency:
        return (
            f"The file is in {info.currency}, but account {account.number} is in "
            f"{account.currency}; expected the same currency."
        )
    if not account.is_open:
        return f"Account {account.number} is closed; reopen it to book into it."
    return ""


def _find(info: AccountInfo, *, owner: Any, number: str, broker: str) -> Account | None:
    if owner is None:
        return None
    mine = Account.objects.for_user(owner).filter(number=number).select_related("broker")
    wanted = _words(broker) if broker else _words(info.broker, info.server)
    alike = [account for account in mine if wanted & names_of(account.broker)]
    if alike:
        return alike[0]
    # A broker that was entered by hand and knows no other names is not denied by what a file prints.
    silent = [a for a in mine if not broker and not (wanted and a.broker.aliases)]
    return silent[0] if len(silent) == 1 == len(mine) else None


def names_of(broker: Broker) -> set[str]:
    """Every name by which files may call the broker, in lower case."""
    return _words(broker.name, broker.legal_entity, *map(str, broker.aliases))


def _words(*names: str) -> set[str]:
    return {" ".join(name.casefold().split()) for name in names if name.strip()}


def _proposal(statement: Statement, *, number: str, broker: str) -> Addressee:
    info = statement.account
    name = broker or info.broker or info.server.partition("-")[0].strip()
    known = known_broker(broker) if broker else known_broker(info.broker, info.server, name)
    opening = {
        "broker": known.name if known else name,
        "aliases": sorted({alias for alias in (info.broker, info.server) if alias}),
        "number": number,
        "currency": info.currency,
        "leverage": info.leverage,
        "kind": KINDS.get(info.kind, "live"),
        "mode": info.margin_mode or "hedging",
        "server": info.server,
        "holder": info.name,
        "platform": statement.format,
        "opened_on": _opened_on(statement),
    }
    missing = [what for what in ("broker", "currency") if not opening[what]]
    question = (
        f"The file does not say the {' and the '.join(missing)} of account {number}."
        if missing
        else ""
    )
    return Addressee(opening=opening, question=question)


def _opened_on(statement: Statement) -> str | None:
    first = server_time(statement.period_from)
    return first.date().isoformat() if first else None


def known_broker(*names: str) -> Broker | None:
    """The open or closed broker that bears one of these names."""
    wanted = _words(*names)
    return next((broker for broker in Broker.objects.all() if wanted & names_of(broker)), None)
