"""How an order's instrument moves with what its account holds, from prices that the hub has.

A pair of currencies has the reference rates of its two; anything else the last price of each day at which
one of the owner's accounts traded it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from accounts.models import Account, Deal, Position
from brokers.models import FxRate, Instrument
from tradershub.finance.correlation import Correlation, correlation
from trading.models import Order

LOOK_BACK = dt.timedelta(days=400)  # of 250 trading days with room for holidays
EURO, ONE = "EUR", Decimal(1)
Closes = dict[dt.date, Decimal]


def correlations_of(
    instrument: Instrument | None, account: Account, *, at: dt.datetime
) -> dict[int, Correlation] | None:
    """r and its n by the id of each other instrument that the account holds or has an entry for, where enough is known.

    None where nobody said what the instrument is.
    """
    if instrument is None:
        return None
    others = list(_others(instrument, account))
    own = _closes(instrument, account, at=at) if others else {}
    found = {other.pk: correlation(own, _closes(other, account, at=at)) for other in others}
    return {pk: known for pk, known in found.items() if known}


def _others(instrument: Instrument, account: Account) -> Iterable[Instrument]:
    positions = Position.objects.filter(account=account, open_volume__gt=0)
    orders = Order.objects.filter(account=account, state__in=Order.LIVE, reduces=False)
    ids = {*positions.values_list("symbol__instrument", flat=True)}
    ids |= {*orders.values_list("symbol__instrument", flat=True)}
    return Instrument.objects.filter(pk__in=ids - {None, instrument.pk})


def _closes(instrument: Instrument, account: Account, *, at: dt.datetime) -> Closes:
    since = at - LOOK_BACK
    if instrument.category == Instrument.Category.FX:
        pair = _per_euro(instrument.quote, since), _per_euro(instrument.base, since)
        return _ratio(*pair)
    deals = Deal.objects.filter(
        account__owner=account.owner_id,
        symbol__instrument=instrument,
        kind=Deal.Kind.TRADE,
        at__range=(since, at),
        price__gt=0,
    )
    rows = deals.order_by("at", "id").values_list("at", "price")
    return {moment.date(): price for moment, price in rows}  # the last of a day stays


def _per_euro(currency: str, since: dt.datetime) -> Closes | None:
    """None for the euro itself, which is one on every day."""
    if currency == EURO:
        return None
    rows = FxRate.objects.filter(currency=currency, day__gte=since.date())
    return dict(rows.values_list("day", "rate"))


def _ratio(quote: Closes | None, base: Closes | None) -> Closes:
    days = (quote or {}).keys() if base is None else base.keys()
    if quote is not None:
        days = days & quote.keys()
    return {day: (quote[day] if quote else ONE) / (base[day] if base else ONE) for day in days}
