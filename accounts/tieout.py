"""Where the books and the booked files differ: Breaks, opened with their cause and closed when explained.

`reconcile` compares everything anew and brings the Breaks to what it finds, so that it may run at any
time; equal causes are one Break with a count and a sum. Where the books and a connected account differ is
found elsewhere and kept by `keep_live`.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from accounts import booking
from accounts.models import (
    Account,
    Break,
    Deal,
    Position,
    StatementImport,
    StatementLine,
    Topic,
)
from accounts.notify import Words, named, tell
from accounts.statements import explaining, extras, opening_balances
from accounts.statements.columns import ROUND_TRIPS
from accounts.statements.lines import net, restored
from accounts.statements.settling import booked_imports
from tradershub.core.audit import record
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.formats import plain, signed
from tradershub.finance.decimals import ZERO

Kind, State = Break.Kind, Break.State
RUNNING = "running balance"
TOTAL = ": the file prints "  # as statements.words says it of a total that the rows do not make
EXPLAINED = "Explained by what was booked since"
AGREES = "The broker and the books agree again"
RECONCILE = "reconcile"  # who opens a Break again in the audit log where no person did
MOST_DETAILS = 50
OPENED = {"state": State.OPEN, "explanation": "", "closed_at": None}


class Finding(NamedTuple):
    """A difference as it stands now. difference: the broker's figure minus ours, in account currency."""

    kind: str
    cause: str
    symbol: str = ""
    count: int = 1
    difference: Decimal | None = None
    details: tuple[str, ...] = ()
    statement: StatementImport | None = None

    @property
    def identity(self) -> tuple[str, str, str]:
        return (self.kind, self.symbol, self.cause)


@transaction.atomic
def reconcile(account: Account, *, undone: StatementImport | None = None) -> list[Break]:
    """Bring the account's Breaks to what differs now; those that are open are returned.

    undone: after this import was taken back, what only it brought is forgotten instead of closed.
    """
    booking.lock(account)
    of_files = Break.objects.filter(account=account).exclude(kind__in=Break.LIVE)
    _bring(account, of_files, findings(account), forget=undone is not None, because=EXPLAINED)
    return list(Break.objects.filter(account=account, state=State.OPEN))


@transaction.atomic
def keep_live(account: Account, found: Iterable[Finding]) -> list[Break]:
    """Bring the Breaks with the connected account to what was found now, of the kinds Break.LIVE.

    Those that are open are returned.
    """
    booking.lock(account)
    live = Break.objects.filter(account=account, kind__in=Break.LIVE)
    _bring(account, live, found, because=AGREES)
    return list(live.filter(state=State.OPEN))


def _bring(
    account: Account,
    rows: QuerySet[Break],
    found: Iterable[Finding],
    *,
    because: str,
    forget: bool = False,
) -> None:
    """forget: drop what is open and not found, instead of closing it. because: why the others close."""
    missing = {finding.identity: finding for finding in found}
    for row in rows.select_related("account__broker"):
        finding = missing.pop((row.kind, row.symbol, row.cause[:500]), None)
        if finding is not None:
            _keep(row, finding)
        elif forget and row.state == State.OPEN:
            row.delete()
        elif row.state != State.CLOSED:
            row.explanation = row.explanation or because
            row.state, row.closed_at = State.CLOSED, timezone.now()
            row.save()
    for finding in missing.values():
        made = Break.objects.create(account=account, state=State.OPEN, **_fields(finding))
        words = Words(
            f"Books and broker differ: {made.get_kind_display()}", f"{named(account)}: {made.cause}"
        )
        tell(Topic.BOOKS, f"break:{made.pk}", words, owner_id=account.owner_id)


def _keep(row: Break, finding: Finding) -> None:
    """A Break that still stands, or stands again; what a person explained stays so while it is the same."""
    fields = _fields(finding)
    is_another = (row.difference, row.count) != (finding.difference, finding.count)
    if row.state == State.CLOSED or row.state == State.EXPLAINED and is_another:
        fields |= OPENED
    changed = {name: value for name, value in fields.items() if getattr(row, name) != value}
    if not changed:
        return
    Break.objects.filter(pk=row.pk).update(**changed)
    if "state" in changed:
        _tell_reopening(row, finding)


def _tell_reopening(row: Break, finding: Finding) -> None:
    """What an explanation or a closing no longer covers; row: as it was before."""
    record(
        "break.reopen",
        actor=RECONCILE,
        target=row,
        summary=f"Open again: {row}",
        details={
            "state": [row.state, State.OPEN.value],
            "explanation": [row.explanation, ""],
            "difference": [row.difference, finding.difference],
            "count": [row.count, finding.count],
        },
        owner=row.account.owner_id,
    )


