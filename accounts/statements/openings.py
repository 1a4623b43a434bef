"""What lay before a file's first row: the balance and the positions that it proves but does not show.

Both follow from all booked files together, so that the order of their arrival does not matter: what
an earlier file explains is not inferred, what it explains in part is inferred for the rest.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from django.db.models import Q, Sum

from accounts import booking
from accounts.booking import NewDeal
from accounts.models import Account, Deal, StatementImport, StatementLine
from accounts.statements import base
from accounts.statements.lines import FACTS, new_deal, restored
from accounts.statements.matching import SIDE, SYMBOL, VOLUME, known_deals
from accounts.statements.settling import booked_imports
from brokers.models import BrokerSymbol
from tradershub.finance.decimals import ZERO

Fate = StatementLine.Fate
SECOND = dt.timedelta(seconds=1)
CLOCKS_APART = dt.timedelta(hours=14)  # a report's date is its PC's, its rows are the server's
REF, AT = -3, FACTS.index("at")
OPENING_TEXT = "What was there before the first row of the statement"


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


def settle(account: Account) -> set[int]:
    """Bring the inferred deals to what the booked files prove. Returns the symbols to derive."""
    wanted = {deal.key: (deal, line) for deal, line in _positions(account)}
    openings, _ = find_balances(account)
    proved = {key: (deal, line.statement) for key, (deal, line) in wanted.items()}
    proved |= {o.key: (_balance_deal(o), o.statement) for o in openings}
    symbols = _bring(account, proved)
    _link(account, wanted)
    return symbols


def _bring(account: Account, proved: dict[str, tuple[NewDeal, StatementImport]]) -> set[int]:
    """Take out the inferred deals that are no longer proved, add those that are proved now."""
    stored = {key: (number, deal) for number, key, deal in _stored(account)}
    same = {
        key for key, (deal, statement) in proved.items()
        if key in stored and stored[key][1] == (deal, statement.pk)
    }  # fmt: skip
    gone = [number for key, (number, _) in stored.items() if key not in same]
    symbols = booking.remove(account, gone) if gone else set()
    for key, (deal, statement) in proved.items():
        if key not in same:
            booking.book(account, [deal], statement=statement)
            symbols |= {deal.symbol_id} - {None}
    return symbols


def _stored(account: Account) -> Iterator[tuple[int, str, tuple[NewDeal, int | None]]]:
    """The inferred deals in the books: id, key, and what they say with the file that proved it."""
    ids = _symbol_ids(account)
    mine = Deal.objects.filter(account=account, inferred=True)
    provers = dict(mine.values_list("id", "statement_id"))
    for deal in known_deals(account, "account_id = %s AND inferred = %s", [account.pk, True]):
        said = new_deal(deal.key, deal.values, ids, inferred=True)
        yield deal.id, deal.key, (said, provers[deal.id])


def _symbol_ids(account: Account) -> dict[str, int]:
    return dict(BrokerSymbol.objects.filter(broker=account.broker_id).values_list("name", "id"))


def _balance_deal(opening: Opening) -> NewDeal:
    return NewDeal(
        opening.key, base.OPENING, opening.at, "statement",
        profit=opening.amount, comment=OPENING_TEXT, inferred=True,
    )  # fmt: skip


def _positions(account: Account) -> list[tuple[NewDeal, StatementLine]]:
    """The openings of positions that no row shows, each with the line that proves it."""
    order = {statement.pk: n for n, statement in enumerate(booked_imports(account))}
    lines = StatementLine.objects.filter(
        statement_id__in=order, fate__in=(Fate.INFERRED, Fate.SUPERSEDED)
    ).select_related("statement")
    by_holding: dict[tuple[str, str], list[tuple[StatementLine, tuple[Any, ...]]]] = defaultdict(
        list
    )
    for line in sorted(lines, key=lambda line: order[line.statement_id]):
        values = restored(line.values)
        by_holding[values[SYMBOL], values[REF]].append((line, values))
    ids = _symbol_ids(account)
    found: list[tuple[NewDeal, StatementLine]] = []
    for (symbol, ref), proofs in by_holding.items():
        infer = _missing_of_ref if ref else _missing_of_symbol
        for line, values in infer(account, ids[symbol], proofs):
            found.append((new_deal(line.key, values, ids, inferred=True), line))
    return found


Proof = tuple[StatementLine, tuple[Any, ...]]


def _missing_of_ref(account: Account, symbol_id: int, proofs: list[Proof]) -> list[Proof]:
    """What the real openings of a position leave open of the largest that a file proves."""
    ref = proofs[0][1][REF]
    openings = Deal.objects.filter(
        account=account, symbol_id=symbol_id, entry__in=(base.IN, base.IN_OUT), inferred=False
    )
    if account.mode == Account.Mode.NETTING:
        known = openings.filter(Q(position_ref=ref) | Q(broker_order_id=ref)).exists()
        proofs = [] if known else [proof for proof in proofs if not _is_opened_later(proof)]
    if not proofs:
        return []
    real = openings.filter(position_ref=ref)
    booked = _volume(real)
    shown = {
        line.pk: _volume(real.filter(lines__statement=line.statement_id)) for line, _ in proofs
    }
    line, values = max(proofs, key=lambda proof: proof[1][VOLUME] + shown[proof[0].pk])
    missing = values[VOLUME] + shown[line.pk] - booked
    return [(line, _with_volume(values, missing))] if missing > 0 else []


def _is_opened_later(proof: Proof) -> bool:
    """Whether the position was opened after the file's last row: a report lists those of its print."""
    line, values = proof
    return bool(line.statement.period_to and values[AT] > line.statement.period_to)


