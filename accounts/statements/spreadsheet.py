"""Our own spreadsheet template, for any broker whose files nobody reads: XLSX, or CSV with the same headings.

Sheets: Account (what the account is called), Deals (one row a booking), Trades (one row a round trip).
"""

from __future__ import annotations

import zoneinfo
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from accounts.statements import base, mapping, table_totals
from accounts.statements.base import ZERO, AccountInfo, NotAStatement, Statement
from accounts.statements.cells import Cell
from accounts.statements.columns import EXECUTIONS, IGNORE, ROUND_TRIPS, Column, Mapping
from accounts.statements.headings import CLASSES, NUMBER, TIME
from accounts.statements.mapped_rows import Lines, read_rows
from accounts.statements.mapping import in_currency, most_common
from accounts.statements.suggested_money import sign_of_withdrawals
from accounts.statements.table_rows import TableRow, table_rows
from accounts.statements.table_values import date_order, decimal_mark, read_number
from accounts.statements.words import difference

FORMAT = "spreadsheet"
READS = frozenset({"xlsx", "csv"})
EXAMPLE = "EXAMPLE"

DEALS = {
    "Time": "time",
    "Type": "side",
    "Symbol": "symbol",
    "Volume": "volume",
    "Price": "price",
    "Profit before costs": "profit",
    "Swap": "swap",
    "Commission (minus = cost)": "commission",
    "Fee (minus = cost)": "fee",
    "Tax": "tax",
    "Deal id": "deal_id",
    "Position id": "position_id",
    "Order id": "order_id",
    "Entry": "entry",
    "Balance": "balance",
    "Currency": "currency",
    "Comment": "comment",
}
TRADES = {
    "Open time": "open_time",
    "Close time": "close_time",
    "Symbol": "symbol",
    "Side": "side",
    "Volume": "volume",
    "Open price": "open_price",
    "Close price": "close_price",
    "Profit before costs": "profit",
    "Swap": "swap",
    "Commission (minus = cost)": "commission",
    "Fee (minus = cost)": "fee",
    "Ticket": "deal_id",
    "Currency": "currency",
    "Comment": "comment",
}
NEEDED = {
    "Deals": ("Time", "Type", "Profit before costs"),
    "Trades": (
        *("Open time", "Close time", "Symbol", "Side", "Volume"),
        *("Open price", "Close price", "Profit before costs"),
    ),
}
TABLES = {"Deals": (EXECUTIONS, DEALS), "Trades": (ROUND_TRIPS, TRADES)}
ACCOUNT = {
    "account number": "number",
    "currency": "currency",
    "broker": "broker",
    "name": "name",
    "server": "server",
    "time zone": "time_zone",
    "leverage": "leverage",
    "margin mode": "margin_mode",
    "kind": "kind",
    "balance": "balance",
    "equity": "equity",
}
MODES = ("hedging", "netting")
KINDS = ("live", "demo", "contest")


@dataclass(slots=True)
class Block:
    """One table of the template: which one, its heading row, its rows."""

    name: str
    header: TableRow
    rows: list[TableRow] = field(default_factory=list)


def recognise(head_rows: Iterable[list[Cell]]) -> bool:
    """Whether the first rows hold the headings of a table of the template."""
    return any(table_name([cell.text for cell in row]) for row in head_rows)


def table_name(texts: list[str]) -> str:
    """Which table a heading row begins: Deals, Trades or none ('')."""
    found = {" ".join(text.split()).lower() for text in texts}
    names = (name for name, needed in NEEDED.items() if {text.lower() for text in needed} <= found)
    return next(names, "")


def read(path: Path) -> Statement:
    """Everything the file says. Raises NotAStatement for what a person must make clear first."""
    account, blocks = _parts(table_rows(path))
    decimal, order = _conventions(blocks)
    lines = [read_rows(block.rows, _mapping(block, decimal, order), block.name) for block in blocks]
    info = _account_info(account, lines)
    deals = table_totals.in_order([deal for part in lines for deal in part.deals])
    held = [line for part in lines for line in part.open_positions]
    statement = Statement(
        format=FORMAT,
        account=info,
        time_zone=_time_zone(account),
        deals=in_currency(deals, info.currency),
        open_positions=in_currency(held, info.currency),
        refusals=[refusal for part in lines for refusal in part.refusals],
        notes=_notes(lines),
    )
    statement.file_totals = _totals(account, decimal)
    return totalled(statement)


def _parts(rows: Iterator[TableRow]) -> tuple[dict[str, str], list[Block]]:
    account: dict[str, str] = {}
    blocks: list[Block] = []
    open_block: Block | None = None
    for row in rows:
        if name := table_name(row.texts):
            open_block = Block(name, row)
            blocks.append(open_block)
        elif open_block and row.sheet == open_block.header.sheet:
            if not _is_example(row):
                open_block.rows.append(row)
        else:
            open_block = None
            _note_account(account, row.texts)
    return account, blocks


def _note_account(account: dict[str, str], texts: list[str]) -> None:
    label = texts[0].strip().rstrip(":").lower() if texts else ""
    if label in ACCOUNT and len(texts) > 1 and texts[1]:
        account[ACCOUNT[label]] = texts[1]


