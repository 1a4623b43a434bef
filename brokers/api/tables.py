"""Brokers, instruments, symbols, terms and reference rates over the API."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from brokers import services
from brokers.models import Broker, BrokerSymbol, FxRate, Instrument, SymbolTerms
from tradershub.core.api import (
    GivenDay,
    Input,
    Moment,
    Number,
    Page,
    PageQuery,
    allow,
    one,
    one_of,
    page_of,
)
from tradershub.core.dated import with_next
from tradershub.core.terms import add_terms, change_terms, correct_terms

router = Router(tags=["Brokers"])


class BrokerFields(Input):
    legal_entity: str = ""
    regulator: str = ""
    website: str = ""
    time_zone: str = "Europe/Athens"
    rollover: dt.time = dt.time(0, 0)
    triple_swap_weekday: int = Field(2, ge=0, le=4, description="0 is Monday")
    negative_balance_protection: bool = True
    conversion: str = "by_deal"
    rounding: str = "half_up"
    aliases: list[str] = []
    notes: str = ""


class BrokerIn(BrokerFields):
    name: str


class BrokerEdit(BrokerFields):
    name: str = ""
    time_zone_edit: Literal["", "correct", "change"] = Field(
        "",
        description="With another time_zone, once files are booked: whether it corrects the old one, or is a "
        "change of the server's clock on time_zone_changed_on. All files are then read anew",
    )
    time_zone_changed_on: GivenDay | None = Field(
        None, description="First day, on the server's clock, on which the new time zone holds"
    )


class ZoneBefore(Schema):
    zone: str
    until: dt.date = Field(description="First day on which it held no more")


class BrokerOut(Schema):
    id: int
    name: str
    status: str
    legal_entity: str
    regulator: str
    website: str
    time_zone: str
    earlier_zones: list[ZoneBefore]
    rollover: dt.time
    triple_swap_weekday: int
    negative_balance_protection: bool
    conversion: str
    rounding: str
    aliases: list[str]
    notes: str
    closed_at: Moment | None


BrokerStatus = one_of(Broker.Status)


class BrokerQuery(PageQuery):
    status: BrokerStatus | None = None
    name: str | None = None


@router.get("/brokers", response=Page[BrokerOut], summary="List brokers")
def list_brokers(request: HttpRequest, query: Annotated[BrokerQuery, Query()]) -> Any:
    allow(request, "brokers.view_broker")
    rows = Broker.objects.all()
    if query.status:
        rows = rows.filter(status=query.status)
    if query.name:
        rows = rows.filter(name__icontains=query.name)
    return page_of(rows, query)


@router.post("/brokers", response={201: BrokerOut}, summary="Open a broker")
def open_broker(request: HttpRequest, body: BrokerIn) -> Any:
    user = allow(request, "brokers.add_broker")
    return Status(201, services.open_broker(actor=user, **body.dict()))


@router.get("/brokers/{broker_id}", response=BrokerOut, summary="Read a broker")
def read_broker(request: HttpRequest, broker_id: int) -> Any:
    allow(request, "brokers.view_broker")
    return one(Broker.objects.all(), broker_id, what="broker")


@router.patch("/brokers/{broker_id}", response=BrokerOut, summary="Edit a broker")
def edit_broker(request: HttpRequest, broker_id: int, body: BrokerEdit) -> Any:
    user = allow(request, "brokers.change_broker")
    broker = one(Broker.objects.all(), broker_id, what="broker")
    return services.edit_broker(broker, actor=user, **body.dict(exclude_unset=True))


@router.post("/brokers/{broker_id}/close", response=BrokerOut, summary="Close a broker")
def close_broker(request: HttpRequest, broker_id: int) -> Any:
    user = allow(request, "brokers.change_broker")
    return services.close_broker(one(Broker.objects.all(), broker_id, what="broker"), actor=user)


@router.post("/brokers/{broker_id}/reopen", response=BrokerOut, summary="Reopen a broker")
def reopen_broker(request: HttpRequest, broker_id: int) -> Any:
    user = allow(request, "brokers.change_broker")
    return services.reopen_broker(one(Broker.objects.all(), broker_id, what="broker"), actor=user)


class InstrumentIn(Input):
    symbol: str
    name: str = ""
    category: str
    base: str
    quote: str
    pip_size: Number | None = None
    tick_size: Number
    tick_value: Number | None = None
    contract_size: Number
    exchange: str = ""
    aliases: list[str] = []


class InstrumentEdit(Input):
    name: str = ""
    category: str = ""
    base: str = ""
    quote: str = ""
    pip_size: Number | None = None
    tick_size: Number | None = None
    tick_value: Number | None = None
    contract_size: Number | None = None
    exchange: str = ""
    aliases: list[str] = []


class InstrumentOut(Schema):
    id: int
    symbol: str
    name: str
    category: str
    base: str
    quote: str
    pip_size: Number | None
    tick_size: Number
    tick_value: Number | None
    contract_size: Number
    exchange: str
    aliases: list[str]


Category = one_of(Instrument.Category)


class InstrumentQuery(PageQuery):
    symbol: str | None = None
    category: Category | None = None


@router.get("/instruments", response=Page[InstrumentOut], summary="List instruments")
def list_instruments(request: HttpRequest, query: Annotated[InstrumentQuery, Query()]) -> Any:
    allow(request, "brokers.view_instrument")
    rows = Instrument.objects.all()
    if query.symbol:
        rows = rows.filter(symbol__istartswith=query.symbol)
    if query.category:
        rows = rows.filter(category=query.category)
    return page_of(rows, query)


@router.post("/instruments", response={201: InstrumentOut}, summary="Add an instrument")
def add_instrument(request: HttpRequest, body: InstrumentIn) -> Any:
    user = allow(request, "brokers.add_instrument")
    return Status(201, services.save_instrument(Instrument(**body.dict()), actor=user))


@router.get("/instruments/{instrument_id}", response=InstrumentOut, summary="Read an instrument")
def read_instrument(request: HttpRequest, instrument_id: int) -> Any:
    allow(request, "brokers.view_instrument")
    return one(Instrument.objects.all(), instrument_id, what="instrument")


@router.patch("/instruments/{instrument_id}", response=InstrumentOut, summary="Edit an instrument")
def edit_instrument(request: HttpRequest, instrument_id: int, body: InstrumentEdit) -> Any:
    user = allow(request, "brokers.change_instrument")
    instrument = one(Instrument.objects.all(), instrument_id, what="instrument")
    return services.save_instrument(instrument, actor=user, **body.dict(exclude_unset=True))


class SymbolIn(Input):
    broker_id: int
    name: str
    instrument_id: int | None = None


class SymbolMapping(Input):
    instrument_id: int | None = Field(None, description="null takes the mapping back")


class SymbolOut(Schema):
    id: int
    broker_id: int
    name: str
    instrument_id: int | None
    mapped_by: str


class SymbolQuery(PageQuery):
    broker_id: int | None = None
    name: str | None = None
    mapped: bool | None = None


@router.get("/symbols", response=Page[SymbolOut], summary="List brokers' symbols")
def list_symbols(request: HttpRequest, query: Annotated[SymbolQuery, Query()]) -> Any:
    allow(request, "brokers.view_brokersymbol")
    rows = BrokerSymbol.objects.all()
    if query.broker_id is not None:
        rows = rows.filter(broker_id=query.broker_id)
    if query.name:
        rows = rows.filter(name__istartswith=query.name)
    if query.mapped is not None:
        rows = rows.filter(instrument__isnull=not query.mapped)
    return page_of(rows, query)


@router.post("/symbols", response={201: SymbolOut}, summary="Add a broker's symbol")
def add_symbol(request: HttpRequest, body: SymbolIn) -> Any:
    user = allow(request, "brokers.add_brokersymbol")
    broker = one(Broker.objects.all(), body.broker_id, what="broker")
    symbol = services.symbol_for(broker, body.name)
    if body.instrument_id is None:
        return Status(201, symbol)
    instrument = one(Instrument.objects.all(), body.instrument_id, what="instrument")
    return Status(201, services.map_symbol(symbol, instrument, actor=user))


@router.get("/symbols/{symbol_id}", response=SymbolOut, summary="Read a broker's symbol")
def read_symbol(request: HttpRequest, symbol_id: int) -> Any:
    allow(request, "brokers.view_brokersymbol")
    return one(BrokerSymbol.objects.all(), symbol_id, what="symbol")


@router.put("/symbols/{symbol_id}/instrument", response=SymbolOut, summary="Map a symbol")
def map_symbol(request: HttpRequest, symbol_id: int, body: SymbolMapping) -> Any:
    user = allow(request, "brokers.change_brokersymbol")
    symbol = one(BrokerSymbol.objects.all(), symbol_id, what="symbol")
    instrument = None
    if body.instrument_id is not None:
        instrument = one(Instrument.objects.all(), body.instrument_id, what="instrument")
    return services.map_symbol(symbol, instrument, actor=user)


class TermsEdit(Input):
    contract_size: Number | None = None
    digits: int = 5
    tick_size: Number | None = None
    tick_value: Number | None = None
    lot_min: Number | None = None
    lot_step: Number | None = None
    lot_max: Number | None = None
    commission_scheme: str = "none"
    commission_rate: Number | None = None
    swap_mode: str = "none"
    swap_long: Number | None = None
    swap_short: Number | None = None
    margin_mode: str = "forex"
    margin_rate: Number | None = None
    margin_initial: Number | None = None
    hedged_size: Number | None = None


class TermsIn(TermsEdit):
    valid_from: GivenDay
    contract_size: Number
    tick_size: Number


class TermsChange(TermsEdit):
    changed_on: GivenDay | None = Field(
        None, description="First day of the new terms; null corrects the terms where they stand"
    )


class TermsOut(Schema):
    id: int
    symbol_id: int
    valid_from: dt.date
    valid_until: dt.date | None
    contract_size: Number
    digits: int
    tick_size: Number
    tick_value: Number | None
    lot_min: Number
    lot_step: Number
    lot_max: Number | None
    commission_scheme: str
    commission_rate: Number
    swap_mode: str
    swap_long: Number
    swap_short: Number
    margin_mode: str
    margin_rate: Number
    margin_initial: Number | None
    hedged_size: Number | None
    source: str = Field(description="Connection whose platform said them; empty: a person")


@router.get("/symbols/{symbol_id}/terms", response=Page[TermsOut], summary="List terms")
def list_terms(request: HttpRequest, symbol_id: int, query: Annotated[PageQuery, Query()]) -> Any:
    allow(request, "brokers.view_symbolterms")
    symbol = one(BrokerSymbol.objects.all(), symbol_id, what="symbol")
    return page_of(with_next(SymbolTerms.objects.filter(symbol=symbol)), query)


@router.post("/symbols/{symbol_id}/terms", response={201: TermsOut}, summary="Add terms")
def add_symbol_terms(request: HttpRequest, symbol_id: int, body: TermsIn) -> Any:
    user = allow(request, "brokers.add_symbolterms")
    symbol = one(BrokerSymbol.objects.all(), symbol_id, what="symbol")
    terms = SymbolTerms(symbol=symbol, **body.dict(exclude_unset=True))
    return Status(201, add_terms(terms, actor=user))


@router.get("/terms/{terms_id}", response=TermsOut, summary="Read terms")
def read_terms(request: HttpRequest, terms_id: int) -> Any:
    allow(request, "brokers.view_symbolterms")
    return one(SymbolTerms.objects.all(), terms_id, what="terms")


@router.patch("/terms/{terms_id}", response=TermsOut, summary="Correct or change terms")
def edit_terms(request: HttpRequest, terms_id: int, body: TermsChange) -> Any:
    user = allow(request, "brokers.change_symbolterms")
    terms = one(SymbolTerms.objects.all(), terms_id, what="terms")
    changes = body.dict(exclude_unset=True)
    day = changes.pop("changed_on", None)
    if day is None:
        return correct_terms(terms, actor=user, **changes)
    return change_terms(terms, actor=user, day=day, **changes)


class RateOut(Schema):
    id: int
    currency: str
    day: dt.date
    rate: Number = Field(description="Units of the currency for one euro")
    source: str


class RateQuery(PageQuery):
    currency: str | None = None
    from_day: GivenDay | None = None
    to_day: GivenDay | None = None


@router.get("/rates", response=Page[RateOut], summary="List daily reference rates")
def list_rates(request: HttpRequest, query: Annotated[RateQuery, Query()]) -> Any:
    allow(request, "brokers.view_fxrate")
    rows = FxRate.objects.all()
    if query.currency:
        rows = rows.filter(currency=query.currency.upper())
    if query.from_day:
        rows = rows.filter(day__gte=query.from_day)
    if query.to_day:
        rows = rows.filter(day__lte=query.to_day)
    return page_of(rows, query)
