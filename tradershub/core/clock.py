"""Waits that are kept as moments: a clock that is set back must not make them longer.

A moment farther ahead than the longest wait of its kind was written before the clock was set back: it is due.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Q


def due(field: str, at: Any, *, beyond: Any) -> Q:
    """Rows whose moment in that field has come, is empty, or lies after `beyond`: `at` and the longest wait.

    at, beyond: moments, or the arguments of a prepared query.
    """
    come = Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__lte": at})
    return come | Q(**{f"{field}__gt": beyond})


def is_due(moment: dt.datetime | None, at: dt.datetime, *, beyond: dt.datetime) -> bool:
    """The same of one moment."""
    return moment is None or moment <= at or moment > beyond
