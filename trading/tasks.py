"""What workers are called for. Each may run twice, and does nothing when there is nothing to do."""

from __future__ import annotations

import structlog

from accounts.models import Account
from trading import execution, pipeline
from trading.models import Signal

log = structlog.get_logger("trading.tasks")
MOST_BEFORE = 20


def pump(account_id: int) -> None:
    """Look at the account's lane."""
    found = Account.objects.select_related("connection", "broker", "owner").filter(pk=account_id)
    if account := found.first():
        execution.pump(account)


def run_signal(signal_id: int) -> None:
    """Take a signal as far as it goes without a person, after those of its source that came before it."""
    rows = Signal.objects.select_related("source__owner", "source__strategy")
    signal = rows.filter(pk=signal_id).first()
    if signal is None:
        return
    before = rows.filter(source=signal.source, state=Signal.State.RECEIVED, pk__lt=signal.pk)
    for earlier in before.order_by("pk")[:MOST_BEFORE]:
        try:
            pipeline.run(earlier)
        except Exception:  # its own worker, or the sweeper, says what became of it
            log.exception("earlier_signal_failed", signal=earlier.pk, before=signal.pk)
    pipeline.run(signal)
