"""Strategies over the API."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status

from brokers.models import Instrument
from strategies import services
from strategies.models import Strategy
from tradershub.core.api import Input, Moment, Number, Page, PageQuery, allow, one, one_of, page_of
from tradershub.core.errors import BadInput

router = Router(tags=["Strategies"])

StatusOfStrategy = one_of(Strategy.Status)
SizeUnit = one_of(Strategy.SizeUnit)


class StrategyFields(Input):
    name: str = ""
    status: StatusOfStrategy = Strategy.Status.TESTING.value
    category: str = ""
    timeframes: list[str] = []
    instruments: list[str] = []
    platforms: list[str] = []
    size: Number | None = None
    size_in: SizeUnit = Strategy.SizeUnit.LOTS.value
    one_at_a_time: bool = False
    weekdays: list[str] = []
    trades_from: dt.time | None = None
    trades_until: dt.time | None = None
    time_zone: str = "UTC"
    notes: str = ""


class StrategyIn(StrategyFields):
    key: str


class StrategyEdit(StrategyFields):
    key: str = ""


class StrategyOut(Schema):
    id: int
    key: str
    name: str
    status: str
    category: str
    timeframes: list[str]
    instruments: list[str]
    platforms: list[str]
    size: Number | None
    size_in: str
    one_at_a_time: bool
    weekdays: list[str]
    trades_from: dt.time | None
    trades_until: dt.time | None
    time_zone: str
    notes: str
    created_at: Moment

    @staticmethod
    def resolve_instruments(strategy: Strategy) -> list[str]:
        return [instrument.symbol for instrument in strategy.instruments.all()]


class StrategyQuery(PageQuery):
    status: StatusOfStrategy | None = None
    category: str | None = None
    key: str | None = None


@router.get("/strategies", response=Page[StrategyOut], summary="List strategies")
def list_strategies(request: HttpRequest, query: Annotated[StrategyQuery, Query()]) -> Any:
    user = allow(request, "strategies.view_strategy")
    given = query.dict(exclude={"limit", "cursor"}, exclude_none=True)
    rows = Strategy.objects.for_user(user).prefetch_related("instruments").filter(**given)
    return page_of(rows, query)


@router.post("/strategies", response={201: StrategyOut}, summary="Register a strategy")
def create_strategy(request: HttpRequest, body: StrategyIn) -> Any:
    user = allow(request, "strategies.add_strategy")
    return Status(201, services.create_strategy(actor=user, owner=user, **_fields(body)))


@router.get("/strategies/{strategy_id}", response=StrategyOut, summary="Read a strategy")
def read_strategy(request: HttpRequest, strategy_id: int) -> Any:
    allow(request, "strategies.view_strategy")
    return _mine(request, strategy_id)


@router.patch("/strategies/{strategy_id}", response=StrategyOut, summary="Edit a strategy")
def edit_strategy(request: HttpRequest, strategy_id: int, body: StrategyEdit) -> Any:
    user = allow(request, "strategies.change_strategy")
    return services.edit_strategy(_mine(request, strategy_id), actor=user, **_fields(body))


def _mine(request: HttpRequest, strategy_id: int) -> Strategy:
    return one(Strategy.objects.for_user(request.user), strategy_id, what="strategy")


def _fields(body: StrategyFields) -> dict[str, Any]:
    """What was sent, its instruments as rows. Raises BadInput for one that is not in the catalogue."""
    fields = body.dict(exclude_unset=True)
    if "instruments" in fields:
        fields["instruments"] = _instruments(fields["instruments"])
    return fields


def _instruments(symbols: Iterable[str]) -> list[Instrument]:
    wanted = set(symbols)
    found = list(Instrument.objects.filter(symbol__in=wanted))
    if missing := wanted - {instrument.symbol for instrument in found}:
        raise BadInput(f"There is no instrument {sorted(missing)[0]!r}", param="instruments")
    return found
