"""What risk may look at of an order: read from the books and from the broker's terms, never assumed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.margin import margin_used
from accounts.market import Market, market_on
from accounts.models import Account, AccountTerms, BrokerOrder, Position
from brokers.connecting import platform_row, why_shut
from brokers.contracts import contracts_on, symbol_on
from brokers.models import BrokerSymbol, Platform, Quote, SymbolTerms
from risk.conversion import BrokerRates
from risk.facts import Figure, Intent, OrderFacts, Price
from risk.kinds import Kind
from risk.situation import in_force
from tradershub.core.prepared import prepared
from tradershub.finance.decimals import HUNDRED, ZERO, Rounding, round_to_step
from tradershub.finance.opening import MARKET, opening_price
from tradershub.finance.sides import DIRECTION
from tradershub.finance.terms import BY_TICK, ContractTerms
from trading.correlations import correlations_of
from trading.holdings import result_of_day
from trading.models import Order

BOTH_WAYS = 2  # a round turn is charged twice
MILLION = Decimal(1_000_000)


def order_facts(order: Order, *, at: dt.datetime, again: bool = False) -> OrderFacts:
    """The order as it is to be judged at that moment; None stands for what is not known.

    again: for the last look (`gate.recheck`), without what only the verdict asks for.
    """
    pk, day = order.account_id, at.date()
    (account,) = _accounts(pk) if again else _accounts_with_more(pk, day)
    symbol, terms = symbol_on(order.symbol_id, day)
    market = market_on(day, [symbol], [account.currency], terms=terms)
    contract = market.contracts.get(symbol.pk)
    quote = getattr(symbol, "last_quote", None)
    price = opening_of(order, quote)
    rates = BrokerRates(account.broker_id, at=at)
    rate = rate_to_account(symbol, account, quote, rates)
    connection = account.connection
    platform = _platform(account)
    return OrderFacts(
        client_order_id=order.client_order_id,
        at=at,
        intent=Intent.EXIT if order.reduces else Intent.ENTRY,
        owner_id=account.owner_id,
        account_id=account.pk,
        currency=account.currency,
        origin=f"{order.origin_kind}:{order.origin_id}",
        automatic=order.automatic,
        strategy=order.strategy,
        source=order.source,
        signal_at=order.signal_at,
        foreign_working=None if again else account.foreign_working,
        symbol_id=symbol.pk,
        symbol=symbol.name,
        instrument_id=symbol.instrument_id,
        base=symbol.instrument.base if symbol.instrument else None,
        quote=symbol.instrument.quote if symbol.instrument else None,
        side=order.side,
        lots=order.lots,
        kind=order.kind,
        price=order.limit_price or order.price,
        distance=order.distance,
        stop_loss=order.stop_loss,
        # Where all of a symbol is one position, whoever closes takes from the same lots.
        position_ref="" if account.mode == Account.Mode.NETTING else order.position_ref,
        point_value=point_value(contract) if contract else None,
        lot_min=contract.lot_min if contract else None,
        lot_step=contract.lot_step if contract else None,
        lot_max=contract.lot_max if contract else None,
        market=Price(quote.bid, quote.ask, quote.at) if quote else None,
        rate=rate,
        margin=None if again else _margin(order, symbol, account, market, price, rates),
        costs=costs_of(order.lots, symbol, account, market, price, rate),
        correlations=(
            correlations_of(symbol.instrument, account, at=at)
            if account.asks_correlations and not (order.reduces or again)
            else None
        ),
        strategy_result=(
            _strategy_result(order, account, at) if account.asks_strategy_result else None
        ),
        account_open=account.is_open,
        may_trade=account.may_close if order.reduces else account.may_trade,
        closes_only=account.closes_only,
        platform_enabled=platform.takes(closing=order.reduces) if platform else False,
        connection_enabled=connection.enabled if connection else False,
        why_shut=(
            why_shut(connection, platform, closing=order.reduces)
            if connection
            else "The account has no connection"
        ),
        account_is_live=account.kind not in (Account.Kind.DEMO, Account.Kind.PAPER),
        connection_is_live=connection.live if connection else None,
        session_open=_trades(quote, at),
    )


def change_facts(wanted: Order, *, at: dt.datetime, again: bool = False) -> OrderFacts:
    """The same of an order as a person wants it to become: he asks now, however old the signal is that made it."""
    return replace(order_facts(wanted, at=at, again=again), signal_at=None, automatic=False)


def hold_facts(
    position: Position,
    stops: Mapping[str, Decimal | None],
    *,
    strategy: str,
    at: dt.datetime,
) -> OrderFacts:
    """An open position as it is to be judged once these of its stops are others."""
    stop = stops.get("stop_loss", position.stop_loss)
    trail = stops.get("trail", position.trailing_distance) if stop is None else None
    as_order = Order(
        account=position.account,
        symbol=position.symbol,
        side=position.side,
        lots=position.open_volume,
        position_ref=position.ref,
        strategy=strategy,
    )
    facts = order_facts(as_order, at=at)
    return replace(
        facts,
        intent=Intent.HOLD,
        position_ref=position.ref,
        open_price=position.open_price,
        stop_loss=_begin_of(trail, facts.market, position) if stop is None else stop,
        trail=trail,
    )


def _begin_of(trail: Decimal | None, market: Price | None, position: Position) -> Decimal | None:
    """The stop that a trail of that distance makes at first; None where that cannot be known."""
    if trail is None or market is None:
        return None
    closes = market.bid if position.side == Order.Side.BUY else market.ask
    return closes - DIRECTION[position.side] * trail


def _strategy_result(order: Order, account: Account, at: dt.datetime) -> Decimal | None:
    """Asked only where a limit is about it: it takes a look at all that the account holds."""
    return result_of_day(order.strategy, account, at=at) if order.strategy else None


@prepared
def _accounts(pk: int) -> QuerySet[Account]:
    return _fresh(pk)


@prepared
def _accounts_with_more(pk: int, day: dt.date) -> QuerySet[Account]:
    """With what only the verdict asks for: orders at the broker that are none of ours, the leverage in force."""
    ours = Order.objects.filter(
        account=OuterRef("account"), broker_order_id=OuterRef("broker_order_id")
    )
    live = BrokerOrder.objects.filter(account=OuterRef("pk"), state__in=BrokerOrder.LIVE)
    foreign = live.exclude(Exists(ours.exclude(broker_order_id=""))).order_by().values("account")
    terms = AccountTerms.objects.filter(account=OuterRef("pk"), valid_from__lte=day)
    return _fresh(pk).annotate(
        foreign_working=Coalesce(Subquery(foreign.annotate(n=Count("pk")).values("n")), 0),
        leverage=Subquery(terms.order_by("-valid_from").values("leverage")[:1]),
    )


def _fresh(pk: int) -> QuerySet[Account]:
    """As it is now: somebody may have switched it off since the order was read.

    asks_...: whether any limit is in force for which that must be found.
    """
    on = Platform.objects.filter(key=OuterRef("connection__platform"), enabled=True)
    return (
        Account.objects.select_related("connection", "broker")
        .filter(pk=pk)
        .annotate(
            platform_is_on=Exists(on),
            asks_correlations=in_force(Kind.CORRELATED),
            asks_strategy_result=in_force(Kind.STRATEGY_LOSS),
        )
    )


def _platform(account: Account) -> Platform | None:
    """The row of its platform; of one that is on, as they nearly all are, what that says."""
    if account.connection is None:
        return None
    key = account.connection.platform
    return Platform(key=key, enabled=True) if account.platform_is_on else platform_row(key)


def opening_of(order: Order, quote: Quote | None) -> Decimal | None:
    """The worst price at which it may open by that quote; None where that cannot be known."""
    return opening_price(
        order.side,
        order.kind,
        price=order.price,
        limit_price=order.limit_price,
        distance=order.distance,
        bid=quote.bid if quote else None,
        ask=quote.ask if quote else None,
    )


def bound_of(facts: OrderFacts, percent: Decimal) -> Decimal | None:
    """The worst price, to the tick, that an entry at the market may fill at: so far beyond the price of now.

    None for others, and where no tick is known.
    """
    if facts.intent == Intent.EXIT or facts.kind != MARKET or facts.market is None:
        return None
    symbol = BrokerSymbol.objects.select_related("instrument").get(pk=facts.symbol_id)
    contract = contracts_on([symbol], facts.at.date()).get(symbol.pk)
    if contract is None or not contract.tick_size:
        return None
    is_buy = facts.side == Order.Side.BUY
    price = facts.market.ask if is_buy else facts.market.bid
    worst = price + DIRECTION[facts.side] * price * percent / HUNDRED
    towards = Rounding.FLOOR if is_buy else Rounding.CEILING
    return round_to_step(worst, contract.tick_size, rounding=towards)


def _trades(quote: Quote | None, at: dt.datetime) -> bool | None:
    """Whether the symbol trades now: a market that gives no prices is closed. None without any price."""
    return None if quote is None else _is_of_now(quote, at)


def quote_of_now(symbol: BrokerSymbol, *, at: dt.datetime) -> Quote | None:
    """Its last quote; None where that is too old to say where the market is."""
    quote = getattr(symbol, "last_quote", None)
    return quote if quote and _is_of_now(quote, at) else None


def _is_of_now(quote: Quote, at: dt.datetime) -> bool:
    return at - quote.at <= dt.timedelta(seconds=settings.STALE_SECONDS)


def point_value(contract: ContractTerms | None) -> Decimal | None:
    if contract is None:
        return None
    if contract.mode not in BY_TICK:
        return contract.contract_size
    return contract.tick_factor if contract.tick_size and contract.tick_value else None


def rate_to_account(
    symbol: BrokerSymbol, account: Account, quote: Quote | None, rates: BrokerRates
) -> Figure | None:
    """Account currency for one of the quote currency: by the symbol's own price, else by the broker's others.

    Where no quote of its broker gives one of now, the day's reference; each says its moment.
    """
    instrument = symbol.instrument
    if instrument is None:
        return None
    if instrument.base == account.currency != instrument.quote:
        return Figure(1 / quote.ask, quote.at) if quote and quote.ask else None
    return rates.figure(instrument.quote, account.currency)


def _margin(
    order: Order,
    symbol: BrokerSymbol,
    account: Account,
    market: Market,
    price: Decimal | None,
    rates: BrokerRates,
) -> Decimal | None:
    """What the broker would hold for the whole order, in the account's currency, by its leverage in force."""
    if account.leverage is None or price is None or symbol.instrument is None:
        return None

    def to_account(currency: str) -> Decimal | None:
        found = rates.figure(currency, account.currency)
        return None if found is None else found.value

    filled = Position(
        account=account, symbol=symbol, side=order.side, volume=order.lots,
        open_volume=order.lots, open_price=price,
    )  # fmt: skip
    return margin_used(
        [filled],
        currency=account.currency,
        leverage=Decimal(account.leverage),
        market=market,
        rates=to_account,
    ).amount


def costs_of(
    lots: Decimal,
    symbol: BrokerSymbol,
    account: Account,
    market: Market,
    price: Decimal | None,
    rate: Figure | None,
) -> Decimal | None:
    """The commission of a round turn of these lots by the symbol's terms, positive, in the account's currency.

    None where no rate is known from the currency it is charged in.
    """
    terms, contract = market.terms.get(symbol.pk), market.contracts.get(symbol.pk)
    if terms is None or contract is None or price is None or symbol.instrument is None:
        return ZERO
    scheme, each = SymbolTerms.Commission, terms.commission_rate
    notional = lots * contract.contract_size * price
    quote, own = symbol.instrument.quote, account.currency
    by_scheme = {
        scheme.NONE: (ZERO, own),
        scheme.PER_LOT_SIDE: (lots * each, own),
        scheme.PER_TRADE: (each, own),
        scheme.PERCENT: (notional * each / HUNDRED, quote),
        scheme.PER_MILLION: (notional / MILLION * each, quote),
    }
    amount, currency = by_scheme[scheme(terms.commission_scheme)]
    if not amount or currency == own:
        return BOTH_WAYS * amount
    return None if rate is None else BOTH_WAYS * amount * rate.value
