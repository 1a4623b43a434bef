"""The trader on a hedging account: when they enter, how large, and how it ends.

The trader is invented, not clever: of the two directions they pick the better one more often
than not, and less often in their bad month.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from heapq import heappop, heappush

from tradershub.example import clock, course, worth
from tradershub.example.course import Plan, Step
from tradershub.example.market import CONTRACTS, Contract, Market
from tradershub.example.records import BUY, SELL, ZERO, Exit, History, PendingOrder, Trade

LOT_STEP = Decimal("0.01")
PENDING_BARS = 64
LEFT_OPEN_BARS = (328, 222, 24)  # before the end, in office hours
STRATEGIES = (("London breakout", 1101), ("Pullback H1", 2045), ("", 0))


@dataclass(frozen=True, slots=True)
class Style:
    """How an account is traded.

    busy: entries a day; edge: share of better choices; risk: part of the balance per trade.
    """

    names: tuple[str, ...]
    busy: float
    risk: Decimal
    edge: float
    bad_month: int
    patience: tuple[int, int] = (6, 220)
    most_lots: Decimal = Decimal(5)


class Trader:
    """Fills a history, day by day, from the style and the account's flows."""

    def __init__(self, market: Market, history: History, style: Style, rng: random.Random) -> None:
        self._market = market
        self._history = history
        self._style = style
        self._rng = rng
        self._balance = ZERO
        self._due = [(flow.at, flow.amount) for flow in history.flows if flow.kind == "balance"]
        self._due.sort()

    def trade(self) -> History:
        """The whole year: ordinary days, then what is left open and working at the end."""
        first = min(flow.at for flow in self._history.flows).date() + timedelta(days=1)
        for day in self._market.days:
            if day >= first:
                self._trade_day(day)
        self._leave_open()
        self._leave_working()
        self._history.trades.sort(key=lambda trade: trade.opened_at)
        return self._history

    def _trade_day(self, day: date) -> None:
        entries = min(int(self._rng.expovariate(1 / self._style.busy) + 0.5), 5)
        minutes = sorted(self._rng.uniform(8 * 60, 19 * 60) for _ in range(entries))
        for minute in minutes:
            at = clock.server_time(day, minute)
            if at < self._market.end and self._open_at(at) < 5:
                self._enter(at)

    def _open_at(self, at: datetime) -> int:
        recent = self._history.trades[-12:]
        return sum(1 for t in recent if t.opened_at <= at < t.exits[-1].at)

    def _enter(self, at: datetime) -> None:
        contract = CONTRACTS[self._rng.choice(self._style.names)]
        if self._rng.random() < 0.18:
            self._place_pending(contract, at)
            return
        bar = self._market.bar(at)
        buy, sell = (self._plan(contract, side, bar) for side in (BUY, SELL))
        outcomes = [(plan, course.run(self._market, contract, plan)) for plan in (buy, sell)]
        if all(course.is_over(steps) for _, steps in outcomes):
            plan, steps = self._choose(outcomes, at)
            self._book(contract, plan, steps, at)

    def _choose(
        self, outcomes: list[tuple[Plan, list[Step]]], at: datetime
    ) -> tuple[Plan, list[Step]]:
        edge = self._style.edge - (0.2 if at.month == self._style.bad_month else 0)
        outcomes.sort(key=lambda outcome: course.result(*outcome))
        return outcomes[1] if self._rng.random() < edge else outcomes[0]

    def _plan(self, contract: Contract, side: str, bar: int, price: int | None = None) -> Plan:
        rng = self._rng
        price = price or course.opening_price(self._market, contract, side, bar)
        stop = round(price * contract.day_range * rng.uniform(0.3, 0.75))
        target = round(stop * rng.uniform(1.1, 2.1))
        sign = 1 if side == BUY else -1
        return Plan(
            side=side,
            bar=bar,
            price=price,
            stop=price - sign * stop,
            target=price + sign * target,
            patience=rng.randint(*self._style.patience),
            scale_out=rng.random() < 0.15,
        )

    def _place_pending(self, contract: Contract, at: datetime) -> None:
        """A limit or stop order; filled when the price comes, else expired or taken back."""
        side = self._rng.choice((BUY, SELL))
        kind = self._rng.choice(("limit", "stop"))
        bar = self._market.bar(at)
        ahead = -1 if (side == BUY) == (kind == "limit") else 1
        now = course.opening_price(self._market, contract, side, bar)
        price = now + ahead * round(now * contract.day_range * self._rng.uniform(0.15, 0.6))
        for later in range(bar + 1, min(bar + PENDING_BARS, self._market.last_bar)):
            offered = course.opening_price(self._market, contract, side, later)
            if ahead * (offered - price) >= 0:
                self._fill_pending(
                    contract, f"{side} {kind}", self._plan(contract, side, later, price), at
                )
                return
        if bar + PENDING_BARS < self._market.last_bar:
            plan = self._plan(contract, side, bar, price)
            self._lapse(contract, f"{side} {kind}", plan, at)

    def _fill_pending(self, contract: Contract, kind: str, plan: Plan, placed_at: datetime) -> None:
        steps = course.run(self._market, contract, plan)
        if course.is_over(steps):
            at = self._moment(plan.bar)
            trade = self._book(contract, plan, steps, at)
            trade.order_type, trade.waited_from = kind, placed_at

    def _lapse(self, contract: Contract, kind: str, plan: Plan, at: datetime) -> None:
        expires = self._rng.random() < 0.4
        bars = PENDING_BARS if expires else self._rng.randint(2, PENDING_BARS - 4)
        done_at = self._market.opened(plan.bar + bars) + timedelta(seconds=1 if expires else 437)
        order = PendingOrder(
            name=contract.name,
            type=kind,
            lots=self._lots(contract, plan, at),
            price=contract.price(plan.price),
            placed_at=at,
            done_at=done_at,
            state="expired" if expires else "canceled",
            stop_loss=contract.price(plan.stop),
            take_profit=contract.price(plan.target),
            comment=STRATEGIES[0][0],
        )
        self._history.pending.append(order)

    def _book(self, contract: Contract, plan: Plan, steps: list[Step], at: datetime) -> Trade:
        lots = self._lots(contract, plan, at)
        if lots < 2 * LOT_STEP:
            plan = replace(plan, scale_out=False)
            steps = course.run(self._market, contract, plan)
        comment, magic = self._rng.choice(STRATEGIES)
        trade = Trade(
            name=contract.name,
            side=plan.side,
            lots=lots,
            opened_at=at,
            price=contract.price(plan.price),
            stop_loss=contract.price(plan.stop),
            take_profit=contract.price(plan.target),
            comment=comment,
            magic=magic,
        )
        self._close(contract, trade, steps)
        self._history.trades.append(trade)
        return trade

    def _close(self, contract: Contract, trade: Trade, steps: list[Step]) -> None:
        left = trade.lots
        for step in steps:
            half = (left / 2).quantize(LOT_STEP, ROUND_DOWN)
            lots = half if step.reason == "half" else left
            left -= lots
            price = contract.price(course.with_slippage(step, trade.side, self._rng))
            reason = step.reason if step.reason in ("sl", "tp") else ""
            trade.exits.append(Exit(self._moment(step.bar), price, lots, reason))
            self._expect(trade, trade.exits[-1])
            if step.reason == "half" and step is not steps[-1]:
                trade.stop_loss = trade.price

    def _expect(self, trade: Trade, end: Exit) -> None:
        """Remember what the exit will add to the balance, for the size of later trades."""
        money = worth.profit(
            self._market,
            name=trade.name,
            side=trade.side,
            lots=end.lots,
            opened=trade.price,
            closed=end.price,
            at=end.at,
            currency=self._history.account.currency,
        )
        heappush(self._due, (end.at, money))

    def _lots(self, contract: Contract, plan: Plan, at: datetime) -> Decimal:
        """Lots that lose the style's risk at the stop and bind at most a tenth of the balance."""
        while self._due and self._due[0][0] <= at:
            self._balance += heappop(self._due)[1]
        account = self._history.account
        rate = self._market.rate(contract.quote, account.currency, at)
        at_risk = abs(plan.price - plan.stop) * contract.point * contract.size * rate
        bound = contract.price(plan.price) * contract.size * rate
        bound /= contract.leverage or account.leverage
        lots = min(self._balance * self._style.risk / at_risk, self._balance / 10 / bound)
        return min(max(lots.quantize(LOT_STEP, ROUND_DOWN), LOT_STEP), self._style.most_lots)

    def _moment(self, bar: int) -> datetime:
        """A second within the bar."""
        return self._market.opened(bar) + timedelta(seconds=self._rng.randint(3, 890))

    def _leave_open(self) -> None:
        """Leave three positions: with stop and target, with a stop only, with neither."""
        for bars, name in zip(LEFT_OPEN_BARS, self._style.names, strict=False):
            contract = CONTRACTS[name]
            bar = self._market.last_bar - bars
            plan = self._lasting_plan(contract, self._rng.choice((BUY, SELL)), bar)
            trade = self._book(contract, plan, [], self._moment(bar))
            trade.stop_loss = None if bars == LEFT_OPEN_BARS[-1] else trade.stop_loss
            trade.take_profit = trade.take_profit if bars == LEFT_OPEN_BARS[0] else None

    def _lasting_plan(self, contract: Contract, side: str, bar: int) -> Plan:
        plan = self._plan(contract, side, bar)
        plan = replace(plan, patience=10**6, scale_out=False)
        while course.run(self._market, contract, plan):
            stop, target = 2 * plan.stop - plan.price, 2 * plan.target - plan.price
            plan = replace(plan, stop=stop, target=target)
        return plan

    def _leave_working(self) -> None:
        """One limit order below the market, still waiting."""
        bar = self._market.last_bar - 34
        contract = CONTRACTS[self._style.names[0]]
        lowest = min(self._market.bids(contract.name)[bar:])
        price = lowest - round(lowest * contract.day_range)
        plan = self._plan(contract, BUY, bar, price)
        at = self._moment(bar)
        order = PendingOrder(
            name=contract.name,
            type="buy limit",
            lots=self._lots(contract, plan, at),
            price=contract.price(price),
            placed_at=at,
            done_at=None,
            state="placed",
            stop_loss=contract.price(plan.stop),
            comment=STRATEGIES[1][0],
        )
        self._history.pending.append(order)
