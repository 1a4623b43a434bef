"""How long a signal takes on its way to the broker, step by step, from the moments on its own rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Min, Q

from accounts.models import Account, Deal
from trading.models import Order, Signal

MOST = 20_000  # orders that are looked at, the newest
CHUNK = 900
MICROSECOND = dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Step:
    """key: of the step. label, hint: what it is, and from when to when."""

    key: str
    label: str
    hint: str


STEPS = (
    Step("wait", "Wait for a worker", "From the request's arrival until a worker begins"),
    Step("gates", "Gates and size", "From there until the order is made and judged"),
    Step("turn", "Verdict and turn", "From there until the order's turn in its lane has come"),
    Step("look", "Last look", "From there until the first byte leaves for the broker"),
    Step("sent", "Signal to broker", "All of the above: from arrival to the first byte"),
    Step("answer", "Broker's answer", "From the first byte until the broker has answered"),
    Step("fill", "Signal to first fill", "From arrival until the first deal is in the books"),
)
WHOLE = "sent"


class Taken(NamedTuple):
    """What one order of a signal took, in milliseconds by step; a step that did not happen is not in them."""

    signal_id: int
    account_id: int
    client_order_id: str
    at: dt.datetime
    steps: dict[str, Decimal]


class Spread(NamedTuple):
    """n values in milliseconds: the median, the 95th and 99th of a hundred, the slowest."""

    n: int
    median: Decimal
    p95: Decimal
    p99: Decimal
    most: Decimal


def taken(accounts: Collection[Account], narrowed: Q | None = None) -> list[Taken]:
    """The newest orders of these accounts that signals sent on their own, in the order of their arrival.

    narrowed: which orders. A signal that waited for a person's approval is left out.
    """
    rows = Order.objects.filter(
        narrowed or Q(), account__in=accounts, origin_kind="signal", sent_at__isnull=False
    ).order_by("-received_at", "-id")
    found = list(rows.values_list(*COLUMNS)[:MOST])
    begun = _begun({row[1].get("signal") for row in found})
    fills = _first_fills({row[2] for row in found})
    made = (_taken(row, begun, fills) for row in reversed(found))
    return [one for one in made if one is not None]


COLUMNS = (
    "account_id", "plan", "client_order_id", "signal_at", "decided_at", "claimed_at", "sent_at",
    "answered_at",
)  # fmt: skip


def _taken(
    row: tuple[Any, ...], begun: dict[int, dt.datetime], fills: dict[str, dt.datetime]
) -> Taken | None:
    account_id, plan, client_order_id, arrived, decided, claimed, sent, answered = row
    signal_id = plan.get("signal")
    if signal_id not in begun or arrived is None:
        return None
    spans = {
        "wait": (arrived, begun[signal_id]),
        "gates": (begun[signal_id], decided),
        "turn": (decided, claimed),
        "look": (claimed, sent),
        WHOLE: (arrived, sent),
        "answer": (sent, answered),
        "fill": (arrived, fills.get(client_order_id)),
    }
    steps = {
        key: Decimal((end - start) // MICROSECOND) / 1000
        for key, (start, end) in spans.items()
        if start is not None and end is not None
    }
    return Taken(signal_id, account_id, client_order_id, arrived, steps)


def _begun(ids: Collection[Any]) -> dict[int, dt.datetime]:
    """When a worker began with each signal that no person let through."""
    found: dict[int, dt.datetime] = {}
    for some in _chunks(ids):
        rows = Signal.objects.filter(pk__in=some, decided_by="", decided_at__isnull=False)
        found.update(rows.order_by().values_list("pk", "decided_at"))
    return found


def _first_fills(ids: Collection[str]) -> dict[str, dt.datetime]:
    found: dict[str, dt.datetime] = {}
    for some in _chunks(ids):
        rows = Deal.objects.filter(client_order_id__in=some, kind=Deal.Kind.TRADE)
        firsts = rows.order_by().values_list("client_order_id").annotate(first=Min("booked_at"))
        found.update(firsts)
    return found


def _chunks(ids: Collection[Any]) -> Iterable[Sequence[Any]]:
    known = [pk for pk in ids if pk is not None]
    return (known[n : n + CHUNK] for n in range(0, len(known), CHUNK))


def spread(values: Iterable[Decimal]) -> Spread | None:
    """How the values lie; None without any. Each percentile is the smallest value that so many do not pass."""
    ordered = sorted(values)
    if not ordered:
        return None
    at = (_rank(ordered, percent) for percent in (50, 95, 99))
    return Spread(len(ordered), *at, ordered[-1])


def _rank(ordered: Sequence[Decimal], percent: int) -> Decimal:
    return ordered[max(-(-len(ordered) * percent // 100), 1) - 1]


def of_step(rows: Iterable[Taken], key: str) -> Spread | None:
    return spread(row.steps[key] for row in rows if key in row.steps)


def slowest(rows: Iterable[Taken], at_most: int = 20) -> list[Taken]:
    """Those that took longest until they left."""
    sent = [row for row in rows if WHOLE in row.steps]
    return sorted(sent, key=lambda row: -row.steps[WHOLE])[:at_most]
