"""What pages and the API read of risk: limits with their use, switches, refusals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.valuation import AccountState
from risk import situation
from risk.facts import Missing
from risk.kinds import KINDS, Kind, Unit
from risk.models import Blackout, Limit, RiskEvent, Usage
from risk.results import losses_of, result_of
from risk.rules import lost_and_allowed
from tradershub.finance.decimals import HUNDRED, ZERO

OF_LOSS = (Kind.LOSS, Kind.DRAWDOWN)
NEAR = Decimal(80)  # percent of a limit from which it is near


class Use(NamedTuple):
    """How much of a limit is used. of: the account or counter. None: not known, with the reason.

    used and reserved are in `unit` (a currency, lots or nothing), share in percent of the limit.
    """

    limit: Limit
    of: str
    used: Decimal | None
    reserved: Decimal
    most: Decimal | None
    unit: str
    broken_at: dt.datetime | None = None
    reason: str = ""

    @property
    def share(self) -> Decimal | None:
        if self.used is None or self.most is None:
            return None
        if self.broken_at:
            return HUNDRED
        taken = max(self.used + self.reserved, ZERO)
        return min(taken / self.most * HUNDRED, HUNDRED) if self.most > 0 else HUNDRED

    @property
    def is_near(self) -> bool:
        return self.share is not None and self.share >= NEAR


def limits_seen_by(user: Any) -> QuerySet[Limit]:
    """The person's own limits, and those of everybody, which bind them."""
    rows = Limit.objects.filter(Q(owner=user) | Q(owner__isnull=True))
    return rows.select_related("account__broker", "instrument")


def blackouts_seen_by(user: Any) -> QuerySet[Blackout]:
    """The person's own windows, and those of everybody, which bind them."""
    rows = Blackout.objects.filter(Q(owner=user) | Q(owner__isnull=True))
    return rows.select_related("instrument")


def events_of(user: Any) -> QuerySet[RiskEvent]:
    return RiskEvent.objects.for_user(user).select_related("account__broker", "limit")


def uses(user: Any, states: Iterable[AccountState], *, at: dt.datetime | None = None) -> list[Use]:
    """Each limit in force with how much of it is used, one line for each account or counter of it.

    states: of the accounts that are asked about.

    Losses are computed now; what orders share is as it was when the last order was judged.
    """
    at = at or timezone.now()
    limits = list(limits_seen_by(user).filter(enabled=True))
    by_account = {state.account.pk: state for state in states}
    counted = _counted(limits)
    return [use for limit in limits for use in _uses(limit, by_account, counted, at)]


def _uses(
    limit: Limit, states: dict[int, AccountState], counted: dict[int, list[Usage]], at: dt.datetime
) -> Iterator[Use]:
    if limit.kind in OF_LOSS:
        bound = [s for s in states.values() if limit.account_id in (None, s.account.pk)]
        yield from (_loss(limit, state, counted[limit.pk], at) for state in bound)
    elif KINDS[Kind(limit.kind)].summed and counted[limit.pk]:
        for usage in counted[limit.pk]:
            yield _counter(limit, usage, states)
    else:
        yield Use(limit, limit.about, None, ZERO, _plain_most(limit), _plain_unit(limit))


def _loss(limit: Limit, state: AccountState, counters: list[Usage], at: dt.datetime) -> Use:
    account = state.account
    fact = situation.limit_fact(limit, account, at=at)
    usage = next((row for row in counters if row.key == fact.window_key), None)
    result = None if state.equity is None else result_of(account, state.equity)
    broken_at = usage.broken_at if usage else None
    try:
        lost, most = lost_and_allowed(
            fact, losses_of(limit, account, at=at, result=result, usage=usage)
        )
    except Missing as missing:
        reason = f"Not known: {missing.name}"
        return Use(limit, str(account), None, ZERO, None, account.currency, broken_at, reason)
    return Use(limit, str(account), max(lost, ZERO), ZERO, most, account.currency, broken_at)


def _counter(limit: Limit, usage: Usage, states: dict[int, AccountState]) -> Use:
    name = f"{limit.about}, {usage.key}" if usage.key else limit.about
    return Use(limit, name, usage.used, usage.reserved, _most(limit, states), _unit(limit))


def _most(limit: Limit, states: dict[int, AccountState]) -> Decimal | None:
    if limit.unit != Unit.PERCENT:
        return limit.value
    state = states.get(limit.account_id or 0)
    if state is None or state.equity is None:
        return None
    return limit.value * state.equity / HUNDRED


def _plain_most(limit: Limit) -> Decimal | None:
    return None if limit.unit == Unit.SYMBOLS else limit.value


def _plain_unit(limit: Limit) -> str:
    """As it is stated: a percent that nothing has counted on yet is no money."""
    return "%" if limit.unit == Unit.PERCENT else _unit(limit)


def _unit(limit: Limit) -> str:
    if limit.unit == Unit.MONEY or limit.unit == Unit.PERCENT and KINDS[Kind(limit.kind)].summed:
        return limit.currency or (limit.account.currency if limit.account else "")
    return {Unit.LOTS: "lots", Unit.PERCENT: "%", Unit.SECONDS: "s"}.get(Unit(limit.unit), "")


def _counted(limits: Collection[Limit]) -> dict[int, list[Usage]]:
    found: dict[int, list[Usage]] = {limit.pk: [] for limit in limits}
    for usage in Usage.objects.filter(limit__in=limits).order_by("key"):
        found[usage.limit_id].append(usage)
    return found


def broken_now(limit: Limit) -> bool:
    """Whether the limit is latched in some window."""
    return Usage.objects.filter(limit=limit, broken_at__isnull=False).exists()
