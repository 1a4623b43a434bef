"""What workers are called for. Each may run twice, and does nothing when there is nothing to do."""

from __future__ import annotations

from accounts.models import Account
from trading import execution


def pump(account_id: int) -> None:
    """Look at the account's lane."""
    found = Account.objects.select_related("connection", "broker", "owner").filter(pk=account_id)
    if account := found.first():
        execution.pump(account)
