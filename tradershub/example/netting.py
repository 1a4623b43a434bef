"""The same trader on a netting account, where a position is added to, reduced and reversed."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from tradershub.example import clock, course
from tradershub.example.course import Plan, Step
from tradershub.example.fills import Fill
from tradershub.example.market import CONTRACTS, Contract, Market
from tradershub.example.records import BUY, SELL, Exit, History, Trade, opposite
from tradershub.example.trader import LEFT_OPEN_BARS, LOT_STEP, STRATEGIES, Style, Trader


class NettingTrader(Trader):
    """Fills a history with pending orders and `fills` with everything that was executed."""

    def __init__(self, market: Market, history: History, style: Style, rng: random.Random) -> None:
        super().__init__(market, history, style, rng)
        self.fills: list[Fill] = []
        self._free_from = dict.fromkeys(style.names, 0)
        self._until = dict.fromkeys(style.names, market.last_bar)
        for name, bars in zip(style.names, LEFT_OPEN_BARS, strict=False):
            self._until[name] = market.last_bar - bars

    def _trade_day(self, day: date) -> None:
        for name in self._style.names:
            at = clock.server_time(day, self._rng.uniform(8 * 60, 19 * 60))
            bar = self._market.bar(at)
            wanted = self._rng.random() < self._style.busy / len(self._style.names)
            if wanted and bar > self._free_from[name] and bar < self._until[name]:
                self._enter_one(CONTRACTS[name], at, bar)

    def _enter_one(self, contract: Contract, at: datetime, bar: int) -> None:
        if self._rng.random() < 0.12:
            self._place_pending(contract, at)
            return
        plans = [self._one_lot(contract, side, bar) for side in (BUY, SELL)]
        outcomes = [(plan, course.run(self._market, contract, plan)) for plan in plans]
        if all(self._ends_in_time(contract, steps) for _, steps in outcomes):
            plan, steps = self._choose(outcomes, at)
            self._campaign(contract, plan, steps[-1], at)

    def _fill_pending(self, contract: Contract, kind: str, plan: Plan, placed_at: datetime) -> None:
        """Place nothing: here only campaigns open positions."""

    def _one_lot(self, contract: Contract, side: str, bar: int) -> Plan:
        return replace(self._plan(contract, side, bar), scale_out=False)

    def _ends_in_time(self, contract: Contract, steps: list[Step]) -> bool:
        return course.is_over(steps) and steps[-1].bar < self._until[contract.name]

    def _campaign(self, contract: Contract, plan: Plan, end: Step, at: datetime) -> None:
        lots = self._lots(contract, plan, at)
        self._open_fill(contract, plan, lots, at)
        held = self._adjust(contract, plan, end, lots)
        self._free_from[contract.name] = end.bar + 1
        if (
            end.reason == ""
            and self._rng.random() < 0.5
            and self._reverse(contract, plan, end, held)
        ):
            return
        self._finish(contract, plan, end, held)

    def _adjust(self, contract: Contract, plan: Plan, end: Step, lots: Decimal) -> Decimal:
        """Perhaps add to the position or take part of it off on the way.

        Returns the lots then held.
        """
        part = (lots / 2).quantize(LOT_STEP, ROUND_DOWN)
        choice = self._rng.random()
        if choice > 0.5 or not part or end.bar - plan.bar < 8:
            return lots
        bar = plan.bar + round((end.bar - plan.bar) * self._rng.uniform(0.2, 0.7))
        if choice < 0.25:
            price = course.opening_price(self._market, contract, plan.side, bar)
            self._market_fill(contract, plan.side, part, price, bar)
            return lots + part
        price = course.closing_price(self._market, contract, plan.side, bar)
        self._market_fill(contract, opposite(plan.side), part, price, bar)
        return lots - part

    def _reverse(self, contract: Contract, plan: Plan, end: Step, held: Decimal) -> bool:
        """Close and turn round in one deal, if the new position also ends in time."""
        turned = self._one_lot(contract, opposite(plan.side), end.bar)
        steps = course.run(self._market, contract, turned)
        if not self._ends_in_time(contract, steps):
            return False
        at = self._moment(end.bar)
        lots = self._lots(contract, turned, at)
        self._open_fill(contract, turned, held + lots, at)
        self._free_from[contract.name] = steps[-1].bar + 1
        self._finish(contract, turned, steps[-1], lots)
        return True

    def _finish(self, contract: Contract, plan: Plan, end: Step, held: Decimal) -> None:
        trade = Trade(
            name=contract.name,
            side=plan.side,
            lots=held,
            opened_at=self._market.opened(plan.bar),
            price=contract.price(plan.price),
            stop_loss=None,
            take_profit=None,
        )
        price = course.with_slippage(end, plan.side, self._rng)
        self._market_fill(contract, opposite(plan.side), held, price, end.bar)
        fill = self.fills[-1]
        self._expect(trade, Exit(fill.at, fill.price, held))
        if end.reason:
            fill.order_price = contract.price(end.price)
            fill.comment = f"[{end.reason} {fill.order_price}]"

    def _open_fill(self, contract: Contract, plan: Plan, lots: Decimal, at: datetime) -> None:
        self._market_fill(contract, plan.side, lots, plan.price, plan.bar)
        fill = self.fills[-1]
        fill.at, fill.placed_at = at, at - timedelta(seconds=1)
        fill.stop_loss = contract.price(plan.stop)
        fill.take_profit = contract.price(plan.target)
        fill.comment = self._rng.choice(STRATEGIES)[0]

    def _market_fill(
        self, contract: Contract, side: str, lots: Decimal, price: int, bar: int
    ) -> None:
        at = self._moment(bar)
        fill = Fill(
            key=contract.name,
            name=contract.name,
            side=side,
            lots=lots,
            price=contract.price(price),
            at=at,
            placed_at=at - timedelta(seconds=1),
            type=side,
        )
        self.fills.append(fill)

    def _leave_open(self) -> None:
        for bars, name in zip(LEFT_OPEN_BARS, self._style.names, strict=False):
            contract = CONTRACTS[name]
            bar = self._market.last_bar - bars
            plan = self._lasting_plan(contract, self._rng.choice((BUY, SELL)), bar)
            at = self._moment(bar)
            self._open_fill(contract, plan, self._lots(contract, plan, at), at)
        self.fills.sort(key=lambda fill: fill.at)
