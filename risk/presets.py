"""Rules of prop firms as sets of limits. The firms change theirs: read the contract before trusting a name.

Sources: FTMO, "Trading objectives" (daily loss from the balance at midnight CE(S)T, of the initial capital);
for the others the common forms of trailing loss, by their own words.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, NamedTuple

from risk.kinds import Basis, Kind, Trail, Unit, Window

PRAGUE = {"zone": "Europe/Prague", "resets_at": dt.time(0)}


class Preset(NamedTuple):
    """label, and the fields of each limit; percents are of the account's initial capital."""

    label: str
    limits: tuple[dict[str, Any], ...]


def _daily(percent: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": Kind.LOSS,
        "unit": Unit.PERCENT,
        "value": Decimal(percent),
        "window": Window.DAY,
        "basis": Basis.BALANCE,
        **more,
    }


def _most(percent: str, trail: Trail, **more: Any) -> dict[str, Any]:
    return {
        "kind": Kind.DRAWDOWN,
        "unit": Unit.PERCENT,
        "value": Decimal(percent),
        "trail": trail,
        **more,
    }


PRESETS: dict[str, Preset] = {
    "static": Preset(
        "Static loss: 5 % a day, 10 % in all, of the initial capital (as FTMO 2-step)",
        (_daily("5", **PRAGUE), _most("10", Trail.STATIC)),
    ),
    "end_of_day": Preset(
        "Loss trails the highest end of day: 3 % a day, 10 % in all, best day 50 % (as FTMO 1-step)",
        (
            _daily("3", **PRAGUE),
            _most("10", Trail.END_OF_DAY, **PRAGUE),
            {
                "kind": Kind.BEST_DAY,
                "unit": Unit.PERCENT,
                "value": Decimal(50),
                "target": "10",
                **PRAGUE,
            },
        ),
    ),
    "intraday": Preset(
        "Loss trails the highest moment: 5 % in all, locked at the initial capital",
        (_most("5", Trail.INTRADAY, locks=True),),
    ),
    "higher_of_both": Preset(
        "Loss from the higher of balance and equity: 5 % a day, 8 % in all, static",
        (_daily("5", basis=Basis.HIGHER), _most("8", Trail.STATIC)),
    ),
}


def limits_of(preset: str, capital: Decimal) -> list[dict[str, Any]]:
    """The fields of each limit for an account that began with that capital. Raises KeyError."""
    return [_with_capital(dict(fields), capital) for fields in PRESETS[preset].limits]


def _with_capital(fields: dict[str, Any], capital: Decimal) -> dict[str, Any]:
    """A best day is a share of the profit target, which is a percent of the capital."""
    target, locks = fields.pop("target", None), fields.pop("locks", False)
    fields["capital"] = capital if target is None else capital * Decimal(target) / 100
    if locks:
        fields["lock_at"] = capital
    return fields
