"""What the person should look at: signals, orders in doubt, limits near, Breaks, unmapped symbols, files, health."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts.models import Channel, StatementImport
from accounts.valuation import AccountState
from brokers.connecting import expiring
from brokers.models import Connection, Platform
from risk.kill_switch import Scope, ScopeKind
from risk.kinds import KINDS, Kind
from risk.models import KillSwitch
from risk.queries import Use, uses
from tradershub import health
from tradershub.core.formats import time_left
from tradershub.reports.parts import breaks_address, open_breaks, unmapped_symbols
from tradershub.reports.tables import Row
from trading import queries, stops
from trading.models import Flattening, Lane, Order, Signal

State = StatementImport.State
OVER = (State.REFUSED, State.FAILED)
WAITING = (State.PREVIEW, State.NEEDS_MAPPING, *OVER)
REFUSED_FOR = dt.timedelta(days=7)
AT_MOST = 10
NAMED = 4


@dataclass(frozen=True, slots=True)
class Need:
    """One line: what it is, where it is mended, the word for going there; tone: "warning" or "bad"."""

    text: str
    link: str
    action: str
    tone: str = "warning"


def what_needs(user: Any, states: Collection[AccountState]) -> list[Need]:
    """Everything that waits for this person, of these accounts; empty when all is well."""
    account_ids = [state.account.pk for state in states]
    return [
        *_signals(user),
        *_stops(user),
        *_orders(user),
        *_limits(user, states),
        *_connections(user),
        *_channels(user),
        *_breaks(account_ids),
        *_symbols(account_ids),
        *_imports(user),
    ]


def last_imports(user: Any, n: int = 5) -> list[StatementImport]:
    rows = StatementImport.objects.for_user(user).select_related("account")
    return list(rows.defer("preview").order_by("-created_at")[:n])


def failing_parts() -> list[str]:
    """What the health checks say is wrong; the check of the tables is left to the health page."""
    checks = {name: check for name, check in health.CHECKS.items() if name != "migrations"}
    found = {name: health.outcome(check) for name, check in checks.items()}
    return [f"{name}: {words}" for name, words in found.items() if words != health.OK]


def _signals(user: Any) -> list[Need]:
    """Signals that wait for a person's word."""
    return [_approval(signal) for signal in queries.for_approval(user)[:AT_MOST]]


def _approval(signal: Signal) -> Need:
    until = signal.approve_until
    left = "It closes, and waits as long as you like"
    if until:
        left = f"{time_left(until, now=timezone.now())} left".capitalize()
    text = f"{signal} waits for approval: {'; '.join(signal.planned)}. {left}."
    return Need(text, reverse("desk:signal", args=[signal.pk]), "Approve or decline")


def _stops(user: Any) -> list[Need]:
    """What is stopped alone; a stop of all stands at the top of every page."""
    rows = KillSwitch.objects.filter(owner_id=user.pk, engaged=True).exclude(scope=ScopeKind.OWNER)
    return [_stop(row) for row in rows[:AT_MOST]]


def _stop(row: KillSwitch) -> Need:
    because = f": {row.reason}" if row.reason else ""
    words = stops.in_words(Scope(ScopeKind(row.scope), row.key))
    text = f"Stopped: {words}, by {row.by}{because}."
    return Need(text, reverse("reports:page", args=["risk"]), "Let it go on")


def _orders(user: Any) -> list[Need]:
    """Orders that only a person can settle, and accounts whose orders are held up."""
    return [
        *(_doubt(order) for order in queries.in_doubt(user)[:AT_MOST]),
        *(_halt(lane) for lane in queries.halted_lanes(user)[:AT_MOST]),
        *(_not_flat(row) for row in queries.not_flat(user)[:AT_MOST]),
    ]


def _doubt(order: Order) -> Need:
    text = f"Nobody knows yet whether the broker has {order}. {order.reason}"
    link = reverse("desk:order", args=[order.pk])
    is_left = order.state == Order.State.QUARANTINED
    return Need(text, link, "Say what became of it" if is_left else "See its story", "bad")


def _halt(lane: Lane) -> Need:
    link = reverse("admin:trading_lane_change", args=[lane.pk])
    return Need(f"No order of {lane.account} goes out. {lane.halted_because}", link, "See", "bad")