@transaction.atomic
def explain(found: Break, *, actor: Any, explanation: str) -> Break:
    """A person says why the figures differ; it stands until the difference is another, or gone.

    Raises BadInput without words, Conflict for a Break that is closed.
    """
    words, longest = explanation.strip(), Break._meta.get_field("explanation").max_length
    if not 0 < len(words) <= longest:
        raise BadInput(
            f"Expected an explanation of 1 to {longest} characters, found {len(words)}",
            param="explanation",
        )
    row = _locked(found)
    check_explainable(row)
    return _settle(row, State.EXPLAINED, words, actor=actor, action="break.explain")


@transaction.atomic
def reopen(found: Break, *, actor: Any) -> Break:
    """Take an explanation back. Raises Conflict for a Break that nobody explained."""
    row = _locked(found)
    check_reopenable(row)
    return _settle(row, State.OPEN, "", actor=actor, action="break.reopen")


def check_explainable(found: Break) -> None:
    if found.state == State.CLOSED:
        raise Conflict(f"This Break is closed: {found.explanation[:200]}")


def check_reopenable(found: Break) -> None:
    if found.state != State.EXPLAINED:
        raise Conflict(f"This Break is {found.state}: expected one that a person explained")


def _locked(found: Break) -> Break:
    booking.lock(found.account)
    return Break.objects.select_related("account__broker").get(pk=found.pk)


def _settle(row: Break, state: str, explanation: str, *, actor: Any, action: str) -> Break:
    was = row.explanation
    row.state, row.explanation = state, explanation
    row.save(update_fields=["state", "explanation"])
    record(
        action,
        actor=actor,
        target=row,
        summary=str(row),
        details={"explanation": [was, explanation]},
        owner=row.account.owner,
    )
    return row


def _fields(finding: Finding) -> dict[str, object]:
    return {
        "kind": finding.kind,
        "symbol": finding.symbol,
        "cause": finding.cause,
        "count": finding.count,
        "difference": finding.difference,
        "details": {"rows": list(finding.details)} if finding.details else {},
        "statement": finding.statement,
    }


def findings(account: Account) -> Iterator[Finding]:
    """Everything in which the booked files and the books of the account differ now."""
    files = booked_imports(account)
    for statement in files:
        yield from _of_the_file(statement)
    yield from _of_balances(account)
    yield from _of_sources(account, files)
    if telling := [statement for statement in files if _tells_positions(statement)]:
        yield from _of_positions(account, telling[-1])


def _of_the_file(statement: StatementImport) -> Iterator[Finding]:
    """What the file's own rows do not explain, as its reader found it, unless the books explain all of it."""
    sentences = statement.preview.get("breaks", [])
    running = [text for text in sentences if RUNNING in text.lower()]
    if sentences and explaining.is_explained(statement, gaps=len(running)):
        sentences = [text for text in sentences if text not in running and TOTAL not in text]
        running = []
    for text in sentences:
        if text not in running:
            yield Finding(Kind.TOTAL, text[:500], statement=statement)
    if running:
        yield Finding(
            Kind.RUNNING_BALANCE,
            f"The running balance breaks. First: {running[0]}"[:500],
            count=len(running),
            details=tuple(running[:MOST_DETAILS]),
            statement=statement,
        )


def _of_balances(account: Account) -> Iterator[Finding]:
    """Gaps between files, balances that no opening explains, and the balance at each file's end."""
    gaps, unexplained = opening_balances.find_balances(account)
    for gap in (opening for opening in gaps if opening.is_gap):
        yield Finding(
            Kind.MISSING,
            f"Rows before {_day(gap.at, account)} are in no file; an opening entry of {gap.amount} "
            f"{account.currency} stands for them",
            difference=gap.amount,
            statement=gap.statement,
        )
    for rest in unexplained:
        yield Finding(
            Kind.BALANCE,
            f"The balance on {_day(rest.at, account)} that the file proves is not what is booked",
            difference=rest.difference,
            statement=rest.statement,
        )
    known = {rest.statement.pk for rest in unexplained}
    for claim in opening_balances.claims(account):
        if claim.before and claim.statement.pk not in known:
            yield from _at_the_end(account, claim)


