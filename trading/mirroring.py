"""One look at a connected account: what its platform says is booked, then compared with the books.

Everything is asked before anything is concluded: where one question fails nothing is, and an account whose
positions could not be read is never taken for an empty one. A difference becomes a Break when two looks in a
row have found it, and the Break closes with the first that does not.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import tieout
from accounts.models import Account, Break, Deal, Position
from accounts.queries import booked_money
from accounts.services import edit_account
from accounts.tieout import MOST_DETAILS, Finding
from brokers.adapters.base import Adapter
from brokers.adapters.errors import Unavailable
from brokers.adapters.messages import AccountReport, DealReport, OrderReport, PositionReport
from risk import watching
from tradershub.core.errors import BadInput
from tradershub.core.formats import plain
from tradershub.finance.decimals import ZERO
from trading import own_orders, reports, sync
from trading.holdings import result_of_day, traded_by
from trading.models import Mirror, Order

log = structlog.get_logger("trading.mirror")
Kind = Break.Kind
MOST_PAGES = 10_000
MOST_TRIES = 5  # to see an account while no deal comes in
EXTRA_KEPT = 500


class AnotherAccount(Unavailable):
    """The connection speaks for another account than the one in the books."""


@dataclass(frozen=True, slots=True)
class Seen:
    """All that the platform said of an account at one look. at: before it was asked."""

    at: dt.datetime
    account: AccountReport
    orders: list[OrderReport]
    positions: list[PositionReport]


def look(account: Account, adapter: Adapter) -> bool:
    """Bring the books to what the platform says; True where they are to be looked at again at once.

    Raises what the adapter raises; what was booked until then stays booked, and nothing else changes.
    """
    mirror = _mirror_of(account)
    seen, is_news = _seen_with_books(account, adapter, mirror)
    sync.keep_orders(account, seen.orders, complete=True)
    unknown = own_orders.follow(account, adapter, seen.orders)
    sync.keep_marks(account, seen.positions, at=seen.at)
    if is_news:
        return False  # too much happens there: the next look compares
    if seen.account.equity is not None:
        watching.observe(account, equity=seen.account.equity, at=seen.account.at)
        _observe_strategies(account, equity=seen.account.equity, at=seen.at)
    return _compare(account, adapter, mirror, seen, unknown)


def _observe_strategies(account: Account, *, equity: Decimal, at: dt.datetime) -> None:
    if not (limits := watching.of_strategies(account)):
        return
    for strategy in traded_by(account, at=at):
        result = result_of_day(strategy, account, at=at)
        if result is not None:
            watching.observe_strategy(
                account, strategy, limits, result=result, equity=equity, at=at
            )


def _seen_with_books(account: Account, adapter: Adapter, mirror: Mirror) -> tuple[Seen, bool]:
    """What the platform says, and whether deals still came in after it was said: then it is older than the books."""
    for _ in range(MOST_TRIES):
        seen = Seen(
            timezone.now(), adapter.account(), adapter.working_orders(), adapter.positions()
        )
        refuse_another(account, seen.account)
        follow_mode(account, seen.account)
        if not (is_news := _take_news(account, adapter, mirror)):
            break
    return seen, is_news


def _mirror_of(account: Account) -> Mirror:
    """The account's mirror; that of another connection begins anew, for its cursor means nothing here."""
    link = {"connection_id": account.connection_id}
    mirror, _ = Mirror.objects.get_or_create(account=account, defaults=link)
    if mirror.connection_id != account.connection_id:
        mirror.connection_id, mirror.cursor, mirror.history_at = account.connection_id, "", None
        mirror.save(update_fields=["connection", "cursor", "history_at"])
    return mirror


def refuse_another(account: Account, report: AccountReport) -> None:
    if (report.number, report.currency) != (account.number, account.currency):
        raise AnotherAccount(
            f"The connection speaks for account {report.number} in {report.currency}, expected "
            f"{account.number} in {account.currency}"
        )


def follow_mode(account: Account, report: AccountReport) -> None:
    """An assumed mode gives way to the platform's word."""
    if account.mode_is_assumed:
        edit_account(account, actor="mirror", mode=str(report.mode))


# -- Deals -------------------------------------------------------------------------------------
def book_news(account: Account, adapter: Adapter) -> bool:
    """Book what the platform has booked since the last look, and nothing else; whether there was any."""
    return _take_news(account, adapter, _mirror_of(account))


def _take_news(account: Account, adapter: Adapter, mirror: Mirror) -> bool:
    """Book what came since the last look; whether anything did."""
    if not mirror.cursor and mirror.history_at is None:
        return _read_history(account, adapter, mirror)
    is_news = False
    for deals, cursor in _pages(adapter, mirror.cursor):
        is_news |= bool(deals)
        _book(account, mirror, deals, cursor)
    return is_news


def _read_history(account: Account, adapter: Adapter, mirror: Mirror) -> bool:
    """Read all that the platform still knows: book what is missing, find what it does not know."""
    known: set[str] = set()
    first: dt.datetime | None = None
    for deals, cursor in _pages(adapter, ""):
        _book(account, mirror, deals, cursor)
        known |= {deal.deal_id for deal in deals}
        first = min([deal.at for deal in deals] + ([first] if first else []), default=None)
    mirror.extra = _unknown_to(known, account, since=first) if first else []
    mirror.refused = {key: why for key, why in mirror.refused.items() if key in known}
    mirror.history_at = timezone.now()
    mirror.save(update_fields=["extra", "refused", "history_at"])
    return bool(known)


def _pages(adapter: Adapter, cursor: str) -> Iterator[tuple[tuple[DealReport, ...], str]]:
    """Raises Unavailable for a platform whose history does not end."""
    for _ in range(MOST_PAGES):
        page = adapter.deals_since(cursor)
        if page.deals or page.cursor != cursor:
            yield page.deals, page.cursor
        if not page.more:
            return
        cursor = page.cursor
    raise Unavailable(f"The history did not end after {MOST_PAGES} pages")


