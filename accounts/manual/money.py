"""Money in and out, and charges, entered by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.booking import NewDeal
from accounts.manual.entries import (
    SOURCE,
    Number,
    entered,
    moment,
    money,
    number,
    open_and_locked,
    own_key,
    positive,
    symbol_of,
)
from accounts.models import Account, Deal
from brokers.models import BrokerSymbol
from tradershub.core.errors import BadInput

CHARGES = (
    Deal.Kind.SWAP, Deal.Kind.COMMISSION, Deal.Kind.FEE, Deal.Kind.TAX, Deal.Kind.INTEREST,
    Deal.Kind.DIVIDEND, Deal.Kind.CREDIT, Deal.Kind.BONUS, Deal.Kind.CORRECTION,
    Deal.Kind.COMPENSATION, Deal.Kind.TRANSFER,
)  # fmt: skip
# Which column of a deal the amount of a charge stands in; the profit, where none is named for it.
COLUMN = {
    Deal.Kind.SWAP: "swap",
    Deal.Kind.COMMISSION: "commission",
    Deal.Kind.FEE: "fee",
    Deal.Kind.TAX: "tax",
}


@transaction.atomic
def deposit(
    account: Account,
    *,
    actor: Any,
    amount: Number,
    at: dt.datetime | None = None,
    comment: str = "",
    broker_deal_id: str = "",
) -> Deal:
    """Money that came in; amount is positive. at: now by default."""
    paid_in = positive(amount, "amount")
    return _money(
        account,
        actor=actor,
        kind=Deal.Kind.DEPOSIT,
        amount=paid_in,
        at=at,
        comment=comment,
        broker_deal_id=broker_deal_id,
    )


@transaction.atomic
def withdrawal(
    account: Account,
    *,
    actor: Any,
    amount: Number,
    at: dt.datetime | None = None,
    comment: str = "",
    broker_deal_id: str = "",
) -> Deal:
    """Money that was taken out; amount is positive, and booked as a negative one."""
    taken_out = -positive(amount, "amount")
    return _money(
        account,
        actor=actor,
        kind=Deal.Kind.WITHDRAWAL,
        amount=taken_out,
        at=at,
        comment=comment,
        broker_deal_id=broker_deal_id,
    )


@transaction.atomic
def charge(
    account: Account,
    *,
    actor: Any,
    kind: str,
    amount: Number,
    at: dt.datetime | None = None,
    symbol: BrokerSymbol | str | None = None,
    comment: str = "",
    broker_deal_id: str = "",
) -> Deal:
    """A swap, a fee or another row that is neither trade nor cash (CHARGES). amount: negative is a cost."""
    if kind not in CHARGES:
        raise BadInput(f"Expected one of {', '.join(CHARGES)}, found {kind!r}", param="kind")
    change = number(amount, "amount")
    if not change:
        raise BadInput(
            "The amount is zero: expected money gained or, negative, paid", param="amount"
        )
    return _money(
        account,
        actor=actor,
        kind=kind,
        amount=change,
        at=at,
        comment=comment,
        broker_deal_id=broker_deal_id,
        symbol=symbol,
    )


def _money(
    account: Account,
    *,
    actor: Any,
    kind: str,
    amount: Decimal,
    at: dt.datetime | None,
    comment: str,
    broker_deal_id: str,
    symbol: BrokerSymbol | str | None = None,
) -> Deal:
    account = open_and_locked(account)
    money(amount, "amount", account.currency)
    named = symbol_of(account, symbol) if symbol else None
    deal = NewDeal(
        key=broker_deal_id or own_key("hand"),
        kind=str(kind),
        at=moment(at),
        source=SOURCE,
        symbol_id=named.pk if named else None,
        comment=comment,
        broker_deal_id=broker_deal_id,
        **{COLUMN.get(kind, "profit"): amount},
    )
    words = f"{Deal.Kind(kind).label} {amount} {account.currency}"
    return entered(account, deal, actor=actor, action=f"{kind}.enter", words=words)
