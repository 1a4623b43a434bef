"""Opening, editing and closing brokers; naming what their symbols mean."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from brokers.models import Broker, BrokerSymbol, Instrument
from brokers.symbols import instrument_for
from tradershub.core.audit import record
from tradershub.core.changes import changes_since, state_of
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.prepared import prepared
from tradershub.core.queue import enqueue
from tradershub.core.validation import cleaned

BY_RULE = "rule"
CLOCK = {"time_zone", "rollover"}
CORRECT, CHANGE = "correct", "change"  # what another time zone may be
ONE_DAY = dt.timedelta(days=1)


@transaction.atomic
def open_broker(*, actor: Any, name: str, **fields: Any) -> Broker:
    """A new broker. Raises BadInput where a field is wrong or the name is taken."""
    broker = cleaned(Broker(name=name.strip(), **fields))
    broker.save()
    record("broker.open", actor=actor, target=broker, summary=f"Opened {broker}")
    return broker


@transaction.atomic
def edit_broker(
    broker: Broker,
    *,
    actor: Any,
    time_zone_edit: str = "",
    time_zone_changed_on: dt.date | None = None,
    **changes: Any,
) -> Broker:
    """Change what is known of a broker; with another time zone, all imported files are read anew.

    time_zone_edit: CORRECT, or CHANGE from the day `time_zone_changed_on` on the server's clock; what is
    refused about it is told by `check_zone_edit`.
    """
    since = None
    if changes.get("time_zone", broker.time_zone) != broker.time_zone:
        check_zone_edit(broker, edit=time_zone_edit, day=time_zone_changed_on)
        if time_zone_edit == CHANGE:
            since = time_zone_changed_on
            former = {"zone": broker.time_zone, "until": f"{since:%Y-%m-%d}"}
            changes["earlier_zones"] = [*broker.earlier_zones, former]
    before = state_of(broker, changes)
    for name, value in changes.items():
        setattr(broker, name, value)
    cleaned(broker).save()
    record("broker.edit", actor=actor, target=broker, details=changes_since(before, broker))
    follow_clock(broker, before, actor=actor, since=since)
    return broker


def follow_clock(
    broker: Broker, changed: Iterable[str], *, actor: Any, since: dt.date | None = None
) -> None:
    """Have what was booked follow a changed clock: the times of imported rows, and all day figures.

    since: the first day on which the clock was set otherwise; None where it had always been so.
    """
    if "time_zone" in changed:
        enqueue("accounts.tasks.reread_broker", broker.pk, str(actor), since and str(since))
    elif CLOCK & set(changed):
        enqueue("accounts.tasks.rebuild_broker", broker.pk)


def check_zone_edit(broker: Broker, *, edit: str, day: dt.date | None) -> None:
    """Raises BadInput while it is not said since when another time zone holds, Conflict where files that
    must be read anew are kept no more.
    """
    imported = broker.accounts.filter(statements__state="booked")
    if not edit and imported.exists():
        raise BadInput(
            f"Files of {broker} are booked: say whether the new time zone corrects the old one "
            f'("{CORRECT}") or holds from a day on ("{CHANGE}")',
            param="time_zone_edit",
        )
    if edit == CHANGE:
        imported = imported.filter(statements__period_to__gte=_change_of_zone(broker, day))
    unread = broker.accounts.filter(
        pk__in=imported.values("pk"), statements__state="booked", statements__file=None
    ).count()
    if unread:
        raise Conflict(
            f"The originals of {unread} booked files were deleted, so that they cannot be read anew: "
            "undo the import of those files first",
            param="time_zone",
        )


def _change_of_zone(broker: Broker, day: dt.date | None) -> dt.datetime:
    """A moment before any that the changed clock reads otherwise. Raises BadInput for an impossible day."""
    if day is None:
        raise BadInput(
            "Expected the first day on which the new time zone holds", param="time_zone_changed_on"
        )
    last = broker.earlier_zones[-1]["until"] if broker.earlier_zones else ""
    if str(day) <= last:
        raise BadInput(
            f"Expected a day after {last}, when the clock was last set otherwise, found {day}",
            param="time_zone_changed_on",
        )
    return dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC) - ONE_DAY


@transaction.atomic
def close_broker(broker: Broker, *, actor: Any) -> Broker:
    """No new accounts there any more. Raises Conflict while an account is open."""
    broker = Broker.objects.select_for_update().get(pk=broker.pk)
    check_may_close(broker)
    broker.status, broker.closed_at = Broker.Status.CLOSED, timezone.now()
    broker.save()
    record("broker.close", actor=actor, target=broker, summary=f"Closed {broker}")
    return broker


def check_may_close(broker: Broker) -> None:
    """Raises Conflict, saying what is open, where the broker cannot be closed."""
    if not broker.is_open:
        raise Conflict(f"{broker} is closed already")
    still_open = broker.accounts.filter(status="open").count()
    if still_open:
        raise Conflict(f"{broker} cannot be closed: {_accounts_open(still_open)}")


def _accounts_open(count: int) -> str:
    return "one account is still open there" if count == 1 else f"{count} accounts are still open"


def check_may_reopen(broker: Broker) -> None:
    """Raises Conflict where the broker is open."""
    if broker.is_open:
        raise Conflict(f"{broker} is open already")


@transaction.atomic
def reopen_broker(broker: Broker, *, actor: Any) -> Broker:
    check_may_reopen(broker)
    broker.status, broker.closed_at = Broker.Status.OPEN, None
    broker.save()
    record("broker.reopen", actor=actor, target=broker, summary=f"Reopened {broker}")
    return broker


def symbol_for(broker: Broker, name: str) -> BrokerSymbol:
    """The broker's symbol of that name, made where it is new and mapped where that is certain."""
    known = _symbols(broker, name)
    if known:
        return known[0]
    instrument = suggested_instrument(name)
    symbol, _ = BrokerSymbol.objects.get_or_create(
        broker=broker,
        name=name,
        defaults={"instrument": instrument, "mapped_by": BY_RULE if instrument else ""},
    )
    return symbol


