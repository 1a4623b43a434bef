"""Sums over the day figures of many accounts, kept until one of those accounts' books changes.

Each account carries a stamp that is replaced with every change of its deals, positions, figures and orders,
in the same transaction, so what is kept is either what the books say or not found. Sums over a few accounts
are not worth keeping.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from django.core.cache import cache

from accounts.models import Account
from tradershub.core.prepared import Change, prepared

T = TypeVar("T")
FEW = 20
KEPT_SECONDS = 24 * 3600


def kept(account_ids: Collection[int], what: str, compute: Callable[[], T]) -> T:
    """What `compute` answers. what: names the sum and everything else that it depends on."""
    if len(account_ids) <= FEW:
        return compute()
    key = _key(account_ids, what)
    found = cache.get(key)
    if found is None:
        found = compute()
        cache.set(key, found, KEPT_SECONDS)
    return found


def forget(account: Account) -> None:
    """What was kept of this account is out of date: its books change in this transaction."""
    _stamped(account, uuid.uuid4().hex)


@prepared
def _stamped(account: Account, stamp: str) -> Change:
    rows = Account.objects.filter(pk=account).values_list("pk", flat=True)
    return Change(rows, {"figures_stamp": stamp})


def _key(account_ids: Collection[int], what: str) -> str:
    stamps = Account.objects.filter(pk__in=account_ids).order_by("pk")
    parts: list[Any] = [what, *stamps.values_list("pk", "figures_stamp")]
    return f"figures-{hashlib.sha256(repr(parts).encode()).hexdigest()}"
