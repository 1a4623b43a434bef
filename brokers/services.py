"""Opening, editing and closing brokers; naming what their symbols mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from brokers.models import Broker, BrokerSymbol, Instrument
from brokers.symbols import instrument_for
from tradershub.core.audit import record
from tradershub.core.changes import changes_since, state_of
from tradershub.core.errors import Conflict
from tradershub.core.queue import enqueue
from tradershub.core.validation import cleaned

BY_RULE = "rule"
CLOCK = {"time_zone", "rollover"}


@transaction.atomic
def open_broker(*, actor: Any, name: str, **fields: Any) -> Broker:
    """A new broker. Raises BadInput where a field is wrong or the name is taken."""
    broker = cleaned(Broker(name=name.strip(), **fields))
    broker.save()
    record("broker.open", actor=actor, target=broker, summary=f"Opened {broker}")
    return broker


@transaction.atomic
def edit_broker(broker: Broker, *, actor: Any, **changes: Any) -> Broker:
    before = state_of(broker, changes)
    for name, value in changes.items():
        setattr(broker, name, value)
    cleaned(broker).save()
    record("broker.edit", actor=actor, target=broker, details=changes_since(before, broker))
    follow_clock(broker, changes)
    return broker


def follow_clock(broker: Broker, changed: Iterable[str]) -> None:
    """Have the day figures of its accounts follow, where the trading day of a broker was changed."""
    if CLOCK & set(changed):
        enqueue("accounts.tasks.rebuild_broker", broker.pk)


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
    known = BrokerSymbol.objects.filter(broker=broker, name=name).first()
    if known:
        return known
    instrument = suggested_instrument(name)
    symbol, _ = BrokerSymbol.objects.get_or_create(
        broker=broker,
        name=name,
        defaults={"instrument": instrument, "mapped_by": BY_RULE if instrument else ""},
    )
    return symbol


def suggested_instrument(name: str) -> Instrument | None:
    """The instrument that a symbol's name means for certain, or None."""
    rows = list(Instrument.objects.values_list("symbol", "aliases", "category"))
    futures = _names((s, a) for s, a, category in rows if category == "future")
    spot = _names((s, a) for s, a, category in rows if category != "future")
    symbol = instrument_for(name, spot=spot, futures=futures)
    return Instrument.objects.get(symbol=symbol) if symbol else None


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
