"""Terms that hold from a day until the next row's day, so that they cannot overlap."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, Self

from django.db import models


class DatedTerms(models.Model):
    """A row holds from `valid_from` until the day before the next row of the same parent.

    PARENT names the foreign key that the rows belong to; (PARENT, valid_from) is unique. UNSTATED are the
    fields that no platform says: a person who edits them leaves the rest the platform's word.
    """

    PARENT: ClassVar[str]
    UNSTATED: ClassVar[frozenset[str]] = frozenset()

    valid_from = models.DateField(help_text="First day on which these terms hold")
    source = models.CharField(
        max_length=80,
        blank=True,
        editable=False,
        help_text="The connection whose platform said them; empty where a person did",
    )

    class Meta:
        abstract = True

    def siblings(self) -> models.QuerySet[Self]:
        parent = {f"{self.PARENT}_id": getattr(self, f"{self.PARENT}_id")}
        return type(self)._default_manager.filter(**parent).exclude(pk=self.pk)

    @property
    def valid_until(self) -> dt.date | None:
        """The last day on which these terms hold; None while no later terms are known."""
        start = self.next_from if hasattr(self, "next_from") else self._ask_next()
        return start - dt.timedelta(days=1) if start else None

    def _ask_next(self) -> dt.date | None:
        later = self.siblings().filter(valid_from__gt=self.valid_from).order_by("valid_from")
        return later.values_list("valid_from", flat=True).first()


def with_next(rows: models.QuerySet[Any]) -> models.QuerySet[Any]:
    """The rows, each knowing as `next_from` when the next begins: their `valid_until` asks nothing more."""
    parent = f"{rows.model.PARENT}_id"
    later = rows.model._default_manager.filter(
        **{parent: models.OuterRef(parent)}, valid_from__gt=models.OuterRef("valid_from")
    )
    starts = later.order_by("valid_from").values("valid_from")
    return rows.annotate(next_from=models.Subquery(starts[:1]))


def each_in_force(rows: models.QuerySet[Any], on: dt.date) -> models.QuerySet[Any]:
    """Of each parent among the rows, the one that holds on that day."""
    parent = f"{rows.model.PARENT}_id"
    begun = rows.model._default_manager.filter(
        **{parent: models.OuterRef(parent)}, valid_from__lte=on
    )
    starts = begun.order_by("-valid_from").values("valid_from")
    return rows.filter(valid_from=models.Subquery(starts[:1]))


def in_force(rows: models.QuerySet[Any], on: dt.date) -> Any | None:
    """The row of one parent that holds on that day, or None before the first."""
    return rows.filter(valid_from__lte=on).order_by("-valid_from").first()
