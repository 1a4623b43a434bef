"""Reading strategies."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from accounts.models import Account
from brokers.models import Instrument
from strategies.models import Strategy
from tradershub.core.prepared import prepared


def by_key(owner: Any, key: str) -> Strategy | None:
    """The owner's strategy of that key, whatever the case of its letters; None for none."""
    return Strategy.objects.filter(owner=owner, key__iexact=key).first()


def reaches_real_money(strategy: Strategy) -> bool:
    """Whether its signals may become orders for real money, by a route that is on."""
    if not strategy.may_trade:
        return False
    accounts = Account.objects.filter(routes__strategy=strategy, routes__enabled=True)
    if strategy.status == Strategy.Status.TESTING:
        accounts = accounts.filter(kind=Account.Kind.PAPER)
    return any(account.is_for_real_money for account in accounts.select_related("connection"))


@prepared
def instruments_of(strategy: Strategy) -> QuerySet[Instrument]:
    """The instruments that it may trade; none named: all."""
    return Instrument.objects.filter(strategy=strategy)
