"""How long signals take to the broker, over the API."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from django.db.models import Q
from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from accounts.models import Account
from tradershub.core.api import Given, Moment, Number, allow
from trading import latency

router = Router(tags=["Signals"])


class LatencyQuery(Given):
    account_id: int | None = None
    since: dt.datetime | None = Field(None, description="Orders received at or after that moment")
    until: dt.datetime | None = Field(None, description="Orders received before that moment")


class StepOut(Schema):
    """Milliseconds of one step over n orders: the median, 95 % and 99 % of them, the slowest."""

    step: str
    label: str
    means: str
    n: int
    median: Number
    p95: Number
    p99: Number
    slowest: Number


class SlowOut(Schema):
    """steps: milliseconds by step, as text."""

    signal_id: int
    account_id: int
    arrived_at: Moment
    steps: dict[str, Number]


class LatencyOut(Schema):
    orders: int
    steps: list[StepOut]
    slowest: list[SlowOut]


@router.get("/latency", response=LatencyOut, summary="How long signals take to the broker")
def get_latency(request: HttpRequest, query: Annotated[LatencyQuery, Query()]) -> Any:
    user = allow(request, "trading.view_order")
    accounts = Account.objects.for_user(user)
    if query.account_id is not None:
        accounts = accounts.filter(pk=query.account_id)
    rows = latency.taken(accounts, _between(query))
    spreads = [(step, latency.of_step(rows, step.key)) for step in latency.STEPS]
    return {
        "orders": len(rows),
        "steps": [
            {
                "step": step.key,
                "label": step.label,
                "means": step.hint,
                "slowest": found.most,
                **found._asdict(),
            }
            for step, found in spreads
            if found
        ],
        "slowest": [
            {
                "signal_id": row.signal_id,
                "account_id": row.account_id,
                "arrived_at": row.at,
                "steps": row.steps,
            }
            for row in latency.slowest(rows)
        ],
    }


def _between(query: LatencyQuery) -> Q:
    found = Q()
    if query.since:
        found &= Q(received_at__gte=query.since)
    if query.until:
        found &= Q(received_at__lt=query.until)
    return found
