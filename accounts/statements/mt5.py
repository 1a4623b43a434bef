"""The trade history report of MetaTrader 5 (ReportHistory), as HTML, XLSX or a table re-saved from them.

In any language: rows are known by their shape and by type words that MetaTrader never translates. Every
section may be missing. A report of a period begins with what was there before, found from the first
running balance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

from accounts.statements import base, mt5_resaved, mt5_totals
from accounts.statements.base import AccountInfo, DealLine, NotAStatement, Statement, UnknownTable
from accounts.statements.cells import (
    Cell,
    csv_rows,
    html_rows,
    html_texts,
    sniff,
    xlsx_names,
    xlsx_rows,
    xlsx_texts,
)
from accounts.statements.mt5_matching import begins_at_zero, with_positions
from accounts.statements.mt5_positions import (
    HEDGING,
    NETTING,
    PRICE_UNKNOWN,
    inferred_openings,
    margin_mode,
)
from accounts.statements.mt5_rows import (
    ORDERS,
    SHORTEST_ROW,
    TYPE_WORDS,
    WORKING,
    Sheet,
    is_data,
    scan,
)
from accounts.statements.mt5_values import is_time

FORMAT = "mt5"
READS = frozenset({"html", "xlsx", "csv"})
# `57174315 (USD, 1:100, Server Name, demo, Hedge)`: number, currency, [leverage,] server, kind[, mode]
ACCOUNT = re.compile(r"([0-9]{1,20})\s*\(([A-Za-z]{2,10}),\s*([^()]*(?:\([^()]*\)[^()]*)*)\)")
LEVERAGE = re.compile(r"1:([0-9]{1,5})")
KINDS = {"demo": "demo", "real": "live", "contest": "contest"}
MODES = {"hedge": HEDGING, "hedging": HEDGING, "netting": NETTING, "exchange": NETTING}
TESTER_TITLES = ("strategy tester report", "tester report")
MANY = 5
HEAD_ROWS = 500


def recognise(head_rows: Iterable[list[Cell]]) -> bool:
    """Whether the first rows are those of an MT5 trade history report."""
    for row in head_rows:
        texts = [cell.text for cell in row if not cell.hidden]
        if any(ACCOUNT.fullmatch(text) for text in texts):
            return True
        if len(texts) >= SHORTEST_ROW and is_time(texts[0]) and is_data(texts):
            # A type word before the symbol is a confirmation's.
            return texts[1].isdigit() and texts[2].lower() not in TYPE_WORDS
        if len(texts) >= SHORTEST_ROW and texts[3].lower() in TYPE_WORDS:
            is_resaved = is_time(mt5_resaved.with_plain_time(texts[:1])[0])
            if is_resaved and texts[1].isdigit():
                return True
    return False


def refusal_reason(head_rows: Iterable[list[Cell]]) -> str | None:
    """Why another report of MT5 is not the history of an account; None for everything else."""
    for number, row in enumerate(head_rows):
        texts = [cell.text for cell in row if not cell.hidden and cell.text]
        if number < MANY and any(
            title in text.lower() for text in texts for title in TESTER_TITLES
        ):
            return _TESTER
        is_symbol_first = not is_time(texts[0]) and not texts[0].isdigit() if texts else False
        if len(texts) >= 7 and is_symbol_first and texts[1].isdigit() and is_time(texts[2]):
            return _SNAPSHOT
    return None


_TESTER = (
    "This is a report of the strategy tester, whose trades never happened; "
    "expected the trade history report of an account (ReportHistory)."
)
_SNAPSHOT = (
    "This is the MT5 trade account report, a snapshot of open positions and orders without history; "
    "expected the trade history report (ReportHistory), saved from the History tab."
)


def read(path: Path) -> Statement:
    """Everything the file says. Raises NotAStatement if a row that changes money cannot be read."""
    sheet = _sheet(path)
    _refuse_unreadable(sheet)
    info = _account(sheet)
    _refuse_others(sheet, info)
    if sheet.deals and sheet.deals[0].time_text > sheet.deals[-1].time_text:
        sheet.deals.reverse()
    statement = Statement(format=FORMAT, account=info)
    statement.printed_at = _printed_at(sheet.heading)
    statement.orders, statement.open_positions = sheet.orders, sheet.open_positions
    statement.refusals = sheet.refusals
    _add_deals(statement, sheet)
    statement.file_totals = mt5_totals.printed(sheet)
    statement.our_totals = mt5_totals.computed(sheet, statement.file_totals)
    statement.starts_at_beginning = not statement.our_totals["opening_balance"] and (
        not sheet.deals or begins_at_zero(sheet.deals)
    )
    mt5_totals.judge(statement)
    _add_notes(statement, sheet)
    return statement


def _sheet(path: Path) -> Sheet:
    """The rows of the file by what they are, read as a spreadsheet program has saved them if need be.

    Raises UnknownTable for a table of no account that has no deals either, such as positions alone.
    """
    if sniff(path) == "html":
        return _page_sheet(path)
    sheet = scan(_texts(path))
    if mt5_resaved.looks_resaved(sheet):
        sheet = scan(mt5_resaved.texts(lambda: _rows(path)))
    has_account = any(ACCOUNT.fullmatch(texts[-1]) for texts in sheet.heading)
    if not sheet.deals and not has_account and "net_profit" not in mt5_totals.printed(sheet):
        raise UnknownTable(
            f"The table has {sheet.rows} rows but no deals of a MetaTrader 5 report; say what its "
            "columns mean and it can be read."
        )
    return sheet


def _texts(path: Path) -> Iterator[list[str]]:
    if sniff(path) == "xlsx":
        return xlsx_texts(path, _page(path))
    return ([cell.text for cell in row] for row in csv_rows(path))


def _rows(path: Path) -> Iterator[list[Cell]]:
    if sniff(path) == "xlsx":
        return (cells for _, cells in xlsx_rows(path, _page(path)))
    return csv_rows(path)


def _page_sheet(path: Path) -> Sheet:
    sheet = scan(html_texts(path))
    if not mt5_resaved.has_foreign_numbers(sheet):
        return sheet
    try:
        return scan(mt5_resaved.texts(lambda: _visible_rows(path)))
    except NotAStatement:
        if sheet.refusals:  # the row that cannot be read says more than that the marks disagree
            return sheet
        raise


def _visible_rows(path: Path) -> Iterator[list[Cell]]:
    return ([cell for cell in row if not cell.hidden] for row in html_rows(path))


def _page(path: Path) -> str:
    """The sheet with the report, before which others may stand."""
    heads = ((name, islice(xlsx_rows(path, name), HEAD_ROWS)) for name in xlsx_names(path))
    return next((name for name, rows in heads if recognise(cells for _, cells in rows)), "")


def _refuse_unreadable(sheet: Sheet) -> None:
    """Without one of the rows that change money the totals prove nothing, so nothing is booked."""
    fatal = [refusal for refusal in sheet.refusals if refusal.section not in (ORDERS, WORKING)]
    if fatal:
        rest = f" {len(fatal) - 1} more rows cannot be read either." if len(fatal) > 1 else ""
        raise NotAStatement(f"{fatal[0].reason}{rest}")
    _refuse_doubles("deal", ((deal.broker_deal_id, deal.row) for deal in sheet.deals))
    _refuse_doubles("position", ((line.position_ref, line.row) for line in sheet.open_positions))


def _refuse_doubles(name: str, numbered: Iterable[tuple[str, int]]) -> None:
    rows: dict[str, int] = {}
    for number, row in numbered:
        if (first := rows.setdefault(number, row)) != row:
            raise NotAStatement(
                f"Row {row}: {name} {number} stands in row {first} already; expected each once."
            )


def _refuse_others(sheet: Sheet, info: AccountInfo) -> None:
    # The tester numbers its deals from 1 and names no account; a young broker's numbers are small too.
    if sheet.deals and len(sheet.deals[0].broker_deal_id) == 1 and not info.number:
        raise NotAStatement(_TESTER)
    if sheet.positions and not sheet.deals:
        raise NotAStatement(
            f"The file lists {len(sheet.positions)} closed positions but no deals; expected the Deals "
            "section, as only its running balance proves the figures. Save the report again."
        )
    if not sheet.deals and "net_profit" not in mt5_totals.printed(sheet):
        raise NotAStatement(
            f"The file has {sheet.rows} rows but neither deals nor results; expected a whole MT5 "
            "trade history report."
        )


def _add_deals(statement: Statement, sheet: Sheet) -> None:
    mode = margin_mode(statement.account.margin_mode, sheet)
    deals = sheet.deals if mode == NETTING else with_positions(sheet)
    if not mode and not _all_proven(sheet, deals):
        deals = sheet.deals
    statement.account = replace(statement.account, margin_mode=mode)
    statement.deals = inferred_openings(sheet, deals, mode) + deals
    if deals:
        statement.period_from, statement.period_to = deals[0].time_text, deals[-1].time_text


def _all_proven(sheet: Sheet, deals: list[DealLine]) -> bool:
    """Whether the file lists the position of each entry and the closing of each position."""
    ids = {p.position_id for p in sheet.positions}
    ids |= {line.position_ref for line in sheet.open_positions}
    return all(deal.position_ref in ids for deal in deals if deal.kind == base.TRADE)


def _add_notes(statement: Statement, sheet: Sheet) -> None:
    if not statement.account.currency:
        statement.notes.append(
            "The file does not say its account: the line with number and currency is missing."
        )
    if not statement.starts_at_beginning:
        statement.notes.append(
            f"The history does not begin with the account: {statement.our_totals['opening_balance']} "
            "was there before the first row, found from its running balance."
        )
    if "balance" not in statement.file_totals:
        statement.notes.append("The summary is missing; only the running balance was checked.")
    statement.notes += [
        f"{deal.volume} {deal.symbol} was held before the first row, at a price that the file does not "
        f"say; {deal.price}, that of the first row, stands for it."
        for deal in statement.deals
        if deal.inferred and deal.comment == PRICE_UNKNOWN
    ]
    statement.notes += [
        f"{count} rows of the unknown type {word!r} are booked as corrections."
        for word, count in sheet.unknown_types.items()
    ]


def _account(sheet: Sheet) -> AccountInfo:
    """What the heading says: the line of the account, the name before it, the company after it."""
    for at, texts in enumerate(sheet.heading):
        found = ACCOUNT.fullmatch(texts[-1])
        if found and len(texts) <= 2:
            number, currency, rest = found.groups()
            rest = rest.replace("\u00a0", " ")
            leverage, server, kind, mode = _details([part.strip() for part in rest.split(",")])
            return AccountInfo(
                number=number,
                currency=currency,
                name=_value(sheet.heading, at - 1),
                broker=_value(sheet.heading, at + 1),
                server=server,
                leverage=leverage,
                kind=kind,
                margin_mode=mode,
            )
    return AccountInfo()


def _details(parts: list[str]) -> tuple[int | None, str, str, str]:
    """Leverage, server, kind and margin mode; older builds print no mode, newer ones no leverage."""
    leverage = mode = kind = None
    if parts and (found := LEVERAGE.fullmatch(parts[0])):
        leverage, parts = int(found[1]), parts[1:]
    if parts and (mode := MODES.get(parts[-1].lower())):
        parts = parts[:-1]
    if len(parts) > 1 and (kind := KINDS.get(parts[-1].lower())):
        parts = parts[:-1]
    return leverage, ", ".join(parts), kind or "", mode or ""


def _value(heading: list[list[str]], at: int) -> str:
    if not 0 <= at < len(heading) or len(heading[at]) != 2 or is_time(heading[at][1]):
        return ""
    return heading[at][1]


def _printed_at(heading: list[list[str]]) -> str:
    return next((texts[-1] for texts in heading if len(texts) == 2 and is_time(texts[1])), "")
