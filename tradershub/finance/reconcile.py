"""Booked against stated: which rows agree, which do not, and what would explain those."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from tradershub.finance.decimals import ZERO

CENT = Decimal("0.01")


class Verdict(StrEnum):
    """What a comparison found."""

    MATCH = "match"
    ROUNDING = "rounding"
    MISMATCH = "mismatch"
    MISSING_ON_STATEMENT = "missing_on_statement"
    MISSING_IN_BOOKS = "missing_in_books"


class Row(NamedTuple):
    """One deal as we computed it and as the statement has it; None where a side lacks it."""

    key: str
    computed: Decimal | None
    stated: Decimal | None

    @property
    def difference(self) -> Decimal:
        """Stated less computed, a missing side counting as zero."""
        return (self.stated or ZERO) - (self.computed or ZERO)


class Reconciliation(NamedTuple):
    """The verdict of each row by key, and by how much the statement is higher in all."""

    verdicts: dict[str, Verdict]
    difference: Decimal

    @property
    def counts(self) -> Counter[Verdict]:
        return Counter(self.verdicts.values())


def verdict(row: Row, *, tolerance: Decimal = CENT) -> Verdict:
    """Equal is a match, within the broker's tolerance rounding, else a mismatch.

    tolerance: one unit of the last digit for each rounding step, 0.01 unless told otherwise.
    """
    if row.stated is None:
        return Verdict.MISSING_ON_STATEMENT
    if row.computed is None:
        return Verdict.MISSING_IN_BOOKS
    if row.stated == row.computed:
        return Verdict.MATCH
    return Verdict.ROUNDING if abs(row.difference) <= tolerance else Verdict.MISMATCH


def reconcile(rows: Iterable[Row], *, tolerance: Decimal = CENT) -> Reconciliation:
    """Judge each row, and add up the differences."""
    listed = list(rows)
    return Reconciliation(
        {row.key: verdict(row, tolerance=tolerance) for row in listed},
        sum((row.difference for row in listed), ZERO),
    )


class Explanation(NamedTuple):
    """A rule with what it would have given; residual: stated less that."""

    rule: str
    amount: Decimal
    residual: Decimal


def explain(
    stated: Decimal, alternatives: Mapping[str, Callable[[], Decimal]]
) -> list[Explanation]:
    """Every alternative rule by how near it comes, the exact ones first, in their given order.

    alternatives: by name, a computation that re-runs the deal (by deal or by market, rounded once
    or twice, truncated, 360 or 365 days, another day boundary, first-in-first-out or average).
    """
    results = ((rule, compute()) for rule, compute in alternatives.items())
    tried = [Explanation(rule, amount, stated - amount) for rule, amount in results]
    return sorted(tried, key=lambda explanation: abs(explanation.residual))