def _at_the_end(account: Account, claim: opening_balances.Claim) -> Iterator[Finding]:
    """The printed balance of a file that ties out in itself, beside ours at its end."""
    theirs, by_rows = (
        claim.statement.preview.get(name, {}).get("balance")
        for name in ("file_totals", "our_totals")
    )
    if theirs is None or Decimal(theirs) != Decimal(by_rows or theirs):
        return
    at = claim.end
    deals = Deal.objects.filter(account=account, at__lte=at).exclude(kind=Deal.Kind.CREDIT)
    ours = deals.aggregate(total=Sum("amount"))["total"] or ZERO
    difference = Decimal(theirs) - ours
    if difference:
        yield Finding(
            Kind.BALANCE,
            f"The balance on {_day(at, account)} was {theirs} in the file"
            + _by_hand(account, -difference, until=at),
            difference=difference,
            statement=claim.statement,
        )


def _by_hand(account: Account, amount: Decimal, *, until: dt.datetime) -> str:
    """The entry by hand that alone makes the difference: a swap, say, that a file counts in its closing deal."""
    deals = Deal.objects.filter(account=account, source=Deal.Source.MANUAL, at__lte=until)
    entries = deals.filter(amount=amount, lines=None, reverses=None, reversed_by=None)
    entry = entries.exclude(kind=Deal.Kind.CREDIT).order_by("-at").first()
    if entry is None:
        return ""
    what = entry.get_kind_display().lower()
    return (
        f"; that is the {what} of {signed(amount, account.currency)} {account.currency} entered by hand "
        f"for {_day(entry.at, account)}, which the file may hold in another row"
    )


def _day(at: dt.datetime, account: Account) -> str:
    return f"{at.astimezone(account.broker.zone):%Y-%m-%d %H:%M}"


def _of_sources(account: Account, files: list[StatementImport]) -> Iterator[Finding]:
    """Deals of which a source says something else than is booked, a symbol at a time; its latest word counts."""
    latest = {statement.pk: n for n, statement in enumerate(files)}
    lines = StatementLine.objects.filter(statement__in=latest, deal__isnull=False)
    differing = lines.exclude(reason="").select_related("deal__symbol", "statement")
    said = {
        line.deal_id: line
        for line in sorted(differing, key=lambda line: (latest[line.statement_id], line.row))
    }
    groups: dict[str, list[StatementLine]] = defaultdict(list)
    for line in said.values():
        groups[line.deal.symbol.name if line.deal.symbol else ""].append(line)
    for symbol, rows in groups.items():
        yield Finding(
            Kind.DISAGREEMENT,
            "Two sources say different things of one deal; the latest statement is booked",
            symbol=symbol,
            count=len(rows),
            difference=sum((_booked_minus_said(line) for line in rows), ZERO),
            details=tuple(f"{line.key}: {line.reason}" for line in rows[:MOST_DETAILS]),
            statement=max((line.statement for line in rows), key=lambda statement: statement.pk),
        )


def _booked_minus_said(line: StatementLine) -> Decimal:
    said = restored(line.values)
    if net(said) == line.deal.amount and "was" in line.values:
        said = restored(line.values["was"])
    return line.deal.amount - net(said)


def _tells_positions(statement: StatementImport) -> bool:
    """Whether the file would show what is held: a table of executions or of money does not."""
    columns = statement.preview.get("columns") or {}
    if statement.mapping and not columns:
        columns = statement.mapping.mapping
    return columns.get("layout", ROUND_TRIPS) == ROUND_TRIPS


def _of_positions(account: Account, latest: StatementImport) -> Iterator[Finding]:
    """Lots that the latest file holds open beside ours, while nothing was booked after it."""
    end = latest.period_to
    if end is None or Deal.objects.filter(account=account, kind="trade", at__gt=end).exists():
        return
    theirs: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for line in extras.load(latest)["positions"]:
        theirs[line["symbol"], line["side"]] += Decimal(line["volume"])
    held = Position.objects.filter(account=account, open_volume__gt=0)
    sums = held.values_list("symbol__name", "side").annotate(lots=Sum("open_volume"))
    ours = {(symbol, side): lots for symbol, side, lots in sums}
    for symbol, side in sorted(theirs.keys() | ours.keys()):
        file_lots, our_lots = theirs[symbol, side], ours.get((symbol, side), ZERO)
        if file_lots != our_lots:
            yield Finding(
                Kind.POSITION,
                f"Open {side} positions: the file holds {plain(file_lots)} lots, the deals make {plain(our_lots)}",
                symbol=symbol,
                statement=latest,
            )
