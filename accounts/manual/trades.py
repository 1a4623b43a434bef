"""Trades and closings entered by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction

from accounts.booking import NewDeal
from accounts.manual.closings import (
    check_closable,
    check_closing,
    standing,
    unknown_openings,
)
from accounts.manual.entries import (
    SOURCE,
    Number,
    entered,
    moment,
    money,
    open_and_locked,
    own_key,
    positive,
    side_of,
    symbol_of,
)
from accounts.market import market_on
from accounts.models import Account, Deal, Position
from brokers.models import BrokerSymbol
from brokers.rates import Rate
from tradershub.core.errors import BadInput, Conflict
from tradershub.finance.decimals import ZERO
from tradershub.finance.sides import OPPOSITE


class Costs(NamedTuple):
    """What a trade cost besides its price; negative is a cost."""

    swap: Number = ZERO
    commission: Number = ZERO
    fee: Number = ZERO
    tax: Number = ZERO

    def checked(self, currency: str) -> dict[str, Decimal]:
        """The exact amounts by name. Raises BadInput naming the field."""
        return {name: money(value, name, currency) for name, value in self._asdict().items()}


class Effect(NamedTuple):
    """What a trade does to the positions: its entry, the position it names, and what it closes of which.

    closes: as it stood at the moment of the trade.
    """

    entry: str
    ref: str = ""
    closes: Position | None = None
    lots: Decimal = ZERO


class Execution(NamedTuple):
    """A buy or sell as the broker executed it, in an account that is open and ours for the transaction."""

    account: Account
    symbol: BrokerSymbol
    side: str
    lots: Decimal
    at: dt.datetime
    price: Decimal

    @property
    def words(self) -> str:
        return f"{self.side} {self.lots} {self.symbol.name} at {self.price}"

    def deal(self, effect: Effect, *, costs: Costs, **fields: Any) -> NewDeal:
        """The row to be booked. fields: its key, profit, comment and the broker's ids."""
        return NewDeal(
            kind=Deal.Kind.TRADE.value,
            at=self.at,
            source=SOURCE,
            symbol_id=self.symbol.pk,
            side=self.side,
            entry=effect.entry,
            volume=self.lots,
            price=self.price,
            position_ref=effect.ref,
            **costs.checked(self.account.currency),
            **fields,
        )


@transaction.atomic
def trade(
    account: Account,
    *,
    actor: Any,
    symbol: BrokerSymbol | str,
    side: str,
    volume: Number,
    price: Number,
    at: dt.datetime | None = None,
    position: Position | None = None,
    profit: Number | None = None,
    costs: Costs = Costs(),  # noqa: B008 (immutable)
    stop_loss: Number | None = None,
    take_profit: Number | None = None,
    comment: str = "",
    broker_deal_id: str = "",
    broker_order_id: str = "",
    opens: str = "",
    action: str = "trade.enter",
) -> Deal:
    """A buy or sell that the broker executed. volume: lots.

    position: what it closes, on a hedging account; a netting account's own is found. opens: the ref of what it
    opens there, shared by the fills of one order. profit: what the closing earned, before costs; else computed
    from the terms, or BadInput "unchecked: no terms".
    """
    execution = _execution(account, symbol=symbol, side=side, volume=volume, price=price, at=at)
    effect = _effect(execution, position=position, opens=opens)
    earned, rate = _earned(execution, effect, profit=profit)
    deal = execution.deal(
        effect,
        profit=earned,
        costs=costs,
        key=broker_deal_id or own_key("hand"),
        comment=comment or _note(rate),
        broker_deal_id=broker_deal_id,
        broker_order_id=broker_order_id,
    )
    booked = _booked(execution, effect, deal, actor=actor, action=action)
    _keep_levels(booked, effect, stop_loss=stop_loss, take_profit=take_profit)
    return booked


@transaction.atomic
def close_position(
    position: Position,
    *,
    actor: Any,
    price: Number,
    volume: Number | None = None,
    at: dt.datetime | None = None,
    profit: Number | None = None,
    costs: Costs = Costs(),  # noqa: B008 (immutable)
    comment: str = "",
    broker_deal_id: str = "",
) -> Deal:
    """Close the position, or a part of it. As `trade` of the other side.

    volume: by default all that was open at that moment and still is.
    """
    account = open_and_locked(position.account)
    position = Position.objects.select_related("symbol__instrument", "symbol__broker").get(
        pk=position.pk
    )
    check_closable(position)
    at = moment(at)
    lots = min(standing(position, at).open_volume, position.open_volume)
    return trade(
        account,
        actor=actor,
        symbol=position.symbol,
        side=OPPOSITE[position.side],
        volume=lots if volume is None else volume,
        price=price,
        at=at,
        position=position,
        profit=profit,
        costs=costs,
        comment=comment,
        broker_deal_id=broker_deal_id,
        action="position.close",
    )


