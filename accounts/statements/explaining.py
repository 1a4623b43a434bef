"""Whether the books explain what a file's own rows do not: by rows that others brought, or say otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import NamedTuple

from accounts.models import Deal, StatementImport, StatementLine
from accounts.statements import base
from accounts.statements.lines import FACTS, restored
from tradershub.finance.decimals import ZERO

MONEY = ("profit", "swap", "commission", "fee", "tax")


class Part(NamedTuple):
    """A deal that the file lacks (sign 1), or what the file says in place of one (sign -1)."""

    sign: int
    kind: str
    entry: str
    profit: Decimal
    swap: Decimal
    commission: Decimal
    fee: Decimal
    tax: Decimal

    @property
    def amount(self) -> Decimal:
        return sum(self[3:], ZERO)

    @property
    def is_trade(self) -> bool:
        return self.kind == base.TRADE

    @property
    def is_credit(self) -> bool:
        return self.kind == base.CREDIT


# What each part adds to a total of that name; a total that is not here cannot be explained.
TOTALS: dict[str, Callable[[Part], Decimal | int]] = {
    "balance": lambda p: ZERO if p.is_credit else p.amount,
    "equity": lambda p: p.amount,
    "credit": lambda p: p.amount if p.is_credit else ZERO,
    "balance_operations": lambda p: ZERO if p.is_credit or p.is_trade else p.amount,
    "deposits": lambda p: p.amount if p.kind == base.DEPOSIT else ZERO,
    "withdrawals": lambda p: p.amount if p.kind == base.WITHDRAWAL else ZERO,
    "closed_trades": lambda p: int(p.is_trade and p.entry != base.IN),
    "net_profit": lambda p: p.amount if p.is_trade else ZERO,
    "profit": lambda p: p.profit if p.is_trade else ZERO,
    "swap": lambda p: p.swap if p.is_trade else ZERO,
    "commission": lambda p: p.commission if p.is_trade else ZERO,
    "fee": lambda p: p.fee if p.is_trade else ZERO,
    "gross_profit": lambda p: max(p.amount, ZERO) if p.is_trade else ZERO,
    "gross_loss": lambda p: min(p.amount, ZERO) if p.is_trade else ZERO,
}


def is_explained(statement: StatementImport, *, gaps: int) -> bool:
    """Whether what the books have otherwise makes up each total of the file, the balance among them.

    gaps: in how many rows its running balance breaks; each needs a row of its own.
    """
    said, made = (statement.preview.get(name, {}) for name in ("file_totals", "our_totals"))
    if "balance" not in said or "balance" not in made:
        return False
    lacking = list(_lacking(statement))
    otherwise = list(_otherwise(statement))
    parts = lacking + otherwise
    if not parts or len(lacking) + len(otherwise) // 2 < gaps:
        return False
    return all(
        _adds_up(name, parts, Decimal(said[name]) - Decimal(made[name]))
        for name in said.keys() & made.keys()
        if name == "balance" or Decimal(said[name]) != Decimal(made[name])
    )


def _adds_up(name: str, parts: list[Part], difference: Decimal) -> bool:
    count = TOTALS.get(name)
    return count is not None and sum(part.sign * count(part) for part in parts) == difference


def _lacking(statement: StatementImport) -> Iterator[Part]:
    """The deals within the file's span of which it has no row."""
    span = (statement.period_from, statement.period_to)
    deals = Deal.objects.filter(account=statement.account_id, at__range=span, reverses=None)
    others = deals.filter(reversed_by=None).exclude(lines__statement=statement)
    for facts in others.exclude(kind=base.OPENING).values_list("kind", "entry", *MONEY):
        part = Part(1, *facts)
        if part.amount:
            yield part


def _otherwise(statement: StatementImport) -> Iterator[Part]:
    """Of the rows that say something else than is booked: what is booked, and what they say."""
    lines = StatementLine.objects.filter(statement=statement, deal__isnull=False)
    for line in lines.exclude(reason="").select_related("deal"):
        facts = dict(zip(FACTS, restored(line.values), strict=False))
        booked = Part(1, *(getattr(line.deal, name) for name in ("kind", "entry", *MONEY)))
        said = Part(-1, *(facts[name] for name in ("kind", "entry", *MONEY)))
        if booked[1:] != said[1:]:
            yield booked
            yield said
