"""Losses between orders: what an account is worth is looked at as it changes, and a broken limit is latched.

The keeper calls `observe` with each equity it learns, so that a limit that was touched stays broken even when
the price comes back before the next order.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Account, Topic
from accounts.notify import Words, tell
from risk import counters, situation
from risk.conversion import BrokerRates
from risk.counters import Counter
from risk.facts import AHEAD, LimitFact, Missing
from risk.kinds import Basis, Kind, Scope, Trail, Unit
from risk.models import LastEquity, Limit, RiskEvent, Usage
from risk.results import equity_near, losses_of, result_of, was_flat, window_of
from risk.rules import lost_and_allowed
from tradershub.core.audit import record
from tradershub.core.clock import is_due
from tradershub.core.formats import money
from tradershub.finance.decimals import HUNDRED

NOW = dt.timedelta(seconds=float(AHEAD))  # as exactly as hosts agree on it
OF_LOSS = (Kind.LOSS, Kind.DRAWDOWN)


@transaction.atomic
def observe(account: Account, *, equity: Decimal, at: dt.datetime) -> list[Limit]:
    """The account is worth that much at that moment; returns the limits of loss that it breaks first now.

    Keeps the high of trailing losses and the equity with which a day begins. Moments that are older than the
    last one seen change nothing, unless the clock was set back meanwhile. Takes no lock and no query beyond one
    where the account has no such limit.
    """
    limits = list(
        Limit.objects.filter(situation.of_account(account), kind__in=OF_LOSS, enabled=True)
        .select_related("account")
        .order_by("id")
    )
    if not limits:
        return []
    last = LastEquity.objects.filter(account=account).first()
    if last is not None and not is_due(last.at, at, beyond=timezone.now() + NOW):
        return []
    result = result_of(account, equity)
    broken = [limit for limit in limits if _is_newly_broken(limit, account, result=result, at=at)]
    LastEquity.objects.update_or_create(account=account, defaults={"result": result, "at": at})
    return broken


def of_strategies(account: Account) -> list[Limit]:
    """The limits on a strategy's loss of a day that bind any strategy on the account."""
    theirs = Q(scope=Scope.STRATEGY, owner=account.owner_id)
    rows = Limit.objects.filter(situation.of_account(account) | theirs, enabled=True)
    rows = rows.filter(kind=Kind.STRATEGY_LOSS).select_related("account")
    return list(rows.order_by("id"))


@transaction.atomic
def observe_strategy(
    account: Account,
    strategy: str,
    limits: Iterable[Limit],
    *,
    result: Decimal,
    equity: Decimal,
    at: dt.datetime,
) -> list[Limit]:
    """Its day on the account came to that result at that equity; returns the limits that it breaks first now.

    limits: as of `of_strategies`. Both figures are in the account's currency.
    """
    rates, broken = BrokerRates(account.broker_id, at=at), []
    for limit in limits:
        if limit.strategy not in ("", strategy):
            continue
        fact = situation.limit_fact(limit, account, at=at, strategy=strategy)
        try:
            allowed = _allowed(fact, account, equity=equity, rates=rates)
        except Missing:
            continue
        counter = Counter(f"limit:{limit.pk}", fact.window_key, limit.pk)
        if -result >= allowed and counters.latch(counter, at=at):
            named = replace(fact, name=f"Loss of the day of {strategy}, {limit.about}")
            _tell(limit, account, named, lost=-result, allowed=allowed, at=at)
            broken.append(limit)
    return broken


def _allowed(limit: LimitFact, account: Account, *, equity: Decimal, rates: BrokerRates) -> Decimal:
    """In the account's currency. Raises Missing."""
    if limit.unit == Unit.PERCENT:
        return limit.value * equity / HUNDRED
    return limit.value * rates(limit.currency or account.currency, account.currency)


def _is_newly_broken(limit: Limit, account: Account, *, result: Decimal, at: dt.datetime) -> bool:
    fact = situation.limit_fact(limit, account, at=at)
    counter = Counter(f"limit:{limit.pk}", fact.window_key, limit.pk)
    usage = _kept(limit, account, counter, result=result, at=at)
    found = losses_of(limit, account, at=at, result=result, usage=usage)
    try:
        lost, allowed = lost_and_allowed(fact, found)
    except Missing:
        return False
    if lost < allowed or not counters.latch(counter, at=at):
        return False
    _tell(limit, account, fact, lost=lost, allowed=allowed, at=at)
    return True


def _kept(
    limit: Limit, account: Account, counter: Counter, *, result: Decimal, at: dt.datetime
) -> Usage | None:
    """The counter with its reference: the equity at the window's start, or the high, which only rises."""
    if limit.kind == Kind.LOSS and limit.basis != Basis.BALANCE:
        start = window_of(limit, account, at)[1]
        if was_flat(account, start):  # the balance says it
            return None
        reference = equity_near(account, start, result=result, at=at)
        return _first_reference(counter, reference)
    if limit.kind == Kind.DRAWDOWN and limit.trail == Trail.INTRADAY:
        return _raised(counter, result)
    return None


def _first_reference(counter: Counter, reference: Decimal | None) -> Usage | None:
    rows = Usage.objects.filter(scope=counter.scope, key=counter.key)
    usage = rows.first()
    if reference is None or usage is not None and usage.reference is not None:
        return usage
    _made(counter)
    rows.filter(reference=None).update(reference=reference)
    return rows.get()


def _raised(counter: Counter, result: Decimal) -> Usage:
    _made(counter)
    rows = Usage.objects.filter(scope=counter.scope, key=counter.key)
    rows.filter(Q(reference=None) | Q(reference__lt=result)).update(reference=result)
    return rows.get()


def _made(counter: Counter) -> None:
    row = Usage(scope=counter.scope, key=counter.key, limit_id=counter.limit_id)
    Usage.objects.bulk_create([row], ignore_conflicts=True)


def _tell(
    limit: Limit,
    account: Account,
    fact: LimitFact,
    *,
    lost: Decimal,
    allowed: Decimal,
    at: dt.datetime,
) -> None:
    currency = account.currency
    text = (
        f"{fact.name}: lost {money(lost, currency)} {currency}, allowed {money(allowed, currency)}"
    )
    figures = {"loss": f"{lost:f}", "limit": f"{allowed:f}", "currency": currency}
    RiskEvent.objects.create(
        kind=RiskEvent.Kind.BROKEN, account=account, limit=limit, rule=limit.kind,
        code=limit.kind.upper(), text=text[:300], figures=figures, at=at,
    )  # fmt: skip
    record(
        "limit.broken", actor="risk", target=limit, summary=text, details=figures,
        owner=account.owner_id,
    )  # fmt: skip
    words = Words(text, "New entries are refused until its window ends or you let it go on.")
    key = f"limit:{limit.pk}:{fact.window_key}:{at.timestamp():.0f}"
    tell(Topic.LIMIT, key, words, owner_id=account.owner_id)
