"""What a signal must pass before anybody looks at accounts: each gate says yes or no with its figures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from accounts.models import Account
from brokers.models import Instrument
from brokers.services import suggested_instrument
from risk import kill_switch
from strategies.models import Strategy
from strategies.queries import by_key, instruments_of
from tradershub.core.prepared import first, prepared
from trading.models import Signal, SignalSource
from trading.sources.draft import EXITS, Draft, Intent

BURST_WITHIN = dt.timedelta(minutes=3)
EARLY = dt.timedelta(seconds=30)
# Gates that may shut while a signal waits for orders: they hold up its entry then, no closing of it.
SINCE = {"source", "kill switch", "strategy", "instrument", "age", "hours", "burst"}
ENTRIES = Q(draft__isnull=False) & ~Q(draft__intent__in=EXITS)
ENTRIES &= ~Q(draft__intent=Intent.TARGET, draft__size__value="0")
WIDE = ("file", kill_switch.ScopeKind.ALL, kill_switch.ScopeKind.OWNER)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalFacts:
    """A signal with what its words mean here; None stands for what they do not."""

    signal: Signal
    draft: Draft
    strategy: Strategy | None
    instrument: Instrument | None
    at: dt.datetime

    @property
    def source(self) -> SignalSource:
        return self.signal.source


@dataclass(frozen=True, slots=True)
class Word:
    """What a gate said. code: "" when it passed."""

    text: str
    code: str = ""
    figures: dict[str, Any] | None = None


def normalise(signal: Signal, draft: Draft, *, at: dt.datetime) -> SignalFacts:
    """Look the words up: the strategy by its key, the instrument where its name is certain."""
    source = signal.source
    strategy = source.strategy
    known = source.strategy is not None and source.strategy.key == draft.strategy
    if draft.strategy and not source.strategy_is_fixed and not known:
        strategy = by_key(source.owner, draft.strategy)
    return SignalFacts(
        signal=signal,
        draft=draft,
        strategy=strategy,
        instrument=suggested_instrument(draft.symbol),
        at=at,
    )


def source_is_on(facts: SignalFacts) -> Word:
    if not facts.source.enabled:
        return Word(f"{facts.source} is switched off", "SOURCE_OFF")
    return Word(f"{facts.source} is on")


def nothing_is_stopped(facts: SignalFacts) -> Word:
    """Exits pass: a stop must not keep a position open. Narrower stops are asked of each order."""
    standing = kill_switch.engaged_for(facts.source.owner)
    if standing.engaged and standing.scope in WIDE and not facts.draft.is_exit:
        return Word(f"Stopped: {standing.reason or standing.words}", "KILL_SWITCH")
    return Word("Nothing is stopped")


def account_is_own(facts: SignalFacts) -> Word:
    number = facts.draft.account
    if number and not Account.objects.filter(owner=facts.source.owner, number=number).exists():
        return Word(f"It names account {number}, which is none of yours", "ACCOUNT_SCOPE")
    return Word("It names no other account")


def strategy_trades(facts: SignalFacts) -> Word:
    strategy = facts.strategy
    if strategy is None:
        named = facts.draft.strategy
        found = f"found {named!r}" if named else "the signal and its source name none"
        return Word(f"Expected a registered strategy; {found}", "NO_STRATEGY")
    own = ("", strategy.key.lower())  # a key is told apart by its letters, not by their case
    if facts.source.strategy_is_fixed and facts.draft.strategy.lower() not in own:
        text = f"{facts.source} may only call {strategy.key}; found {facts.draft.strategy[:60]!r}"
        return Word(text, "STRATEGY_FIXED")
    if not strategy.may_trade and not facts.draft.is_exit:
        return Word(f"{strategy} is {strategy.get_status_display().lower()}", "STRATEGY_OFF")
    return Word(f"{strategy} is {strategy.get_status_display().lower()}")


def instrument_is_known(facts: SignalFacts) -> Word:
    instrument, strategy = facts.instrument, facts.strategy
    if instrument is None:
        return Word(
            f"Nobody said which instrument {facts.draft.symbol} is: add it to an instrument's aliases",
            "UNKNOWN_SYMBOL",
        )
    allowed = instruments_of(strategy) if strategy else []
    if allowed and instrument not in allowed and not facts.draft.is_exit:
        return Word(f"{strategy} does not trade {instrument}", "NOT_ALLOWED_SYMBOL")
    return Word(f"{facts.draft.symbol} is {instrument}")


def is_in_time(facts: SignalFacts) -> Word:
    """Its own time where it has one, else when it was received. An exit is never too late, nor too early.

    A person has time of their own to approve it; what was approved is as old as that word.
    """
    signal = facts.signal
    if signal.state == Signal.State.WAITING:
        return _is_approved_in_time(facts)
    begun = signal.approved_at or facts.draft.fired_at or signal.received_at
    age, most = facts.at - begun, facts.source.expires_after
    figures = {"seconds old": round(age.total_seconds(), 3), "at most": most}
    if age < -EARLY and not facts.draft.is_exit:
        return Word("Its time is ahead of the hub's clock", "FUTURE", figures)
    if age.total_seconds() > most and not facts.draft.is_exit:
        return Word(f"It is {age.total_seconds():.0f} s old; at most {most} s", "STALE", figures)
    return Word("It is in time", figures=figures)


def _is_approved_in_time(facts: SignalFacts) -> Word:
    waited, most = facts.at - facts.signal.received_at, facts.source.approve_within
    figures = {"seconds waited": round(waited.total_seconds(), 3), "at most": most}
    if waited.total_seconds() > most and not facts.draft.is_exit:
        text = f"It waited {waited.total_seconds():.0f} s for approval; at most {most} s"
        return Word(text, "STALE", figures)
    return Word("It was approved in time", figures=figures)


def hours_are_open(facts: SignalFacts) -> Word:
    strategy = facts.strategy
    if strategy and not facts.draft.is_exit and not strategy.is_open_at(facts.at):
        return Word(f"{strategy} does not trade at this hour", "HOURS")
    return Word("Its hours are open")


def is_no_burst(facts: SignalFacts) -> Word:
    """A chart that is loaded anew sends its history at once."""
    if facts.draft.is_exit:
        return Word("An exit is never one too many")
    most, since = facts.source.burst, facts.signal.received_at - BURST_WITHIN
    came = _came_in(facts.source, since, facts.signal.root)
    figures = {"signals in three minutes": first(came) or 0, "at most": most}
    if figures["signals in three minutes"] > most and _enters_more_than(most, facts, since):
        return Word(f"More than {most} entries in three minutes", "BURST", figures)
    return Word("Not too many at once", figures=figures)


def _enters_more_than(most: int, facts: SignalFacts, since: dt.datetime) -> bool:
    """Whether as many of them are entries; looks no further than it must."""
    rows = Signal.objects.filter(ENTRIES, source=facts.source, received_at__gte=since, rest_of=None)
    return rows.filter(pk__lte=facts.signal.root.pk)[: most + 1].count() > most


@prepared
def _came_in(source: SignalSource, since: dt.datetime, last: Signal) -> QuerySet[Any]:
    """How many came since then, up to that one; no row for none."""
    rows = Signal.objects.filter(source=source, received_at__gte=since, pk__lte=last, rest_of=None)
    counted = rows.exclude(key__startswith="bad:").order_by().values("source")
    return counted.annotate(n=Count("pk")).values_list("n", flat=True)


GATES: dict[str, Callable[[SignalFacts], Word]] = {
    "source": source_is_on,
    "kill switch": nothing_is_stopped,
    "account": account_is_own,
    "strategy": strategy_trades,
    "instrument": instrument_is_known,
    "age": is_in_time,
    "hours": hours_are_open,
    "burst": is_no_burst,
}
