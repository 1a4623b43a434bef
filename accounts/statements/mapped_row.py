"""One row of a table through the eyes of a mapping."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from decimal import Decimal

from accounts.statements.base import BUY, SELL, ZERO, NotAStatement
from accounts.statements.columns import COST_POSITIVE, NET, Mapping
from accounts.statements.headings import CLASSES, TIME
from accounts.statements.table_rows import TableRow, filled_text
from accounts.statements.table_values import ONLY_CLOCK, in_utc, read_number, read_time

LONGEST_ID = 36
NO_MOMENT = re.compile(
    r"1970[./-]01[./-]01(?:[ T]00:00(?::00)?(?:\.0+)?Z?)?"
)  # a clock's zero: none
ROUNDED = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+[0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class Row:
    """One row through the eyes of a mapping; what cannot be read raises ValueError, which names the target.

    places: the columns of each target.
    """

    mapping: Mapping
    places: dict[str, tuple[int, ...]]
    source: TableRow
    section: str

    @property
    def number(self) -> int:
        return self.source.number

    def has(self, *targets: str) -> bool:
        """Whether every target has a column."""
        return all(target in self.places for target in targets)

    def heading(self, target: str) -> str:
        """What the file calls the target's first column."""
        return next(c.heading for c in self.mapping.columns if c.target == target)

    def text(self, target: str) -> str:
        return " ".join(self.parts(target))

    @property
    def currency(self) -> str:
        return self.text("currency").upper()

    def identity(self, target: str) -> str:
        """An id, all of it. Raises NotAStatement for one that a spreadsheet program has rounded."""
        text = self.text(target)
        if ROUNDED.fullmatch(text):
            raise NotAStatement(
                f"Row {self.number}: the {named(target)} is {text[:40]}, which a spreadsheet program has rounded; "
                "expected all its digits: export the file again and do not save it there."
            )
        return text

    def parts(self, target: str) -> list[str]:
        cells = self.source.cells
        indexes = (index for index in self.places.get(target, ()) if index < len(cells))
        texts = [text for index in indexes if (text := filled_text(cells[index]))]
        if CLASSES[target] == TIME and texts and NO_MOMENT.fullmatch(texts[0]):
            return []
        return texts

    def amount(self, target: str) -> Decimal:
        """The sum of the target's columns; 0 where they are empty."""
        return sum((self._number(target, text) for text in self.parts(target)), ZERO)

    def optional(self, target: str) -> Decimal | None:
        parts = self.parts(target)
        return self._number(target, parts[0]) if parts else None

    def needed(self, target: str) -> Decimal:
        value = self.optional(target)
        if value is None:
            raise ValueError(f"the {named(target)} is empty, expected a number")
        return value

    def cost(self, target: str) -> Decimal:
        """A commission or fee, negative when it is paid."""
        amount = self.amount(target)
        return -amount if self.mapping.costs == COST_POSITIVE else amount

    def time(self, target: str) -> str:
        """The moment in the file's zone, in UTC where the value states its offset."""
        parts = self.parts(target)
        if len(parts) == 2 and ONLY_CLOCK.fullmatch(parts[0]):
            parts.reverse()
        try:
            text, offset = read_time(" ".join(parts), self.mapping.date_order)
        except ValueError as error:
            raise ValueError(f"{named(target)}: {error}") from error
        if offset is not None and self.mapping.time_zone != "UTC":
            raise ValueError(
                f"{named(target)}: found an offset from UTC, expected times without one as in other rows"
            )
        return in_utc(text, offset)

    def _number(self, target: str, text: str) -> Decimal:
        index = next(iter(self.places.get(target, ())), 0)
        kind = self.source.cells[index].kind if index < len(self.source.cells) else ""
        try:
            return read_number(text, "." if kind == "number" else self.mapping.decimal)
        except ValueError as error:
            raise ValueError(f"{named(target)}: {error}") from error


def named(target: str) -> str:
    """A target in words."""
    return target.replace("_", " ")


def volume_of(row: Row) -> Decimal:
    volume = abs(row.needed("volume"))
    if not volume:
        raise ValueError("the volume is 0, expected a traded one")
    return volume


def symbol_of(row: Row) -> str:
    symbol = row.text("symbol")
    if not symbol:
        raise ValueError("the symbol is empty, expected what was traded")
    return symbol


def side_by_sign(row: Row, side: str) -> str:
    """The side, which a table without a column for it shows by the sign of the volume."""
    if side:
        return side
    return SELL if row.needed("volume") < 0 else BUY


def money_of(row: Row) -> dict[str, Decimal]:
    """Profit without costs, and each cost with its sign."""
    costs = {
        "swap": row.amount("swap"),
        "commission": row.cost("commission"),
        "fee": row.cost("fee"),
        "tax": row.amount("tax"),
    }
    is_net = row.mapping.profit_is == NET or not row.has("profit")
    result = row.amount("profit") if row.has("profit") else row.amount("net")
    has_result = row.has("profit") or row.has("net")
    profit = result - sum(costs.values()) if is_net and has_result else result
    return {"profit": profit} | costs


def short_id(text: str) -> str:
    """An id that fits with what is added to it; a longer one by its fingerprint."""
    return text if len(text) <= LONGEST_ID else fingerprint(text)


def fingerprint(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()[:16]
