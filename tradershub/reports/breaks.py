"""Where books and broker differ, with the cause of each difference."""

from __future__ import annotations

from collections import defaultdict

from django.db.models import Count, F, Q

from accounts import history
from accounts.models import Break, StatementImport
from tradershub.core import formats
from tradershub.reports import check_tables, tables
from tradershub.reports.base import ACCOUNTS, BROKER, PERIOD, SYMBOL, Content, Figure, Report
from tradershub.reports.parts import no_accounts
from tradershub.reports.tables import Column, ListRows, Row, Table

STATES = (Break.State.OPEN, Break.State.EXPLAINED, Break.State.CLOSED)


class Breaks(Report):
    title = "Where do we and the broker differ?"
    group = "Today"
    description = (
        "By broker: statements checked, equal, explained, open, and the sum of the difference."
    )
    uses = (ACCOUNTS, BROKER, SYMBOL, PERIOD)

    def build(self) -> Content:
        if not self.filters.all_accounts:
            return no_accounts("where your books and the broker differ, with the cause")
        narrowed = self.filters.moments("opened_at")
        if self.filters.symbol:
            narrowed &= Q(symbol__iexact=self.filters.symbol)
        counts = self._counts(narrowed)
        return Content(
            figures=[self._figure(state, counts) for state in STATES],
            tables=[
                check_tables.breaks_table(
                    self.filters.accounts, narrowed, totals=lambda: self._totals(narrowed)
                ),
                self._by_broker(narrowed),
            ],
        )

    def _counts(self, narrowed: Q) -> dict[str, int]:
        rows = self._breaks(narrowed).order_by().values_list("state").annotate(Count("pk"))
        return dict(rows)

    def _breaks(self, narrowed: Q):
        return Break.objects.filter(narrowed, account__in=self.filters.account_ids)

    def _figure(self, state: Break.State, counts: dict[str, int]) -> Figure:
        n = counts.get(state, 0)
        bad = state == Break.State.OPEN and n
        return Figure(
            state.label,
            formats.number(n, 0),
            lead=state == Break.State.OPEN,
            tone="loss" if bad else "",
        )

    def _totals(self, narrowed: Q) -> list[Row]:
        found = self._breaks(narrowed).filter(state=Break.State.OPEN).order_by("account__currency")
        rows = found.values(currency=F("account__currency")).annotate(
            difference=history.total("difference")
        )
        return [{"label": f"Open, {row['currency']}", **row} for row in rows]

    def _by_broker(self, narrowed: Q) -> Table:
        counts: dict[int, Row] = defaultdict(dict)
        rows = self._breaks(narrowed).order_by().values("account__broker", "state")
        for row in rows.annotate(n=Count("pk")):
            counts[row["account__broker"]][row["state"]] = row["n"]
        checked = StatementImport.objects.for_user(self.filters.user).filter(
            state=StatementImport.State.BOOKED, account__in=self.filters.account_ids
        )
        files = dict(checked.order_by().values_list("account__broker").annotate(Count("pk")))
        equal = dict(
            checked.filter(breaks__isnull=True)
            .order_by()
            .values_list("account__broker")
            .annotate(Count("pk"))
        )
        brokers = {one.broker_id: one.broker for one in self.filters.accounts}
        return Table(
            "brokers",
            "By broker",
            [
                Column("broker", "Broker", main=True),
                Column("checked", "Statements checked", tables.COUNT, main=True),
                Column("equal", "Equal to the cent", tables.COUNT),
                Column("open", "Open", tables.COUNT, main=True),
                Column("explained", "Explained", tables.COUNT),
                Column("closed", "Closed", tables.COUNT),
            ],
            ListRows(
                [
                    {
                        "broker": broker.name,
                        "checked": files.get(pk, 0),
                        "equal": equal.get(pk, 0),
                        **{state.value: counts[pk].get(state.value, 0) for state in STATES},
                    }
                    for pk, broker in brokers.items()
                ]
            ),
            order="broker",
        )
