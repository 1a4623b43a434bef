"""The one way by which pages, admin and API reach a person's rows."""

from __future__ import annotations

from typing import Any, Self

from django.db import models

ADMINISTRATOR, TRADER, VIEWER = "Administrator", "Trader", "Viewer"


class OwnedQuerySet(models.QuerySet[Any]):
    """Rows that hang on an owner; the model's OWNER_PATH says through which relations."""

    def for_user(self, user: Any) -> Self:
        """The rows this person owns. Nobody, not even an administrator, sees another person's."""
        if user is None or not user.is_authenticated:
            return self.none()
        return self.filter(**{self.model.OWNER_PATH: user})


class OwnedModel(models.Model):
    OWNER_PATH = "account__owner"

    objects = OwnedQuerySet.as_manager()

    class Meta:
        abstract = True
