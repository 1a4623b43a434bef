"""What the lists of the admin show of a row."""

from __future__ import annotations

import re

from django.urls import reverse


def listed(client, model):
    meta = model._meta
    place = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    return client.get(place).content.decode()


def offered(client, row):
    """Names of the actions in the menu of the row."""
    found = re.findall(rf'href="[^"]*/{row.pk}/(\w+)/"', listed(client, type(row)))
    return set(found) - {"change"}
