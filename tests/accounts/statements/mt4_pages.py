"""MT4 statements made in code, in the platform's layout, with any labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

ENGLISH = {
    "account": "Account",
    "closed": "Closed Transactions:",
    "columns": "Ticket|Open Time|Type|Size|Item|Price|S / L|T / P|Close Time|Price|Commission|"
    "Taxes|Swap|Profit",
    "summary": "Deposit/Withdrawal:|Credit Facility:|Closed Trade P/L:|Floating P/L:|Margin:|"
    "Balance:|Equity:|Free Margin:",
}
RENAMED = {
    "account": "Konto",
    "closed": "Abgeschlossene Geschäfte:",
    "columns": "Nr.|Beginn|Art|Menge|Wert|Kurs|SL|TP|Ende|Kurs|Gebühr|Steuer|Zins|Ergebnis",
    "summary": "Ein-/Auszahlung:|Kredit:|Ergebnis:|Offen:|Sicherheit:|Saldo:|Kapital:|Frei:",
}


@dataclass
class Page:
    """A statement in the making; rows are HTML, totals are what the caller wants printed."""

    labels: dict[str, str] = field(default_factory=lambda: ENGLISH)
    currency: str = "USD"
    closed: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    working: list[str] = field(default_factory=list)
    sums: tuple[str, str, str, str] = ("0.00", "0.00", "0.00", "0.00")
    deposit: str = "0.00"
    credit: str = "0.00"
    result: str = "0.00"
    floating: str = "0.00"
    balance: str = "0.00"
    equity: str = "0.00"
    details: str = ""

    def html(self) -> str:
        none = "<tr align=right><td colspan=13 align=center>No transactions</td></tr>"
        return "\n".join(
            [
                "<html><head><title>Statement: 4711 - A Trader</title></head><body>",
                '<div style="font: 20pt Times New Roman"><b>Some Broker Ltd</b></div><br>',
                "<table cellspacing=1>",
                self._heading(),
                wide(self.labels["closed"], 13),
                row(*self.labels["columns"].split("|")),
                *(self.closed or [none]),
                f"<tr><td colspan=10>&nbsp;</td>{cells(*self.sums)}</tr>",
                f"<tr><td colspan=12>P/L:</td><td colspan=2>{self.result}</td></tr>",
                wide("Open Trades:"),
                row(*self.labels["columns"].split("|")),
                *(self.open or [none]),
                "<tr><td colspan=10>&nbsp;</td><td colspan=2>P/L:</td>"
                f"<td colspan=2>{self.floating}</td></tr>",
                wide("Working Orders:"),
                *(self.working or [none]),
                wide("Summary:"),
                self._summary(),
                self.details,
                "</table></body></html>",
            ]
        )

    def write(self, path: Path, encoding: str = "utf-8") -> Path:
        path.write_bytes(self.html().encode(encoding))
        return path

    def _heading(self) -> str:
        return (
            f"<tr><td colspan=2><b>{self.labels['account']}: 4711</b></td><td colspan=5><b>Name: A "
            f"Trader</b></td><td colspan=2><b>Currency: {self.currency}</b></td><td colspan=2>"
            "<b>Leverage: 1:200</b></td><td colspan=3><b>2024 March 1, 10:00</b></td></tr>"
        )

    def _summary(self) -> str:
        names = self.labels["summary"].split("|")
        return (
            f"<tr><td colspan=2>{names[0]}</td><td colspan=2>{self.deposit}</td><td colspan=4>"
            f"{names[1]}</td><td>{self.credit}</td><td colspan=5>&nbsp;</td></tr>"
            + figures(names[2:5], (self.result, self.floating, "0.00"))
            + figures(names[5:8], (self.balance, self.equity, "0.00"))
        )


def figures(names: list[str], values: tuple[str, str, str]) -> str:
    return (
        f"<tr><td colspan=2>{names[0]}</td><td colspan=2>{values[0]}</td><td colspan=4>{names[1]}"
        f"</td><td>{values[1]}</td><td colspan=3>{names[2]}</td><td colspan=2>{values[2]}</td></tr>"
    )


def cells(*texts: str) -> str:
    return "".join(f"<td class=mspt>{text}</td>" for text in texts)


def row(*texts: str, title: str = "") -> str:
    first = f'<td title="{title}">' if title else "<td>"
    return f"<tr align=right>{first}{texts[0]}</td>{cells(*texts[1:])}</tr>"


def wide(text: str, span: int = 14) -> str:
    return f"<tr><td colspan={span}><b>{text}</b></td></tr>"


def trade(number: int, money: str, *, title: str = "", **changes: str) -> str:
    """A buy of eurusd; `money`: commission, taxes, swap, profit; empty `closed`: still open."""
    values = {
        "opened": "2024.02.01 10:00:00",
        "side": "buy",
        "volume": "0.10",
        "symbol": "eurusd",
        "price": "1.10000",
        "closed": "2024.02.02 11:00:00",
        "close_price": "1.10100",
    } | changes
    return row(
        str(number),
        values["opened"],
        values["side"],
        values["volume"],
        values["symbol"],
        values["price"],
        "0.00000",
        "1.20000",
        values["closed"] or "&nbsp;",
        values["close_price"],
        *money.split(),
        title=title,
    )


def money(number: int, amount: str, comment: str, word: str = "balance", **changes: str) -> str:
    time = changes.get("time", "2024.01.31 09:00:00")
    return (
        f'<tr align=right><td title="{comment}">{number}</td><td>{time}</td><td>{word}</td>'
        f"<td colspan=10>{comment}</td><td>{amount}</td></tr>"
    )


def cancelled(number: int, text: str = "cancelled") -> str:
    start = row(
        str(number),
        "2024.02.01 10:00:00",
        "sell stop",
        "0.20",
        "eurusd",
        *("1.05000", "0.00000", "0.00000"),
        "2024.02.01 12:00:00",
        "1.06000",
    )
    return start.removesuffix("</tr>") + f"<td colspan=4>{text}</td></tr>"


def working(number: int) -> str:
    start = row(
        str(number),
        "2024.02.01 10:00:00",
        "buy limit",
        "0.20",
        "eurusd",
        *("1.05000", "1.04000", "0.00000"),
        "&nbsp;",
        "1.06000",
    )
    return start.removesuffix("</tr>") + "<td colspan=4>&nbsp;</td></tr>"
