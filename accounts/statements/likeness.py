"""When what a person entered and what a file prints are one thing, though neither names the other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from accounts.models import Account
from brokers.models import BrokerSymbol
from brokers.services import suggested_instrument
from tradershub.finance.decimals import ZERO

DAY = dt.timedelta(days=1)


class Symbols:
    """Which names of a broker's symbols mean one instrument, as far as that is certain."""

    def __init__(self, account: Account) -> None:
        rows = BrokerSymbol.objects.filter(broker=account.broker_id).order_by("pk")
        self.instruments: dict[str, int | None] = {}
        self.ticks: dict[str, Decimal] = {}
        for name, instrument, tick in rows.values_list(
            "name", "instrument", "instrument__tick_size"
        ):
            name = name.upper()
            self.instruments[name] = self.instruments.get(name) or instrument
            self.ticks[name] = max(self.ticks.get(name, ZERO), tick or ZERO)

    def identity(self, name: str) -> int | str:
        """What all names of one instrument have in common; of one that is not mapped, the name itself."""
        upper = name.upper()
        if upper not in self.instruments:
            suggested = suggested_instrument(name)
            self.instruments[upper] = suggested.pk if suggested else None
            self.ticks[upper] = suggested.tick_size if suggested else ZERO
        return self.instruments[upper] or upper

    def is_one_price(self, ours: Decimal, theirs: Decimal, symbol: str) -> bool:
        """Whether the prices are at most a step apart; the last digit printed, where no step is known."""
        digit = Decimal(1).scaleb(min(int(theirs.as_tuple().exponent), 0))
        return abs(ours - theirs) <= max(self.ticks.get(symbol.upper(), ZERO), digit)


class Pair(NamedTuple):
    """An entry that a line may be, by their places. unlike: what speaks against it, the least first."""

    unlike: tuple[Any, ...]
    entry: int
    line: int


def one_to_one(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """The likeliest pairs; each entry and each line is in one of them at most."""
    entries, lines = set(), set()
    for pair in sorted(pairs):
        if pair.entry not in entries and pair.line not in lines:
            entries.add(pair.entry)
            lines.add(pair.line)
            yield pair
