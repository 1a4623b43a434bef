"""What a platform says of an account goes into the books, each deal once."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db import transaction

from accounts import booking
from accounts.booking import Booked, NewDeal
from accounts.models import Account, Deal, StatementImport
from accounts.statements import importer
from accounts.statements.settling import COUNTED
from accounts.tieout import reconcile
from accounts.trail import trail
from brokers.adapters.messages import DealKind, DealReport
from brokers.services import symbol_for
from tradershub.core.audit import record
from tradershub.core.errors import BadInput

SOURCE = Deal.Source.LIVE.value
# Which column the amount of a row that is no trade stands in; the profit, where none is named for it.
COLUMN = {DealKind.SWAP: "swap", DealKind.COMMISSION: "commission", DealKind.FEE: "fee"}


@transaction.atomic
def book_reports(account: Account, deals: Iterable[DealReport]) -> Booked:
    """Book what a platform reports, each of its deals once however often and in whatever order it comes.

    Returns the ids of the deals by the platform's deal id: new ones, and those booked before, live or
    from a statement. Positions and figures follow. Raises BadInput, and books nothing, for a deal that the
    books cannot keep.
    """
    reports = list(deals)
    if not reports:
        return Booked({}, {})
    account = booking.lock(account)
    symbols = {name: symbol_for(account.broker, name).pk for name in _named(reports)}
    wanted = [_new_deal(account, report, symbols) for report in reports]
    booked = booking.book(account, wanted)
    if booked.new:
        _follow(account, [deal for deal in wanted if deal.key in booked.new])
    return booked


def _named(reports: Collection[DealReport]) -> list[str]:
    return sorted({report.symbol for report in reports} - {""})


def _new_deal(account: Account, report: DealReport, symbols: dict[str, int]) -> NewDeal:
    if report.currency != account.currency:
        raise BadInput(
            f"Deal {report.deal_id} is in {report.currency}, expected {account.currency} as the account"
        )
    money = {
        "profit": report.profit,
        "swap": report.swap,
        "commission": report.commission,
        "fee": report.fee,
    }
    money[COLUMN.get(report.kind, "profit")] += report.amount
    is_trade = report.kind == DealKind.TRADE
    return NewDeal(
        key=report.deal_id,
        kind=str(report.kind),
        at=report.at,
        source=SOURCE,
        symbol_id=symbols[report.symbol] if report.symbol else None,
        side=str(report.side or "") if is_trade else "",
        entry=str(report.entry or "") if is_trade else "",
        volume=report.lots if is_trade else None,
        price=report.price if is_trade else None,
        **money,
        broker_time=report.broker_time,
        broker_deal_id=report.deal_id,
        position_ref=report.position_ref,
        broker_order_id=report.broker_order_id,
        client_order_id=report.client_id,
        comment=report.comment,
    )


def _follow(account: Account, new: Collection[NewDeal]) -> None:
    """Bring what follows from the deals up; what files have inferred, too, where a deal is of their time."""
    first = min(deal.at for deal in new)
    symbols = {deal.symbol_id for deal in new if deal.symbol_id}
    files = StatementImport.objects.filter(account=account, state__in=COUNTED)
    latest = files.filter(period_to__gte=first).order_by("-period_to").first()
    if latest is None:
        booking.derive(account, symbols=symbols, since=first)
        return
    with trail(actor="mirror", target=latest) as changed:
        importer.follow(account, symbols)
    if details := changed.details():
        words = f"{account}: live deals stand where files had left a gap"
        record(
            "deals.follow", actor="mirror", target=latest, summary=words, details=details,
            owner=account.owner_id,
        )  # fmt: skip
    reconcile(account)
