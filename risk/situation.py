"""What the gate reads beside an order: the limits that bind it, the book, what others hold, losses, repetitions."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Exists, Q, QuerySet, Value

from accounts.calendar import Calendar
from accounts.models import Account, Deal, Position
from accounts.valuation import AccountState, state_of
from brokers.contracts import contracts_on
from risk.conversion import BrokerRates
from risk.facts import (
    Ask,
    BestDay,
    BlackoutFact,
    Figure,
    Holding,
    Intent,
    LimitFact,
    Losses,
    OrderFacts,
)
from risk.kinds import KINDS, Basis, Kind, Scope, Trail, Unit, Window
from risk.measures import part_of
from risk.models import Blackout, Limit, Reservation, Usage
from risk.results import best_day_of, losses_of, result_of, window_of
from tradershub.core.prepared import prepared
from tradershub.finance.decimals import ONE, ZERO
from tradershub.finance.terms import BY_TICK, ContractTerms

OF_BOOKS = frozenset(
    {
        Kind.EXPOSURE,
        Kind.SYMBOL_LOTS,
        Kind.CURRENCY_EXPOSURE,
        Kind.OPEN_POSITIONS,
        Kind.HEAT,
        Kind.CORRELATED,
    }
)
OF_EQUITY = frozenset(
    {Kind.LOSS, Kind.DRAWDOWN, Kind.BEST_DAY, Kind.MARGIN_LEVEL, Kind.STRATEGY_LOSS}
)


# -- Limits ------------------------------------------------------------------------------------
def binding(order: OrderFacts) -> list[Limit]:
    """The limits in force for the order, in a fixed order."""
    return _binding(order.owner_id, order.account_id, order.instrument_id or 0, order.strategy)


@prepared
def _binding(owner: int, account: int, instrument: int, strategy: str) -> QuerySet[Limit]:
    """0 is no instrument's id, and a limit of a strategy always names one."""
    mine = Q(scope=Scope.OWNER) | Q(scope=Scope.ACCOUNT, account=account)
    mine |= Q(scope=Scope.INSTRUMENT, instrument=instrument)
    mine |= Q(scope=Scope.STRATEGY, strategy=strategy)
    found = Limit.objects.filter(Q(scope=Scope.ALL) | Q(owner=owner) & mine, enabled=True)
    return found.select_related("account", "instrument").order_by("id")


def in_force(kind: Kind) -> Exists:
    """Whether any limit of that kind is, whomever it binds."""
    return Exists(Limit.objects.filter(kind=kind, enabled=True))


def of_account(account: Account) -> Q:
    """The limits on whole accounts that bind this one."""
    own = Q(scope=Scope.OWNER) | Q(scope=Scope.ACCOUNT, account=account)
    return Q(scope=Scope.ALL) | Q(owner=account.owner_id) & own


def limit_fact(limit: Limit, account: Account, *, at: dt.datetime, strategy: str = "") -> LimitFact:
    return LimitFact(
        id=limit.pk,
        kind=Kind(limit.kind),
        name=name_of(limit),
        scope=Scope(limit.scope),
        value=limit.value,
        unit=Unit(limit.unit),
        currency=limit.currency,
        words=tuple(limit.words),
        seconds=limit.seconds,
        window=Window(limit.window),
        window_key=key_of(limit, account, at=at, strategy=strategy),
        basis=Basis(limit.basis),
        trail=Trail(limit.trail),
        capital=limit.capital,
        lock_at=limit.lock_at,
        owner_id=limit.owner_id,
        account_id=limit.account_id,
        instrument_id=limit.instrument_id,
        strategy=limit.strategy,
        version=limit.version,
    )


def name_of(limit: Limit) -> str:
    """ "Loss of the day, account 123": what a sentence calls the limit."""
    label = KINDS[Kind(limit.kind)].label
    if limit.kind not in (Kind.LOSS, Kind.DRAWDOWN):
        return limit.about
    return f"{label} of the {limit.window or 'whole time'}, {limit.about}"


