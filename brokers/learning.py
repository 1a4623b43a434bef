"""What a platform says of its symbols becomes the broker's symbols and dated terms.

Terms are shared by all who are at the broker, so that a platform's word stands beside other words: it is
taken where nobody has said anything, and followed from the day it changes where the same connection said it
before. What a person entered, or what another connection's platform says, is never overwritten: where the
two differ, both are told.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from brokers.adapters.messages import SymbolReport
from brokers.models import Broker, BrokerSymbol, Connection, Instrument, SymbolTerms
from brokers.services import BY_RULE, instrument_namer
from brokers.sessions import DatabaseSession
from tradershub.core.dated import DatedTerms, each_in_force
from tradershub.core.fields import SCALE
from tradershub.core.formats import plain
from tradershub.finance.decimals import quantise
from tradershub.finance.trading_day import trading_day

KEPT = "terms"  # under which the session keeps when they were taken over, and what differed
MOST_TOLD = 50
SWAP = ("swap_mode", "swap_long", "swap_short")
Terms = TypeVar("Terms", bound=DatedTerms)


@dataclass(frozen=True, slots=True)
class Word:
    """Whose word is taken: source as it is written beside the terms, day from which it holds.

    others: the sources whose terms it must leave alone.
    """

    source: str
    day: dt.date
    others: frozenset[str] = frozenset()

    def may_follow(self, held: DatedTerms) -> bool:
        """Whether those terms are a platform's word that is this one's to change."""
        return bool(held.source) and held.source not in self.others


@dataclass(slots=True)
class Lesson:
    """What taking a platform's word over does, or did. added, changed: terms to write down.

    changes: by symbol, what is changed from and to. differences: sentences, where another word stands.
    unclear: sentences, what could not be understood.
    """

    symbols: list[BrokerSymbol] = field(default_factory=list)
    added: list[DatedTerms] = field(default_factory=list)
    changed: list[DatedTerms] = field(default_factory=list)
    changes: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    same: int = 0

    @property
    def is_news(self) -> bool:
        return bool(self.symbols or self.added or self.changed)

    @property
    def unmapped(self) -> int:
        return sum(1 for symbol in self.symbols if symbol.instrument_id is None)

    def take(
        self, name: str, held: Terms | None, fresh: Terms, said: Collection[str], by: Word
    ) -> None:
        """Compare `fresh`, of which the platform said those fields, with what is in force, and note it."""
        if held is None:
            fresh.valid_from, fresh.source = by.day, by.source
            self.added.append(fresh)
            return
        apart = [each for each in said if getattr(held, each) != getattr(fresh, each)]
        if not by.may_follow(held):
            apart = [each for each in apart if _is_said(held, each)]
        if not apart:
            self.same += 1
        elif by.may_follow(held):
            self.changed.append(_following(held, fresh, apart, by))
            self.changes[name] = {
                each: [str(getattr(held, each)), str(getattr(fresh, each))] for each in apart
            }
        else:
            self.differences.append(f"{name}: {_apart(held, fresh, apart)}")


def _is_said(held: DatedTerms, name: str) -> bool:
    """Whether what a person left as it was is meant: an empty field is no word, nor is a swap of none."""
    if name in SWAP and getattr(held, "swap_mode", "") == SymbolTerms.Swap.NONE:
        return False
    return getattr(held, name) is not None


def _following(held: Terms, fresh: Terms, apart: Iterable[str], by: Word) -> Terms:
    """The terms from that day on; the same row where it begins on that day."""
    row = copy.copy(held)
    if held.valid_from != by.day:
        row.pk, row._state.adding = None, True
    row.valid_from, row.source = by.day, by.source
    for name in apart:
        setattr(row, name, getattr(fresh, name))
    return row


def _apart(held: DatedTerms, fresh: DatedTerms, names: Iterable[str]) -> str:
    def shown(row: DatedTerms, name: str) -> str:
        value = getattr(row, name)
        if isinstance(value, Decimal):
            return plain(value)
        return "none" if value in (None, "") else str(value).replace("_", " ")

    labels = {name: held._meta.get_field(name).verbose_name for name in names}
    return ", ".join(
        f"{label} is {shown(held, name)} here and {shown(fresh, name)} there"
        for name, label in labels.items()
    )


# -- Symbols -----------------------------------------------------------------------------------
def word_of(connection: Connection) -> Word:
    """The connection's word, from today on."""
    others = Connection.objects.filter(broker=connection.broker_id).exclude(pk=connection.pk)
    return Word(
        source_of(connection), timezone.now().date(), frozenset(source_of(each) for each in others)
    )


def source_of(connection: Connection) -> str:
    """How terms name the connection: no other person's name for it, and no two alike."""
    return f"{connection.get_platform_display()}, connection {connection.pk}"


