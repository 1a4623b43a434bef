"""The broker's MT5 books: deals with a running balance, positions by hedging or netting.

A holding is named by the fill's key: one per trade on a hedging account, one per instrument on a
netting account.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from tradershub.example import worth
from tradershub.example.fills import Fill
from tradershub.example.market import CONTRACTS, Market, rounded
from tradershub.example.mt5_report import DealRow, OpenRow, OrderRow, PositionRow
from tradershub.example.records import BUY, ZERO, CashFlow, History


@dataclass(slots=True)
class Holding:
    """A position while it is open.

    lots are positive; swap is what has accrued and is not booked yet.
    """

    ticket: int
    name: str
    side: str
    lots: Decimal
    price: Decimal
    opened_at: datetime
    accrued_at: datetime
    stop_loss: Decimal | None
    take_profit: Decimal | None
    comment: str
    swap: Decimal = ZERO
    costs: Decimal = ZERO
    booked_swap: Decimal = ZERO
    booked_profit: Decimal = ZERO
    closed_lots: Decimal = ZERO
    closed_value: Decimal = ZERO


class Book:
    """Folds fills and flows into rows; feed it in order of time."""

    def __init__(self, market: Market, history: History) -> None:
        self._market = market
        self._account = history.account
        self._holdings: dict[str, Holding] = {}
        self._balance = ZERO
        self.credit = ZERO
        self.deals: list[DealRow] = []
        self.orders: list[OrderRow] = []
        self.positions: list[PositionRow] = []

    def flow(self, flow: CashFlow, ticket: int) -> None:
        """Book money that is not a trade.

        Credit counts in the running balance, as the platform prints it.
        """
        self._balance += flow.amount
        if flow.kind == "credit":
            self.credit += flow.amount
        row = DealRow(
            at=flow.at,
            ticket=ticket,
            type=flow.kind,
            profit=flow.amount,
            balance=self._balance,
            comment=flow.comment,
        )
        self.deals.append(row)

    def fill(self, fill: Fill) -> None:
        """Book an execution: it opens, adds to, reduces, closes or reverses its holding."""
        self.orders.append(self._order_row(fill))
        holding = self._holdings.get(fill.key)
        if holding:
            self._accrue(holding, fill.at)
        if holding is None:
            self._open(fill, fill.lots)
            self._deal(fill, "in")
        elif holding.side == fill.side:
            self._add(holding, fill)
            self._deal(fill, "in")
        else:
            self._reduce(holding, fill)

    def _open(self, fill: Fill, lots: Decimal) -> Holding:
        holding = Holding(
            ticket=fill.order,
            name=fill.name,
            side=fill.side,
            lots=lots,
            price=fill.price,
            opened_at=fill.at,
            accrued_at=fill.at,
            stop_loss=fill.stop_loss,
            take_profit=fill.take_profit,
            comment=fill.comment,
        )
        self._holdings[fill.key] = holding
        return holding

    def _add(self, holding: Holding, fill: Fill) -> None:
        total = holding.lots + fill.lots
        holding.price = (holding.price * holding.lots + fill.price * fill.lots) / total
        holding.lots = total

    def _reduce(self, holding: Holding, fill: Fill) -> None:
        closed = min(holding.lots, fill.lots)
        profit = self._profit(holding, closed, fill.price, fill.at)
        swap = rounded(holding.swap * closed / holding.lots, self._account.currency)
        holding.lots -= closed
        holding.swap -= swap
        holding.booked_profit += profit
        holding.booked_swap += swap
        holding.closed_lots += closed
        holding.closed_value += closed * fill.price
        entry = "in/out" if fill.lots > closed else "out"
        self._deal(fill, entry, profit=profit, swap=swap, position_side=holding.side)
        if not holding.lots:
            self._close(holding, fill)
        if fill.lots > closed:
            self._open(fill, fill.lots - closed)

    def _close(self, holding: Holding, fill: Fill) -> None:
        del self._holdings[fill.key]
        row = PositionRow(
            opened_at=holding.opened_at,
            ticket=holding.ticket,
            symbol=self._account.symbols[holding.name],
            side=holding.side,
            lots=holding.closed_lots,
            price=self._printed(holding.name, holding.price),
            stop_loss=holding.stop_loss,
            take_profit=holding.take_profit,
            closed_at=fill.at,
            close_price=self._printed(holding.name, holding.closed_value / holding.closed_lots),
            commission=holding.costs,
            swap=holding.booked_swap,
            profit=holding.booked_profit,
            comment=holding.comment,
        )
        self.positions.append(row)

    def _deal(
        self,
        fill: Fill,
        entry: str,
        *,
        profit: Decimal = ZERO,
        swap: Decimal = ZERO,
        position_side: str = "",
    ) -> None:
        commission, fee = self._costs(fill)
        self._holdings[fill.key].costs += commission + fee
        self._balance += commission + fee + swap + profit
        row = DealRow(
            at=fill.at,
            ticket=fill.deal,
            type=fill.side,
            profit=profit,
            balance=self._balance,
            symbol=self._account.symbols[fill.name],
            entry=entry,
            lots=fill.lots,
            price=fill.price,
            order=fill.order,
            commission=commission,
            fee=fee,
            swap=swap,
            comment=fill.comment,
            position_side=position_side,
        )
        self.deals.append(row)

    def _costs(self, fill: Fill) -> tuple[Decimal, Decimal]:
        account = self._account
        if CONTRACTS[fill.name].size == 1:
            return ZERO, -account.index_fee
        return worth.commission(fill.lots, account.commission, account.currency), ZERO

    def _profit(self, holding: Holding, lots: Decimal, price: Decimal, at: datetime) -> Decimal:
        return worth.profit(
            self._market,
            name=holding.name,
            side=holding.side,
            lots=lots,
            opened=holding.price,
            closed=price,
            at=at,
            currency=self._account.currency,
        )

    def _accrue(self, holding: Holding, at: datetime) -> None:
        holding.swap += worth.swap(
            self._market,
            name=holding.name,
            side=holding.side,
            lots=holding.lots,
            start=holding.accrued_at,
            end=at,
            currency=self._account.currency,
        )
        holding.accrued_at = at

    def _printed(self, name: str, price: Decimal) -> Decimal:
        return price.quantize(CONTRACTS[name].point)

    def _order_row(self, fill: Fill) -> OrderRow:
        return OrderRow(
            placed_at=fill.placed_at,
            ticket=fill.order,
            symbol=self._account.symbols[fill.name],
            type=fill.type,
            lots=fill.lots,
            filled=fill.lots,
            price=fill.order_price,
            stop_loss=fill.stop_loss,
            take_profit=fill.take_profit,
            done_at=fill.at,
            state="filled",
            comment=fill.comment,
        )

    def open_rows(self, at: datetime) -> tuple[list[OpenRow], Decimal]:
        """The open positions marked at this moment, and the margin they bind."""
        margin = ZERO
        rows = []
        for holding in self._holdings.values():
            self._accrue(holding, at)
            closing = self._market.bid if holding.side == BUY else self._market.ask
            price = closing(holding.name, at)
            rows.append(self._open_row(holding, price, at))
            margin += worth.margin(
                self._market,
                name=holding.name,
                lots=holding.lots,
                price=holding.price,
                at=holding.opened_at,
                currency=self._account.currency,
                leverage=self._account.leverage,
            )
        return rows, margin

    def _open_row(self, holding: Holding, price: Decimal, at: datetime) -> OpenRow:
        return OpenRow(
            opened_at=holding.opened_at,
            ticket=holding.ticket,
            symbol=self._account.symbols[holding.name],
            side=holding.side,
            lots=holding.lots,
            price=self._printed(holding.name, holding.price),
            stop_loss=holding.stop_loss,
            take_profit=holding.take_profit,
            market_price=price,
            swap=holding.swap,
            profit=self._profit(holding, holding.lots, price, at),
            comment=holding.comment,
        )