def key_of(limit: Limit, account: Account, *, at: dt.datetime, strategy: str = "") -> str:
    """Which counter of the limit this account has now: its own where each has one, one a window."""
    parts = [str(account.pk)] if KINDS[Kind(limit.kind)].each else []
    if limit.kind == Kind.STRATEGY_LOSS:
        parts = [str(account.pk), strategy]
    if limit.kind in (Kind.TRADES, Kind.STRATEGY_LOSS):
        parts.append(Calendar.of(account).day_of(at).isoformat())
    if limit.kind == Kind.LOSS:
        parts.append(window_of(limit, account, at)[0].isoformat())
    return ":".join(parts)[:80]


def with_latches(limits: Collection[LimitFact]) -> tuple[LimitFact, ...]:
    """The limits, with the moment at which each was found broken in its present window."""
    if not limits:
        return ()
    scopes = {f"limit:{limit.id}": limit for limit in limits}
    rows = Usage.objects.filter(scope__in=scopes, broken_at__isnull=False)
    broken = {(row.scope, row.key): row.broken_at for row in rows}
    return tuple(
        replace(limit, latched_at=broken.get((f"limit:{limit.id}", limit.window_key)))
        for limit in limits
    )


def blackouts_now(order: OrderFacts) -> tuple[BlackoutFact, ...]:
    """The windows of the owner and of everybody that run at the order's moment."""
    return tuple(
        BlackoutFact(
            id=window.pk,
            event=window.event,
            ends_at=window.ends_at,
            currency=window.currency,
            instrument_id=window.instrument_id,
        )
        for window in _running(order.at, order.owner_id)
    )


@prepared
def _running(at: dt.datetime, owner: int) -> QuerySet[Blackout]:
    return running(at, owner)


def running(at: dt.datetime, owner: int) -> QuerySet[Blackout]:
    found = Blackout.objects.filter(starts_at__lte=at, ends_at__gt=at)
    return found.filter(Q(owner=owner) | Q(owner=None))


# -- The order ---------------------------------------------------------------------------------
def completed(
    order: OrderFacts,
    account: Account,
    limits: Collection[LimitFact],
    rates: BrokerRates,
    *,
    again: bool = False,
) -> OrderFacts:
    """The order with the account's figures and its rate from the books, where trading gave none.

    again: for the last look, which asks for no free margin: the equity only where a limit is measured by it.
    """
    if order.intent == Intent.EXIT:
        return order
    filled = order
    if order.rate is None and order.quote:
        filled = replace(filled, rate=rates.figure(order.quote, order.currency))
    wants_equity = any(is_of_equity(limit) for limit in limits) and order.equity is None
    wants_margin = order.intent == Intent.ENTRY and order.free_margin is None and not again
    if wants_equity or wants_margin:
        filled = _with_account(filled, state_of(account, at=order.at, base=account.currency))
    return filled


def is_of_equity(limit: LimitFact) -> bool:
    return limit.kind in OF_EQUITY or limit.unit == Unit.PERCENT and limit.kind != Kind.PRICE_COLLAR


def _with_account(order: OrderFacts, state: AccountState) -> OrderFacts:
    """Figures are as old as the oldest price in them; of an account without positions they are of now."""
    at = state.prices_at or order.at
    equity = order.equity or _figure(state.equity, at)
    free = order.free_margin
    if free is None and not state.positions and state.equity is not None:
        free = Figure(state.equity, at)
    elif free is None:
        free = _figure(state.free_margin, at)
    return replace(order, equity=equity, free_margin=free)


def _figure(value: Decimal | None, at: dt.datetime) -> Figure | None:
    return None if value is None else Figure(value, at)


