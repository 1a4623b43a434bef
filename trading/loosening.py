"""Whether a position may go on with a stop or trail at which it may lose more than now."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

from accounts.models import Position
from risk import gate
from risk.facts import Check
from trading.easing import is_looser
from trading.facts import hold_facts
from trading.holdings import strategies_of
from trading.models import OrderAttempt
from trading.tickets import levels_asked

Outcome = OrderAttempt.Outcome
UNSETTLED = (Outcome.WAITING, Outcome.OPEN, Outcome.UNKNOWN)


def refusal_of(
    position: Position,
    stops: Mapping[str, Decimal | None],
    *,
    at: dt.datetime,
    again: bool = False,
) -> Check | None:
    """What the rules on what is at risk say against it: the account's, and of each strategy that opened it.

    stops: those that change, by name; the others count as the loosest that they may be. again: right before they
    are sent. Call it inside a transaction.
    """
    stops = {**_loosest(position), **stops}
    for strategy in strategies_of(position) or [""]:
        facts = hold_facts(position, stops, strategy=strategy, at=at)
        if refusal := gate.judge_hold(facts, again=again).refusal:
            return refusal
    return None


def _loosest(position: Position) -> dict[str, Decimal | None]:
    """Its stop and trail, each the loosest of what it had when last seen and of what is on its way to it."""
    found = {"stop_loss": position.stop_loss, "trail": position.trailing_distance}
    on_their_way = OrderAttempt.objects.filter(
        account=position.account_id, position_ref=position.ref, action=OrderAttempt.Action.PROTECT,
        outcome__in=UNSETTLED,
    )  # fmt: skip
    for asked in on_their_way.values_list("asked", flat=True):
        for name, level in levels_asked(asked).items():
            if name in found and is_looser(position.side, name, found[name], level):
                found[name] = level
    return found
