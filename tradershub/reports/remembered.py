"""What a person last chose on the pages: filters for all of them, columns and size for each table."""

from __future__ import annotations

from typing import Any

from django.http import QueryDict

from tradershub.core.models import Preference
from tradershub.reports.filters import KEYS

FILTERS, COLUMNS, SIZE = "filters", "columns", "size"


def preference_of(user: Any) -> Preference:
    """The person's preferences; defaults that are not stored yet where there are none."""
    return Preference.objects.filter(owner=user).first() or Preference(owner=user)


def remembered_query(preference: Preference) -> str:
    """The filters as the query of an address; empty where none are remembered."""
    query = QueryDict(mutable=True)
    kept = _table(preference, FILTERS)
    for key in KEYS:  # PostgreSQL keeps no order of its own
        if values := _texts(kept.get(key)):
            query.setlist(key, values)
    return query.urlencode()


def remember_filters(preference: Preference, params: QueryDict) -> None:
    """Keep the filters of this address; those at their defaults are not kept."""
    chosen = {key: values for key in KEYS if (values := [v for v in params.getlist(key) if v])}
    if chosen.get("period") == ["all"]:
        del chosen["period"]
    _store(preference, FILTERS, chosen)


def forget_filters(preference: Preference) -> None:
    _store(preference, FILTERS, {})


def remember_columns(preference: Preference, table: str, keys: list[str]) -> None:
    """Keep which columns of that table are shown; none chosen means its own choice."""
    columns = {**_table(preference, COLUMNS), table: keys}
    _store(preference, COLUMNS, {key: value for key, value in columns.items() if value})


def remembered_columns(preference: Preference, table: str) -> list[str]:
    return _texts(_table(preference, COLUMNS).get(table))


def remember_size(preference: Preference, size: int) -> None:
    _store(preference, SIZE, size)


def remembered_size(preference: Preference) -> int | None:
    size = _kept(preference).get(SIZE)
    return size if type(size) is int else None  # a bool is no size


def _kept(preference: Preference) -> dict[str, Any]:
    """What is remembered; nothing where the stored value has another shape."""
    return preference.remembered if isinstance(preference.remembered, dict) else {}


def _table(preference: Preference, key: str) -> dict[str, Any]:
    found = _kept(preference).get(key)
    return found if isinstance(found, dict) else {}


def _texts(value: Any) -> list[str]:
    """The list of texts that it is; none where it is anything else."""
    is_meant = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return list(value) if is_meant else []


def _store(preference: Preference, key: str, value: Any) -> None:
    kept = _kept(preference)
    if kept.get(key, type(value)()) == value:
        return
    preference.remembered = {**kept, key: value}
    preference.save()
