"""Write the spreadsheet template: instructions, the account's sheet, and two tables with a marked example."""

from __future__ import annotations

from pathlib import Path

from openpyxl import Workbook
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from accounts.statements.spreadsheet import DEALS, EXAMPLE, TRADES

TEXT = "@"
MOMENT = "yyyy-mm-dd hh:mm:ss"
IDS = ("Deal id", "Position id", "Order id", "Ticket")
TIMES = ("Time", "Open time", "Close time")
FORMATTED_ROWS = 200
INSTRUCTIONS = (
    "Spreadsheet statement for TradersHub",
    "",
    "1. Account: say what the account is called. Only the currency is needed; balance and equity are compared.",
    "2. Trades: one row for each trade that is closed. An empty close time means that it is still open.",
    "3. Deals: everything else, or everything: one row for each booking. Type is one of",
    "    buy, sell, deposit, withdrawal, credit, bonus, interest, swap, commission, fee, dividend, tax,",
    "    correction, compensation, transfer.",
    "4. A trade stands either in Trades or in Deals, never in both.",
    "",
    "Money is signed from your side: what you pay is negative. Withdrawals are all negative, or all positive.",
    "Profit is before swap, commission, fee and tax. Money rows carry their amount in the profit column.",
    "Volume is in lots, always positive. Entry is in or out where the broker says so, else empty.",
    "Times are those of the broker's server, or of the time zone in the account sheet: 2026-01-31 14:30:00.",
    "Ids are text: copy all digits. Without ids a row is known again by its content.",
    f"Rows with the word {EXAMPLE} are not read. Columns may stand in any order; unused ones may be removed.",
)
ACCOUNT_ROWS = (
    ("Account number", "as the broker writes it"),
    ("Currency", "three letters such as EUR"),
    ("Broker", ""),
    ("Name", ""),
    ("Server", ""),
    ("Time zone", "such as Europe/Athens; empty: the broker's zone"),
    ("Leverage", "such as 1:100"),
    ("Margin mode", "hedging or netting"),
    ("Kind", "live or demo"),
    ("Balance", "after the last row, to compare"),
    ("Equity", "after the last row, to compare"),
)
EXAMPLE_DEAL = {
    "Time": "2026-01-31 14:30:00",
    "Type": "sell",
    "Symbol": "EURUSD",
    "Volume": "0.10",
    "Price": "1.08500",
    "Profit before costs": "12.50",
    "Swap": "-0.35",
    "Commission (minus = cost)": "-0.70",
    "Deal id": "1000002",
    "Position id": "1000001",
    "Entry": "out",
    "Comment": f"{EXAMPLE}, is not read",
}
EXAMPLE_TRADE = {
    "Open time": "2026-01-30 09:15:00",
    "Close time": "2026-01-31 14:30:00",
    "Symbol": "EURUSD",
    "Side": "buy",
    "Volume": "0.10",
    "Open price": "1.08375",
    "Close price": "1.08500",
    "Profit before costs": "12.50",
    "Swap": "-0.35",
    "Commission (minus = cost)": "-0.70",
    "Ticket": "1000001",
    "Comment": f"{EXAMPLE}, is not read",
}


def write_template(path: Path) -> None:
    """Write the empty template as XLSX."""
    book = Workbook()
    _write_instructions(book.active)
    _write_account(book.create_sheet("Account"))
    _write_table(book.create_sheet("Trades"), list(TRADES), EXAMPLE_TRADE)
    _write_table(book.create_sheet("Deals"), list(DEALS), EXAMPLE_DEAL)
    book.save(path)


def _write_instructions(sheet: Worksheet) -> None:
    sheet.title = "Read me"
    sheet.column_dimensions["A"].width = 110
    for text in INSTRUCTIONS:
        sheet.append([text])
    sheet["A1"].font = Font(bold=True, size=14)


def _write_account(sheet: Worksheet) -> None:
    sheet.column_dimensions["A"].width = 20
    sheet.column_dimensions["B"].width = 30
    sheet.column_dimensions["C"].width = 50
    for label, hint in ACCOUNT_ROWS:
        sheet.append([label, None, hint])
        sheet.cell(sheet.max_row, 1).font = Font(bold=True)
        sheet.cell(sheet.max_row, 3).font = Font(italic=True, color="808080")
    sheet["B1"].number_format = TEXT


def _write_table(sheet: Worksheet, headings: list[str], example: dict[str, str]) -> None:
    sheet.append(headings)
    sheet.append([example.get(heading) for heading in headings])
    sheet.freeze_panes = "A2"
    for index, heading in enumerate(headings, 1):
        sheet.cell(1, index).font = Font(bold=True)
        sheet.cell(2, index).fill = PatternFill("solid", start_color="DDDDDD")
        sheet.column_dimensions[get_column_letter(index)].width = max(len(heading) + 2, 12)
        _format_column(sheet, index, heading)


def _format_column(sheet: Worksheet, index: int, heading: str) -> None:
    """Keep ids whole and times readable, whatever the program makes of what is typed."""
    if heading not in (*IDS, *TIMES):
        return
    pattern = TEXT if heading in IDS else MOMENT
    for row in range(3, FORMATTED_ROWS):
        sheet.cell(row, index).number_format = pattern
