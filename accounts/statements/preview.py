"""What a file says and what would become of it, in the words of `import_statement --json` and of pages."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from accounts.models import Account
from accounts.statements import base, table_totals
from accounts.statements.base import Statement
from accounts.statements.clock import iso, moment
from accounts.statements.lines import COLUMNS, Row, disagreement, stored
from accounts.statements.matching import ORDERS, Plan, known_deals
from accounts.statements.settling import words_of
from brokers.models import BrokerSymbol
from brokers.services import suggested_instrument

MOST_SAMPLES = 20
MOST_COMPARED = 500
SNAPSHOT = ("balance", "credit", "floating", "open_swap", "equity")


def report(
    name: str, statement: Statement, plan: Plan, account: Account | None = None
) -> dict[str, Any]:
    """One file as `--json` prints it: decimals as texts, times on the server's clock."""
    return {
        "file": name,
        "format": statement.format,
        "account": _account(statement, account),
        "period": {"from": iso(statement.period_from), "to": iso(statement.period_to)},
        "lines": _counts(statement, plan, account),
        "file_totals": _figures(statement.file_totals),
        "our_totals": _figures(statement.our_totals) | _by_currency(statement),
        "breaks": _breaks(statement),
    }


def _breaks(statement: Statement) -> list[str]:
    """What the rows do not explain, and which of them are not booked."""
    refused = [line.reason for line in statement.refusals if line.section not in ORDERS]
    if len(refused) > MOST_SAMPLES:
        refused[MOST_SAMPLES:] = [f"{len(refused) - MOST_SAMPLES} more rows are refused."]
    other = table_totals.other_currency(statement)
    return [*statement.breaks, *refused, *([other] if other else [])]


def _counts(statement: Statement, plan: Plan, account: Account | None) -> dict[str, int]:
    counts = plan.counts()
    return counts | {"inferred": counts["inferred"] + _opens(statement, plan, account)}


def _account(statement: Statement, account: Account | None) -> dict[str, str] | None:
    """As the file names it; where it does not, the account it is booked to."""
    info = statement.account
    if info.number:
        return {
            "number": info.number,
            "currency": info.currency,
            "name": info.name,
            "broker": info.broker,
        }
    if account is None:
        return None
    return {
        "number": account.number,
        "currency": account.currency,
        "name": account.name or account.holder,
        "broker": account.broker.name,
    }


def _opens(statement: Statement, plan: Plan, account: Account | None) -> int:
    """1 where the file makes an opening entry: it begins later than the account, and nothing explains it."""
    before = statement.our_totals.get("opening_balance")
    if statement.starts_at_beginning or not before or not plan.rows:
        return 0
    if account is None:
        return 1
    first = min(row.at for row in plan.rows if not row.inferred)
    deals = account.deals.filter(at__lt=first).exclude(kind=base.CREDIT)
    return int((deals.aggregate(total=Sum("amount"))["total"] or 0) != before)


def _figures(totals: dict[str, Decimal | int]) -> dict[str, Any]:
    return {key: f"{v:f}" if isinstance(v, Decimal) else v for key, v in totals.items()}


def _by_currency(statement: Statement) -> dict[str, Any]:
    totals = table_totals.by_currency(statement)
    return {"by_currency": {name: _figures(of) for name, of in totals.items()}} if totals else {}


def samples(statement: Statement, plan: Plan, account: Account | None) -> dict[str, Any]:
    """What a person wants to see before confirming, besides the report."""
    return {
        "refused": [
            {"row": line.row, "section": line.section, "reason": line.reason, "text": line.text}
            for line in plan.refusals[:MOST_SAMPLES]
        ],
        "samples": _first_of_each(plan),
        "symbols_to_map": _unmapped(plan, statement, account),
        "disagreements": _disagreements(plan, account),
        "notes": list(statement.notes),
    }


def _first_of_each(plan: Plan) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row, fate in zip(plan.rows, plan.fates, strict=True):
        if len(found[fate]) < MOST_SAMPLES:
            found[fate].append(stored(row.values, inferred=row.inferred, row=row.row))
    return dict(found)


def _unmapped(plan: Plan, statement: Statement, account: Account | None) -> list[str]:
    """The symbols of the file that stand for no instrument and will not by the certain rule either."""
    names = {row.values[COLUMNS.index("symbol")] for row in plan.rows}
    names |= {line.symbol for line in statement.open_positions}
    said = dict(
        BrokerSymbol.objects.filter(broker=account.broker_id).values_list("name", "instrument")
        if account
        else ()
    )
    unknown = {name for name in names - {""} if said.get(name) is None}
    return sorted(name for name in unknown if name in said or suggested_instrument(name) is None)


def _disagreements(plan: Plan, account: Account | None) -> list[dict[str, Any]]:
    """The first rows that say something else than the books."""
    if account is None or not plan.unsettled:
        return []
    rows = {
        deal: row for row, deal in zip(plan.rows, plan.deals, strict=True) if deal in plan.unsettled
    }
    first = sorted(plan.unsettled)[:MOST_COMPARED]
    where = f"account_id = %s AND id IN ({', '.join(['%s'] * len(first))})"
    says = [
        (deal, words_of(disagreement(deal.values, rows[deal.id].values)))
        for deal in known_deals(account, where, [account.pk, *first])
    ]
    found = [{"row": rows[d.id].row, "key": d.key, "says": words} for d, words in says if words]
    return found[:MOST_SAMPLES]


def facts_of(statement: Statement, rows: list[Row], zone: dt.tzinfo) -> dict[str, Any]:
    """What the books must remember of a file: its span, its word on the balance, its last figures.

    A file with a running balance proves what was there before its first row; another only that its
    printed balance stood when it was printed.
    """
    real = [row for row in rows if not row.inferred]
    printed = moment(statement.printed_at, zone) if statement.printed_at else None
    facts: dict[str, Any] = {"printed": printed.isoformat() if printed else ""}
    if not real:
        return facts
    every = [row.at for row in real]
    moved = [] if _runs(real) else [row.at for row in real if _moves_money(row)]
    first, start, end = min(every), min(moved or every), max(every)
    facts |= {"first": first.isoformat(), "start": start.isoformat(), "end": end.isoformat()}
    facts |= _claim(statement, real, first, max(end, printed or end))
    snapshot = {k: f"{statement.file_totals[k]:f}" for k in SNAPSHOT if k in statement.file_totals}
    facts |= {"snapshot": snapshot, "snapshot_at": max(end, printed or end).isoformat()}
    return facts


def _runs(rows: list[Row]) -> bool:
    """Whether the file prints a running balance."""
    return any(row.balance_after is not None for row in rows)


def _moves_money(row: Row) -> bool:
    return any(row.values[n] for n in MONEY_PLACES)


MONEY_PLACES = tuple(COLUMNS.index(name) for name in ("profit", "swap", "commission", "fee", "tax"))


def _claim(
    statement: Statement, real: list[Row], first: dt.datetime, printed: dt.datetime
) -> dict[str, Any]:
    ours = statement.our_totals
    if statement.starts_at_beginning or "opening_balance" not in ours:
        return {"at": first.isoformat(), "balance": None, "before": True}
    if _runs(real) or "balance" not in statement.file_totals:
        return {"at": first.isoformat(), "balance": str(ours["opening_balance"]), "before": True}
    balance = str(statement.file_totals["balance"])
    return {"at": printed.isoformat(), "balance": balance, "before": False}