@transaction.atomic
def _book(account: Account, mirror: Mirror, deals: tuple[DealReport, ...], cursor: str) -> None:
    """A page and where it ends, in one; a deal that cannot be booked is kept with its reason."""
    try:
        booked = sync.book_reports(account, deals)
        reports.take_deals(account, deals, known=booked.existing)
        mirror.refused = {
            key: why
            for key, why in mirror.refused.items()
            if key not in {deal.deal_id for deal in deals}
        }
    except BadInput:
        for deal in deals:
            _book_one(account, mirror, deal)
    mirror.cursor = cursor
    mirror.save(update_fields=["cursor", "refused"])


def _book_one(account: Account, mirror: Mirror, deal: DealReport) -> None:
    try:
        sync.book_reports(account, [deal])
        reports.take_deals(account, [deal])
        mirror.refused.pop(deal.deal_id, None)
    except BadInput as error:
        mirror.refused[deal.deal_id] = str(error)
        log.warning("deal_not_booked", account=account.pk, deal=deal.deal_id, reason=str(error))


def _unknown_to(known: set[str], account: Account, *, since: dt.datetime) -> list[str]:
    """Keys of the deals, from the platform's first on, that it does not have."""
    mine = _standing(account).filter(at__gte=since)
    return [key for key in mine.values_list("key", flat=True) if key not in known][:EXTRA_KEPT]


def _standing(account: Account) -> QuerySet[Deal]:
    """The deals that are meant to be a broker's: no openings that a file proved, nothing reversed by hand."""
    deals = Deal.objects.filter(account=account, inferred=False, reverses=None, reversed_by=None)
    return deals.order_by("at", "id")


# -- Comparison --------------------------------------------------------------------------------
def _compare(
    account: Account, adapter: Adapter, mirror: Mirror, seen: Seen, unknown: list[Order]
) -> bool:
    """Open and close Breaks; True where the whole history was read first, and must be looked at again."""
    apart = list(own_orders.apart(account, seen.orders, unknown))
    all_found = chain(differences(account, mirror, seen), (one.finding for one in apart))
    found = {"|".join(finding.identity): finding for finding in all_found}
    standing = [finding for name, finding in found.items() if name in mirror.doubts]
    if standing and _history_is_due(mirror):
        _read_history(account, adapter, mirror)
        return True
    if standing or Break.objects.filter(account=account, kind__in=Break.LIVE, state__in=OPEN):
        tieout.keep_live(account, standing)
    own_orders.count_larger(one for one in apart if one.finding in standing)
    _note_look(mirror, doubts=list(found))
    return False


OPEN = (Break.State.OPEN, Break.State.EXPLAINED)
NOTED_EVERY = dt.timedelta(seconds=15)


def _note_look(mirror: Mirror, *, doubts: list[str]) -> None:
    now = timezone.now()
    is_noted = mirror.looked_at and now - mirror.looked_at < NOTED_EVERY
    if is_noted and doubts == mirror.doubts:
        return
    mirror.doubts, mirror.looked_at = doubts, now
    mirror.save(update_fields=["doubts", "looked_at"])


def _history_is_due(mirror: Mirror) -> bool:
    """Before a difference is told the history is read once more, but not again and again."""
    pause = dt.timedelta(seconds=settings.MIRROR_HISTORY_SECONDS)
    return mirror.history_at is None or timezone.now() - mirror.history_at > pause


def differences(account: Account, mirror: Mirror, seen: Seen) -> Iterator[Finding]:
    """Where the books and what was seen differ; the causes bear no figures, which may change."""
    yield from _of_balance(account, seen.account)
    yield from _of_positions(account, seen.positions)
    if mirror.refused:
        rows = [f"{key}: {why}" for key, why in mirror.refused.items()]
        yield Finding(
            Kind.DEAL_MISSING,
            "Deals of the broker cannot be booked",
            count=len(rows),
            details=tuple(rows[:MOST_DETAILS]),
        )
    if extra := list(_standing(account).filter(key__in=mirror.extra)):
        yield Finding(
            Kind.DEAL_EXTRA,
            "Deals are booked that the broker does not know",
            count=len(extra),
            difference=-sum((deal.amount for deal in extra), ZERO),
            details=tuple(str(deal) for deal in extra[:MOST_DETAILS]),
        )


def _of_balance(account: Account, report: AccountReport) -> Iterator[Finding]:
    ours = booked_money([account])[account.pk]
    for word, theirs, booked in (
        ("balance", report.balance, ours.balance),
        ("credit", report.credit, ours.credit),
    ):
        if theirs != booked:
            yield Finding(
                Kind.LIVE_BALANCE,
                f"The {word} that the broker states is not what is booked",
                difference=theirs - booked,
                details=(f"broker {plain(theirs)}, booked {plain(booked)}",),
            )


def _of_positions(account: Account, positions: Iterable[PositionReport]) -> Iterator[Finding]:
    """Lots by symbol and side, which both modes of accounting share."""
    lots: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for report in positions:
        lots[report.symbol, str(report.side)][0] += report.lots
    for held in Position.objects.filter(account=account, open_volume__gt=0).select_related(
        "symbol"
    ):
        lots[held.symbol.name, held.side][1] += held.open_volume
    for (symbol, side), (theirs, ours) in sorted(lots.items()):
        if theirs != ours:
            yield Finding(
                Kind.LIVE_POSITION,
                f"Open {side} lots at the broker are not what the deals make",
                symbol=symbol,
                details=(f"broker {plain(theirs)}, booked {plain(ours)}",),
            )