# -- The book ----------------------------------------------------------------------------------
def holdings_for(order: OrderFacts, limits: Collection[LimitFact]) -> tuple[Holding, ...]:
    """The open positions that the limits are about: of the account, of its owner, or of all.

    Without the one that is judged itself.
    """
    wanted = {limit.scope for limit in limits if limit.kind in OF_BOOKS}
    if not wanted:
        return ()
    rows = Position.objects.filter(open_volume__gt=0)
    if order.intent == Intent.HOLD:
        rows = rows.exclude(
            account=order.account_id, symbol=order.symbol_id, ref=order.position_ref
        )
    if Scope.ALL in wanted:
        pass
    elif wanted <= {Scope.ACCOUNT}:
        rows = rows.filter(account=order.account_id)
    else:
        rows = rows.filter(account__owner=order.owner_id)
    found = list(
        rows.select_related("account", "symbol__instrument", "symbol__broker", "symbol__last_quote")
    )
    symbols = {position.symbol_id: position.symbol for position in found}
    contracts = contracts_on(symbols.values(), order.at.date())
    return tuple(_holding(position, contracts.get(position.symbol_id)) for position in found)


def _holding(position: Position, terms: ContractTerms | None) -> Holding:
    instrument = position.symbol.instrument
    return Holding(
        account_id=position.account_id,
        owner_id=position.account.owner_id,
        symbol=position.symbol.name,
        instrument_id=position.symbol.instrument_id,
        ref=position.ref,
        side=position.side,
        lots=position.open_volume,
        base=instrument.base if instrument else None,
        quote=instrument.quote if instrument else None,
        point_value=None if terms is None else point_value(terms),
        price=_last_price(position),
        open_price=position.open_price,
        stop_loss=position.stop_loss,
    )


def point_value(terms: ContractTerms) -> Decimal:
    """Quote currency that one lot earns when the price moves by 1."""
    if terms.mode in BY_TICK and terms.tick_value is not None:
        return terms.tick_factor
    return terms.contract_size


def _last_price(position: Position) -> Decimal | None:
    quote = getattr(position.symbol, "last_quote", None)
    if quote and (position.mark_at is None or quote.at > position.mark_at):
        return Decimal((quote.bid + quote.ask) / 2)
    return position.mark_price or position.open_price


def closable(order: OrderFacts) -> Decimal:
    """Open lots that the exit may close: of its position, or of the symbol on the other side."""
    rows = Position.objects.filter(
        account=order.account_id, symbol=order.symbol_id, open_volume__gt=0
    ).exclude(side=order.side)
    if order.position_ref:
        rows = rows.filter(ref=order.position_ref)
    return sum(rows.values_list("open_volume", flat=True), ZERO)


def opened_in(order: OrderFacts, account: Account, limits: Collection[LimitFact]) -> dict[int, int]:
    """Orders that opened or added in the account's trading day, by limit of trades."""
    found = {}
    for limit in limits:
        if limit.kind == Kind.TRADES:
            found[limit.id] = _opened(limit, order, account)
    return found


def _opened(limit: LimitFact, order: OrderFacts, account: Account) -> int:
    calendar = Calendar.of(account)
    start, end = calendar.bounds(calendar.day_of(order.at))
    if limit.scope == Scope.STRATEGY:
        return len(_filled_of(limit.strategy, order.owner_id, start, end))
    mine = _of_limit(limit)
    deals = Deal.objects.filter(mine, at__gte=start, at__lt=end, entry__in=ADDING, reverses=None)
    orders, told = set(), set()
    for who, number, ref, key, pk in deals.values_list(
        "account", "broker_order_id", "position_ref", "key", "pk"
    ):
        orders.add((who, number or pk))
        told.add((who, ref or key))
    # A platform that does not say what a deal did: by the positions that began.
    began = Position.objects.filter(mine, opened_at__gte=start, opened_at__lt=end)
    return len(orders) + len(set(began.values_list("account", "ref")) - told)


