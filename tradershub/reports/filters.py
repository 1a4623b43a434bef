"""The filter bar of a page: read from the address, so that the same address shows the same page."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db.models import Q
from django.http import QueryDict
from django.utils import timezone

from accounts.models import Account
from brokers.models import BrokerSymbol
from tradershub.core.validators import BETWEEN, is_countable
from tradershub.finance.trading_day import day_bounds
from tradershub.reports.periods import PRESETS, Period, preset_period

ACCOUNTS, BROKER, SYMBOL, PERIOD, CURRENCY = "account", "broker", "symbol", "period", "currency"
KEYS = (ACCOUNTS, BROKER, SYMBOL, PERIOD, "from", "to", CURRENCY)
CURRENCY_CODE = re.compile(r"[A-Z]{3}")


@dataclass
class Filters:
    """What the page shows: the person's own accounts that match, a symbol, days and a currency.

    currency: in which sums over several currencies are shown. refused: a sentence for each value of the
    address that could not be used.
    """

    user: Any
    base_currency: str
    today: dt.date
    chosen: frozenset[int] = frozenset()
    brokers: frozenset[int] = frozenset()
    symbol: str = ""
    period: Period = field(default_factory=Period)
    currency: str = ""
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.currency = self.currency or self.base_currency

    @cached_property
    def all_accounts(self) -> list[Account]:
        """Every account of the person, with its broker."""
        return list(Account.objects.for_user(self.user).select_related("broker"))

    @cached_property
    def accounts(self) -> list[Account]:
        """The accounts shown."""
        return [
            account
            for account in self.all_accounts
            if (not self.chosen or account.pk in self.chosen)
            and (not self.brokers or account.broker_id in self.brokers)
        ]

    @cached_property
    def account_ids(self) -> list[int]:
        return [account.pk for account in self.accounts]

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but everything is shown."""
        chosen = self.chosen or self.brokers or self.symbol
        return bool(chosen or self.period.preset != "all" or self.currency != self.base_currency)

    @property
    def words(self) -> str:
        """What is shown, for paper: `This month · Swing (USD, Northwind) · EURUSD`."""
        accounts = [str(one) for one in self.accounts]
        shown = "all accounts" if len(accounts) == len(self.all_accounts) else ", ".join(accounts)
        parts = [self.period.label, shown or "no account", self.symbol.upper()]
        return " · ".join(part for part in parts if part)

    @cached_property
    def symbol_ids(self) -> list[int]:
        """The brokers' symbols of the chosen instrument, by our name of it or by their own."""
        named = Q(instrument__symbol__iexact=self.symbol) | Q(name__iexact=self.symbol)
        brokers = {account.broker_id for account in self.accounts}
        found = BrokerSymbol.objects.filter(named, broker__in=brokers).order_by("pk")
        return list(found.values_list("pk", flat=True))

    def symbols(self) -> Q:
        """Rows of the chosen symbol; all rows where none is chosen."""
        return Q(symbol__in=self.symbol_ids) if self.symbol else Q()

    def moments(self, name: str) -> Q:
        """Rows whose moment lies in the trading days of the period, by each broker's own clock."""
        if not self.period.start and not self.period.end:
            return Q()
        clocks: dict[tuple[dt.tzinfo, dt.time], list[int]] = {}
        for account in self.accounts:
            clock = (account.broker.zone, account.broker.rollover)
            clocks.setdefault(clock, []).append(account.pk)
        found = Q(pk__in=[])
        for (zone, rollover), ids in clocks.items():
            found |= Q(account__in=ids) & self._between(name, zone, rollover)
        return found if len(clocks) != 1 else self._between(name, zone, rollover)

    def _between(self, name: str, zone: dt.tzinfo, rollover: dt.time) -> Q:
        found = Q()
        if self.period.start:
            begins, _ = day_bounds(self.period.start, zone=zone, rollover=rollover)
            found &= Q(**{f"{name}__gte": begins})
        if self.period.end:
            _, ends = day_bounds(self.period.end, zone=zone, rollover=rollover)
            found &= Q(**{f"{name}__lt": ends})
        return found


def read_filters(params: QueryDict, *, user: Any, base_currency: str) -> Filters:
    """The filters of an address. A value that is no account, date or currency is refused by name."""
    found = Filters(user=user, base_currency=base_currency, today=timezone.localdate())
    own = {account.pk: account.broker_id for account in found.all_accounts}
    found.chosen = _numbers(params.getlist(ACCOUNTS), own, "account", found.refused)
    found.brokers = _numbers(params.getlist(BROKER), own.values(), "broker", found.refused)
    found.symbol = params.get(SYMBOL, "").strip()[:64]
    found.period = _period(params, today=found.today, refused=found.refused)
    found.currency = _currency(params.get(CURRENCY, ""), found.refused) or base_currency
    return found


def _numbers(
    texts: Iterable[str], known: Iterable[int], noun: str, refused: list[str]
) -> frozenset[int]:
    names = {str(one) for one in known}
    wanted = [text for text in texts if text]
    refused += [
        f"“{text[:40]}” is not an {noun} of yours; it was left out."
        if noun == "account"
        else f"“{text[:40]}” is not a {noun} of any account of yours; it was left out."
        for text in wanted
        if text not in names
    ]
    return frozenset(int(text) for text in wanted if text in names)


def _currency(text: str, refused: list[str]) -> str:
    if text and not CURRENCY_CODE.fullmatch(text):
        refused.append(f"“{text[:40]}” is not a currency; expected three letters, as USD.")
        return ""
    return text


def _period(params: QueryDict, *, today: dt.date, refused: list[str]) -> Period:
    preset = params.get(PERIOD, "")
    start, end = (_date(params.get(name, ""), refused) for name in ("from", "to"))
    if preset and preset not in PRESETS:
        refused.append(f"“{preset[:40]}” is not a period; expected one of {', '.join(PRESETS)}.")
        return Period()
    if preset == "custom" or (not preset and (start or end)):
        if start and end and start > end:
            refused.append(f"The period begins on {start} after it ends on {end}; all is shown.")
            return Period()
        return Period("custom", start, end)
    return preset_period(preset or "all", today=today)


def _date(text: str, refused: list[str]) -> dt.date | None:
    if not text:
        return None
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        refused.append(f"“{text[:40]}” is not a date; expected year-month-day, as 2026-03-31.")
        return None
    if not is_countable(day):
        refused.append(f"“{text[:40]}” was left out; expected a day {BETWEEN}.")
        return None
    return day
