"""What all entries by hand share: how they are checked, booked and noted."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from django.utils import timezone

from accounts.booking import NewDeal, book, derive, lock
from accounts.models import Account, Deal
from brokers.models import BrokerSymbol
from brokers.services import symbol_for
from tradershub.core.audit import record
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.validators import BETWEEN, is_countable
from tradershub.finance.decimals import ZERO, post_money, to_decimal
from tradershub.finance.money import currency_digits
from tradershub.finance.sides import OPPOSITE

Number = Decimal | int | str
SOURCE = Deal.Source.MANUAL.value


def entered(account: Account, deal: NewDeal, *, actor: Any, action: str, words: str) -> Deal:
    booked = book(account, [deal])
    if deal.key in booked.existing:
        raise Conflict(f"Deal {deal.key} is booked in {account} already", param="broker_deal_id")
    derive(account, symbols={deal.symbol_id} if deal.symbol_id else set(), since=deal.at)
    row = Deal.objects.select_related("account", "symbol").get(pk=booked.new[deal.key])
    details = {
        name: value for name, value in deal._asdict().items() if value not in (None, "", ZERO)
    }
    record(action, actor=actor, target=row, summary=words, details=details, owner=account.owner_id)
    return row


def open_and_locked(account: Account) -> Account:
    """The account, ours until the transaction ends. Raises Conflict where it is closed."""
    account = lock(account)
    check_open(account)
    return account


def check_open(account: Account) -> None:
    """Raises Conflict where the account is closed."""
    if not account.is_open:
        raise Conflict(f"{account} is closed: reopen it before you book there")


def symbol_of(account: Account, symbol: BrokerSymbol | str) -> BrokerSymbol:
    """The account's broker's symbol, by itself or by its name."""
    if isinstance(symbol, str):
        if not symbol.strip():
            raise BadInput("The symbol is empty: expected a name such as EURUSD", param="symbol")
        return symbol_for(account.broker, symbol.strip())
    if symbol.broker_id != account.broker_id:
        raise BadInput(
            f"{symbol} belongs to another broker, expected a symbol of {account.broker}",
            param="symbol",
        )
    return symbol


def side_of(side: str) -> str:
    if side not in OPPOSITE:
        raise BadInput(f"Expected buy or sell, found {side!r}", param="side")
    return side


def moment(at: dt.datetime | None, *, param: str = "at") -> dt.datetime:
    """The moment of an entry: now by default. Raises BadInput for one to come, or without a zone."""
    now = timezone.now()
    if at is None:
        return now
    if at.tzinfo is None:
        raise BadInput(f"Expected a time with its zone, found {at.isoformat()}", param=param)
    if at > now:
        raise BadInput(
            f"Expected a time that has passed, found {at:%Y-%m-%d %H:%M:%S %Z}", param=param
        )
    if not is_countable(at):
        raise BadInput(f"Expected a time {BETWEEN}, found {at:%Y-%m-%d}", param=param)
    return at.astimezone(dt.UTC)


def number(value: Number, name: str) -> Decimal:
    """The exact number. Raises BadInput naming the field."""
    try:
        return to_decimal(value)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{name}: {error}", param=name) from error


def positive(value: Number, name: str) -> Decimal:
    found = number(value, name)
    if found <= 0:
        raise BadInput(f"{name}: expected a number above zero, found {plain(found)}", param=name)
    return found


def money(value: Number, name: str, currency: str) -> Decimal:
    """An amount that the currency can pay. Raises BadInput for one with more digits than it has."""
    found = number(value, name)
    digits = currency_digits(currency)
    if found != post_money(found, digits):
        most = f"at most {digits} decimals" if digits else "no decimals"
        raise BadInput(f"{name}: expected {most} in {currency}, found {plain(found)}", param=name)
    return found


def plain(value: Decimal) -> str:
    """A number without the zeros at its end."""
    return f"{value.normalize():f}"


def own_key(prefix: str) -> str:
    """A key that no broker gives, sorted by when it was made."""
    return f"{prefix}-{timezone.now():%Y%m%d%H%M%S%f}"
