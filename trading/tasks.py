"""What workers are called for. Each may run twice, and does nothing when there is nothing to do."""

from __future__ import annotations

from accounts.models import Account
from trading import execution, pipeline
from trading.models import Signal


def pump(account_id: int) -> None:
    """Look at the account's lane."""
    found = Account.objects.select_related("connection", "broker", "owner").filter(pk=account_id)
    if account := found.first():
        execution.pump(account)


def run_signal(signal_id: int) -> None:
    """Take a signal as far as it goes without a person."""
    rows = Signal.objects.select_related("source__owner", "source__strategy")
    if signal := rows.filter(pk=signal_id).first():
        pipeline.run(signal)
