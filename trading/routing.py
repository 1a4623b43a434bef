"""From a draft to the orders of each account that its strategy goes to; pure reading, nothing is written.

An account that cannot follow is left out with its reason, and the others go on.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import QuerySet

from accounts.models import Account
from brokers.models import Instrument
from risk.facts import Check
from strategies.models import Strategy
from tradershub.core.prepared import prepared
from trading.models import Route, Signal
from trading.planning import RULE, Desk, Plan, Unfit, is_for, symbol_at, without_entry
from trading.queries import waiting_signals
from trading.sources.draft import Draft, Intent

SHUT = Check(rule=RULE, passed=False, code="NO_ROUTE", text="its route was shut while it waited")


def route(
    draft: Draft,
    strategy: Strategy,
    instrument: Instrument,
    *,
    at: dt.datetime,
    signal: Signal | None = None,
) -> list[Plan]:
    """A plan for each account that the strategy is routed to and that may take it, in order of the routes.

    An exit goes, too, where the route was shut since: what the strategy still holds there is closed. So do the
    closings of a signal that waited meanwhile. Where a signal names one account and several have its number, only
    an exit is right for each.
    signal: those before it that wait keep their place, and only its own account is looked at.
    """
    before = signals_before(signal, strategy, instrument) if signal else []
    asked = _Asked(draft, strategy, instrument, at, signal, before)
    only = signal.account_id if signal else None
    routes = routes_of(strategy, draft, only=only)
    if draft.account and len(routes) > 1 and not draft.is_exit:
        return [Plan(one.account, refusal=_meant_by(draft, len(routes))) for one in routes]
    plans = [_plan(asked, r) for r in routes]
    if draft.is_exit or (signal and signal.waits):
        shut = [one for one in _routes(strategy, draft, only=only) if one not in routes]
        found = (without_entry(_plan(asked, r), SHUT) for r in shut)
        plans += [plan for plan in found if plan.refusal is None]
    return plans


def _meant_by(draft: Draft, accounts: int) -> Check:
    text = f"{accounts} of its accounts have the number {draft.account}: which one was meant?"
    return Check(rule=RULE, passed=False, code="ACCOUNT_IN_DOUBT", text=text)


def routes_of(strategy: Strategy, draft: Draft, *, only: int | None = None) -> list[Route]:
    """The routes that are on: Testing goes to paper only, and a signal may name one account."""
    routes = [route for route in _routes(strategy, draft, only=only) if route.enabled]
    if strategy.status == Strategy.Status.TESTING:
        routes = [route for route in routes if route.account.kind == Account.Kind.PAPER]
    if strategy.platforms:
        routes = [route for route in routes if _platform(route) in strategy.platforms]
    return routes


def _platform(route: Route) -> str:
    connection = route.account.connection
    return connection.platform if connection else ""


def _routes(strategy: Strategy, draft: Draft, *, only: int | None) -> list[Route]:
    """All routes to open accounts, or to the one that the signal names."""
    return [
        route
        for route in _open_routes(strategy)
        if only in (None, route.account_id) and draft.account in ("", route.account.number)
    ]


@prepared
def _open_routes(strategy: Strategy) -> QuerySet[Route]:
    rows = Route.objects.filter(strategy=strategy, account__status="open")
    return rows.select_related("account__broker", "account__connection").order_by("id")


@dataclass(frozen=True, slots=True)
class _Asked:
    """The question that is the same for every account."""

    draft: Draft
    strategy: Strategy
    instrument: Instrument
    at: dt.datetime
    signal: Signal | None
    before: list[Signal]


def _plan(asked: _Asked, route: Route) -> Plan:
    account, draft = route.account, asked.draft
    try:
        symbol = symbol_at(account, asked.instrument, draft)
        desk = Desk(account, symbol, asked.strategy, route.share, asked.at, asked.signal)
        if draft.intent is Intent.CANCEL:
            return Plan(account, cancels=desk.working())
        before = next((one for one in asked.before if is_for(one, account)), None)
        return desk.plan(desk.on_ticks(draft), before=before)
    except Unfit as unfit:
        return Plan(account, refusal=unfit.check)


def signals_before(signal: Signal, strategy: Strategy, instrument: Instrument) -> list[Signal]:
    """Those of the strategy and instrument that came before it and wait for orders themselves."""
    return _waiting_before(signal.root, strategy, instrument)


@prepared
def _waiting_before(signal: Signal, strategy: Strategy, instrument: Instrument) -> QuerySet[Signal]:
    mine = waiting_signals().filter(strategy=strategy, instrument=instrument)
    return mine.filter(place__lt=signal)