def _execution(
    account: Account,
    *,
    symbol: BrokerSymbol | str,
    side: str,
    volume: Number,
    price: Number,
    at: dt.datetime | None,
) -> Execution:
    """What was entered, checked, with the account locked. Raises BadInput naming the field."""
    account = open_and_locked(account)
    return Execution(
        account=account,
        symbol=symbol_of(account, symbol),
        lots=positive(volume, "volume"),
        at=moment(at),
        price=positive(price, "price"),
        side=side_of(side),
    )


def _effect(execution: Execution, *, position: Position | None, opens: str) -> Effect:
    account, symbol, side, lots, at, _ = execution
    if position is not None:
        held = check_closing(position, account, symbol, side=side, lots=lots, at=at)
        return Effect(Deal.Entry.OUT.value, position.ref, held, lots)
    if account.mode == Account.Mode.HEDGING:
        return Effect(Deal.Entry.IN.value, opens)
    return _netted(execution)


def _netted(execution: Execution) -> Effect:
    """On a netting account the other side closes, and reverses with what is left over."""
    of_symbol = {"account": execution.account, "symbol": execution.symbol}
    trades = Deal.objects.filter(kind=Deal.Kind.TRADE, **of_symbol)
    if trades.filter(at__gt=execution.at).exists():
        return Effect(Deal.Entry.NONE.value)
    held = Position.objects.filter(open_volume__gt=0, **of_symbol).first()
    if held is None or held.side == execution.side:
        return Effect(Deal.Entry.IN.value)
    closed = min(execution.lots, held.open_volume)
    entry = Deal.Entry.OUT if execution.lots <= held.open_volume else Deal.Entry.IN_OUT
    return Effect(entry.value, "", held, closed)


def _earned(
    execution: Execution, effect: Effect, *, profit: Number | None
) -> tuple[Decimal, Rate | None]:
    """The profit as given, or computed from the terms, with the rate that converted it."""
    symbol, currency = execution.symbol, execution.account.currency
    if profit is not None:
        return money(profit, "profit", currency), None
    if effect.entry == Deal.Entry.NONE:
        raise BadInput(
            f"Later deals of {symbol.name} are booked: give the profit (0 where nothing was closed)",
            param="profit",
        )
    if effect.closes is None:
        return ZERO, None
    market = market_on(execution.at.date(), [symbol], [currency])
    gain = market.gain(effect.closes, price=execution.price, lots=effect.lots, currency=currency)
    if gain.amount is None:
        raise BadInput(f"{symbol.name} is {gain.reason}: give the profit yourself", param="profit")
    return gain.amount, gain.rate


def _booked(
    execution: Execution, effect: Effect, deal: NewDeal, *, actor: Any, action: str
) -> Deal:
    """The deal in the books. Raises Conflict where later deals need what it closes."""
    account, symbol = execution.account, execution.symbol
    unknown = unknown_openings(account, symbol.pk)
    booked = entered(account, deal, actor=actor, action=action, words=execution.words)
    if effect.closes and unknown_openings(account, symbol.pk) > unknown:
        raise Conflict(f"Later deals of {symbol.name} close what this one would: close fewer lots")
    return booked


def _note(rate: Rate | None) -> str:
    """What a reader of the deal must know of a converted profit."""
    if rate is None or rate.value == 1:
        return ""
    return f"Profit converted at {rate.value:.8f} of {rate.day} ({rate.source})"


def _keep_levels(
    deal: Deal, effect: Effect, *, stop_loss: Number | None, take_profit: Number | None
) -> None:
    """Stop and target of what was opened."""
    levels = {"stop_loss": stop_loss, "take_profit": take_profit}
    given = {name: positive(v, name) for name, v in levels.items() if v is not None}
    if effect.closes or not given:
        return
    account = deal.account
    opened = Position.objects.filter(account=account, symbol=deal.symbol, open_volume__gt=0)
    if account.mode == Account.Mode.HEDGING:
        opened = opened.filter(ref=effect.ref or deal.key)
    opened.update(**given)
    if stop_loss is not None:
        opened.filter(first_stop=None).update(first_stop=given["stop_loss"])
