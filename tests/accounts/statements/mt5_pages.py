"""MT5 trade history reports made up for tests, as HTML and as the terminal's own XLSX."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from decimal import Decimal
from html import escape
from pathlib import Path

ENGLISH = {
    "title": "Trade History Report",
    "heading": ["Name:", "Account:", "Company:", "Date:"],
    "positions": "Time|Position|Symbol|Type|Volume|Price|S / L|T / P|Time|Price|Commission|Swap|Profit",
    "orders": "Open Time|Order|Symbol|Type|Volume|Price|S / L|T / P|Time|State|Comment",
    "deals": "Time|Deal|Symbol|Type|Direction|Volume|Price|Order|Commission|Fee|Swap|Profit|Balance|Comment",
    "open": "Time|Position|Symbol|Type|Volume|Price|S / L|T / P|Market Price|Swap|Profit|Comment",
    "summary": ["Balance:", "Credit Facility:", "Floating P/L:", "Equity:"],
    "net": "Total Net Profit:",
}
# Every heading in one script; what the words mean does not matter, that they are unknown does.
ARABIC = {
    "title": "تقرير سجل التداول",
    "heading": ["الاسم:", "الحساب:", "الشركة:", "التاريخ:"],
    "positions": "|".join(["عمود"] * 13),
    "orders": "|".join(["عمود"] * 11),
    "deals": "|".join(["عمود"] * 14),
    "open": "|".join(["عمود"] * 12),
    "summary": ["الرصيد:", "الائتمان:", "العائم:", "حقوق الملكية:"],
    "net": "صافي الربح:",
}
CHINESE = {
    "title": "交易历史报告",
    "heading": ["姓名：", "账户：", "公司：", "日期："],
    "positions": "|".join(["栏目"] * 13),
    "orders": "|".join(["栏目"] * 11),
    "deals": "|".join(["栏目"] * 14),
    "open": "|".join(["栏目"] * 12),
    "summary": ["结余：", "信用额度：", "浮动盈亏：", "净值："],
    "net": "总净盈利：",
}
DEPOSIT = "2024.01.02 09:00:00|100||balance|||||0.00|0.00|0.00|1 000.00|1 000.00|Deposit"
BOUGHT = "2024.01.02 10:00:00|101|EURUSD|buy|in|0.10|1.10000|501|-0.35|-0.05|0.00|0.00|999.60|"
SOLD = "2024.01.03 11:00:00|102|EURUSD|sell|out|0.10|1.10100|502|-0.35|-0.05|-0.20|10.00|1 009.00|[tp 1.10100]"
CLOSED = "2024.01.02 10:00:00|501|EURUSD|buy|0.10|1.10000|||2024.01.03 11:00:00|1.10100|-0.70|-0.20|10.00"
HIDDEN_AT = {
    "positions": (4, '<td class="hidden" colspan="8">EA</td>'),
    "deals": (8, '<td class="hidden"></td>'),
}


@dataclass
class Report:
    """One report; rows are texts with cells between bars. summary: balance, credit, floating, equity."""

    deals: list[str] = field(default_factory=lambda: [DEPOSIT, BOUGHT, SOLD])
    positions: list[str] = field(default_factory=lambda: [CLOSED])
    orders: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    account: str = "12345 (USD, Some Server-Demo, demo, Hedge)"
    summary: tuple[str, ...] = ("1 009.00", "0.00", "0.00", "1 009.00")
    results: tuple[str, ...] = ("9.00", "9.40", "-0.40")
    trades: str = "1"
    labels: dict = field(default_factory=lambda: ENGLISH)  # type: ignore[type-arg]
    hidden: bool = True

    def lines(self) -> list[tuple[str, list[str]]]:
        """Each row with the name of its section."""
        values = ["A Trader", self.account, "Broker Ltd", "2024.02.01 12:00"]
        rows = [("", [self.labels["title"]])]
        rows += [
            ("heading", list(pair)) for pair in zip(self.labels["heading"], values, strict=True)
        ]
        for name in ("positions", "orders", "deals", "open"):
            if content := getattr(self, name):
                rows += [("", [name]), ("", self.labels[name].split("|"))]
                rows += [(name, row.split("|")) for row in content]
                rows.append(("", ["", "0.00", "9.00"]))
        return rows + self._closing_lines()

    def _closing_lines(self) -> list[tuple[str, list[str]]]:
        rows = []
        for label, figure in zip(self.labels["summary"], self.summary, strict=False):
            rest = [] if label == self.labels["summary"][-1] else ["other:", "5.00"]
            rows.append(("summary", [label, figure, *rest]))
        if self.results:
            net, gain, loss = self.results
            rows.append(("", ["results"]))
            rows.append(("results", [self.labels["net"], net, "gross +:", gain, "gross -:", loss]))
            rows.append(("results", ["factor:", "1.00", "payoff:", "1.00"]))
            rows.append(
                ("results", ["trades:", self.trades, "s:", "0 (0.00%)", "l:", "1 (100.00%)"])
            )
        return rows

    def html(self, path: Path, encoding: str = "utf-16") -> Path:
        body = "\r\n".join(self._html_row(name, cells) for name, cells in self.lines())
        text = f"<html><head><style>td {{}}</style></head><body><table>{body}</table></body></html>"
        path.write_bytes(text.encode(encoding))
        return path

    def _html_row(self, name: str, cells: list[str]) -> str:
        made = [f"<td nowrap>{escape(cell)}</td>" for cell in cells]
        if name in HIDDEN_AT and self.hidden and len(cells) >= 13:
            at, extra = HIDDEN_AT[name]
            made.insert(at, extra)
        return f'<tr align="right">{"".join(made)}</tr>'

    def xlsx(self, path: Path, encoding: str = "utf-16") -> Path:
        """As the terminal writes it: UTF-16 parts, directory entries, ids and money as numbers."""
        rows = [_placed(name, cells) for name, cells in self.lines()]
        write_xlsx(path, rows, encoding)
        return path


def _placed(name: str, cells: list[str]) -> list[str]:
    """Labels and figures stand in merged cells, so that there are empty ones between."""
    if name in ("heading", "summary", "results"):
        return [text for cell in cells for text in (cell, "")]
    if name == "open" or len(cells) == 12:
        return [*cells[:10], "", *cells[10:]]
    return cells


def write_xlsx(path: Path, rows: list[list[str]], encoding: str = "utf-16") -> None:
    content = "http://schemas.openxmlformats.org/package/2006/content-types"
    relation = "http://schemas.openxmlformats.org/package/2006/relationships"
    document = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{content}"><Default Extension="xml" '
        f'ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="{kind}"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{relation}"><Relationship Id="rId1" '
        f'Type="{document}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{relation}"><Relationship Id="rId1" '
        f'Type="{document}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{document}"><sheets>'
        '<sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{_sheet(rows)}</sheetData></worksheet>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/", "")
        for name, text in parts.items():
            archive.writestr(name, ('<?xml version="1.0"?>' + text).encode(encoding))


def _sheet(rows: list[list[str]]) -> str:
    lines = []
    for number, row in enumerate(rows, 1):
        cells = "".join(_cell(text, chr(65 + i), number) for i, text in enumerate(row))
        lines.append(f'<row r="{number}">{cells}</row>')
    return "".join(lines)


def _cell(text: str, column: str, number: int) -> str:
    if not text:
        return f'<c r="{column}{number}"/>'
    if _is_number(text):
        return f'<c r="{column}{number}"><v>{text.replace(" ", "")}</v></c>'
    return f'<c r="{column}{number}" t="inlineStr"><is><t>{escape(text)}</t></is></c>'


def _is_number(text: str) -> bool:
    try:
        Decimal(text.replace(" ", ""))
    except ArithmeticError:
        return False
    return True
