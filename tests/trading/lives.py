"""The made-up history of `tests.accounts.histories` as a platform reports it live."""

from __future__ import annotations

from accounts.statements.base import DealLine
from accounts.statements.clock import moment
from brokers.adapters.messages import DealKind, DealReport, Entry
from tradershub.finance.decimals import ZERO


def reports_of(deals: list[DealLine], account) -> list[DealReport]:
    return [report_of(deal, account) for deal in deals]


def report_of(deal: DealLine, account) -> DealReport:
    is_trade = deal.kind == "trade"
    return DealReport(
        deal_id=deal.broker_deal_id,
        kind=DealKind(deal.kind),
        at=moment(deal.time_text, account.broker.zone),
        currency=account.currency,
        broker_time=deal.time_text,
        symbol=deal.symbol,
        side=deal.side if is_trade else None,
        entry=Entry(deal.entry) if is_trade else None,
        lots=deal.volume if is_trade else ZERO,
        price=deal.price if is_trade else None,
        profit=deal.profit if is_trade else ZERO,
        amount=ZERO if is_trade else deal.profit,
        swap=deal.swap,
        commission=deal.commission,
        fee=deal.fee,
        position_ref=deal.position_ref,
        broker_order_id=deal.order_id,
        comment=deal.comment,
    )
