"""The one question trading asks before an order, and what becomes of the answer afterwards.

Everything here runs inside the transaction of the caller, who writes the order's next state in it: the
reservation and the state stand or fall together. Whatever cannot be judged is refused.
"""

from __future__ import annotations

from decimal import Decimal

from risk.facts import OrderFacts, Verdict


def authorise(facts: OrderFacts) -> Verdict:
    """Judge the order by every rule and, when all pass, reserve what it may use under its client id.

    Call it inside a transaction. Exits are judged by their own short list. An order that has its
    reservation already (an amendment) is judged anew and holds the larger of both until it is settled.
    Never raises for a rule that fails: that is a refusal, CONTROL_ERROR. Where other workers hold the
    counters for too long the refusal is BUSY; nothing is reserved then and it may be asked again.
    """
    raise NotImplementedError


def recheck(facts: OrderFacts) -> Verdict:
    """The last look before sending: kill switch, age, session, accounts and limits lowered meanwhile.

    Call it inside the transaction that claims the order: the kill switch is locked shared until its end,
    so that no send begins after a stop is committed. Reserves nothing; an order without a reservation, or
    one reserved under another epoch of the switch, is refused.
    """
    raise NotImplementedError


def consume(client_order_id: str, *, share: Decimal) -> None:
    """A part of the order was filled: that share (of its whole size, 0 to 1) is used, no longer reserved.

    Call it in the transaction that books the deal, or after it: before, others could see neither. Shares
    add up; what is beyond the whole is ignored, as is an id that holds nothing.
    """
    raise NotImplementedError


def release(client_order_id: str) -> None:
    """The order is over: what it still held is free again. Safe to repeat; unknown ids do nothing."""
    raise NotImplementedError


def may_send_message(*, account_id: int, at: object, cancels: bool = False) -> bool:
    """Whether one more request may go to the account's broker now, and if so counts it.

    cancels: a cancel or a close, which have a reserve of their own that orders cannot use up.
    """
    raise NotImplementedError
