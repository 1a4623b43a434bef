"""How long signals take to the broker, by step, day, platform and account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence

from django.urls import reverse

from accounts.calendar import Calendar
from accounts.models import Account
from brokers.platforms import PLATFORMS
from tradershub.core import formats
from tradershub.reports import tables
from tradershub.reports.base import ACCOUNTS, BROKER, PERIOD, Content, Figure, Notice, Report
from tradershub.reports.parts import account_address, no_accounts
from tradershub.reports.tables import Column, ListRows, Row, Table
from trading import latency
from trading.latency import STEPS, WHOLE, Spread, Taken

MS = tables.Kind(lambda value, _: formats.number(value, 0), number=True)


class Latency(Report):
    title = "How long does a signal take?"
    group = "Trading"
    description = (
        "From the arrival of a signal to the broker and to its first fill: median, 95 % and 99 % of each step, "
        "by day, platform and account, and the slowest."
    )
    uses = (ACCOUNTS, BROKER, PERIOD)

    def build(self) -> Content:
        if not self.filters.all_accounts:
            return no_accounts("how long your signals take on their way to the broker")
        rows = latency.taken(self.filters.accounts, self.filters.moments("received_at"))
        if not rows:
            return Content(
                empty="No signal has become an order that was sent in this period. "
                "Signals that waited for a person are left out.",
                next_steps=[("Look at the signals", reverse("admin:trading_signal_changelist"))],
            )
        return Content(
            figures=self._figures(rows),
            notices=_cut(rows),
            tables=[_steps(rows), *self._by(rows), self._slowest(rows)],
        )

    def _figures(self, rows: Sequence[Taken]) -> list[Figure]:
        why = f"{len(rows)} orders; from the arrival of the signal to the first byte to the broker."
        found = latency.of_step(rows, WHOLE)
        pairs = zip(
            ("Median", "95 % within", "99 % within"), found[1:4] if found else (), strict=False
        )
        return [
            *(
                Figure(label, formats.number(ms, 0), unit="ms", lead=label == "Median", why=why)
                for label, ms in pairs
            ),
            Figure("Orders", formats.number(len(rows), 0)),
        ]

    def _by(self, rows: Sequence[Taken]) -> list[Table]:
        known = {account.pk: account for account in self.filters.accounts}
        of_accounts = Account.objects.filter(pk__in=known).values_list("pk", "connection__platform")
        platforms = {pk: PLATFORMS.label(key) if key else "None" for pk, key in of_accounts}
        return [
            _grouped(rows, "days", "By day", "day", lambda row: _day(row, known[row.account_id])),
            _grouped(
                rows,
                "platforms",
                "By platform",
                "platform",
                lambda row: platforms[row.account_id],
            ),
            _grouped(
                rows,
                "accounts",
                "By account",
                "account",
                lambda row: str(known[row.account_id]),
                pk=lambda row: row.account_id,
            ),
        ]

    def _slowest(self, rows: Sequence[Taken]) -> Table:
        known = {account.pk: account for account in self.filters.accounts}
        return Table(
            "slowest",
            "The slowest",
            [
                Column("signal", "Signal", main=True, link=_story),
                Column("at", "Arrived", tables.MOMENT, main=True),
                *(
                    Column(step.key, step.label, MS, main=step.key == WHOLE, hint=step.hint)
                    for step in sorted(STEPS, key=lambda step: step.key != WHOLE)
                ),
                Column("account", "Account"),
            ],
            ListRows([_slow(row, known[row.account_id]) for row in latency.slowest(rows)]),
            order=f"-{WHOLE}",
        )


def _cut(rows: Sequence[Taken]) -> list[Notice]:
    if len(rows) < latency.MOST:
        return []
    return [Notice(f"Only the newest {latency.MOST} orders are counted: choose a shorter period.")]


def _steps(rows: Sequence[Taken]) -> Table:
    found = [(step, latency.of_step(rows, step.key)) for step in STEPS]
    return Table(
        "steps",
        "Step by step, in milliseconds",
        [Column("step", "Step", main=True), *SPREAD, Column("hint", "What it is", tables.WORDS)],
        ListRows(
            [
                {"step": step.label, "hint": step.hint, **_cells(spread)}
                for step, spread in found
                if spread
            ]
        ),
    )


def _grouped(
    rows: Sequence[Taken],
    key: str,
    title: str,
    word: str,
    name: Callable[[Taken], Hashable],
    *,
    pk: Callable[[Taken], int] | None = None,
) -> Table:
    groups: dict[Hashable, list[Taken]] = defaultdict(list)
    for row in rows:
        groups[name(row)].append(row)
    kind = tables.DAY if word == "day" else tables.TEXT
    link = (lambda row: account_address(row["pk"])) if pk else None
    return Table(
        key,
        f"{title}, signal to broker in milliseconds",
        [Column(word, word.capitalize(), kind, main=True, link=link), *SPREAD],
        ListRows(
            [
                {
                    word: found,
                    **_cells(latency.of_step(some, WHOLE)),
                    "pk": pk(some[0]) if pk else None,
                }
                for found, some in groups.items()
            ]
        ),
        order="-day" if word == "day" else word,
    )


SPREAD = (
    Column("n", "Orders", tables.COUNT),
    Column("median", "Median", MS, main=True),
    Column("p95", "95 % within", MS),
    Column("p99", "99 % within", MS, main=True),
    Column("most", "Slowest", MS),
)


def _cells(found: Spread | None) -> Row:
    if found is None:
        return {}
    n, *times = found
    names = ("median", "p95", "p99", "most")
    return {"n": n, **dict(zip(names, times, strict=True))}


def _slow(row: Taken, account: Account) -> Row:
    return {
        "signal": f"Signal {row.signal_id}",
        "signal_id": row.signal_id,
        "at": row.at,
        "account": str(account),
        **row.steps,
    }


def _story(row: Row) -> str:
    return reverse("desk:signal", args=[row["signal_id"]])


def _day(row: Taken, account: Account) -> Hashable:
    return Calendar.of(account).day_of(row.at)
