"""What lay before a file's first row: the balance and the positions that it proves but does not show.

Both follow from all booked files together, so that the order of their arrival does not matter: what
an earlier file explains is not inferred, what it explains in part is inferred for the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

from accounts import booking
from accounts.booking import NewDeal
from accounts.models import Account, Deal, StatementImport, StatementLine
from accounts.statements import base
from accounts.statements.lines import new_deal
from accounts.statements.matching import known_deals
from accounts.statements.opening_balances import Opening, find_balances
from accounts.statements.opening_positions import Fate, find_positions
from brokers.models import BrokerSymbol

OPENING_TEXT = "What was there before the first row of the statement"


def settle(account: Account) -> set[int]:
    """Bring the inferred deals to what the booked files prove. Returns the symbols to derive."""
    positions = find_positions(account, _symbol_ids(account))
    wanted = {deal.key: (deal, line) for deal, line in positions}
    openings, _ = find_balances(account)
    proved = {key: (deal, line.statement) for key, (deal, line) in wanted.items()}
    proved |= {o.key: (_balance_deal(o), o.statement) for o in openings}
    symbols = _bring(account, proved)
    _link(account, wanted)
    return symbols


def _bring(account: Account, proved: dict[str, tuple[NewDeal, StatementImport]]) -> set[int]:
    """Take out the inferred deals that are no longer proved, add those that are proved now."""
    stored = {key: (number, deal) for number, key, deal in _stored(account)}
    same = {
        key for key, (deal, statement) in proved.items()
        if key in stored and stored[key][1] == (deal, statement.pk)
    }  # fmt: skip
    gone = [number for key, (number, _) in stored.items() if key not in same]
    symbols = booking.remove(account, gone) if gone else set()
    for key, (deal, statement) in proved.items():
        if key not in same:
            booking.book(account, [deal], statement=statement)
            symbols |= {deal.symbol_id} - {None}
    return symbols


def _stored(account: Account) -> Iterator[tuple[int, str, tuple[NewDeal, int | None]]]:
    """The inferred deals in the books: id, key, and what they say with the file that proved it."""
    ids = _symbol_ids(account)
    mine = Deal.objects.filter(account=account, inferred=True)
    provers = dict(mine.values_list("id", "statement_id"))
    for deal in known_deals(account, "account_id = %s AND inferred = %s", [account.pk, True]):
        said = new_deal(deal.key, deal.values, ids, inferred=True)
        yield deal.id, deal.key, (said, provers[deal.id])


def _symbol_ids(account: Account) -> dict[str, int]:
    return dict(BrokerSymbol.objects.filter(broker=account.broker_id).values_list("name", "id"))


def _balance_deal(opening: Opening) -> NewDeal:
    return NewDeal(
        opening.key, base.OPENING, opening.at, "statement",
        profit=opening.amount, comment=OPENING_TEXT, inferred=True,
    )  # fmt: skip


def _link(account: Account, wanted: dict[str, tuple[NewDeal, StatementLine]]) -> None:
    """Tie the lines that prove an inferred deal to it; the others were superseded by real rows."""
    ids = dict(
        Deal.objects.filter(account=account, inferred=True, kind=base.TRADE).values_list(
            "key", "id"
        )
    )
    proved = {line.pk: ids[key] for key, (_, line) in wanted.items()}
    lines = StatementLine.objects.filter(
        statement__account=account, fate__in=(Fate.INFERRED, Fate.SUPERSEDED)
    )
    changed = []
    for line in lines:
        fate = Fate.INFERRED if line.pk in proved else Fate.SUPERSEDED
        if (line.fate, line.deal_id) != (fate, proved.get(line.pk)):
            line.fate, line.deal_id = fate, proved.get(line.pk)
            changed.append(line)
    StatementLine.objects.bulk_update(changed, ["fate", "deal"], batch_size=500)
