"""Which position a closing deal of a hedging account belongs to.

An MT5 report does not print a deal's position. The position's number is that of the order which opened
it, and the Positions section sums up what closed it; that is enough in nearly all cases. What is not
proven stays empty.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Iterator
from decimal import Decimal
from itertools import islice

from accounts.statements import base
from accounts.statements.base import ZERO, DealLine
from accounts.statements.mt5_rows import ClosedPosition, Sheet
from accounts.statements.words import opposite

CLOSINGS = frozenset({base.OUT, base.OUT_BY})
# Bounds of the search, far beyond what traders do, so that no file can make it endless.
MOST_PARTS = 24
MOST_WINDOW = 500
MOST_STEPS = 20_000
MOST_STEPS_IN_ALL = 2_000_000
MOST_OPEN = 500
END_OF_TIME = "9999"

REF = DealLine._fields.index("position_ref")


def with_positions(sheet: Sheet) -> list[DealLine]:
    """The deals of a hedging account with the position of each that is proven."""
    refs = _Refs(sheet)
    refs.match_openings()
    refs.match_whole(lambda p: (p.close_price, p.swap), lambda d: (d.price, d.swap))
    refs.match_whole(lambda p: p.swap, lambda d: d.swap)
    refs.match_parts()
    refs.match_open_remainders()
    refs.match_last_parts()
    refs.match_only_candidates()
    return [
        DealLine._make((*deal[:REF], ref, *deal[REF + 1 :])) if (ref := refs.found.get(i)) else deal
        for i, deal in enumerate(sheet.deals)
    ]


def begins_at_zero(deals: list[DealLine]) -> bool:
    return bool(deals) and deals[0].balance_after == deals[0].amount


class _Refs:
    """The search for positions, from certain to less so; `found` maps a deal's index to its position."""

    def __init__(self, sheet: Sheet) -> None:
        self.deals = sheet.deals
        self.sheet = sheet
        self.found: dict[int, str] = {}
        self.open_positions = list(sheet.positions)
        self.steps_left = MOST_STEPS_IN_ALL

    def match_openings(self) -> None:
        for i, deal in enumerate(self.deals):
            if deal.entry == base.IN and deal.order_id:
                self.found[i] = deal.order_id

    def match_whole(
        self,
        of_position: Callable[[ClosedPosition], Hashable],
        of_deal: Callable[[DealLine], Hashable],
    ) -> None:
        """Positions closed by one deal: symbol, side, volume, time, profit and the given values agree.

        Where several agree alike they are interchangeable, and the file's order decides.
        """
        waiting: dict[Hashable, deque[int]] = defaultdict(deque)
        for i, deal in self._closings():
            key = (deal.symbol, deal.side, deal.volume, deal.time_text, deal.profit, of_deal(deal))
            waiting[key].append(i)
        rest = []
        for p in self.open_positions:
            side = opposite(p.side)
            key = (p.symbol, side, p.volume, p.closed_at, p.profit, of_position(p))
            if waiting[key]:
                self.found[waiting[key].popleft()] = p.position_id
            else:
                rest.append(p)
        self.open_positions = rest

    def match_parts(self) -> None:
        """Positions closed in several deals whose volumes, profits and swaps sum up to the row's."""
        rest = []
        groups = self._closings_by_side()
        for p in self.open_positions:
            group = groups[p.symbol, opposite(p.side)]
            parts = self._parts_of(p, self._between(group, p.opened_at, p.closed_at))
            self.found.update(dict.fromkeys(parts, p.position_id))
            if not parts:
                rest.append(p)
        self.open_positions = rest

    def match_open_remainders(self) -> None:
        """Open positions smaller than their opening: the closings that make up the difference."""
        opened: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for deal in self.deals:
            if deal.entry == base.IN:
                opened[deal.order_id] += deal.volume or ZERO
        groups = self._closings_by_side()
        for line in self.sheet.open_positions:
            gone = opened[line.position_ref] - line.volume
            if gone <= 0:
                continue
            group = groups[line.symbol, opposite(line.side)]
            candidates = self._between(group, line.time_text, END_OF_TIME)
            ways = list(islice(self._sums_to(candidates, gone), 2))
            if len(ways) == 1:
                self.found.update(dict.fromkeys(ways[0], line.position_ref))

    def match_last_parts(self) -> None:
        """Positions of which a part was closed before the first row: what closed the rest.

        Their rows sum up deals that the file does not show, so that only being the only one of the
        symbol and side whose closings are looked for proves it.
        """
        groups = self._closings_by_side()
        seeking = Counter((p.symbol, p.side) for p in self.open_positions)
        seeking.update((line.symbol, line.side) for line in self.sheet.open_positions)
        opened = set(self.found.values())
        for p in self.open_positions:
            if seeking[p.symbol, p.side] > 1 or p.position_id in opened:
                continue
            group = groups[p.symbol, opposite(p.side)]
            parts = self._between(group, p.opened_at, p.closed_at)
            lots = sum((self.deals[i].volume or ZERO for i in parts), ZERO)
            if parts and lots < p.volume and self._time_of(parts[-1]) == p.closed_at:
                self.found.update(dict.fromkeys(parts, p.position_id))

    def match_only_candidates(self) -> None:
        """Closings at a moment when just one position of that symbol and side could be meant."""
        if not begins_at_zero(self.deals):
            return
        books: dict[tuple[str, str], _Book] = defaultdict(_Book)
        for i, deal in enumerate(self.deals):
            volume = deal.volume or ZERO
            if deal.entry == base.IN:
                books[deal.symbol, deal.side].open(deal.order_id, volume)
            elif deal.entry in CLOSINGS:
                book = books[deal.symbol, opposite(deal.side)]
                ref = self.found.get(i) or book.only_candidate(volume)
                book.close(ref, volume)
                if ref:
                    self.found[i] = ref

    def _closings(self) -> Iterator[tuple[int, DealLine]]:
        for i, deal in enumerate(self.deals):
            if deal.entry in CLOSINGS and i not in self.found:
                yield i, deal

    def _closings_by_side(self) -> dict[tuple[str, str], list[int]]:
        groups: dict[tuple[str, str], list[int]] = defaultdict(list)
        for i, deal in self._closings():
            groups[deal.symbol, deal.side].append(i)
        return groups

    def _between(self, group: list[int], start: str, end: str) -> list[int]:
        """The latest closings from `start` to `end` that have no position yet."""
        first = bisect_left(group, start, key=self._time_of)
        beyond = bisect_right(group, end, lo=first, key=self._time_of)
        window = group[max(first, beyond - MOST_WINDOW) : beyond]
        return [i for i in window if i not in self.found][-MOST_PARTS:]

    def _time_of(self, index: int) -> str:
        return self.deals[index].time_text

    def _parts_of(self, p: ClosedPosition, candidates: list[int]) -> tuple[int, ...]:
        for parts in self._sums_to(candidates, p.volume):
            chosen = [self.deals[i] for i in parts]
            is_it = (
                chosen[-1].time_text == p.closed_at
                and sum((d.profit for d in chosen), ZERO) == p.profit
                and sum((d.swap for d in chosen), ZERO) == p.swap
            )
            if is_it:
                return parts
        return ()

    def _sums_to(self, candidates: list[int], volume: Decimal) -> Iterator[tuple[int, ...]]:
        """The sets of candidates, in the file's order, whose volumes sum up to `volume`."""
        stack: list[tuple[int, Decimal, tuple[int, ...]]] = [(0, volume, ())]
        for _ in range(min(MOST_STEPS, self.steps_left)):
            if not stack:
                return
            self.steps_left -= 1
            at, left, parts = stack.pop()
            if not left:
                yield parts
            elif at < len(candidates):
                stack.append((at + 1, left, parts))
                size = self.deals[candidates[at]].volume or ZERO
                if size <= left:
                    stack.append((at + 1, left - size, (*parts, candidates[at])))


class _Book:
    """The open positions of one symbol and side, as far as they are certain."""

    def __init__(self) -> None:
        self.volumes: dict[str, Decimal] = {}
        self.in_doubt = ZERO

    def open(self, ref: str, volume: Decimal) -> None:
        self.volumes[ref] = self.volumes.get(ref, ZERO) + volume

    def only_candidate(self, volume: Decimal) -> str:
        if self.in_doubt or len(self.volumes) > MOST_OPEN:
            return ""
        able = [ref for ref, held in self.volumes.items() if held >= volume]
        return able[0] if len(able) == 1 else ""

    def close(self, ref: str, volume: Decimal) -> None:
        if not ref or ref not in self.volumes:
            self.in_doubt += volume
        else:
            self.volumes[ref] -= volume
            if self.volumes[ref] <= 0:
                del self.volumes[ref]
        if sum(self.volumes.values(), ZERO) <= self.in_doubt:
            self.volumes, self.in_doubt = {}, ZERO