@prepared
def _symbols(broker: Broker, name: str) -> QuerySet[BrokerSymbol]:
    return BrokerSymbol.objects.filter(broker=broker, name=name).order_by()


def suggested_instrument(name: str) -> Instrument | None:
    """The instrument that a symbol's name means for certain, or None."""
    return instrument_namer()(name)


def instrument_namer() -> Callable[[str], Instrument | None]:
    """Says of many symbols' names which instrument each means for certain, having read them all once."""
    rows = {one.symbol: one for one in _instruments()}
    every = [(one.symbol, one.aliases, one.category) for one in rows.values()]
    futures = _names((s, a) for s, a, category in every if category == "future")
    spot = _names((s, a) for s, a, category in every if category != "future")

    def named(name: str) -> Instrument | None:
        symbol = instrument_for(name, spot=spot, futures=futures)
        return rows[symbol] if symbol else None

    return named


@prepared
def _instruments() -> QuerySet[Instrument]:
    return Instrument.objects.all()


def _names(rows: Iterable[tuple[str, list[str]]]) -> dict[str, str]:
    return {name.upper(): symbol for symbol, aliases in rows for name in (symbol, *aliases)}


@transaction.atomic
def map_symbol(symbol: BrokerSymbol, instrument: Instrument | None, *, actor: Any) -> BrokerSymbol:
    """Say which instrument the broker's symbol is; None takes the answer back."""
    symbol.instrument = instrument
    symbol.mapped_by = str(actor) if instrument else ""
    symbol.save(update_fields=["instrument", "mapped_by"])
    record(
        "symbol.map", actor=actor, target=symbol, summary=f"{symbol} is {instrument or 'unmapped'}"
    )
    return symbol


@transaction.atomic
def save_instrument(instrument: Instrument, *, actor: Any, **changes: Any) -> Instrument:
    """A new or an edited instrument. Raises BadInput where a field is wrong or the symbol is taken."""
    verb = "edit" if instrument.pk else "add"
    before = state_of(instrument, changes)
    for name, value in changes.items():
        setattr(instrument, name, value)
    cleaned(instrument).save()
    record(
        f"instrument.{verb}",
        actor=actor,
        target=instrument,
        details=changes_since(before, instrument),
    )
    return instrument