def _not_flat(row: Flattening) -> Need:
    text = f"{row.account} is not flat yet: {row.in_words()}"
    return Need(text, reverse("desk:flattening"), "See how far it is", "bad")


def _limits(user: Any, states: Collection[AccountState]) -> list[Need]:
    near = [use for use in uses(user, states) if use.is_near]
    return [_near(use) for use in near[:AT_MOST]]


def _near(use: Use) -> Need:
    label = KINDS[Kind(use.limit.kind)].label
    standing = "is broken" if use.broken_at else f"is used to {use.share:.0f} %"
    link = reverse("reports:page", args=["risk"])
    tone = "bad" if use.broken_at else "warning"
    return Need(f"{label}, {use.of}: the limit {standing}.", link, "See its figures", tone)


def _connections(user: Any) -> list[Need]:
    """Lines that do not work, platforms that switched themselves off, keys that end."""
    mine = list(Connection.objects.for_user(user).filter(enabled=True))
    keys = {one.platform for one in mine}
    shut = Platform.objects.filter(key__in=keys, enabled=False) if mine else ()
    today = timezone.now().date()
    return [
        *(_shut_platform(row) for row in shut),
        *(_fault(one) for one in mine if one.fault),
        *(_ending(one) for one in mine if expiring(one, today=today)),
    ]


def _shut_platform(row: Platform) -> Need:
    because = f": {row.disabled_because}" if row.disabled_because else ""
    link = reverse("desk:platform", args=[row.key])
    but = " but for closings" if row.closes_only else ""
    return Need(f"{row} is switched off{but}{because}.", link, "See why", "bad")


def _fault(one: Connection) -> Need:
    link = reverse("desk:connection", args=[one.pk])
    return Need(f"{one.name} does not work. {one.fault}", link, "Test it", "bad")


def _ending(one: Connection) -> Need:
    verb = "ended" if one.expires_on < timezone.now().date() else "ends"
    text = f"The key of {one.name} {verb} on {one.expires_on:%Y-%m-%d}."
    return Need(text, reverse("desk:connection-edit", args=[one.pk]), "Renew it")


def _channels(user: Any) -> list[Need]:
    """Ways to be told that do not work."""
    rows = Channel.objects.for_user(user).exclude(fault="")
    return [
        Need(
            f"{one.name} does not reach you. {one.fault}",
            reverse("desk:channel", args=[one.pk]),
            "See why",
            "warning" if one.enabled else "bad",
        )
        for one in rows[:AT_MOST]
    ]


def _breaks(account_ids: Collection[int]) -> list[Need]:
    n = open_breaks(account_ids)
    if not n:
        return []
    noun = "Break is" if n == 1 else "Breaks are"
    text = f"{n} {noun} open: books and broker differ."
    return [Need(text, breaks_address(), "See why", "bad")]


def _symbols(account_ids: Collection[int]) -> list[Need]:
    symbols = unmapped_symbols(account_ids)
    if not symbols:
        return []
    names = ", ".join(str(one) for one in symbols[:NAMED]) + (" …" if len(symbols) > NAMED else "")
    noun = "symbol is" if len(symbols) == 1 else "symbols are"
    text = f"{len(symbols)} {noun} not mapped to an instrument: {names}."
    link = reverse("admin:brokers_brokersymbol_changelist") + "?instrument__isempty=1"
    return [Need(text, link, "Map them")]


def _imports(user: Any) -> list[Need]:
    recent = Q(created_at__gte=timezone.now() - REFUSED_FOR)
    rows = StatementImport.objects.for_user(user).filter(state__in=WAITING)
    rows = rows.exclude(Q(state__in=OVER) & ~recent).values("pk", "state", "file_name", "reason")
    return [_import(row) for row in rows[:AT_MOST]]


def _import(row: Row) -> Need:
    state = State(row["state"])
    reason = f": {row['reason']}" if row["reason"] else ""
    text = f"{row['file_name']} – {state.label.lower()}{reason}"
    link = reverse("desk:import-detail", args=[row["pk"]])
    return Need(text, link, "Open", "bad" if state in OVER else "warning")
