"""The one way by which pages, admin and API reach a person's rows."""

from __future__ import annotations

from typing import Any, Self

from django.db import models

THROUGH_ACCOUNT = "account__owner"


class OwnedQuerySet(models.QuerySet[Any]):
    """Rows that hang on an owner; the model's OWNER_PATH says through which relations."""

    def for_user(self, user: Any) -> Self:
        """The rows this person owns. Nobody, not even an administrator, sees another person's.

        Rows of accounts are found by the accounts' ids, asked for first: from a join SQLite would
        begin with the accounts and sort a million rows, where an index has them in order.
        """
        if user is None or not user.is_authenticated:
            return self.none()
        if self.model.OWNER_PATH != THROUGH_ACCOUNT:
            return self.filter(**{self.model.OWNER_PATH: user})
        accounts = self.model._meta.get_field("account").related_model
        mine = accounts._default_manager.filter(owner=user).values_list("pk", flat=True)
        return self.filter(account__in=list(mine))


class OwnedModel(models.Model):
    OWNER_PATH = THROUGH_ACCOUNT

    objects = OwnedQuerySet.as_manager()

    class Meta:
        abstract = True
