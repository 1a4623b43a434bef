"""What is stopped, how much of each limit is used, and what was refused."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from accounts.valuation import states_of
from risk import kill_switch, queries
from risk.kill_switch import Scope, ScopeKind
from risk.kinds import KINDS, Kind, Unit
from risk.models import KillSwitch, RiskEvent
from risk.queries import Use
from risk.rules import CURRENCY
from tradershub.core import formats
from tradershub.core.persons import is_administrator
from tradershub.reports import tables
from tradershub.reports.base import ACCOUNTS, BROKER, PERIOD, Content, Figure, Notice, Report
from tradershub.reports.tables import Column, ListRows, Row, Table
from trading import stops

EVENTS_SHOWN = 200
WIDE = ("file", ScopeKind.ALL, ScopeKind.OWNER)  # what stops all that a person trades


class Risk(Report):
    title = "Is trading within its bounds?"
    group = "Risk"
    description = "What is stopped, each limit with its use, and the orders that were refused."
    template = "reports/risk.html"
    uses = (ACCOUNTS, BROKER, PERIOD)

    def build(self) -> Content:
        user = self.filters.user
        standing, stopped = kill_switch.engaged_for(user), _stops(user)
        is_all = standing.engaged and standing.scope in WIDE
        states = states_of(self.filters.accounts, base=self.filters.base_currency)
        found = queries.uses(user, states)
        events = list(self._events()[:EVENTS_SHOWN])
        return Content(
            notices=[] if found else [NO_LIMITS],
            figures=[
                Figure(
                    "Trading",
                    "Stopped" if is_all else "Stopped in part" if stopped else "Not stopped",
                    lead=True,
                    tone="loss" if standing.engaged else "",
                    note=", ".join(words for _, words in stopped) or standing.reason,
                ),
                Figure("Limits near or broken", str(sum(use.is_near for use in found))),
                Figure(
                    "Refusals shown", str(sum(e.kind == RiskEvent.Kind.REFUSED for e in events))
                ),
            ],
            tables=[_limits_table(found), _events_table(events)],
            context={
                "uses": [use for use in found if use.share is not None or use.reason],
                "standing": standing,
                "stops": stopped,
                "by_file": kill_switch.file_is_there(),
                "own_accounts": self.filters.all_accounts,
                "is_administrator": is_administrator(user),
            },
        )

    def _events(self):
        rows = queries.events_of(self.filters.user)
        return rows.filter(self.filters.moments("at"), account__in=self.filters.account_ids)


def _stops(user: Any) -> list[tuple[KillSwitch, str]]:
    """What is stopped, each with its name."""
    rows = [row for row in kill_switch.switches_of(user) if row.engaged]
    return [(row, stops.in_words(Scope(ScopeKind(row.scope), row.key))) for row in rows]


NO_LIMITS = Notice(
    "No limit is set: orders are held to the broker's terms, the margin and the settings alone.",
    "warning",
    link="/risk/limit/add/",
    link_text="Set the first limit",
)


def _limits_table(found: list[Use]) -> Table:
    return Table(
        "limits",
        "Limits",
        [
            Column("limit", "Limit", main=True, link=lambda row: row["address"]),
            Column("of", "Set on", main=True),
            Column("used", "Used", tables.WORDS),
            Column("reserved", "Reserved by orders", tables.WORDS),
            Column("most", "Limit at", tables.WORDS, main=True),
            Column("share", "Use", tables.PERCENT, main=True),
            Column("broken_at", "Broken at", tables.MOMENT),
            Column("reason", "Why unknown", tables.WORDS, shown=False),
        ],
        ListRows([_limit_row(use) for use in found]),
        empty="No limit is set.",
    )


def _limit_row(use: Use) -> Row:
    limit = use.limit
    return {
        "limit": KINDS[Kind(limit.kind)].label,
        "address": reverse("admin:risk_limit_change", args=[limit.pk]),
        "of": use.of,
        "used": _amount(use, "used"),
        "reserved": _amount(use, "reserved"),
        "most": ", ".join(limit.words) if limit.unit == Unit.SYMBOLS else _amount(use, "most"),
        "share": use.share,
        "broken_at": use.broken_at,
        "reason": use.reason,
    }


def _amount(use: Use, name: str) -> str:
    value = getattr(use, name)
    if value is None:
        return formats.UNKNOWN
    places = formats.places(value)
    digits = formats.currency_digits(use.unit) if CURRENCY.fullmatch(use.unit) else max(2, places)
    return f"{formats.number(value, digits if places else 0)} {use.unit}".strip()


def _events_table(events: list[RiskEvent]) -> Table:
    return Table(
        "refusals",
        "Refused, broken, let go on",
        [
            Column("at", "At", tables.MOMENT, main=True),
            Column("kind", "What", main=True),
            Column("account", "Account", main=True),
            Column("code", "Code", main=True),
            Column("text", "Why", tables.WORDS, main=True),
            Column("client_order_id", "Order"),
        ],
        ListRows(
            [
                {
                    "at": event.at,
                    "kind": event.get_kind_display(),
                    "account": str(event.account),
                    "code": event.code,
                    "text": event.text,
                    "client_order_id": event.client_order_id,
                }
                for event in events
            ]
        ),
        order="-at",
        empty="Nothing was refused in this period.",
    )
