"""Sources, routes and signals over the API."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from accounts.models import Account
from strategies.models import Strategy
from tradershub.core.api import Input, Moment, Number, Page, PageQuery, allow, one, one_of, page_of
from trading import signals
from trading.models import Gate, Route, Signal, SignalSource
from trading.queries import orders_of
from trading.sources import SOURCES

router = Router(tags=["Signals"])

Proof, Mode = one_of(SignalSource.Proof), one_of(SignalSource.Mode)
StateOfSignal = one_of(Signal.State)


class SourceFields(Input):
    name: str = ""
    dialect: str = Field("generic", description=f"One of {', '.join(SOURCES)}")
    proof: Proof = SignalSource.Proof.TOKEN.value
    addresses: list[str] = Field([], description="Empty: from anywhere")
    mode: Mode = SignalSource.Mode.DRY_RUN.value
    enabled: bool = True
    strategy_id: int | None = None
    strategy_is_fixed: bool = Field(
        False, description="Left out: true where a strategy is chosen; signals cannot name another"
    )
    size_in: one_of(Strategy.SizeUnit) = Strategy.SizeUnit.LOTS.value  # type: ignore[valid-type]
    level_in: str = "price"
    time_zone: str = "UTC"
    expires_after: int = 60
    approve_within: int = 900
    burst: int = 15


class SourceIn(SourceFields):
    name: str


class SourceOut(Schema):
    id: int
    uid: str
    name: str
    dialect: str
    proof: str
    addresses: list[str]
    mode: str
    enabled: bool
    strategy_id: int | None
    strategy_is_fixed: bool
    size_in: str
    level_in: str
    time_zone: str
    expires_after: int
    approve_within: int
    burst: int
    created_at: Moment
    last_used_at: Moment | None


class NewSource(Schema):
    """secret: shown this once; the token of its address, its bearer key, or its signing secret.

    address: where its messages go, with the token where the address is the proof; "" for a drop folder.
    """

    source: SourceOut
    secret: str
    address: str


@router.get("/signal-sources", response=Page[SourceOut], summary="List sources of signals")
def list_signal_sources(request: HttpRequest, query: Annotated[PageQuery, Query()]) -> Any:
    user = allow(request, "trading.view_signalsource")
    return page_of(SignalSource.objects.for_user(user), query)


@router.post("/signal-sources", response={201: NewSource}, summary="Register a source of signals")
def create_signal_source(request: HttpRequest, body: SourceIn) -> Any:
    user = allow(request, "trading.add_signalsource")
    fields = _fields(request, body)
    source, secret = signals.create_source(actor=user, owner=user, **fields)
    return Status(201, _new(request, source, secret))


@router.get("/signal-sources/{source_id}", response=SourceOut, summary="Read a source of signals")
def read_signal_source(request: HttpRequest, source_id: int) -> Any:
    allow(request, "trading.view_signalsource")
    return _source(request, source_id)


@router.patch("/signal-sources/{source_id}", response=SourceOut, summary="Edit a source of signals")
def edit_signal_source(request: HttpRequest, source_id: int, body: SourceFields) -> Any:
    user = allow(request, "trading.change_signalsource")
    source = _source(request, source_id)
    return signals.edit_source(source, actor=user, **_fields(request, body))


@router.post(
    "/signal-sources/{source_id}/secret", response=NewSource, summary="Make a source another secret"
)
def new_signal_secret(request: HttpRequest, source_id: int) -> Any:
    """The secret before it holds on until the next one, or until it is dropped."""
    user = allow(request, "trading.change_signalsource")
    source = _source(request, source_id)
    return _new(request, source, signals.new_secret(source, actor=user))


@router.delete(
    "/signal-sources/{source_id}/secret", response=SourceOut, summary="Drop a source's older secret"
)
def drop_signal_secret(request: HttpRequest, source_id: int) -> Any:
    user = allow(request, "trading.change_signalsource")
    return signals.drop_old_secret(_source(request, source_id), actor=user)


# -- Routes ------------------------------------------------------------------------------------
class RouteIn(Input):
    strategy_id: int
    account_id: int
    share: Number = Field(Decimal(1), description="1 is the strategy's own size")
    enabled: bool = True


class RouteOut(Schema):
    id: int
    strategy_id: int
    account_id: int
    share: Number
    enabled: bool


@router.get("/routes", response=Page[RouteOut], summary="List routes")
def list_routes(request: HttpRequest, query: Annotated[PageQuery, Query()]) -> Any:
    user = allow(request, "trading.view_route")
    return page_of(Route.objects.for_user(user), query)


@router.put("/routes", response=RouteOut, summary="Send a strategy's orders to an account")
def set_route(request: HttpRequest, body: RouteIn) -> Any:
    user = allow(request, "trading.change_route")
    fields = body.dict()
    strategy = one(Strategy.objects.for_user(user), fields.pop("strategy_id"), what="strategy")
    account = one(Account.objects.for_user(user), fields.pop("account_id"), what="account")
    return signals.set_route(strategy, account, actor=user, **fields)


# -- Signals -----------------------------------------------------------------------------------
class GateOut(Schema):
    at: Moment
    name: str
    passed: bool
    code: str
    text: str
    figures: dict[str, Any]


class SignalOut(Schema):
    """waits: received, and goes on by itself once the orders that `reason` names have settled.

    approve_until: of an entry that waits for a person.
    rest_of_id: the signal of which this is what had to wait, at account_id.
    """

    id: int
    source_id: int
    strategy_id: int | None
    key: str
    state: str
    mode: str
    code: str
    reason: str
    received_at: Moment
    decided_at: Moment | None
    approve_until: Moment | None
    deliveries: int
    planned: list[str]
    replay_of_id: int | None
    waits: bool
    rest_of_id: int | None
    account_id: int | None


class SignalStory(SignalOut):
    """orders: ids of what it became."""

    body: str
    draft: dict[str, Any] | None
    gates: list[GateOut]
    orders: list[int]


class SignalQuery(PageQuery):
    source_id: int | None = None
    state: StateOfSignal | None = None


@router.get("/signals", response=Page[SignalOut], summary="List signals")
def list_signals(request: HttpRequest, query: Annotated[SignalQuery, Query()]) -> Any:
    user = allow(request, "trading.view_signal")
    given = query.dict(exclude={"limit", "cursor"}, exclude_none=True)
    rows = Signal.objects.for_user(user).select_related("source")
    return page_of(rows.filter(**given), query)


@router.get("/signals/{int:signal_id}", response=SignalStory, summary="Read a signal's story")
def read_signal(request: HttpRequest, signal_id: int) -> Any:
    allow(request, "trading.view_signal")
    signal = _signal(request, signal_id)
    mine = orders_of(signal).order_by("id")
    told = {
        name: getattr(signal, name) for name in SignalStory.model_fields if hasattr(signal, name)
    }
    gates = list(Gate.objects.filter(signal=signal))
    return {**told, "gates": gates, "orders": list(mine.values_list("pk", flat=True))}


@router.post(
    "/signals/{int:signal_id}/approve", response=SignalOut, summary="Approve a waiting signal"
)
def approve_signal(request: HttpRequest, signal_id: int) -> Any:
    user = allow(request, "trading.change_signal")
    return signals.approve(_signal(request, signal_id), actor=user)


@router.post(
    "/signals/{int:signal_id}/decline", response=SignalOut, summary="Decline a waiting signal"
)
def decline_signal(request: HttpRequest, signal_id: int) -> Any:
    user = allow(request, "trading.change_signal")
    return signals.decline(_signal(request, signal_id), actor=user)


@router.post(
    "/signals/{int:signal_id}/again",
    response={201: SignalOut},
    summary="Send a signal again by hand",
)
def send_signal_again(request: HttpRequest, signal_id: int) -> Any:
    user = allow(request, "trading.change_signal")
    return Status(201, signals.send_again(_signal(request, signal_id), actor=user))


def _signal(request: HttpRequest, signal_id: int) -> Signal:
    rows = Signal.objects.for_user(request.user)
    rows = rows.select_related("source__owner", "source__strategy", "rest_of")
    return one(rows, signal_id, what="signal")


def _source(request: HttpRequest, source_id: int) -> SignalSource:
    rows = SignalSource.objects.for_user(request.user).select_related("owner", "strategy")
    return one(rows, source_id, what="source of signals")


def _new(request: HttpRequest, source: SignalSource, secret: str) -> dict[str, Any]:
    path = signals.path_of(source, secret)
    address = request.build_absolute_uri(path) if path else ""
    return {"source": source, "secret": secret, "address": address}


def _fields(request: HttpRequest, body: SourceFields) -> dict[str, Any]:
    """What was sent, the strategy as a row. Raises NotFound for one that is not the person's."""
    fields = body.dict(exclude_unset=True)
    if "strategy_id" in fields:
        pk = fields.pop("strategy_id")
        mine = Strategy.objects.for_user(request.user)
        fields["strategy"] = one(mine, pk, what="strategy") if pk is not None else None
    return fields
