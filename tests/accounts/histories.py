"""A made-up account history, and the statements that an MT5 terminal would print of its periods."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from accounts import imports
from accounts.models import StatementImport
from accounts.statements.base import AccountInfo, DealLine, OpenPositionLine, OrderLine, Statement

START = datetime(2024, 1, 3, 9, 0, 0)  # noqa: DTZ001 (a server's clock)
D = Decimal


@dataclass
class Holding:
    ref: str
    symbol: str
    side: str
    volume: Decimal
    price: Decimal
    opened: str


def history(seed: int, length: int = 40, *, netting: bool = False) -> list[DealLine]:
    """Deals in order, each with its running balance; the first is a deposit."""
    draw = random.Random(seed)
    deals, held, at, balance = [], [], START, D(0)
    for n in range(length):
        # A terminal cuts its periods at midnight, never within a second.
        at += timedelta(minutes=draw.choice([1 if n % 5 in (0, 3) else 0, 1, 30, 700]))
        deal = _next(draw, n, at, held, netting=netting)
        balance += deal.amount
        deals.append(deal._replace(balance_after=balance))
    return deals


def _next(draw, n, at, held, *, netting):
    text = f"{at:%Y.%m.%d %H:%M:%S}"
    number = str(1000 + n)
    common = {"row": n + 1, "section": "deals", "time_text": text, "broker_deal_id": number}
    if n == 0 or draw.random() < 0.07:
        amount = D(draw.randint(1000, 9000)) if n == 0 else D(draw.randint(-50, 90))
        kind = "deposit" if amount > 0 else "withdrawal"
        return DealLine(kind=kind, profit=amount, comment="cash", **common)
    price = D(draw.randint(10000, 12000)) / 10000
    if held and draw.random() < 0.5:
        return _close(draw, draw.choice(held), held, price, common, netting=netting)
    side, symbol = draw.choice(["buy", "sell"]), draw.choice(["EURUSD", "GBPUSD"])
    if netting:
        side = next((h.side for h in held if h.symbol == symbol), side)
    volume = D(draw.randint(1, 9)) / 100
    _open(held, Holding(f"9{number}", symbol, side, volume, price, text), netting=netting)
    return DealLine(
        kind="trade", symbol=symbol, side=side, entry="in", volume=volume, price=price,
        commission=D("-0.07"), position_ref="" if netting else f"9{number}",
        order_id=f"9{number}", **common,
    )  # fmt: skip


def _open(held, new, *, netting):
    same = next((h for h in held if h.symbol == new.symbol), None) if netting else None
    if same:
        same.volume += new.volume
    else:
        held.append(new)


def _close(draw, holding, held, price, common, *, netting):
    whole = draw.random() < 0.6 or holding.volume == D("0.01")
    volume = holding.volume if whole else holding.volume - D("0.01")
    holding.volume -= volume
    if not holding.volume:
        held.remove(holding)
    return DealLine(
        kind="trade", symbol=holding.symbol, side="sell" if holding.side == "buy" else "buy",
        entry="out", volume=volume, price=price, profit=D(draw.randint(-900, 900)) / 100,
        swap=D(draw.randint(-50, 10)) / 100, position_ref="" if netting else holding.ref,
        order_id=f"8{common['broker_deal_id']}", **common,
    )  # fmt: skip


def period(
    deals: list[DealLine], first: int, last: int, *, number: str = "77", netting: bool = False
) -> Statement:
    """What MT5 prints of deals[first:last]."""
    rows = deals[first:last]
    before = rows[0].balance_after - rows[0].amount
    statement = Statement(
        format="mt5",
        account=AccountInfo(number=number, currency="USD", broker="Example Ltd"),
        period_from=rows[0].time_text,
        period_to=rows[-1].time_text,
        printed_at=rows[-1].time_text,
        starts_at_beginning=first == 0,
    )
    openings = _netted_before(deals[:first]) if netting else _openings_before(deals, first, last)
    statement.deals = openings + rows
    statement.orders = [_order(deal) for deal in rows if deal.kind == "trade"]
    statement.open_positions = _net_open_at(deals[:last]) if netting else _open_at(deals[:last])
    totals = {"balance": rows[-1].balance_after, "equity": rows[-1].balance_after + 1}
    statement.file_totals = totals
    statement.our_totals = totals | {"opening_balance": before}
    return statement


def printed_later(
    deals: list[DealLine], first: int, last: int, printed: int | None = None
) -> Statement:
    """What MT4 prints of deals[first:last] after deals[:printed]: no running balance, only the last one."""
    printed = last if printed is None else printed
    statement = period(deals, first, last)
    statement.format = "mt4"
    rows = [deal._replace(balance_after=None) for deal in statement.deals]
    balance = deals[printed - 1].balance_after
    booked = sum((deal.amount for deal in rows if not deal.inferred), D(0))
    statement.deals = rows
    statement.printed_at = deals[printed - 1].time_text
    statement.file_totals = {"balance": balance, "equity": balance}
    statement.our_totals = {"balance": balance, "opening_balance": balance - booked}
    statement.starts_at_beginning = balance == booked
    return statement


def _openings_before(deals, first, last):
    """The openings of positions that the period closes or ends with, and does not show."""
    closed = {}
    for deal in deals[:last]:
        if deal.entry == "out":
            closed[deal.position_ref] = closed.get(deal.position_ref, D(0)) + deal.volume
    touched = {deal.position_ref for deal in deals[first:last] if deal.entry == "out"}
    touched |= {line.position_ref for line in _open_at(deals[:last])}
    return [
        deal._replace(
            broker_deal_id="", inferred=True, section="positions", commission=D(0),
            balance_after=None, comment="",
        )
        for deal in deals[:first]
        if deal.entry == "in" and deal.position_ref in touched
    ]  # fmt: skip


def _netted_before(deals):
    found = []
    for symbol in ("EURUSD", "GBPUSD"):
        mine = [deal for deal in deals if deal.symbol == symbol]
        held = sum((d.volume if d.side == "buy" else -d.volume for d in mine), D(0))
        if held:
            found.append(
                mine[0]._replace(
                    broker_deal_id="",
                    inferred=True,
                    section="positions",
                    side="buy" if held > 0 else "sell",
                    volume=abs(held),
                    commission=D(0),
                    order_id="",
                    balance_after=None,
                    entry="in",
                    profit=D(0),
                    swap=D(0),
                )  # fmt: skip
            )
    return found


def _net_open_at(deals):
    return [
        OpenPositionLine(
            row=900, section="open", position_ref="", symbol=line.symbol, side=line.side,
            volume=line.volume, open_price=line.price, time_text=line.time_text,
            market_price=D("1.2"), profit=D(len(deals)),
        )
        for line in _netted_before(deals)
    ]  # fmt: skip


def _open_at(deals):
    volumes, ins = {}, {}
    for deal in deals:
        if deal.entry == "in":
            volumes[deal.position_ref], ins[deal.position_ref] = deal.volume, deal
        elif deal.entry == "out":
            volumes[deal.position_ref] -= deal.volume
    return [
        OpenPositionLine(
            row=900, section="open", position_ref=ref, symbol=ins[ref].symbol, side=ins[ref].side,
            volume=volume, open_price=ins[ref].price, time_text=ins[ref].time_text,
            market_price=D("1.2"), profit=D(len(deals)), swap=D("-0.1"),
        )
        for ref, volume in volumes.items()
        if volume
    ]  # fmt: skip


def _order(deal):
    return OrderLine(
        row=deal.row, section="orders", order_id=deal.order_id, symbol=deal.symbol, type="market",
        side=deal.side, volume=deal.volume, filled=deal.volume, state="filled",
        time_text=deal.time_text, done_time_text=deal.time_text,
    )  # fmt: skip


def book_statement(account, statement, *, name="report.html"):
    """Import a statement as if it had just been read from a file."""
    imported = StatementImport.objects.create(
        owner=account.owner,
        account=account,
        file_name=name,
        sha256=f"{name}-{len(statement.deals)}-{statement.period_from}",
        state=StatementImport.State.BOOKING,
    )
    return imports.book_read(imported, statement, actor="test")
