"""The reversal of a wrong entry."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from accounts.booking import NewDeal
from accounts.manual.closings import unknown_openings
from accounts.manual.entries import SOURCE, check_open, entered, open_and_locked
from accounts.models import BrokerOrder, Deal
from tradershub.core.errors import Conflict
from tradershub.finance.sides import OPPOSITE

MIRRORED = {Deal.Entry.IN.value: Deal.Entry.OUT.value, Deal.Entry.OUT.value: Deal.Entry.IN.value}


@transaction.atomic
def reverse(deal: Deal, *, actor: Any, comment: str = "") -> Deal:
    """Undo a wrong entry by its opposite at the same moment; both stay, nothing follows from either.

    Raises Conflict for a deal that a statement prints (undo its import), for one reversed already, and while
    deals that closed what it opened stand.
    """
    account = open_and_locked(deal.account)
    deal = Deal.objects.select_related("symbol").get(pk=deal.pk)
    check_reversible(deal)
    unknown = unknown_openings(account, deal.symbol_id)
    opposite = NewDeal(
        key=f"reversal-{deal.pk}",
        kind=deal.kind,
        at=deal.at,
        source=SOURCE,
        symbol_id=deal.symbol_id,
        side=OPPOSITE[deal.side] if deal.side else "",
        entry=MIRRORED.get(deal.entry, deal.entry),
        volume=deal.volume,
        price=deal.price,
        profit=-deal.profit,
        swap=-deal.swap,
        commission=-deal.commission,
        fee=-deal.fee,
        tax=-deal.tax,
        position_ref=deal.position_ref,
        broker_order_id=deal.broker_order_id,
        comment=comment or f"Reverses {deal.broker_deal_id or deal.key}",
        reverses_id=deal.pk,
    )
    words = f"Reversed {deal}"
    booked = entered(account, opposite, actor=actor, action="deal.reverse", words=words)
    if unknown_openings(account, deal.symbol_id) > unknown:
        raise Conflict(f"Deal {deal} opened what other deals have closed: reverse those first")
    _unfill(deal)
    return booked


def check_reversible(deal: Deal) -> None:
    """Raises Conflict, saying why, where the deal is no entry that could be reversed."""
    check_open(deal.account)
    if deal.reverses_id:
        raise Conflict(f"Deal {deal} is itself a reversal: enter the deal again instead")
    if hasattr(deal, "reversed_by"):
        raise Conflict(f"Deal {deal} was reversed already")
    printed = deal.source == Deal.Source.STATEMENT or deal.lines.exists()
    if printed:
        raise Conflict(f"Deal {deal} stands in a statement: undo the import of that file instead")
    if deal.source == Deal.Source.LIVE:
        raise Conflict(f"Deal {deal} was reported by the broker and cannot be reversed by hand")


def _unfill(deal: Deal) -> None:
    """The order that a reversed deal had filled works again."""
    if not deal.broker_order_id or not deal.volume:
        return
    order = BrokerOrder.objects.filter(
        account_id=deal.account_id, broker_order_id=deal.broker_order_id, source=SOURCE
    ).first()
    if order is None or order.filled < deal.volume:
        return
    order.filled -= deal.volume
    order.state = BrokerOrder.State.PARTIAL if order.filled else BrokerOrder.State.WORKING
    order.done_at = None
    order.save(update_fields=["filled", "state", "done_at"])
