"""Who runs the hub, and who only uses it."""

from __future__ import annotations

from typing import Any

ADMINISTRATOR, TRADER, VIEWER = "Administrator", "Trader", "Viewer"


def may_log_in(person: Any) -> bool:
    """Whether the hub is open to that person at all, by log-in or by a key."""
    return bool(person.is_active and person.is_staff)


def is_administrator(person: Any) -> bool:
    """Whether that person sees what belongs to the hub itself: a superuser, or one of the group."""
    in_charge = person.is_superuser or person.groups.filter(name=ADMINISTRATOR).exists()
    return bool(may_log_in(person) and in_charge)
