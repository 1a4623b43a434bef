"""The account's balance out of its deals, and what is performance and what is not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from tradershub.finance.decimals import ZERO

# Money that comes from or goes outside: no performance. Compensation, fees, swap are performance.
EXTERNAL = frozenset(
    {"deposit", "withdrawal", "credit_to_balance", "internal_transfer", "transfer", "bonus"}
)
# Kept apart from the balance.
CREDIT = "credit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A booked row. Amounts are signed from the trader's side; ref: position, or ""."""

    kind: str
    ref: str = ""
    profit: Decimal = ZERO
    swap: Decimal = ZERO
    commission: Decimal = ZERO
    fee: Decimal = ZERO

    @property
    def net(self) -> Decimal:
        return self.profit + self.swap + self.commission + self.fee


def running_balance(entries: Iterable[Entry], *, opening: Decimal = ZERO) -> list[Decimal]:
    """The balance after each entry; credit leaves it unchanged."""
    amounts = (ZERO if entry.kind == CREDIT else entry.net for entry in entries)
    return list(accumulate(amounts, initial=opening))[1:]


def external_flows(entries: Iterable[Entry]) -> Decimal:
    """What came from outside less what went there."""
    return sum((entry.net for entry in entries if entry.kind in EXTERNAL), ZERO)


def trading_result(entries: Iterable[Entry]) -> Decimal:
    """Everything that changed the balance and is no external flow."""
    return sum(
        (entry.net for entry in entries if entry.kind not in EXTERNAL and entry.kind != CREDIT),
        ZERO,
    )


def position_totals(entries: Sequence[Entry]) -> dict[str, Entry]:
    """The amounts of each position added up; entry commission belongs to the position too."""
    totals: dict[str, Entry] = {}
    for entry in entries:
        if not entry.ref:
            continue
        total = totals.get(entry.ref, Entry(kind="position", ref=entry.ref))
        totals[entry.ref] = Entry(
            kind="position",
            ref=entry.ref,
            profit=total.profit + entry.profit,
            swap=total.swap + entry.swap,
            commission=total.commission + entry.commission,
            fee=total.fee + entry.fee,
        )
    return totals
