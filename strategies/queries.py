"""Reading strategies."""

from __future__ import annotations

from typing import Any

from strategies.models import Strategy


def by_key(owner: Any, key: str) -> Strategy | None:
    """The owner's strategy of that key, whatever the case of its letters; None for none."""
    return Strategy.objects.filter(owner=owner, key__iexact=key).first()
