"""Write down the terms of the example's accounts and symbols, so that margin can be computed."""

from __future__ import annotations

from typing import Any

from accounts.models import Account, AccountTerms, Deal, Position
from brokers.models import BrokerSymbol, SymbolTerms
from tradershub.core.terms import add_terms
from tradershub.example import terms as example
from tradershub.example.records import Account as Story

Commission, Margin = SymbolTerms.Commission, SymbolTerms.Margin


def add_example_terms(owner: Any) -> None:
    """The terms of every example account that the person has; running it again changes nothing."""
    for story in example.ACCOUNTS:
        account = Account.objects.filter(owner=owner, number=str(story.number)).first()
        if account and (first := Deal.objects.filter(account=account).order_by("at").first()):
            _add_account_terms(account, story, first, owner)
            _add_symbol_terms(account, story, first, owner)


def _add_account_terms(account: Account, story: Story, first: Deal, owner: Any) -> None:
    if account.terms.filter(valid_from__lte=first.at.date()).exists():
        return
    terms = AccountTerms(
        account=account,
        valid_from=first.at.date(),
        leverage=story.leverage,
        margin_call_level=example.CALL_LEVEL,
        stop_out_level=example.STOP_OUT_LEVEL,
    )
    add_terms(terms, actor=owner)


def _add_symbol_terms(account: Account, story: Story, first: Deal, owner: Any) -> None:
    specs = example.symbol_specs(story)
    traded = Position.objects.filter(account=account).values("symbol")
    for symbol in BrokerSymbol.objects.filter(pk__in=traded, terms__isnull=True):
        if spec := specs.get(symbol.name.lower()):
            add_terms(_terms(symbol, spec, first), actor=owner)


def _terms(symbol: BrokerSymbol, spec: example.SymbolSpec, first: Deal) -> SymbolTerms:
    scheme = Commission.PER_TRADE if spec.per_deal else Commission.PER_LOT_SIDE
    by_leverage = spec.margin_rate is None
    return SymbolTerms(
        symbol=symbol,
        valid_from=first.at.date(),
        contract_size=spec.contract_size,
        digits=spec.digits,
        tick_size=spec.tick_size,
        commission_scheme=scheme if spec.commission else Commission.NONE,
        commission_rate=spec.commission,
        swap_mode=SymbolTerms.Swap.POINTS,
        swap_long=spec.swap_long,
        swap_short=spec.swap_short,
        margin_mode=Margin.FOREX if by_leverage else Margin.CFD,
        margin_rate=1 if by_leverage else spec.margin_rate,
    )
