"""Writes an MT5 report (HTML) of a made-up history, as files for upload and command."""

from __future__ import annotations

from pathlib import Path

from accounts.statements.base import DealLine


def mt5_report(
    path: Path,
    deals: list[DealLine],
    *,
    account: str = "77 (USD, Example-Demo, demo, Hedge)",
    company: str = "Example Ltd",
) -> Path:
    """The report of these deals, which must be whole: opened and closed within them."""
    heading = [("Name:", "A Trader"), ("Account:", account), ("Company:", company)]
    heading.append(("Date:", "2024.06.01 10:00"))
    last = deals[-1]
    summary = [
        ("Balance:", last.balance_after, "Free Margin:", 0),
        ("Credit Facility:", 0, "Margin:", 0),
        ("Floating P/L:", 0, "Margin Level:", 0),
        ("Equity:", last.balance_after),
    ]
    rows = [*heading, ("Deals",), DEAL_HEADINGS, *map(_row, deals), *summary]
    if not account:
        rows = rows[len(heading) :]
    html = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    path.write_text(f"<html><body><table>\n{html}\n</table></body></html>", encoding="utf-16")
    return path


DEAL_HEADINGS = tuple(
    "Time Deal Symbol Type Direction Volume Price Order Commission Fee Swap Profit Balance Comment".split()
)


def _row(deal: DealLine) -> tuple[object, ...]:
    is_trade = deal.kind == "trade"
    return (
        deal.time_text,
        deal.broker_deal_id,
        deal.symbol,
        deal.side or "balance",
        deal.entry,
        deal.volume if is_trade else "",
        deal.price if is_trade else "",
        deal.order_id,
        deal.commission,
        deal.fee,
        deal.swap,
        deal.profit,
        deal.balance_after,
        deal.comment,
    )
