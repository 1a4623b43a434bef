"""An import as its page shows it: the file's totals beside ours, what to do next, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.utils import timezone

from accounts import imports
from accounts.models import StatementImport
from tradershub.core import formats

State = StatementImport.State
BUSY = (State.RECEIVED, State.READING, State.CONFIRMED, State.BOOKING)
TONES = {
    State.BOOKED: "good",
    State.PREVIEW: "warning",
    State.NEEDS_MAPPING: "warning",
    State.REFUSED: "bad",
    State.FAILED: "bad",
}
FORMATS = {
    "mt5": "MetaTrader 5 report",
    "mt5_daily": "MetaTrader 5 confirmation",
    "mt4": "MetaTrader 4 statement",
}
LABELS = {
    "closed_trades": "Closed trades",
    "open_positions": "Open positions",
    "net_profit": "Net profit",
    "gross_profit": "Gross profit",
    "gross_loss": "Gross loss",
    "profit": "Profit",
    "swap": "Swap",
    "commission": "Commission",
    "fee": "Fees",
    "balance_operations": "Balance operations",
    "deposits": "Deposits",
    "withdrawals": "Withdrawals",
    "credit": "Credit",
    "opening_balance": "Opening balance",
    "balance": "Balance",
    "floating": "Floating profit",
    "open_swap": "Open swap",
    "equity": "Equity",
}
PATIENCE = 20  # seconds after which a person should know that no worker takes a file
COUNTED = ("closed_trades", "open_positions")
FATES = {
    "booked": "new",
    "confirmed": "confirm entries by hand",
    "duplicate": "booked already",
    "inferred": "inferred",
    "refused": "refused",
}


@dataclass(frozen=True, slots=True)
class Total:
    """One figure: as the file prints it, as its rows give it; difference None where only one is known."""

    label: str
    file: str
    ours: str
    difference: str | None

    @property
    def ties(self) -> bool | None:
        return None if self.difference is None else self.difference == ""


@dataclass(frozen=True)
class Shown:
    """One import for the page."""

    row: StatementImport

    @property
    def busy(self) -> bool:
        return self.row.state in BUSY

    @property
    def tone(self) -> str:
        return TONES.get(State(self.row.state), "")

    @property
    def preview(self) -> dict[str, Any]:
        return self.row.preview

    @property
    def recognised_as(self) -> str:
        return FORMATS.get(self.row.format, self.row.format.replace("_", " ").capitalize())

    @property
    def account_words(self) -> str:
        said = self.preview.get("account") or {}
        if self.row.account:
            return str(self.row.account)
        words = [said.get("number", ""), said.get("currency", ""), said.get("broker", "")]
        return " · ".join(word for word in words if word)

    @property
    def currency(self) -> str:
        if self.row.account:
            return self.row.account.currency
        return (self.preview.get("account") or {}).get("currency") or ""

    @property
    def lines(self) -> dict[str, int]:
        return self.preview.get("lines") or {}

    @property
    def line_words(self) -> str:
        """As `405 new, 7 booked already`."""
        told = [
            f"{self.lines[fate]} {word}" for fate, word in FATES.items() if self.lines.get(fate)
        ]
        return ", ".join(told)

    @property
    def to_book(self) -> int:
        return self.lines.get("booked", 0) + self.lines.get("inferred", 0)

    @property
    def totals(self) -> list[Total]:
        file, ours = self.preview.get("file_totals") or {}, self.preview.get("our_totals") or {}
        return [
            self._total(key, label, file.get(key), ours.get(key))
            for key, label in LABELS.items()
            if key in file or key in ours
        ]

    def _total(self, key: str, label: str, file: Any, ours: Any) -> Total:
        if file is None or ours is None:
            return Total(label, self._figure(key, file), self._figure(key, ours), None)
        difference = Decimal(file) - Decimal(ours)
        told = formats.signed(difference, self.currency) if difference else ""
        return Total(label, self._figure(key, file), self._figure(key, ours), told)

    def _figure(self, key: str, value: Any) -> str:
        if value is None:
            return formats.UNKNOWN
        if key in COUNTED:
            return formats.number(Decimal(value), 0)
        return formats.money(Decimal(value), self.currency)

    @property
    def compared(self) -> list[Total]:
        return [total for total in self.totals if total.difference is not None]

    @property
    def ties_out(self) -> bool:
        return bool(self.compared) and all(total.ties for total in self.compared)

    @property
    def differing(self) -> list[Total]:
        return [total for total in self.compared if not total.ties]

    @property
    def can_book(self) -> bool:
        return self.row.state == State.PREVIEW

    @property
    def opening(self) -> dict[str, Any]:
        """What the form about its account begins with."""
        account = self.preview.get("offered_account")
        return {**(self.preview.get("opening") or {}), "account": account}

    @property
    def is_ready(self) -> bool:
        """Whether it can be booked without another question."""
        return self.can_book and bool(self.row.account or not self.preview.get("question"))

    @property
    def is_shown(self) -> bool:
        """Whether its rows were read and found to be of an account."""
        return self.row.state in (State.PREVIEW, State.BOOKED)

    @property
    def can_discard(self) -> bool:
        return self.row.state in imports.DISCARDABLE

    @property
    def can_cancel(self) -> bool:
        return self.row.state in imports.CANCELLABLE and not self.how_far.stopping

    @property
    def can_be_read_again(self) -> bool:
        return self.row.state in imports.READABLE_AGAIN and self.row.file_id is not None

    @cached_property
    def how_far(self) -> imports.HowFar:
        return imports.how_far(self.row)

    @property
    def progress_words(self) -> str:
        """As `12 000 of 40 000 deals booked, about 4 s left`; empty while nothing can be said."""
        if self.how_far.stopping:
            return "stopping"
        return self.how_far.words or self._waiting_words()

    def _waiting_words(self) -> str:
        if self.row.state != State.RECEIVED:
            return ""
        waits = (timezone.now() - self.row.created_at).total_seconds()
        return f"no worker has taken it for {waits:.0f} s; see Health" if waits > PATIENCE else ""
