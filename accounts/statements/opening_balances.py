"""The balance that lay before a file's first row, proved by what all booked files say together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from django.db.models import Sum

from accounts.models import Account, Deal, StatementImport
from accounts.statements.settling import booked_imports
from tradershub.finance.decimals import ZERO

SECOND = dt.timedelta(seconds=1)
CLOCKS_APART = dt.timedelta(hours=14)  # a report's date is its PC's, its rows are the server's


class Opening(NamedTuple):
    """Money that lay before the first row of a file."""

    statement: StatementImport
    at: dt.datetime
    amount: Decimal
    is_gap: bool

    @property
    def key(self) -> str:
        return f"opening:{self.at:%Y%m%d%H%M%S}"


class Unexplained(NamedTuple):
    """A balance that a file says was there, which neither rows nor an opening explain."""

    statement: StatementImport
    at: dt.datetime
    difference: Decimal


class Claim(NamedTuple):
    """A file's word on the balance at a moment, and the moments of its first and last money row."""

    statement: StatementImport
    start: dt.datetime
    end: dt.datetime
    at: dt.datetime
    balance: Decimal | None
    before: bool


def claims(account: Account) -> list[Claim]:
    """The claims of the booked files in the order of their moments."""
    made = [claim for statement in booked_imports(account) if (claim := _claim(statement))]
    return sorted(made, key=lambda claim: (claim.at, claim.start))


def _claim(statement: StatementImport) -> Claim | None:
    facts = statement.preview.get("facts", {})
    if not facts.get("start"):
        return None
    start, end, at = (dt.datetime.fromisoformat(facts[name]) for name in ("start", "end", "at"))
    balance = Decimal(facts["balance"]) if facts.get("balance") is not None else None
    return Claim(statement, start, end, at, balance, facts["before"])


def find_balances(account: Account) -> tuple[list[Opening], list[Unexplained]]:
    """The opening deals that the files prove together, and what none of them explains."""
    openings: list[Opening] = []
    unexplained: list[Unexplained] = []
    known_until: dt.datetime | None = None
    everything = claims(account)
    for claim in everything:
        if claim.balance is not None:
            inferred = sum((o.amount for o in openings if o.at <= claim.at), ZERO)
            rests = [rest - inferred for rest in _rests(account, claim)]
            rest = ZERO if ZERO in rests else rests[0]
            is_gap = known_until is not None and claim.start > known_until
            if rest and (known_until is None or is_gap):
                rest = rest if is_gap else _likeliest(account, rests, everything)
                openings.append(_opening(claim, everything, rest, is_gap=is_gap))
            elif rest:
                unexplained.append(Unexplained(claim.statement, claim.at, rest))
        known_until = max(known_until or claim.end, claim.end)
    return openings, unexplained


def _rests(account: Account, claim: Claim) -> list[Decimal]:
    """What the rows leave open of a claimed balance: first at its moment, then at those it may mean.

    A balance that was true when the report was printed is dated by a PC whose zone nobody knows.
    """
    rest = (claim.balance or ZERO) - booked_balance(account, claim)
    if claim.before:
        return [rest]
    near = _money(account).order_by("at", "id").values_list("at", "amount")
    since = max(claim.end, claim.at - CLOCKS_APART)
    found, later, earlier = [rest], rest, rest
    for _, amount in _by_moment(near.filter(at__gt=claim.at, at__lte=claim.at + CLOCKS_APART)):
        later -= amount
        found.append(later)
    for _, amount in _by_moment(near.filter(at__gt=since, at__lte=claim.at).reverse()):
        earlier += amount
        found.append(earlier)
    return found


def _by_moment(
    rows: Iterable[tuple[dt.datetime, Decimal]],
) -> Iterator[tuple[dt.datetime, Decimal]]:
    for at, group in groupby(rows, key=itemgetter(0)):
        yield at, sum((amount for _, amount in group), ZERO)


def _likeliest(account: Account, rests: list[Decimal], everything: list[Claim]) -> Decimal:
    """Among the amounts that one claim allows, the first of those that explain most of the claims."""
    if len(set(rests)) == 1:
        return rests[0]
    allowed = [set(_rests(account, claim)) for claim in everything if claim.balance is not None]
    return max(rests, key=lambda rest: sum(rest in amounts for amounts in allowed))


def _opening(claim: Claim, others: Iterable[Claim], amount: Decimal, *, is_gap: bool) -> Opening:
    start = claim.start
    if not is_gap:
        start = min([start, *(other.start for other in others if other.start <= claim.at)])
    return Opening(claim.statement, start - SECOND, amount, is_gap)


def booked_balance(account: Account, claim: Claim) -> Decimal:
    """The sum of what is booked up to the claim's moment, credit and inferred openings left out.

    A claim of what lay before the first row leaves out the rows of its own file at that moment.
    """
    deals = _money(account)
    if not claim.before:
        return _sum(deals.filter(at__lte=claim.at))
    here = deals.filter(at=claim.at).exclude(lines__statement=claim.statement)
    return _sum(deals.filter(at__lt=claim.at)) + _sum(here)


def _money(account: Account) -> Any:
    deals = Deal.objects.filter(account=account).exclude(kind=Deal.Kind.CREDIT)
    return deals.exclude(kind=Deal.Kind.OPENING, inferred=True)


def _sum(deals: Any) -> Decimal:
    return deals.aggregate(total=Sum("amount"))["total"] or ZERO
