"""Accounts at a venue of our own: opened with their terms, their first money and the way to them.

Terms that a person adds or corrects later are granted by the venue from their day on.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.manual.entries import Number, money, positive
from accounts.models import Account, AccountTerms
from accounts.services import open_account
from brokers.adapters.errors import AdapterError
from brokers.adapters.paper import PaperAdapter
from brokers.catalogue import CURRENCIES
from brokers.models import Broker, FxRate, Instrument
from brokers.papers import open_paper_venue, open_venue_account
from tradershub.core.errors import BadInput

MOST = Decimal(10) ** 9
GRANTED = "granted"  # under which the session keeps the terms that the venue knows


@transaction.atomic
def open_paper_account(
    *,
    actor: Any,
    owner: Any,
    name: str,
    currency: str,
    deposit: Number,
    leverage: int = 30,
    mode: str = Account.Mode.HEDGING,
    margin_call_level: Number = 100,
    stop_out_level: Number = 50,
    like: Broker | None = None,
    **feed: Any,
) -> Account:
    """A paper account with a venue of its own; the deposit comes into the books as the keeper looks at it.

    like: the broker whose symbols and terms it has; those of the starter catalogue without one. feed: settings
    of the paper platform, as where its prices come from. Raises BadInput for what is wrong or taken.
    """
    if not name.strip():
        raise BadInput("The name is empty: expected what to call the account", param="name")
    currency = currency.upper()
    _refuse_unknown(currency)
    paid_in = money(positive(deposit, "deposit"), "deposit", currency)
    if paid_in > MOST:
        raise BadInput(
            f"Expected a deposit of at most {MOST:,f}, found {paid_in:f}", param="deposit"
        )
    connection = open_paper_venue(actor=actor, owner=owner, name=name, like=like, **feed)
    account = open_account(
        actor=actor,
        owner=owner,
        broker=connection.broker,
        number=f"P{connection.pk}",
        currency=currency,
        leverage=leverage,
        margin_call_level=margin_call_level,
        stop_out_level=stop_out_level,
        name=name.strip(),
        kind=Account.Kind.PAPER,
        mode=mode,
        platform=connection.platform,
        connection=connection,
        may_trade=True,
    )
    try:
        open_venue_account(
            connection,
            account.number,
            currency=currency,
            mode=account.mode,
            leverage=leverage,
            call_level=Decimal(margin_call_level),
            stop_level=Decimal(stop_out_level),
            deposit=paid_in,
        )
    except AdapterError as error:
        raise BadInput(error.message) from error
    return account


def _refuse_unknown(currency: str) -> None:
    """Nothing could be sized, valued or summed up there."""
    if currency in CURRENCIES or FxRate.objects.filter(currency=currency).exists():
        return
    if not Instrument.objects.filter(Q(base=currency) | Q(quote=currency)).exists():
        raise BadInput(
            f"Expected a currency that an instrument or a reference rate is in, as USD, found {currency}",
            param="currency",
        )


def grant_terms(account: Account, adapter: PaperAdapter) -> bool:
    """Have the venue grant the account's terms of today; whether they were others before."""
    in_force = AccountTerms.objects.filter(account=account, valid_from__lte=timezone.now().date())
    terms = in_force.order_by("-valid_from").first()
    if terms is None:
        return False
    wanted = [str(terms.leverage), f"{terms.margin_call_level:f}", f"{terms.stop_out_level:f}"]
    if adapter.session.load(GRANTED) == wanted:
        return False
    adapter.change_rules(
        leverage=Decimal(terms.leverage),
        call_level=terms.margin_call_level,
        stop_level=terms.stop_out_level,
    )
    adapter.session.store(GRANTED, wanted)
    return True
