"""Whose account a file is about: found among the owner's, or proposed to be opened from what it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from accounts.models import Account
from accounts.statements.base import AccountInfo, Statement
from accounts.statements.clock import server_time
from accounts.statements.modes import proven_mode
from brokers.models import Broker

KINDS = {"live": "live", "demo": "demo", "contest": "demo"}


@dataclass(slots=True)
class Addressee:
    """Where a file belongs. One of: an account; what to open one with; a question; a refusal.

    opening: fields of the account to open, `broker` as a name, and `aliases` for a broker that is new;
    `mode` is empty where the file does not prove it.
    question: what the file does not say and a person must, before it can be booked.
    offered: the account of that number which the question is about.
    """

    account: Account | None = None
    opening: dict[str, Any] = field(default_factory=dict)
    question: str = ""
    offered: Account | None = None
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
    mine = [] if owner is None else _numbered(number, owner=owner)
    found = _find(info, mine, broker=broker)
    if found is not None:
        return Addressee(found, refusal=refusal_of(info, found))
    proposal = _proposal(statement, number=number, broker=broker)
    if not broker and len(mine) == 1 and not mine[0].broker.aliases:
        proposal.offered, proposal.question = mine[0], _is_it(info, mine[0])
    return proposal


def refusal_of(info: AccountInfo, account: Account) -> str:
    """Why the file cannot be booked to this account; empty when it can."""
    if info.number and info.number != account.number:
        return f"The file is of account {info.number}; expected one of {account.number}."
    if info.currency and info.currency != account.currency:
        return (
            f"The file is in {info.currency}, but account {account.number} is in "
            f"{account.currency}; expected the same currency."
        )
    if info.margin_mode and info.margin_mode != account.mode and not _may_follow(account):
        return (
            f"The file is of a {info.margin_mode} account, but account {account.number} is kept as "
            f"{account.mode}; change its mode first, if that is wrong."
        )
    if not account.is_open:
        return f"Account {account.number} is closed; reopen it to book into it."
    return ""


def _may_follow(account: Account) -> bool:
    """Whether the account's mode was only assumed, and no file in its books has proved it."""
    return account.mode_is_assumed and proven_mode(account) == ""


def _numbered(number: str, *, owner: Any) -> list[Account]:
    return list(
        Account.objects.for_user(owner)
        .filter(number=number)
        .select_related("broker")
        .order_by("pk")
    )


def _find(info: AccountInfo, mine: list[Account], *, broker: str) -> Account | None:
    """The account whose broker bears a name that is said; where none is said, the only one there is."""
    names = (broker,) if broker else (info.broker, info.server)
    if not any(names):
        return mine[0] if len(mine) == 1 else None
    return next((account for account in mine if is_named(account, *names)), None)


def _is_it(info: AccountInfo, account: Account) -> str:
    """The question of a broker entered by hand, whose names no file has told yet."""
    names = ", ".join(name for name in (info.broker, info.server) if name)
    return (
        f"The file is of account {account.number} at {names}; you have an account {account.number} at "
        f"{account.broker}, which no file has called so yet. Is it the same one?"
    )


def is_named(account: Account, *names: str) -> bool:
    """Whether one of these is known to be its broker or its server."""
    return bool(_words(*names) & (names_of(account.broker) | _words(account.server)))


def new_names(info: AccountInfo, account: Account) -> list[str]:
    """What the file calls the account's broker, where a person had to say that it is that one.

    Nothing where one of the names is known already, of this broker or of another.
    """
    names = sorted({name for name in (info.broker, info.server) if name.strip()})
    if not names or is_named(account, *names) or known_broker(*names):
        return []
    return names


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
        "mode": info.margin_mode,
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
