"""What a deal says follows from every booked row of it: bring it there after rows have come or gone.

The latest statement wins; words that only another one knows are added. An entry by hand that rows
confirm takes what they say and keeps its own words aside, on the line that confirmed it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from accounts import booking, bulk, trail
from accounts.booking import Identity
from accounts.models import Account, Deal, StatementImport, StatementLine
from accounts.statements.lines import FACTS, MONEY, disagreement, merged, net, restored
from accounts.statements.matching import KIND, Known, known_deals
from brokers.models import BrokerSymbol

Fate = StatementLine.Fate
State = StatementImport.State
COUNTED = (State.BOOKED, State.BOOKING)
FIRST = {Deal.Source.STATEMENT: Fate.BOOKED, Deal.Source.MANUAL: Fate.CONFIRMED}
LONG_AGO = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def rank(statement: StatementImport) -> tuple[Any, ...]:
    """Which of two files speaks last: the one that reaches further, then the one printed later."""
    facts = statement.preview.get("facts", {})
    return (statement.period_to or LONG_AGO, facts.get("printed", ""), statement.sha256)


def booked_imports(account: Account) -> list[StatementImport]:
    """The files in the books, the latest word last."""
    found = StatementImport.objects.filter(account=account, state__in=COUNTED)
    return sorted(found, key=rank)


def settle(account: Account, deal_ids: Collection[int]) -> set[int]:
    """Bring these deals to what their rows say; one without rows says again what it said by hand, or goes.

    Returns the symbols to derive. Lines keep in `reason` what they say otherwise than the books.
    """
    symbols: set[int] = set()
    if not deal_ids:
        return symbols
    order = {statement.pk: n for n, statement in enumerate(booked_imports(account))}
    ids = dict(BrokerSymbol.objects.filter(broker=account.broker_id).values_list("name", "id"))
    for chunk in bulk.chunks(sorted(deal_ids), 900):
        places = ", ".join(["%s"] * len(chunk))
        deals = list(
            known_deals(account, f"account_id = %s AND id IN ({places})", [account.pk, *chunk])
        )
        lines = _lines(chunk, order)
        deals = [deal for deal in deals if not deal.inferred]
        _name_the_bookers([(deal, lines[deal.id]) for deal in deals if deal.id in lines])
        for deal in deals:
            symbols |= _settle(account, deal, lines.get(deal.id, []), ids)
    return symbols


def _lines(deal_ids: list[int], order: dict[int, int]) -> dict[int, list[StatementLine]]:
    """The rows of each deal, the latest word first."""
    found: dict[int, list[StatementLine]] = defaultdict(list)
    for line in StatementLine.objects.filter(deal_id__in=deal_ids, statement_id__in=order):
        found[line.deal_id].append(line)
    for lines in found.values():
        lines.sort(key=lambda line: (-order[line.statement_id], line.row))
    return found


def _settle(
    account: Account, deal: Known, lines: list[StatementLine], ids: dict[str, int]
) -> set[int]:
    if not lines:
        return _let_go(account, deal)
    versions = [restored(line.values) for line in lines]
    wanted = merged(versions)
    key = lines[0].key
    by_hand = next((line for line in lines if "was" in line.values), None)
    if by_hand:
        wanted = _with_words_by_hand(wanted, restored(by_hand.values["was"]))
    _restate(lines, versions, wanted)
    if (deal.key, deal.values) == (key, wanted):
        return set()
    return _rewrite(account, deal, key, wanted, ids)


def _with_words_by_hand(wanted: tuple[Any, ...], was: tuple[Any, ...]) -> tuple[Any, ...]:
    """The person's comment stays where the broker's row has none."""
    return (*wanted[:-1], wanted[-1] or was[-1])


def _restate(
    lines: Iterable[StatementLine], versions: Iterable[tuple[Any, ...]], wanted: tuple[Any, ...]
) -> None:
    """Keep on each line where it differs from what is booked, in words."""
    for line, version in zip(lines, versions, strict=True):
        reason = words_of(_differences(wanted, version))
        if not reason and "was" in line.values:
            was = restored(line.values["was"])
            reason = words_of(
                [d for d in _differences(wanted, was) if d[0] in MONEY], source="by hand"
            )
        if reason != line.reason:
            line.reason = reason
            line.save(update_fields=["reason"])


def _differences(ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> list[tuple[str, Any, Any]]:
    """Where two versions of a row disagree; of one that is no trade, the whole amount counts."""
    found = disagreement(ours, theirs)
    if ours[KIND] == Deal.Kind.TRADE or net(ours) != net(theirs):
        return found
    return [difference for difference in found if difference[0] not in MONEY]


def words_of(differences: list[tuple[str, Any, Any]], *, source: str = "this file says") -> str:
    """A sentence of the differences; empty for none."""
    said = ", ".join(f"{name} {theirs} (booked: {ours})" for name, ours, theirs in differences)
    return f"{source} {said}"[:300].capitalize() if said else ""


def _name_the_bookers(met: list[tuple[Known, list[StatementLine]]]) -> None:
    """One line has booked or confirmed each deal, the first imported; the others met it there."""
    fates: dict[str, list[int]] = defaultdict(list)
    bookers: dict[int, list[int]] = defaultdict(list)
    for deal, lines in met:
        first = FIRST.get(deal.source)
        if first is None or any(line.fate == first for line in lines):
            continue
        line = min(lines, key=lambda line: (line.statement_id, line.row))
        fates[first].append(line.pk)
        if first == Fate.BOOKED:
            bookers[line.statement_id].append(deal.id)
    for fate, line_ids in fates.items():
        StatementLine.objects.filter(pk__in=line_ids).update(fate=fate)
    for statement_id, deal_ids in bookers.items():
        Deal.objects.filter(pk__in=deal_ids).update(statement_id=statement_id)


def _let_go(account: Account, deal: Known) -> set[int]:
    """No row is left: a statement's deal goes; the others were restored when their line went."""
    if deal.source != Deal.Source.STATEMENT:
        return set()
    return booking.remove(account, [deal.id])


def restore(account: Account, deal_id: int, was: dict[str, Any]) -> set[int]:
    """Give a deal back what it said before rows confirmed it. Returns the symbols to derive."""
    ids = dict(BrokerSymbol.objects.filter(broker=account.broker_id).values_list("name", "id"))
    deal = next(known_deals(account, "account_id = %s AND id = %s", [account.pk, deal_id]))
    return _rewrite(account, deal, was["key"], restored(was), ids)


def _rewrite(
    account: Account, deal: Known, key: str, values: tuple[Any, ...], ids: dict[str, int]
) -> set[int]:
    facts = dict(zip(FACTS, values, strict=False))
    before = dict(zip(FACTS, deal.values, strict=False))
    trail.current().rewrite({"key": deal.key} | before, {"key": key} | facts)
    symbols = {ids.get(name) for name in (deal.values[KIND + 1], facts.pop("symbol")) if name}
    time_text, deal_id, ref, order_id, comment = values[len(FACTS) :]
    symbol_id = ids.get(values[KIND + 1])
    new_key = None if key == deal.key else key
    names = Identity(new_key, deal_id, ref, order_id, time_text, symbol_id)
    booking.identify(account, deal.id, names)
    Deal.objects.filter(pk=deal.id).update(
        **facts, symbol_id=symbol_id, amount=net(values), comment=comment
    )
    return {symbol for symbol in symbols if symbol}
