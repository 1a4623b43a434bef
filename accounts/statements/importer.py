"""Book a statement and take it back: once per row, however often and in whatever order files come.

`book` and `undo` run in the caller's transaction and leave the tie-out to the caller.
"""

from __future__ import annotations

import datetime as dt
import json
import zoneinfo
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any

from django.db import connection, transaction
from django.db.models import Q, Sum

from accounts import booking, bulk
from accounts.models import Account, Deal, StatementImport, StatementLine
from accounts.progress import UNWATCHED, Progress, watched
from accounts.statements import extras, modes, openings, settling, symbols, table_totals
from accounts.statements.base import Statement
from accounts.statements.lines import Row, net, read_rows, stored, stored_text
from accounts.statements.matching import SYMBOL, Fate, Known, Plan, plan
from accounts.statements.preview import facts_of
from tradershub.core.errors import BadInput
from tradershub.core.fields import largest, largest_in_words
from tradershub.finance.decimals import ZERO

LINE_COLUMNS = ("statement_id", "row", "section", "fate", "reason", "key", "values", "deal_id")
COMPARE, DEALS, LINES, DERIVE, CHECK = "compare", "deals", "lines", "derive", "check"  # the stages


def zone_of(statement: Statement, account: Account | None) -> dt.tzinfo:
    """The zone of the file's times: what it states itself, else its broker's."""
    if statement.time_zone in zoneinfo.available_timezones():
        return zoneinfo.ZoneInfo(statement.time_zone)
    return account.broker.zone if account else zoneinfo.ZoneInfo("Europe/Athens")


def planned(statement: Statement, account: Account | None) -> Plan:
    """What would become of each row. Writes nothing."""
    rows, refusals = read_rows(statement, zone_of(statement, account))
    made = plan(account, rows, refusals)
    if account is not None:
        _refuse_too_large(account, made)
    return made


@transaction.atomic
def book(imported: StatementImport, statement: Statement, *, progress: Progress) -> Plan:
    """Put the file into the books of its account, all of it or nothing; the statement is used up.

    Raises BadInput for rows in another currency than the account's.
    """
    if reason := table_totals.other_currency(statement):
        raise BadInput(reason)
    account = booking.lock(imported.account)
    progress.begin(COMPARE, len(statement.deals))
    zone = zone_of(statement, account)
    rows, refusals = read_rows(statement, zone, use_up=True)
    orders = extras.order_rows(statement, zone)
    facts = facts_of(statement, rows, zone) | {"mode": statement.account.margin_mode}
    imported.preview = imported.preview | {"facts": facts}
    _keep_period(imported)
    ids = symbols.bring(account, imported, _named(statement, rows, orders))
    made = plan(account, rows, refusals)
    _refuse_too_large(account, made)
    extras.keep(imported, statement, orders)
    touched = _book_rows(account, imported, made, ids, progress)
    extras.book_orders(account, imported, orders)
    follow(account, touched, progress)
    return made


def _refuse_too_large(account: Account, made: Plan) -> None:
    """Raises BadInput where the account's balance would be more than its database can add up."""
    new = (row for row, fate in zip(made.rows, made.fates, strict=True) if fate == Fate.BOOKED)
    added = sum((net(row.values) for row in new), ZERO)
    balance = added + (account.deals.aggregate(total=Sum("amount"))["total"] or ZERO)
    if abs(balance) > largest(connection.vendor):
        raise BadInput(
            f"With the file the balance of account {account.number} would be {balance:f}; expected at "
            f"most {largest_in_words(connection.vendor)}."
        )


def _keep_period(imported: StatementImport) -> None:
    facts = imported.preview["facts"]
    if "first" in facts:
        imported.period_from = dt.datetime.fromisoformat(facts["first"])
        imported.period_to = dt.datetime.fromisoformat(facts["end"])
    imported.save(update_fields=["preview", "period_from", "period_to"])


def _named(statement: Statement, rows: list[Row], orders: list[extras.OrderRow]) -> set[str]:
    """The symbols that the file names."""
    names = {row.values[SYMBOL] for row in rows} | {order[1] for order in orders}
    return names | {line.symbol for line in statement.open_positions}


