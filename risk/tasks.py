"""Jobs of the batch cluster for risk."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.utils import timezone

from risk.forgetting import forget_old


def forget() -> int:
    """Delete what was counted long ago; returns how many rows."""
    return forget_old(before=timezone.now() - dt.timedelta(days=settings.RISK_KEPT_DAYS))
