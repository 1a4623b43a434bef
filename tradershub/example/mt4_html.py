"""Writes an MT4 statement, plain or detailed (with comment rows and statistics).

The bytes are in a code page that the file does not name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from html import escape
from pathlib import Path

from tradershub.example.clock import stamp
from tradershub.example.mt4_report import FlowRow, Mt4Report, TicketRow
from tradershub.example.mt5_layout import digits_of, number
from tradershub.example.records import ZERO
from tradershub.example.results import Results, Run

HEAD = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
<html>
  <head>
    <title>Statement: {number} - {holder}</title>
    <meta name="generator" content="MetaQuotes Software Corp.">
    <link rel="help" href="http://www.metaquotes.net">
    <style type="text/css">
    <!--
    td {{ font: 8pt Tahoma,Arial; }}
    .msdate {{ mso-number-format:"General Date"; }}
    .mspt   {{ mso-number-format:\\#\\,\\#\\#0\\.00;  }}
    //-->
    </style>
  </head>
<body topmargin=1 marginheight=1>
<div align=center>
<div style="font: 20pt Times New Roman"><b>{company}</b></div><br>

<table cellspacing=1 cellpadding=3 border=0>
<tr align=left>
    <td colspan=2><b>Account: {number}</b></td>
    <td colspan=5><b>Name: {holder}</b></td>
    <td colspan=2><b>Currency: {currency}</b></td>
    <td colspan=2><b>Leverage: 1:{leverage}</b></td>
    <td colspan=3 align=right><b>{printed}</b></td></tr>
"""
TAIL = "</table>\n</div></body></html>"
FIRST_HEADINGS = (
    "   <td>Ticket</td><td nowrap>Open Time</td><td>Type</td><td>Size</td><td>Item</td>\n"
    "   <td>Price</td><td>S / L</td><td>T / P</td>"
)
COSTS = "<td>Price</td><td>Commission</td><td>Taxes</td><td>Swap</td><td>Profit</td></tr>"
SPACER = '<tr><td colspan=14 style="font: 1pt arial">&nbsp;</td></tr>\n'
NOTHING = "<tr align=right><td colspan=13 align=center>No transactions</td></tr>"
SHADE = " bgcolor=#E0E0E0"


