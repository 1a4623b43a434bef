"""Writes an MT5 trade history report as the terminal's HTML: UTF-16LE with BOM, CRLF."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from html import escape
from pathlib import Path

from tradershub.example.clock import stamp
from tradershub.example.labels import ENGLISH
from tradershub.example.mt5_layout import (
    Value,
    account_line,
    digits_of,
    number,
    printed,
    results_grid,
    volume,
)
from tradershub.example.mt5_report import DealRow, OpenRow, OrderRow, PositionRow, Report
from tradershub.example.records import ZERO

Labels = Mapping[str, str]

HEAD = """<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.01 Transitional//EN" \
"http://www.w3.org/TR/html4/loose.dtd">
<html>
  <head>
    <title>{title}</title>
    <meta name="generator" content="client terminal">
    <style type="text/css">
    <!--
    @media screen {{
      td {{ font: 8pt  Tahoma,Arial; }}
      th {{ font: 10pt Tahoma,Arial; }}
    }}
    .hidden {{ display: none; }}
    body {{margin:1px;}}
    //-->
    </style>
  </head>
<body>
<div align="center">
    <table cellspacing="1" cellpadding="3" border="0">"""
TAIL = "    </table>\n</div>\n</body>\n</html>"
GAP = '        <tr>\n            <td nowrap style="height: 10px"></td>\n        </tr>'
WIDE_GAP = '        <tr align="right">\n            <td colspan="13" style="height: 10px"></td>\n        </tr>'
BANDS = ("#FFFFFF", "#F7F7F7")


def write(
    report: Report, path: Path, *, labels: Labels = ENGLISH, encoding: str = "utf-16-le"
) -> Path:
    """Write the report.

    encoding "utf-16-le" is the terminal's (with BOM); "utf-8" is what editors make of it.
    """
    with path.open("w", encoding=encoding, newline="\r\n") as file:
        if encoding == "utf-16-le":
            file.write("\ufeff")
        file.writelines(f"{part}\n" for part in render(report, labels))
    return path


def render(report: Report, labels: Labels) -> Iterator[str]:
    """The page in parts, each a line or more, with plain newlines."""
    account = report.account
    money = digits_of(account.currency)
    title = f"{account.number}: {account.holder} - {labels['title']}"
    yield HEAD.format(title=escape(title, quote=False))
    yield from _header(report, labels)
    yield from _positions(report.positions, labels, money)
    yield from _orders(report.orders, labels)
    yield from _deals(report.deals, labels, money)
    if report.open_positions:
        yield from _open_positions(report.open_positions, labels, money)
    if report.working:
        yield from _working(report.working, labels)
    yield from _summary(report, labels, money)
    yield from _results(report, labels, money)
    yield TAIL


def _header(report: Report, labels: Labels) -> Iterator[str]:
    account = report.account
    line = account_line(account).replace(" (", "&nbsp;(").replace(", ", ",&nbsp;")
    title = f'<div style="font: 14pt Tahoma"><b>{labels["title"]}</b><br></div>'
    yield f'        <tr align="center">\n            <td colspan="14">{title}</td>\n        </tr>'
    fields = (
        ("name", escape(account.holder, quote=False)),
        ("account", line),
        ("company", escape(account.company, quote=False)),
        ("date", f"{report.printed_at:%Y.%m.%d %H:%M}"),
    )
    style = 'style="width: 220px; height: 20px"'
    for key, value in fields:
        yield '        <tr align="left">'
        yield f'            <th colspan="4" nowrap align="right" {style}>{labels[key]}:</th>'
        yield f'            <th colspan="10" nowrap align="left" {style}><b>{value}</b></th>'
        yield "        </tr>"
    widths = '            <td nowrap style="width: 60px;"></td>\n' * 14
    yield f"        <tr>\n{widths}        </tr>"


def _section(title: str, headings: Sequence[str]) -> Iterator[str]:
    """A section's title and its headings; a heading that starts with `<` is a finished cell."""
    name = f'<div style="font: 10pt Tahoma"><b>{title}</b></div>'
    yield '        <tr align="center">'
    yield f'            <th colspan="14" style="height: 25px">{name}</th>'
    yield "        </tr>"
    yield '        <tr align="center" bgcolor="#E5F0FC">'
    for text in headings:
        cell = text if text.startswith("<") else f"<td nowrap><b>{text}</b></td>"
        yield f"            {cell}"
    yield "        </tr>"


