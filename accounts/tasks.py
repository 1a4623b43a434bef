"""Jobs of the batch cluster: load by id, call a service."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from accounts import imports
from accounts.booking import rebuild
from accounts.models import Account, Notification, StatementImport
from brokers.models import Broker

NOTIFICATIONS_KEPT = dt.timedelta(days=365)


def read_statement(import_id: int) -> str:
    """Read a received file and show what would become of it; nothing for one discarded meanwhile."""
    found = StatementImport.objects.filter(pk=import_id).first()
    return imports.read(found).state if found else "discarded"


def book_statement(import_id: int) -> str:
    """Book a confirmed file; nothing for one cancelled and discarded meanwhile."""
    found = StatementImport.objects.filter(pk=import_id).first()
    return imports.book(found).state if found else "discarded"


def forget_notifications() -> int:
    """Delete what was told more than a year ago; how many."""
    before = timezone.now() - NOTIFICATIONS_KEPT
    return Notification.objects.filter(made_at__lt=before).delete()[0]


def rebuild_account(account_id: int) -> int:
    """Bring positions and figures to what the deals say under the account's terms now; how many differed."""
    return len(rebuild(Account.objects.get(pk=account_id)))


def rebuild_broker(broker_id: int) -> int:
    """The same for every account of the broker, each in its own transaction."""
    return sum(len(rebuild(account)) for account in Account.objects.filter(broker=broker_id))


def reread_broker(broker_id: int, actor: str, since: str | None = None) -> int:
    """Read the booked files of the broker's accounts anew on its clock as it is set now; how many."""
    day = dt.date.fromisoformat(since) if since else None
    return imports.reread_broker(Broker.objects.get(pk=broker_id), actor=actor, since=day)