def _mapping(block: Block, decimal: str, order: str) -> Mapping:
    layout, columns = TABLES[block.name]
    targets = {heading.lower(): target for heading, target in columns.items()}
    texts = [" ".join(text.split()) for text in block.header.texts]
    places = {targets.get(text.lower(), ""): index for index, text in enumerate(texts)}
    return Mapping(
        layout=layout,
        header_row=block.header.number - 1,
        columns=tuple(
            Column(targets[text.lower()], index, text)
            for index, text in enumerate(texts)
            if text.lower() in targets
        ),
        sheet=block.header.sheet,
        decimal=decimal,
        date_order=order,
        withdrawals=sign_of_withdrawals(block.rows, places["side"], places["profit"], decimal),
        words=((EXAMPLE.lower(), IGNORE),),
    )


def _conventions(blocks: list[Block]) -> tuple[str, str]:
    """Decimal mark and date order, from all rows. Raises NotAStatement where they are open."""
    mark = decimal_mark(_values(blocks, NUMBER, "number"))
    if not mark.is_certain:
        raise NotAStatement(
            "Numbers such as 1,234 and 1.234 can be read in two ways here; "
            "write them without thousands marks and with a point before the decimals."
        )
    order = date_order(_values(blocks, TIME, "date"))
    if not order.is_certain:
        raise NotAStatement(
            "It is open whether the day or the month comes first in the dates; "
            "write them as 2026-01-31 14:30:00."
        )
    return mark.value, order.value


def _values(blocks: list[Block], wanted: str, kind: str) -> list[str]:
    """What somebody wrote as text into the columns of numbers or of times."""
    return [
        text
        for block in blocks
        for column in _mapping(block, ".", "").columns
        if CLASSES[column.target] == wanted
        for text in _written(block.rows, column.index, kind)
    ]


def _written(rows: list[TableRow], index: int, kind: str) -> list[str]:
    cells = (row.cells[index] for row in rows if index < len(row.cells))
    return [cell.text for cell in cells if cell.text.strip() and cell.kind != kind]


def _is_example(row: TableRow) -> bool:
    return any(text.startswith(EXAMPLE) for text in row.texts)


def _account_info(account: dict[str, str], lines: list[Lines]) -> AccountInfo:
    """What the sheet says of the account; without a currency there, it is that of most rows."""
    rows: Counter[str] = sum((part.currencies for part in lines), Counter())
    leverage = account.get("leverage", "").removeprefix("1:")
    return AccountInfo(
        number=account.get("number", ""),
        currency=_currency(account) or most_common(rows),
        name=account.get("name", ""),
        broker=account.get("broker", ""),
        server=account.get("server", ""),
        leverage=int(leverage)
        if leverage.isascii() and leverage.isdigit() and len(leverage) < 6
        else None,
        kind=_choice(account, "kind", KINDS),
        margin_mode=_choice(account, "margin_mode", MODES),
    )


def _currency(account: dict[str, str]) -> str:
    currency = account.get("currency", "").upper()
    if currency and not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        raise NotAStatement(
            f"The currency of the account is {currency[:20]!r}; expected three letters such as EUR."
        )
    return currency


def _choice(account: dict[str, str], name: str, choices: tuple[str, ...]) -> str:
    value = account.get(name, "").lower()
    if value and value not in choices:
        label = name.replace("_", " ")
        raise NotAStatement(
            f"The {label} of the account is {value[:20]!r}; expected {' or '.join(choices)}."
        )
    return value


def _time_zone(account: dict[str, str]) -> str:
    name = account.get("time_zone", "")
    if name and name not in zoneinfo.available_timezones():
        raise NotAStatement(
            f"The time zone of the account is {name[:40]!r}; expected a name such as Europe/Athens."
        )
    return name


def _totals(account: dict[str, str], decimal: str) -> dict[str, Decimal | int]:
    """The balance and equity that the person wrote down. Raises NotAStatement if one is no number."""
    try:
        return {
            name: _figure(account[name], decimal)
            for name in ("balance", "equity")
            if name in account
        }
    except ValueError as error:
        raise NotAStatement(f"The account's balance or equity: {error}.") from error


def _figure(text: str, decimal: str) -> Decimal:
    mark = decimal_mark([text])
    return read_number(text, mark.value if mark.is_certain and "," in text + decimal else decimal)


def totalled(statement: Statement) -> Statement:
    """The statement with its totals.

    The balance that was written down is compared with the rows, or says what was there before them.
    """
    mapping.totalled(statement)
    booked = [d for d in statement.deals if d.kind != base.CREDIT and not d.currency]
    ours = sum((deal.amount for deal in booked), ZERO)
    opening = statement.our_totals.get("opening_balance")
    if opening is None and "balance" in statement.file_totals:
        opening = _opening(statement, Decimal(statement.file_totals["balance"]) - ours)
        statement.our_totals["opening_balance"] = opening
        statement.starts_at_beginning = opening == 0
    statement.our_totals["balance"] = ours + (opening or ZERO)
    printed = statement.file_totals.get("balance")
    if printed is not None and printed != statement.our_totals["balance"]:
        statement.breaks.append(difference("Balance", printed, statement.our_totals["balance"]))
    return statement


def _opening(statement: Statement, missing: Decimal) -> Decimal:
    """What was there before: nothing where the rows begin with a deposit or it would be below zero.

    Nothing either where a row was refused, which the balance would hide.
    """
    first = next((deal for deal in statement.deals if deal.entry != base.IN), None)
    begins_with_cash = first is not None and first.kind == base.DEPOSIT
    is_unknown = bool(statement.refusals)
    return ZERO if begins_with_cash or is_unknown or missing < 0 else missing


def _notes(lines: list[Lines]) -> list[str]:
    repeated = sorted(row for part in lines for row in part.repeated)
    if not repeated:
        return []
    return [
        f"{len(repeated)} rows repeat an earlier one word for word and count once: row {repeated[0]}."
    ]