def write(
    report: Mt4Report,
    path: Path,
    *,
    detailed: bool = True,
    newest_first: bool = False,
    encoding: str = "cp1252",
) -> Path:
    """Write the statement. encoding is the PC's code page; the file does not name it."""
    lines = render(report, detailed=detailed, newest_first=newest_first)
    with path.open("w", encoding=encoding, errors="xmlcharrefreplace", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path


def render(report: Mt4Report, *, detailed: bool, newest_first: bool) -> Iterator[str]:
    """The page in lines."""
    account = report.account
    moment = report.printed_at
    yield HEAD.format(
        number=account.number,
        holder=escape(account.holder),
        company=escape(account.company),
        currency=account.currency,
        leverage=account.leverage,
        printed=f"{moment:%Y %B} {moment.day}, {moment:%H:%M}",
    )
    page = _Page(report, detailed=detailed)
    yield from page.closed(newest_first=newest_first)
    yield from page.open_trades()
    yield from page.working()
    yield SPACER
    yield from page.summary()
    if detailed:
        yield SPACER
        yield from page.details()
    yield TAIL


def _title(text: str, columns: int = 14) -> str:
    return f"<tr align=left><td colspan={columns}><b>{text}</b></td></tr>"


def _price(price: Decimal | None, digits: int) -> str:
    value = f"{price or ZERO:.{digits}f}"
    pattern = f"0\\.{'0' * digits};"
    return f'<td style="mso-number-format:{pattern}">{value}</td>'


class _Page:
    """The sections of one statement."""

    def __init__(self, report: Mt4Report, *, detailed: bool) -> None:
        self._report = report
        self._detailed = detailed
        self._digits = digits_of(report.account.currency)

    def _money(self, amount: Decimal) -> str:
        return number(amount, self._digits)

    def _cells(self, *amounts: Decimal) -> str:
        return "".join(f"<td class=mspt>{self._money(amount)}</td>" for amount in amounts)

    def closed(self, *, newest_first: bool) -> Iterator[str]:
        """Closed trades, ended orders and balance operations, with their sums."""
        rows = self._report.closed[::-1] if newest_first else self._report.closed
        yield _title("Closed Transactions:", 13)
        yield '<tr align=center bgcolor="#C0C0C0">'
        yield f"{FIRST_HEADINGS}<td nowrap>Close Time</td>\n   {COSTS}"
        yield from self._rows(rows)
        tickets = [row for row in rows if isinstance(row, TicketRow)]
        yield from self._sums(tickets)
        yield "<tr align=right>\n    <td colspan=12 align=right><b>Closed P/L:</b></td>"
        yield self._total(self._report.closed_profit)
        yield "</tr>"

    def open_trades(self) -> Iterator[str]:
        """Open trades at their market price, with their sums."""
        yield _title("Open Trades:")
        yield f'<tr align=center bgcolor="#C0C0C0">\n{FIRST_HEADINGS}<td>&nbsp;</td>\n   {COSTS}'
        yield from self._rows(self._report.open_trades)
        yield from self._sums(self._report.open_trades)
        yield "<tr><td colspan=10>&nbsp;</td><td colspan=2 align=right><b>Floating P/L:</b></td>"
        yield self._total(self._report.floating)
        yield "</tr>"

    def working(self) -> Iterator[str]:
        """Pending orders that still wait."""
        yield _title("Working Orders:")
        yield '<tr align=center bgcolor="#C0C0C0">'
        yield f"{FIRST_HEADINGS}<td colspan=2 nowrap>Market Price</td><td colspan=4>&nbsp;</td></tr>"
        yield from self._rows(self._report.working)

    def _rows(self, rows: list[TicketRow | FlowRow] | list[TicketRow]) -> Iterator[str]:
        if not rows:
            yield NOTHING
        for index, row in enumerate(rows):
            shade = SHADE if index % 2 else ""
            if isinstance(row, FlowRow):
                yield self._flow(row, shade)
            else:
                yield self._ticket(row, shade)
                yield from self._remark(row, shade)

    def _flow(self, row: FlowRow, shade: str) -> str:
        comment = escape(row.flow.comment)
        return (
            f'<tr{shade} align=right><td title="{comment}">{row.ticket}</td>'
            f"<td class=msdate nowrap>{stamp(row.flow.at)}</td><td>{row.flow.kind}</td>"
            f"<td colspan=10 align=left>{comment}</td>{self._cells(row.flow.amount)}</tr>"
        )

    def _ticket(self, row: TicketRow, shade: str) -> str:
        magic = f"#{row.magic} " if row.magic else ""
        title = escape(f"{magic}{row.comment}".strip())
        tooltip = f' title="{title}"' if title else ""
        levels = (row.price, row.stop_loss, row.take_profit)
        prices = "".join(_price(price, row.digits) for price in levels)
        ended = stamp(row.done_at) if row.done_at else "&nbsp;"
        return (
            f"<tr{shade} align=right><td{tooltip}>{row.ticket}</td>"
            f"<td class=msdate nowrap>{stamp(row.opened_at)}</td><td>{row.type}</td>"
            f"<td class=mspt>{row.lots:.2f}</td><td>{row.symbol.lower()}</td>{prices}"
            f"<td class=msdate nowrap>{ended}</td>{_price(row.done_price, row.digits)}"
            f"{self._ending(row)}</tr>"
        )

    def _ending(self, row: TicketRow) -> str:
        """The four money cells, or one wide cell for what moved no money."""
        if " " in row.type:
            return f"<td colspan=4>{row.note}</td>"
        return self._cells(row.commission, ZERO, row.swap, row.profit)

    def _remark(self, row: TicketRow, shade: str) -> Iterator[str]:
        """The detailed statement repeats magic number and comment under the ticket."""
        if not self._detailed or row.note or not (row.magic or row.comment):
            return
        magic, comment = row.magic or "&nbsp;", escape(row.comment) or "&nbsp;"
        yield (
            f"<tr{shade} align=right><td colspan=9>&nbsp;</td><td>{magic}</td>"
            f"<td colspan=3>{comment}</td></tr>"
        )

    def _sums(self, rows: list[TicketRow]) -> Iterator[str]:
        sums = (
            sum((row.commission for row in rows), ZERO),
            ZERO,
            sum((row.swap for row in rows), ZERO),
            sum((row.profit for row in rows), ZERO),
        )
        yield f"<tr align=right>\n    <td colspan=10>&nbsp;</td>\n    {self._cells(*sums)}\n</tr>"

    def _total(self, amount: Decimal) -> str:
        title = "Commission + Swap + Profit + Taxes"
        text = f"<b>{self._money(amount)}</b>"
        return f'    <td colspan=2 align=right title="{title}" class=mspt>{text}</td>'

    def _line(self, *fields: tuple[str, str]) -> str:
        """A line of the summary: up to three labels with their values, in the template's widths."""
        spans = ((2, " colspan=2"), (4, ""), (3, " colspan=2"))
        cells = "".join(
            f"    <td colspan={wide}><b>{label}:</b></td>\n"
            f"    <td{span} class=mspt><b>{value}</b></td>\n"
            for (wide, span), (label, value) in zip(spans, fields, strict=False)
        )
        rest = "" if len(fields) == 3 else "    <td colspan=5>&nbsp;</td>\n"
        return f"<tr align=right>\n{cells}{rest}</tr>"

    def summary(self) -> Iterator[str]:
        """The summary block."""
        report, money = self._report, self._money
        yield _title("Summary:")
        yield self._line(
            ("Deposit/Withdrawal", money(report.flows)), ("Credit Facility", money(report.credit))
        )
        yield self._line(
            ("Closed Trade P/L", money(report.closed_profit)),
            ("Floating P/L", money(report.floating)),
            ("Margin", money(report.margin)),
        )
        yield self._line(
            ("Balance", money(report.balance)),
            ("Equity", money(report.equity)),
            ("Free Margin", money(report.free_margin)),
        )

    def details(self) -> Iterator[str]:
        """The statistics of the detailed statement."""
        results, money = self._report.results, self._money
        yield _title("Details:")
        yield '<tr align=center><td colspan=14><img src="DetailedStatement.gif" border=0></td></tr>'
        yield self._line(
            ("Gross Profit", money(results.gross_profit)),
            ("Gross Loss", money(-results.gross_loss)),
            ("Total Net Profit", money(results.net)),
        )
        yield self._line(
            ("Profit Factor", f"{results.profit_factor}"),
            ("Expected Payoff", f"{results.expected}"),
        )
        yield self._drawdowns(results)
        yield SPACER
        yield self._line(
            ("Total Trades", str(results.trades)),
            ("Short Positions (won %)", _counted(results.shorts)),
            ("Long Positions (won %)", _counted(results.longs)),
        )
        yield from _extremes(results, money)

    def _drawdowns(self, results: Results) -> str:
        fall, fall_share = results.drawdown.deepest
        share, share_fall = results.drawdown.steepest
        return self._line(
            ("Absolute Drawdown", self._money(results.drawdown.absolute)),
            ("Maximal Drawdown", f"{self._money(fall)} ({fall_share:.2f}%)"),
            ("Relative Drawdown", f"{share:.2f}% ({self._money(share_fall)})"),
        )


def _counted(pair: tuple[int, Decimal]) -> str:
    return f"{pair[0]} ({pair[1]}%)"


def _extreme(head: str, *fields: tuple[str, str]) -> str:
    (win, won), (loss, lost) = fields
    start = (
        f"    <td colspan=2><b>{head}</b></td>\n    <td colspan=6><b>{win}:</b></td>\n"
        if head
        else f"    <td colspan=8><b>{win}:</b></td>\n"
    )
    return (
        f"<tr align=right>\n{start}    <td class=mspt><b>{won}</b></td>\n"
        f"    <td colspan=3><b>{loss}:</b></td>\n"
        f"    <td colspan=2 class=mspt><b>{lost}</b></td></tr>"
    )


def _extremes(results: Results, money: Callable[[Decimal], str]) -> Iterator[str]:
    def run(run: Run) -> str:
        return f"{run.count} ({money(run.money)})"

    def rich(run: Run) -> str:
        return f"{money(run.money)} ({run.count})"

    yield _extreme(
        "",
        ("Profit Trades (% of total)", _counted(results.wins)),
        ("Loss trades (% of total)", _counted(results.losses)),
    )
    names = ("profit trade", "loss trade")
    largest, average = results.largest, results.average
    yield _extreme("Largest", *zip(names, map(money, largest), strict=True))
    yield _extreme("Average", *zip(names, map(money, average), strict=True))
    names = ("consecutive wins ($)", "consecutive losses ($)")
    yield _extreme("Maximum", *zip(names, map(run, results.longest), strict=True))
    names = ("consecutive profit (count)", "consecutive loss (count)")
    yield _extreme("Maximal", *zip(names, map(rich, results.richest), strict=True))
    names = ("consecutive wins", "consecutive losses")
    yield _extreme("Average", *zip(names, map(str, results.average_run), strict=True))