def _volume(deals: Any) -> Decimal:
    return deals.aggregate(total=Sum("volume"))["total"] or ZERO


def _with_volume(values: tuple[Any, ...], volume: Decimal, side: str = "") -> tuple[Any, ...]:
    changed = list(values)
    changed[VOLUME] = volume
    changed[SIDE] = side or values[SIDE]
    return tuple(changed)


def _missing_of_symbol(account: Account, symbol_id: int, proofs: list[Proof]) -> list[Proof]:
    """Netting: what must have been held before a file's first row, less what is booked before it."""
    found: list[Proof] = []
    held = ZERO
    for line, values in sorted(proofs, key=lambda proof: _start(proof[0].statement)):
        claimed = values[VOLUME] if values[SIDE] == base.BUY else -values[VOLUME]
        missing = claimed - held - _held_before(account, symbol_id, _start(line.statement))
        if missing:
            side = base.BUY if missing > 0 else base.SELL
            found.append((line, _with_volume(values, abs(missing), side)))
            held += missing
    return found


def _start(statement: StatementImport) -> dt.datetime:
    return dt.datetime.fromisoformat(statement.preview["facts"]["first"])


def _held_before(account: Account, symbol_id: int, moment: dt.datetime) -> Decimal:
    deals = Deal.objects.filter(
        account=account, symbol_id=symbol_id, kind=base.TRADE, at__lt=moment, inferred=False
    )
    sums = deals.aggregate(
        bought=Sum("volume", filter=Q(side=base.BUY)), sold=Sum("volume", filter=Q(side=base.SELL))
    )
    return (sums["bought"] or ZERO) - (sums["sold"] or ZERO)


def _link(account: Account, wanted: dict[str, tuple[NewDeal, StatementLine]]) -> None:
    """Tie the lines that prove an inferred deal to it; the others were superseded by real rows."""
    ids = dict(
        Deal.objects.filter(account=account, inferred=True, kind=base.TRADE).values_list(
            "key", "id"
        )
    )
    proved = {line.pk: ids[key] for key, (_, line) in wanted.items()}
    lines = StatementLine.objects.filter(
        statement__account=account, fate__in=(Fate.INFERRED, Fate.SUPERSEDED)
    )
    changed = []
    for line in lines:
        fate = Fate.INFERRED if line.pk in proved else Fate.SUPERSEDED
        if (line.fate, line.deal_id) != (fate, proved.get(line.pk)):
            line.fate, line.deal_id = fate, proved.get(line.pk)
            changed.append(line)
    StatementLine.objects.bulk_update(changed, ["fate", "deal"], batch_size=500)