def _filled_of(strategy: str, owner: int, start: dt.datetime, end: dt.datetime) -> set[str]:
    """Client ids of the strategy's entries that were filled then, in part or whole.

    The books do not know strategies: what was reserved does, also long before. Deals that name no id of ours are
    found by an order that was reserved in the same time.
    """
    entries = Reservation.objects.filter(account__owner=owner, strategy=strategy, intent="entry")
    deals = Deal.objects.filter(account__owner=owner, kind=Deal.Kind.TRADE, reverses=None)
    filled = deals.filter(
        at__gte=start, at__lt=end, client_order_id__in=entries.values("client_order_id")
    )
    now = entries.filter(at__gte=start, at__lt=end, consumed__gt=0)
    ids = filled.values_list("client_order_id"), now.values_list("client_order_id")
    return {client_id for rows in ids for (client_id,) in rows}


ADDING = (Deal.Entry.IN, Deal.Entry.IN_OUT)


def _of_limit(limit: Limit) -> Q:
    """Deals and positions that the limit is about."""
    mine = Q()
    if limit.owner_id is not None:
        mine &= Q(account__owner=limit.owner_id)
    if limit.scope == Scope.ACCOUNT:
        mine &= Q(account=limit.account_id)
    if limit.scope == Scope.INSTRUMENT:
        mine &= Q(symbol__instrument=limit.instrument_id)
    return mine


# -- Other orders ------------------------------------------------------------------------------
class Others(NamedTuple):
    """held: what has not filled of other entries of the account that are on their way or working.

    twins: when other origins asked for the same order; one that ended without a fill is none. is_reserved:
    whether the order has a reservation of its own already.
    """

    held: tuple[Ask, ...]
    twins: tuple[dt.datetime, ...]
    is_reserved: bool


def others_of(order: OrderFacts, within: Decimal) -> Others:
    """What is reserved beside the order. within: seconds in which others may be its twins."""
    gap = dt.timedelta(seconds=float(within))
    rows = _others(
        order.account_id,
        order.client_order_id,
        order.origin,
        fingerprint(order),
        order.at - gap,
        order.at + gap,
    )
    of = {what: [tuple(row) for found, *row in rows if found == what] for what in (HELD, TWIN, OWN)}
    return Others(
        held=tuple(part_of(ask_from(ask), ONE - used) for ask, _, used in of[HELD]),
        twins=tuple(at for _, at, _ in of[TWIN]),
        is_reserved=bool(of[OWN]),
    )


HELD, TWIN, OWN = range(3)


@prepared
def _others(
    account: int, own: str, origin: str, alike: str, after: dt.datetime, before: dt.datetime
) -> QuerySet[Any]:
    """Three questions in one, each of which has an index of its own."""
    mine = Reservation.objects.filter(client_order_id=own)
    twins = Reservation.objects.filter(
        account=account, fingerprint=alike, at__gt=after, at__lt=before
    )
    twins = twins.exclude(client_order_id=own).exclude(origin=origin)
    twins = twins.exclude(over_at__isnull=False, consumed=0)
    parts = {HELD: _held(own).filter(account=account), TWIN: twins, OWN: mine}
    first, *more = (
        rows.order_by().values_list(Value(what), "ask", "at", "consumed")
        for what, rows in parts.items()
    )
    return first.union(*more, all=True)


def held_still(order: OrderFacts, limits: Collection[LimitFact]) -> list[Reservation]:
    """Entries that hold something and that these limits may be about, its own as well.

    Locked, in one order for everybody: none of them is filled or let go until the caller's transaction ends.
    """
    rows = _held("").select_for_update(of=("self",))
    if all(limit.owner_id is not None for limit in limits):
        rows = rows.filter(account__owner=order.owner_id)
    return list(rows)


def _held(but: str) -> QuerySet[Reservation]:
    rows = Reservation.objects.filter(over_at=None, intent="entry").order_by("id")
    return rows.exclude(client_order_id=but)


