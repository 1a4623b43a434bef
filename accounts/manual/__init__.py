"""Entries by hand: each books or changes one thing, derives what follows, and writes one audit entry.

Amounts are in the account's currency. A refusal is BadInput (mend the entry) or Conflict (the books forbid
it now) with one sentence; nothing of it is written.
"""

from accounts.manual.closings import check_closable
from accounts.manual.money import CHARGES, charge, deposit, withdrawal
from accounts.manual.orders import (
    cancel_order,
    check_working,
    fill_order,
    held_position,
    modify_order,
    place_order,
)
from accounts.manual.reversal import check_reversible, reverse
from accounts.manual.trades import Costs, close_position, trade

__all__ = [
    "CHARGES",
    "Costs",
    "cancel_order",
    "charge",
    "check_closable",
    "check_reversible",
    "check_working",
    "close_position",
    "deposit",
    "fill_order",
    "held_position",
    "modify_order",
    "place_order",
    "reverse",
    "trade",
    "withdrawal",
]