def _wide(text: str, columns: int) -> str:
    return f'<td nowrap colspan="{columns}"><b>{text}</b></td>'


def _named(labels: Labels, keys: str) -> list[str]:
    return [labels[key] for key in keys.split()]


def _row(index: int, cells: Iterable[str]) -> str:
    return f'        <tr bgcolor="{BANDS[index % 2]}" align="right">{"".join(cells)}</tr>'


def _plain(cells: Iterable[str]) -> Iterator[str]:
    return (f"<td>{cell}</td>" for cell in cells)


def _price(price: Decimal | None, missing: str = "") -> str:
    return missing if price is None else f"{price:f}"


def _time(at: datetime | None) -> str:
    return stamp(at) if at else ""


def _positions(rows: list[PositionRow], labels: Labels, money: int) -> Iterator[str]:
    keys = "time position symbol type volume price sl tp time price commission swap"
    headings = [*_named(labels, keys), _wide(labels["profit"], 2)]
    yield from _section(labels["positions"], headings)
    for index, row in enumerate(rows):
        yield f'        <tr bgcolor="{BANDS[index % 2]}" align="right">'
        yield from (f"            {cell}" for cell in _position_cells(row, money))
        yield "        </tr>"
    yield GAP


def _position_cells(row: PositionRow, money: int) -> Iterator[str]:
    yield from _plain((stamp(row.opened_at), str(row.ticket), row.symbol, row.side))
    yield f'<td class="hidden" colspan="8">{escape(row.comment, quote=False)}</td>'
    cells = (
        volume(row.lots),
        _price(row.price),
        _price(row.stop_loss),
        _price(row.take_profit),
        stamp(row.closed_at),
        _price(row.close_price),
        number(row.commission, money),
        number(row.swap, money),
    )
    yield from (f'<td class="">{cell}</td>' for cell in cells)
    yield f'<td colspan="2">{number(row.profit, money)}</td>'


def _order_start(row: OrderRow) -> Iterator[str]:
    yield from _plain(
        (
            stamp(row.placed_at),
            str(row.ticket),
            row.symbol,
            row.type,
            f"{volume(row.lots)} / {volume(row.filled)}",
            _price(row.price, "market"),
            _price(row.stop_loss),
            _price(row.take_profit),
        )
    )


def _order_end(row: OrderRow) -> str:
    comment = escape(row.comment, quote=False)
    return f'<td colspan="2">{row.state}</td><td colspan="3">{comment}</td>'


def _orders(rows: list[OrderRow], labels: Labels) -> Iterator[str]:
    headings = _named(labels, "open_time order symbol type volume price sl tp time")
    headings += [_wide(labels["state"], 2), _wide(labels["comment"], 3)]
    yield from _section(labels["orders"], headings)
    for index, row in enumerate(rows):
        time = f"<td>{_time(row.done_at)}</td>"
        yield _row(index, (*_order_start(row), time, _order_end(row)))
    yield GAP


def _deals(rows: list[DealRow], labels: Labels, money: int) -> Iterator[str]:
    headings = _named(labels, "time deal symbol type direction volume price order")
    headings.append(f'<td nowrap class="hidden"><b>{labels["cost"]}</b></td>')
    headings += _named(labels, "commission fee swap profit balance comment")
    yield from _section(labels["deals"], headings)
    for index, row in enumerate(rows):
        yield _row(index, _deal_cells(row, money))
    sums = [
        sum((row.commission for row in rows), ZERO),
        sum((row.fee for row in rows), ZERO),
        sum((row.swap for row in rows), ZERO),
        sum((row.profit for row in rows), ZERO),
        rows[-1].balance if rows else ZERO,
    ]
    yield '        <tr align="right">\n            <td nowrap colspan="8" style="height: 30px"></td>'
    yield from (f"            <td nowrap><b>{number(total, money)}</b></td>" for total in sums)
    yield "            <td nowrap></td>\n        </tr>"