def fingerprint(order: OrderFacts) -> str:
    """The same for two orders that would do the same: account, symbol, side, size, price, strategy."""
    price = "" if order.price is None else f"{order.price.normalize():f}"
    parts = (
        order.account_id, order.symbol_id, order.side, f"{order.lots.normalize():f}", price,
        order.intent, order.strategy, order.position_ref,
    )  # fmt: skip
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()


# What is ahead of an order was entered before the clock was set back; farther ahead nobody can say when.
SET_BACK = dt.timedelta(days=1)


def entries_in(order: OrderFacts, limits: Collection[LimitFact]) -> dict[int, int]:
    """Automatic entries within each limit's window, whatever became of them."""
    return {limit.id: _entries(limit, order) for limit in limits if limit.kind == Kind.ENTRIES}


def _entries(limit: LimitFact, order: OrderFacts) -> int:
    since = order.at - dt.timedelta(seconds=limit.seconds or 0)
    rows = Reservation.objects.filter(
        automatic=True, intent="entry", at__gt=since, at__lt=order.at + SET_BACK
    )
    rows = rows.exclude(client_order_id=order.client_order_id)
    if limit.owner_id is not None:
        rows = rows.filter(account__owner=limit.owner_id)
    if limit.scope == Scope.ACCOUNT:
        rows = rows.filter(account=limit.account_id)
    if limit.scope == Scope.INSTRUMENT:
        rows = rows.filter(instrument=limit.instrument_id)
    if limit.scope == Scope.STRATEGY:
        rows = rows.filter(strategy=limit.strategy)
    return rows.count()


def parent_used(order: OrderFacts) -> Decimal:
    """Lots of the parent's parts that were filled."""
    if not order.parent:
        return ZERO
    rows = Reservation.objects.filter(account__owner=order.owner_id, parent=order.parent)
    rows = rows.exclude(client_order_id=order.client_order_id)
    return sum((row.lots * row.consumed for row in rows), ZERO)


# -- Losses ------------------------------------------------------------------------------------
def losses(
    order: OrderFacts, account: Account, limits: Collection[Limit]
) -> tuple[dict[int, Losses], dict[int, BestDay]]:
    """Where the account stands against each limit of loss; equity that is not known stays None."""
    of_loss = [limit for limit in limits if limit.kind in (Kind.LOSS, Kind.DRAWDOWN)]
    of_days = [limit for limit in limits if limit.kind == Kind.BEST_DAY]
    if not of_loss and not of_days:
        return {}, {}
    result = None if order.equity is None else result_of(account, order.equity.value)
    kept = _kept(of_loss, account, order.at)
    found = {
        limit.pk: losses_of(limit, account, at=order.at, result=result, usage=kept.get(limit.pk))
        for limit in of_loss
    }
    best = {limit.pk: best_day_of(limit, account, at=order.at, result=result) for limit in of_days}
    return found, best


def _kept(limits: Collection[Limit], account: Account, at: dt.datetime) -> Mapping[int, Usage]:
    keys = {f"limit:{limit.pk}": (limit.pk, key_of(limit, account, at=at)) for limit in limits}
    rows = Usage.objects.filter(scope__in=keys)
    return {keys[row.scope][0]: row for row in rows if row.key == keys[row.scope][1]}


# -- An ask in the database --------------------------------------------------------------------
def ask_json(ask: Ask) -> dict[str, Any]:
    return {name: _plain(value) for name, value in asdict(ask).items()}


def ask_from(stored: Mapping[str, Any]) -> Ask:
    money = {
        name: None if stored[name] is None else Decimal(stored[name])
        for name in ("notional", "risk", "margin")
    }
    legs = stored["legs"]
    return Ask(
        **{
            **stored,
            **money,
            "lots": Decimal(stored["lots"]),
            "legs": None if legs is None else {code: Decimal(v) for code, v in legs.items()},
        }
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return f"{value:f}" if isinstance(value, Decimal) else value
