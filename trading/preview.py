"""An order before it is asked for: its lots, what it would cost, hold and lose, and what risk would say."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.market import market_on
from accounts.models import Account
from accounts.valuation import AccountState, state_of
from brokers.models import BrokerSymbol, Quote
from risk import gate
from risk.conversion import BrokerRates
from risk.facts import Check, OrderFacts, Verdict
from tradershub.core.errors import BadInput
from tradershub.core.once import new_token
from tradershub.finance.decimals import HUNDRED, ONE, ZERO
from tradershub.finance.opening import MARKET, opening_price
from tradershub.finance.sides import Side
from tradershub.finance.terms import ContractTerms
from trading.facts import costs_of, order_facts, point_value, rate_to_account
from trading.ids import Origin
from trading.models import Order
from trading.services import HAND, new_order
from trading.sizing import Basis, lots_of
from trading.sources.draft import Size


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an order would be now; nothing of it is written down. Money in the account's currency.

    entry: the worst price at which it may open now. None is what cannot be known, or what the order does not have.
    """

    order: Order
    entry: Decimal
    terms: ContractTerms
    facts: OrderFacts
    state: AccountState
    verdict: Verdict

    @property
    def to_stop(self) -> Decimal | None:
        """Lost where it opens at `entry` and its stop is met, without costs; None without a stop."""
        return self._between(self.entry, self.order.stop_loss)

    @property
    def at_risk(self) -> Decimal | None:
        """R: lost at the stop, with the commission of the round turn."""
        if self.to_stop is None or self.facts.costs is None:
            return None
        return self.to_stop + self.facts.costs

    @property
    def risk_percent(self) -> Decimal | None:
        """R as percent of the equity."""
        if self.at_risk is None or not self.state.equity:
            return None
        return self.at_risk / self.state.equity * HUNDRED

    @property
    def at_target(self) -> Decimal | None:
        """Won at the target, less the commission."""
        won = self._between(self.order.take_profit, self.entry)
        return None if won is None or self.facts.costs is None else won - self.facts.costs

    @property
    def r_multiple(self) -> Decimal | None:
        """What the target is worth in R."""
        if self.at_target is None or not self.at_risk or self.at_risk < ZERO:
            return None
        return self.at_target / self.at_risk

    @property
    def spread_cost(self) -> Decimal | None:
        """What the spread costs that many lots once."""
        market = self.facts.market
        return None if market is None else self._worth(market.ask - market.bid)

    @property
    def notional(self) -> Decimal | None:
        return self._worth(self.entry)

    @property
    def free_after(self) -> Decimal | None:
        """Margin left free once it is filled."""
        if self.state.free_margin is None or self.facts.margin is None:
            return None
        return self.state.free_margin - self.facts.margin

    def _between(self, upper: Decimal | None, lower: Decimal | None) -> Decimal | None:
        """What a buy loses from the upper price to the lower, and a sell wins."""
        if upper is None or lower is None:
            return None
        return self._worth(upper - lower if self.order.side == Order.Side.BUY else lower - upper)

    def _worth(self, move: Decimal) -> Decimal | None:
        rate, worth = self.facts.rate, self.facts.point_value
        if rate is None or worth is None:
            return None
        return move * worth * self.order.lots * rate.value


def preview(
    account: Account,
    *,
    symbol: str,
    side: Side,
    size: Size,
    token: str = "",
    at: dt.datetime | None = None,
    **asked: Any,
) -> Preview:
    """The order as it would be decided now. size: in lots, or what makes lots by terms and prices.

    token: of the form, as for `services.place_by_hand`. asked: any other field of Order. Raises BadInput for
    what no broker could be asked for, and where the size comes to no lots; a refusal of risk is a verdict.
    """
    at = at or timezone.now()
    theirs = symbol_of(account, symbol)
    market = market_on(at.date(), [theirs], [account.currency])
    terms, quote = market.contracts.get(theirs.pk), Quote.objects.filter(symbol=theirs).first()
    worth = point_value(terms)
    if terms is None or worth is None:
        raise BadInput(f"{theirs.name} has no terms today: its margin and risk are not known")
    entry, state = _entry(theirs, side, quote, asked), state_of(account, at=at)
    rate = rate_to_account(theirs, account, quote, BrokerRates(account.broker_id, at=at))
    basis = Basis(
        terms=terms,
        point_value=worth,
        price=entry,
        rate=rate.value if rate else None,
        equity=state.equity,
        costs=lambda lots: costs_of(lots, theirs, account, market, entry, rate),
    )
    sized = lots_of(size, basis, share=ONE, stop=asked.get("stop_loss"))
    if isinstance(sized, Check):
        raise BadInput(sized.text, code=sized.code.lower(), param="size")
    order = new_order(
        account,
        origin=Origin(HAND, token or new_token()),
        symbol=theirs,
        side=side,
        lots=sized.lots,
        **asked,
    )
    facts = order_facts(order, at=at)
    return Preview(
        order=order,
        entry=entry,
        terms=terms,
        facts=facts,
        state=state,
        verdict=_rehearsed(facts),
    )


def symbol_of(account: Account, name: str) -> BrokerSymbol:
    """The account's broker's symbol of that name. Raises BadInput."""
    rows = BrokerSymbol.objects.select_related("instrument", "broker", "last_quote")
    found = rows.filter(broker=account.broker_id, name=name).first()
    if found is None:
        raise BadInput(f"{account.broker} has no symbol {name[:64]!r}", param="symbol")
    return found


def _entry(symbol: BrokerSymbol, side: Side, quote: Quote | None, asked: dict[str, Any]) -> Decimal:
    """The worst price at which it may open; the market's where its own is still to be named."""
    own = {name: asked.get(name) for name in ("price", "limit_price", "distance")}
    market = {"bid": quote.bid if quote else None, "ask": quote.ask if quote else None}
    found = opening_price(side, asked.get("kind", MARKET), **own, **market)
    found = found or opening_price(side, MARKET, price=None, **market)
    if found is None:
        raise BadInput(f"{symbol.name} has no price yet", param="symbol")
    return found


@transaction.atomic
def _rehearsed(facts: OrderFacts) -> Verdict:
    return gate.rehearse(facts)
