"""Waits that are kept as moments: a clock that is set back must not make them longer.

A moment much farther ahead than the longest wait of its kind was written before the clock was set back: it is due.
Only much: what another process, or another host, wrote a moment ago may be ahead of a clock that was read before.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import Q

APART = dt.timedelta(seconds=5)  # two clocks may be; more is one that was set back


def due(field: str, at: Any, *, beyond: Any) -> Q:
    """Rows whose moment in that field has come, is empty, or lies after `beyond`, which is from `too_far`.

    at, beyond: moments, or the arguments of a prepared query.
    """
    come = Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__lte": at})
    return come | Q(**{f"{field}__gt": beyond})


def too_far(at: Any, longest: dt.timedelta = dt.timedelta()) -> Any:
    """The last moment that a wait of at most `longest`, begun until `at`, can end. at: a moment, or an expression."""
    return at + (longest + APART)


def is_due(moment: dt.datetime | None, at: dt.datetime, *, beyond: dt.datetime) -> bool:
    """The same of one moment."""
    return moment is None or moment <= at or moment > beyond
