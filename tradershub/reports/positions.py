"""What is held everywhere, at the prices last known."""

from __future__ import annotations

from django.utils import timezone

from accounts.valuation import AccountState, states_of
from tradershub.core import formats
from tradershub.finance.decimals import ZERO
from tradershub.reports import book_tables
from tradershub.reports.base import (
    ACCOUNTS,
    BROKER,
    CURRENCY,
    SYMBOL,
    Content,
    Figure,
    Notice,
    Report,
    pnl_figure,
)
from tradershub.reports.parts import no_accounts, provisional
from tradershub.reports.tables import Row

ACTING = ("trading.add_order", "trading.change_order", "accounts.change_position")


class OpenPositions(Report):
    title = "What do I hold, everywhere?"
    group = "Trading"
    template = "reports/positions.html"
    description = "Every open position with its floating profit at the price last known."
    uses = (ACCOUNTS, BROKER, SYMBOL, CURRENCY)

    def build(self) -> Content:
        if not self.filters.all_accounts:
            return no_accounts("what you hold, over all accounts")
        states = states_of(self.filters.accounts, base=self.filters.currency)
        held = [row for row in book_tables.open_rows(states) if self._wanted(row)]
        return Content(
            notices=self._notices(held),
            figures=self._figures(held, states) if held else (),
            tables=[book_tables.open_positions_table(held, actions=self._may_act(held))],
        )

    def _may_act(self, held: list[Row]) -> bool:
        is_traded = any(row["is_traded"] for row in held)
        return is_traded and bool(self.filters.user.has_perms(ACTING))

    def _wanted(self, row: Row) -> bool:
        symbol = self.filters.symbol.lower()
        return not symbol or symbol in (row["symbol_name"].lower(), row["instrument"].lower())

    def _notices(self, held: list[Row]) -> list[Notice]:
        n = sum(row["floating"] is None for row in held)
        if not n:
            return []
        left_out = (
            "position has no known price and is"
            if n == 1
            else "positions have no known price and are"
        )
        return [Notice(f"{n} {left_out} left out of the profit.", "warning")]

    def _figures(self, held: list[Row], states: list[AccountState]) -> list[Figure]:
        return [
            self._floating(held, states),
            Figure("Positions", formats.number(len(held), 0)),
            Figure("Accounts", formats.number(len({row["account_id"] for row in held}), 0)),
            Figure("Symbols", formats.number(len({row["symbol_name"] for row in held}), 0)),
        ]

    def _floating(self, held: list[Row], states: list[AccountState]) -> Figure:
        rates = {state.account.currency: state.base_rate for state in states}
        priced = [row for row in held if row["floating"] is not None]
        shown = [row for row in priced if rates[row["currency"]]]
        oldest = min((row["priced_at"] for row in shown if row["priced_at"]), default=None)
        total = sum((row["floating"] * rates[row["currency"]].value for row in shown), ZERO)
        return pnl_figure(
            "Floating profit",
            total if shown else None,
            self.filters.currency,
            lead=True,
            why=self._why(
                len(shown),
                len(held),
                {row["currency"] for row in priced} - {row["currency"] for row in shown},
            ),
            mark=provisional(self.filters.account_ids),
            note=f"oldest price {formats.age(oldest, now=timezone.now())}" if oldest else "",
        )

    def _why(self, priced: int, held: int, unconverted: set[str]) -> str:
        parts = [
            f"Floating profit + open swap of {priced} of {held} positions, as last stated.",
            f"Other currencies at the ECB rate of {self.filters.today} or the last before.",
        ]
        if unconverted:
            parts.append(f"Left out for want of a rate: {', '.join(sorted(unconverted))}.")
        return "\n".join(parts)