def _deal_cells(row: DealRow, money: int) -> Iterator[str]:
    cells = (
        stamp(row.at),
        str(row.ticket),
        row.symbol,
        row.type,
        row.entry,
        volume(row.lots) if row.lots else "",
        _price(row.price),
        str(row.order or ""),
    )
    yield from (f"<td nowrap>{cell}</td>" for cell in cells)
    yield '<td nowrap class="hidden"></td>'
    amounts = (row.commission, row.fee, row.swap, row.profit, row.balance)
    yield from (f"<td nowrap>{number(amount, money)}</td>" for amount in amounts)
    yield f"<td nowrap>{escape(row.comment, quote=False)}</td>"


def _open_positions(rows: list[OpenRow], labels: Labels, money: int) -> Iterator[str]:
    keys = "time position symbol type volume price sl tp market_price swap profit"
    headings = [*_named(labels, keys), _wide(labels["comment"], 3)]
    yield from _section(labels["open_positions"], headings)
    for index, row in enumerate(rows):
        yield _row(index, _open_cells(row, money))
    swap = number(sum((row.swap for row in rows), ZERO), money)
    profit = number(sum((row.profit for row in rows), ZERO), money)
    yield '        <tr align="right">\n            <td colspan="9" style="height: 30px"></td>'
    yield f"            <td nowrap><b>{swap}</b></td>\n            <td nowrap><b>{profit}</b></td>"
    yield "            <td></td>\n        </tr>"


def _open_cells(row: OpenRow, money: int) -> Iterator[str]:
    yield from _plain(
        (
            stamp(row.opened_at),
            str(row.ticket),
            row.symbol,
            row.side,
            volume(row.lots),
            _price(row.price),
            _price(row.stop_loss),
            _price(row.take_profit),
            _price(row.market_price),
            number(row.swap, money),
            number(row.profit, money),
        )
    )
    yield f'<td colspan="3">{escape(row.comment, quote=False)}</td>'


def _working(rows: list[OrderRow], labels: Labels) -> Iterator[str]:
    headings = _named(labels, "open_time order symbol type volume price sl tp market_price")
    headings += [_wide(labels["state"], 2), _wide(labels["comment"], 3)]
    yield from _section(labels["working_orders"], headings)
    for index, row in enumerate(rows):
        market = f"<td>{_price(row.market_price)}</td>"
        yield _row(index, (*_order_start(row), market, _order_end(row)))


def _summary(report: Report, labels: Labels, money: int) -> Iterator[str]:
    summary = report.summary
    level = summary.equity / summary.margin * 100 if summary.margin else None
    level_text = f"{number(level, money)}%" if level else ""
    lines = (
        ("balance", summary.balance, "free_margin", number(summary.free_margin, money)),
        ("credit", summary.credit, "margin", number(summary.margin, money)),
        ("floating", summary.floating, "margin_level", level_text),
        ("equity", summary.equity, "", ""),
    )
    yield WIDE_GAP
    for left, amount, right, text in lines:
        yield '        <tr align="right">'
        yield f'            <td colspan="3" style="height: 20px">{labels[left]}:</td>'
        yield f'            <td colspan="2"><b>{number(amount, money)}</b></td>'
        if right:
            yield "            <td></td>"
            yield f'            <td colspan="3">{labels[right]}:</td>'
            yield f'            <td colspan="2"><b>{text}</b></td>'
        yield "        </tr>"
    yield WIDE_GAP


def _results(report: Report, labels: Labels, money: int) -> Iterator[str]:
    picture = f'ReportHistory-{report.account.number}.png" title="{labels["graph"]}'
    yield '        <tr align="center">'
    yield f'            <th colspan="13"><img src="{picture}" width=820 height=200 border=0></th>'
    yield "        </tr>"
    title = f'<div style="font: 10pt Tahoma"><b>{labels["results"]}</b></div>'
    yield f'        <tr>\n            <td colspan="13" align="center">{title}</td>\n        </tr>'
    for row in results_grid(report.results, report.account.currency):
        if row is None:
            yield GAP
            continue
        yield '        <tr align="right">'
        for key, value in row:
            yield from _result_cells(printed(labels, key), value, money)
        yield "        </tr>"
    yield GAP


def _result_cells(label: str, value: Value, money: int) -> Iterator[str]:
    if not label:
        yield '            <td nowrap colspan="4"></td>'
        return
    yield f'            <td nowrap colspan="3">{label}</td>'
    if value == "":
        return
    if isinstance(value, Decimal):
        value = number(value, max(money, -int(value.as_tuple().exponent)))
    yield f"            <td nowrap><b>{value}</b></td>"
