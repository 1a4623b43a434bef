"""One maker per model, valid by default; every value can be overridden by name."""

from __future__ import annotations

import datetime as dt
from itertools import count
from typing import Any

from django.contrib.auth import get_user_model

from accounts.models import Account
from brokers.models import Broker, BrokerSymbol
from strategies.models import Strategy

_numbers = count(1)


def make_owner(**fields: Any) -> Any:
    name = fields.pop("username", f"person{next(_numbers)}")
    return get_user_model().objects.create_user(username=name, password="a-long-password", **fields)


def make_broker(**fields: Any) -> Broker:
    fields.setdefault("name", f"Broker {next(_numbers)}")
    return Broker.objects.create(**fields)


def make_account(**fields: Any) -> Account:
    if "owner" not in fields:
        fields["owner"] = make_owner()
    if "broker" not in fields:
        fields["broker"] = make_broker()
    fields.setdefault("number", str(next(_numbers)))
    fields.setdefault("currency", "USD")
    return Account.objects.create(**fields)


def make_symbol(account: Account, name: str = "EURUSD", **fields: Any) -> BrokerSymbol:
    """A symbol of the account's broker."""
    return BrokerSymbol.objects.get_or_create(broker=account.broker, name=name, defaults=fields)[0]


def moment(text: str) -> dt.datetime:
    """An aware moment in UTC from text such as 2024-03-04 10:00."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def make_strategy(owner: Any, key: str = "mean-rev-1", **fields: Any) -> Strategy:
    return Strategy.objects.create(owner=owner, key=key, **fields)
