"""MT4 tickets become deals: a position is the chain of tickets that its partial closes made.

A partial close ends the ticket with the comment "to #N" and opens the rest as ticket N, "from #M".
A close by an opposite ticket says "close hedge by #N" and may print the second volume as 0.00.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from accounts.statements import base
from accounts.statements.base import DealLine, OpenPositionLine
from accounts.statements.mt4_rows import CLOSED, OPEN, Ticket
from accounts.statements.words import opposite

LINK = re.compile(r"(?:#\d+\s+)?(?:split\s+)?(to|from) #(\d+)\s*(?:\[.*\]?)?", re.IGNORECASE)
REST = re.compile(r"(?:#\d+\s+)?partial close\s*(?:\[.*\]?)?", re.IGNORECASE)
HEDGE = re.compile(r"close hedge by #(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Chain:
    """The tickets of one position. is_whole: the file holds the first and every following one."""

    root: str
    tickets: tuple[Ticket, ...]
    is_whole: bool


def chains(tickets: Iterable[Ticket]) -> list[Chain]:
    """Group the tickets into positions, in the order of the file."""
    by_number = {ticket.number: ticket for ticket in tickets}
    before = _predecessors(by_number)
    groups: dict[str, list[Ticket]] = defaultdict(list)
    for ticket in by_number.values():
        groups[_root(ticket.number, before)].append(ticket)
    return [
        Chain(root, tuple(group), root in by_number and not _leads_out(group, by_number))
        for root, group in groups.items()
    ]


def deals_of(chain: Chain) -> list[DealLine]:
    """The opening deal and one closing deal for every ticket of the chain that is closed."""
    return [_opening(chain), *(_closing(chain.root, t) for t in chain.tickets if t.closed_at)]


def open_line(chain: Chain, ticket: Ticket) -> OpenPositionLine:
    """A ticket that is still open, as part of its position."""
    return OpenPositionLine(
        row=ticket.row,
        section=OPEN,
        position_ref=chain.root,
        symbol=ticket.symbol,
        side=ticket.side,
        volume=ticket.volume,
        open_price=ticket.open_price,
        time_text=ticket.opened_at,
        stop_loss=ticket.stop_loss,
        take_profit=ticket.take_profit,
        market_price=ticket.price,
        profit=ticket.profit,
        swap=ticket.swap,
        commission=ticket.commission,
        tax=ticket.tax,
        comment=ticket.comment,
    )


def with_hedged_volumes(tickets: list[Ticket]) -> list[Ticket]:
    """Give a ticket of volume 0 that closed an opposite one the volume of that one."""
    by_number = {ticket.number: ticket for ticket in tickets}
    return [_hedged(ticket, by_number) for ticket in tickets]


def _hedged(ticket: Ticket, by_number: dict[str, Ticket]) -> Ticket:
    match = HEDGE.search(ticket.comment)
    partner = by_number.get(match[1]) if match else None
    if ticket.volume or partner is None or partner.symbol != ticket.symbol:
        return ticket
    return replace(ticket, volume=partner.volume)


def _predecessors(by_number: dict[str, Ticket]) -> dict[str, str]:
    before: dict[str, str] = {}
    for ticket in by_number.values():
        if match := LINK.fullmatch(ticket.comment):
            other = match[2]
            pair = (other, ticket.number) if match[1].lower() == "from" else (ticket.number, other)
            if _may_follow(pair, by_number):
                before[pair[1]] = pair[0]
    return _with_unnamed_rests(before, by_number)


def _may_follow(pair: tuple[str, str], by_number: dict[str, Ticket]) -> bool:
    """Whether the second ticket can be the rest of the first: a later number, the same holding."""
    first, second = (by_number.get(number) for number in pair)
    later = int(pair[0]) < int(pair[1])
    return later and (first is None or second is None or _holding(first) == _holding(second))


def _holding(ticket: Ticket) -> tuple[object, ...]:
    return ticket.symbol, ticket.side, ticket.open_price


def _with_unnamed_rests(before: dict[str, str], by_number: dict[str, Ticket]) -> dict[str, str]:
    """Link a rest that does not name its origin to the latest earlier ticket of its opening."""
    latest: dict[tuple[object, ...], str] = {}
    for ticket in sorted(by_number.values(), key=lambda ticket: int(ticket.number)):
        opening = (*_holding(ticket), ticket.opened_at)
        if REST.fullmatch(ticket.comment) and opening in latest:
            before.setdefault(ticket.number, latest[opening])
        latest[opening] = ticket.number
    return before


def _root(number: str, before: dict[str, str]) -> str:
    seen = {number}
    while (earlier := before.get(number)) and earlier not in seen:
        seen.add(earlier)
        number = earlier
    return number


def _leads_out(group: list[Ticket], by_number: dict[str, Ticket]) -> bool:
    links = (LINK.fullmatch(ticket.comment) for ticket in group)
    return any(link[2] not in by_number for link in links if link)


def _opening(chain: Chain) -> DealLine:
    first = min(chain.tickets, key=lambda ticket: int(ticket.number))
    return DealLine(
        row=first.row,
        section=CLOSED if first.closed_at else OPEN,
        kind=base.TRADE,
        time_text=first.opened_at,
        broker_deal_id=f"{chain.root}:open",
        symbol=first.symbol,
        side=first.side,
        entry=base.IN,
        volume=sum((ticket.volume for ticket in chain.tickets), base.ZERO),
        price=first.open_price,
        position_ref=chain.root,
        order_id=chain.root,
        inferred=not chain.is_whole,
    )


def _closing(root: str, ticket: Ticket) -> DealLine:
    return DealLine(
        row=ticket.row,
        section=CLOSED,
        kind=base.TRADE,
        time_text=ticket.closed_at,
        broker_deal_id=f"{ticket.number}:close",
        symbol=ticket.symbol,
        side=opposite(ticket.side),
        entry=base.OUT_BY if HEDGE.search(ticket.comment) else base.OUT,
        volume=ticket.volume,
        price=ticket.price,
        profit=ticket.profit,
        swap=ticket.swap,
        commission=ticket.commission,
        tax=ticket.tax,
        position_ref=root,
        order_id=ticket.number,
        comment=ticket.comment,
    )
