"""Pages of long tables without counting them to the end."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.utils.functional import cached_property

COUNTED = 10_000


class CappedPaginator(Paginator):
    """Counts to 10,000 and no further: a filter brings the rest within reach, an OFFSET would not."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list.order_by().values("pk")[: COUNTED + 1]
        return min(rows.count(), COUNTED)

    @property
    def is_capped(self) -> bool:
        """Whether there may be more rows than were counted."""
        return self.count == COUNTED
