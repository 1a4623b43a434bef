"""How many requests a broker may get."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import F, QuerySet

from accounts.models import Account
from risk import counters, situation
from risk.counters import Counter
from risk.kinds import Kind
from risk.models import Limit, Usage
from tradershub.core.prepared import prepared
from tradershub.finance.decimals import ONE, ZERO


def may_send_message(*, account_id: int, at: dt.datetime, cancels: bool = False) -> bool:
    """Whether one more request may go to the account's broker now, and if so counts it.

    cancels: a cancel or a close, which have a reserve of their own that orders cannot use up. Counted by
    whole windows, so that two windows side by side let twice as many through at their common edge.
    """
    if not _of_messages():
        return True
    account = Account.objects.get(pk=account_id)
    of_messages = Limit.objects.filter(kind=Kind.MESSAGES, enabled=True)
    limits = of_messages.filter(situation.of_account(account))
    with transaction.atomic():
        fits = all(_counted(limit, account, at=at, cancels=cancels) for limit in limits)
        if not fits:  # counted by every limit, or by none
            transaction.set_rollback(True)
    return fits


@prepared
def _of_messages() -> QuerySet[Limit]:
    return Limit.objects.filter(kind=Kind.MESSAGES, enabled=True)


def _counted(limit: Limit, account: Account, *, at: dt.datetime, cancels: bool) -> bool:
    key = situation.key_of(limit, account, at=at) + (":cancels" if cancels else "")
    scope = f"limit:{limit.pk}"
    counters.lock([Counter(scope, key, limit.pk)])
    seconds = limit.seconds or 1
    window = dt.datetime.fromtimestamp(int(at.timestamp()) // seconds * seconds, tz=dt.UTC)
    rows = Usage.objects.filter(scope=scope, key=key)
    rows.exclude(since=window).update(since=window, used=ZERO)
    return bool(
        rows.filter(used__lte=limit.value - ONE).update(used=F("used") + counters.exact(ONE))
    )
