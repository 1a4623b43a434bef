"""Stop: one row a scope, an epoch that only grows, and a file that stops everything without a database."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from accounts.models import Account


class ScopeKind(StrEnum):
    ALL = "all"
    OWNER = "owner"
    ACCOUNT = "account"
    STRATEGY = "strategy"
    SOURCE = "source"


class Scope(NamedTuple):
    """What is stopped. key: "" for all, the id of the owner or account, else "OWNER ID:KEY"."""

    kind: ScopeKind
    key: str = ""


ALL = Scope(ScopeKind.ALL)


def of_owner(owner: Any) -> Scope:
    return Scope(ScopeKind.OWNER, str(owner.pk))


def of_account(account: Account) -> Scope:
    return Scope(ScopeKind.ACCOUNT, str(account.pk))


def of_strategy(owner: Any, strategy: str) -> Scope:
    return Scope(ScopeKind.STRATEGY, f"{owner.pk}:{strategy}")


def of_source(owner: Any, source: str) -> Scope:
    return Scope(ScopeKind.SOURCE, f"{owner.pk}:{source}")


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether orders of an account may go out. epoch: grows with each stop that concerns the account.

    scope: what is engaged, "file" for the file; "" when nothing is. reason: who said why.
    """

    engaged: bool
    epoch: int
    scope: str = ""
    reason: str = ""


def standing(
    account: Account, *, strategy: str = "", source: str = "", share_lock: bool = False
) -> Standing:
    """What the switches of all, the account's owner, the account, the strategy and the source say.

    share_lock: no switch can be engaged until the caller's transaction ends (needs a transaction). The
    file in the data folder counts as engaged for all; a file that cannot be looked at does, too.
    """
    raise NotImplementedError


def engage(scope: Scope, *, actor: Any, reason: str = "") -> int:
    """Stop the scope at once; returns the new epoch. Safe to repeat.

    One transaction: epoch + 1, engaged, audited, `kill_switch_engaged` sent. Raises NotAllowed for a scope
    that is not this person's.
    """
    raise NotImplementedError


def release(scope: Scope, *, actor: Any, reason: str) -> int:
    """Let the scope trade again; returns the epoch. What was stopped stays stopped.

    Raises BadInput without a reason, NotAllowed for a scope that is not this person's.
    """
    raise NotImplementedError