def lesson_of(connection: Connection, reports: Iterable[SymbolReport]) -> Lesson:
    """What taking these symbols over would do. Writes nothing; asks the database the same few things for
    ten symbols and for a thousand.
    """
    lesson, by = Lesson(), word_of(connection)
    symbols = BrokerSymbol.objects.filter(broker=connection.broker_id).select_related("broker")
    known = {symbol.name: symbol for symbol in symbols}
    rows = SymbolTerms.objects.filter(symbol__broker=connection.broker_id)
    held = {row.symbol_id: row for row in each_in_force(rows, by.day)}
    named = instrument_namer()
    for report in reports:
        symbol = known.get(report.name) or _new_symbol(connection.broker, report, named)
        fresh, said = terms_said(report, symbol)
        if why := _unclear(report, fresh):
            lesson.unclear.append(f"{report.name}: {why}")
            continue
        if symbol.pk is None:
            lesson.symbols.append(symbol)
        lesson.take(report.name, held.get(symbol.pk), fresh, said, by)
    return lesson


@transaction.atomic
def learn(connection: Connection, reports: Collection[SymbolReport]) -> Lesson:
    """Take these symbols over, one connection of a broker at a time."""
    Broker.objects.select_for_update().get(pk=connection.broker_id)
    lesson = lesson_of(connection, reports)
    if lesson.symbols:
        new = lesson.symbols
        BrokerSymbol.objects.bulk_create(
            new, ignore_conflicts=True
        )  # a statement may bring one too
        lesson = lesson_of(connection, reports)
        lesson.symbols = new
    write(lesson)
    return lesson


def write(lesson: Lesson) -> None:
    """Store the lesson's terms. Each is of one model."""
    for model in {type(row) for row in (*lesson.added, *lesson.changed)}:
        mine = [row for row in (*lesson.added, *lesson.changed) if type(row) is model]
        standing = [row for row in mine if row.pk is not None]
        model._default_manager.bulk_create([row for row in mine if row.pk is None])
        if standing:
            names = [each.name for each in model._meta.concrete_fields if not each.primary_key]
            model._default_manager.bulk_update(standing, names, batch_size=100)


def _new_symbol(
    broker: Broker, report: SymbolReport, named: Callable[[str], Instrument | None]
) -> BrokerSymbol:
    """Mapped where its name, or its name without the currency, is certain and is quoted in that currency."""
    instrument = named(report.name) or named(report.name.removesuffix(f"_{report.quote}"))
    if instrument and instrument.quote != report.quote:
        instrument = None
    mapped_by = BY_RULE if instrument else ""
    return BrokerSymbol(broker=broker, name=report.name, instrument=instrument, mapped_by=mapped_by)


def terms_said(report: SymbolReport, symbol: BrokerSymbol) -> tuple[SymbolTerms, list[str]]:
    """The report as terms, and the fields of which it says something."""
    contract = report.terms
    said: dict[str, Any] = {
        "contract_size": contract.contract_size,
        "digits": contract.digits,
        "tick_size": contract.tick_size or contract.point,
        "tick_value": contract.tick_value,
        "lot_min": contract.lot_min,
        "lot_step": contract.lot_step,
        "lot_max": contract.lot_max,
        "margin_mode": str(contract.mode),
        "margin_rate": contract.margin_rate_buy,
        "margin_initial": contract.margin_initial or None,
        "hedged_size": contract.hedged_size,
    }
    if report.swap_mode in SymbolTerms.Swap.values:
        rates = (report.swap_mode, report.swap_long, report.swap_short)
        said |= dict(zip(SWAP, rates, strict=True))
    kept = {name: _kept(value) for name, value in said.items()}
    return SymbolTerms(symbol=symbol, **kept), list(kept)


def _kept(value: Any) -> Any:
    """With the decimals that the database keeps."""
    return quantise(value, SCALE) if isinstance(value, Decimal) else value


def _unclear(report: SymbolReport, fresh: SymbolTerms) -> str:
    """Why this cannot be written down as terms, in a sentence; empty where it can."""
    contract = report.terms
    if contract.margin_rate_buy != contract.margin_rate_sell:
        return "buys and sells have other margin rates there, and terms have one"
    try:
        fresh.symbol.clean_fields(exclude=["broker", "instrument"])
        fresh.clean_fields(exclude=["symbol", "valid_from"])
    except ValidationError as error:
        return "; ".join(
            f"{name.replace('_', ' ')}: {' '.join(messages)}"
            for name, messages in error.message_dict.items()
        )
    return ""


# -- What is kept of it ------------------------------------------------------------------------
def note(connection: Connection, lesson: Lesson) -> None:
    """Keep that it was taken over in this trading day, and what differed, for the connection's page."""
    told = [*lesson.differences, *lesson.unclear]
    kept = {"day": str(_day(connection)), "told": told[:MOST_TOLD], "count": len(told)}
    DatabaseSession(connection).store(KEPT, kept)


def ask_for(connection: Connection) -> None:
    """Have the keeper take the terms over as soon as it follows the connection."""
    DatabaseSession(connection).store(KEPT, {"day": "", "told": [], "count": 0})


def noted(connection: Connection) -> Mapping[str, Any] | None:
    """What was kept of it: `day`, `told` (sentences), `count`; None where nobody has taken anything over."""
    kept: Mapping[str, Any] | None = DatabaseSession(connection).load(KEPT)
    return kept


def is_due(connection: Connection) -> bool:
    """Whether they have been taken over, and not yet in this trading day of the broker."""
    kept = noted(connection)
    return kept is not None and kept["day"] != str(_day(connection))


def _day(connection: Connection) -> dt.date:
    broker = connection.broker
    return trading_day(timezone.now(), zone=broker.zone, rollover=broker.rollover)