def _book_rows(
    account: Account,
    imported: StatementImport,
    made: Plan,
    ids: dict[str, int],
    progress: Progress,
) -> set[int]:
    """Deals and lines of the rows. Returns the symbols whose positions follow anew."""
    touched = booking.remove(account, made.replaced) if made.replaced else set()
    new = [row for row, fate in zip(made.rows, made.fates, strict=True) if fate == Fate.BOOKED]
    progress.begin(DEALS, len(new))
    deals = watched((row.new_deal(ids) for row in new), progress)
    booked = booking.book(account, deals, statement=imported)
    held = _already_held(made.was.values())
    was = {place: deal for place, deal in made.was.items() if deal.id not in held}
    progress.begin(LINES, len(made.rows))
    lines = watched(_lines(imported, made, booked.new, was), progress)
    bulk.insert(StatementLine, LINE_COLUMNS, lines)
    touched |= {ids[row.values[SYMBOL]] for row in new if row.values[SYMBOL]}
    return touched | settling.settle(account, made.unsettled)


def _already_held(deals: Iterable[Known]) -> set[int]:
    """Those deals whose own words an earlier file's line keeps already."""
    ids = [deal.id for deal in deals]
    return set(StatementLine.objects.filter(deal_id__in=ids).values_list("deal_id", flat=True))


def _lines(
    imported: StatementImport, made: Plan, ids: dict[str, int], was: dict[int, Known]
) -> Iterator[tuple[Any, ...]]:
    pk = imported.pk
    places = zip(range(len(made.rows)), made.rows, made.fates, made.deals, strict=True)
    for place, row, fate, deal_id in places:
        before = was.get(place)
        if before:
            values = stored(row.values, inferred=row.inferred)
            text = _json(values | {"was": stored(before.values, key=before.key)})
        else:
            text = stored_text(row.values, inferred=row.inferred)
        deal = ids[row.key] if fate == Fate.BOOKED else deal_id
        yield (pk, row.row, row.section, str(fate), "", row.key, text, deal)
    for line, statement_id in zip(made.refusals, repeat(imported.pk)):
        values = {"text": line.text} if line.text else {}
        reason = line.reason[:300]
        yield (
            statement_id,
            line.row,
            line.section,
            Fate.REFUSED.value,
            reason,
            "",
            _json(values),
            None,
        )


_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def follow(account: Account, touched: set[int], progress: Progress = UNWATCHED) -> None:
    """Bring everything that follows from deals and files to what they say now."""
    if modes.settle(account):
        touched = touched | set(account.deals.values_list("symbol_id", flat=True)) - {None}
    touched = touched | openings.settle(account)
    of_these = Q(symbol__isnull=True) | Q(symbol__in=touched)
    progress.begin(DERIVE, Deal.objects.filter(of_these, account=account).count())
    booking.derive(account, symbols=touched, progress=progress)
    extras.settle_marks(account)
    extras.settle_snapshots(account)


@transaction.atomic
def undo(imported: StatementImport) -> dict[str, int]:
    """Take the file out of the books as if it had never come; what other sources confirm stays.

    Returns how many deals went, and how many stay because another source has them.
    """
    account = booking.lock(imported.account)
    deal_ids, touched = _without_lines(account, imported)
    before = Deal.objects.filter(account=account).count()
    imported.state = StatementImport.State.UNDONE
    imported.save(update_fields=["state"])
    alone = _alone(account, deal_ids)
    touched |= booking.remove(account, alone)
    touched |= settling.settle(account, deal_ids - alone)
    extras.unbook_orders(account, imported)
    follow(account, touched)
    extras.StatementExtras.objects.filter(statement=imported).delete()
    symbols.take_away(account.broker)
    after = Deal.objects.filter(account=account).count()
    return {"removed": before - after, "kept": len(deal_ids - alone)}


def _without_lines(account: Account, imported: StatementImport) -> tuple[set[int], set[int]]:
    """Drop the lines of the file; the deals they stood for, and the symbols restored by hand's words."""
    lines = StatementLine.objects.filter(statement=imported)
    deals = set(lines.filter(deal__isnull=False).values_list("deal_id", flat=True))
    keepers = [line for line in lines.filter(values__has_key="was") if line.deal_id]
    lines._raw_delete(lines.db)  # nothing refers to lines
    touched: set[int] = set()
    for line in keepers:
        heir = StatementLine.objects.filter(deal_id=line.deal_id).order_by("statement_id").first()
        if heir is None:
            touched |= settling.restore(account, line.deal_id, line.values["was"])
            continue
        heir.values["was"] = line.values["was"]
        heir.save(update_fields=["values"])
    return deals, touched


def _alone(account: Account, deal_ids: set[int]) -> set[int]:
    """The statement deals among these that no other file's line stands for."""
    found: set[int] = set()
    for chunk in bulk.chunks(deal_ids, 900):
        deals = Deal.objects.filter(account=account, pk__in=chunk, source=Deal.Source.STATEMENT)
        found.update(deals.filter(lines__isnull=True).values_list("pk", flat=True))
    return found
