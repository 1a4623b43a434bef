"""The three groups and what each may do; brought up to date after every migrate.

Which rows a person reaches is not decided here: that is the owner's matter (`for_user`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet

from tradershub.core.persons import ADMINISTRATOR, TRADER, VIEWER

OWN = ("accounts", "strategies", "risk", "trading")  # each person's own
SHARED = "brokers"  # brokers, instruments, terms: a trader reads them, an administrator edits them
PERSONAL = ("preference", "apikey")  # each person's own, also a viewer's
READ_ONLY = ("auditentry", "heartbeat", "submission")


def set_up_groups(**_: Any) -> None:
    """Make the groups and give each exactly its permissions. A post_migrate receiver."""
    everything = Permission.objects.all()
    for name, permissions in (
        (ADMINISTRATOR, everything),
        (TRADER, everything.filter(trader_may())),
        (VIEWER, everything.filter(viewer_may())),
    ):
        group, _made = Group.objects.get_or_create(name=name)
        group.permissions.set(without_writing(permissions))


def trader_may() -> Q:
    """All with the own books and connections, reading what is shared, the own preferences and keys."""
    connections = in_apps((SHARED,)) & Q(content_type__model="connection")
    shared = viewing((SHARED,)) | connections
    return in_apps(OWN) | shared | personal(("add", "change", "delete", "view"))


def viewer_may() -> Q:
    """Reading only, but for the own preferences."""
    preference = Q(
        content_type__app_label="core",
        codename__in=["add_preference", "change_preference", "view_preference"],
    )
    return viewing((*OWN, SHARED)) | preference | personal(("view",))


def without_writing(permissions: QuerySet[Permission]) -> Iterable[Permission]:
    """Nobody writes what only the hub itself writes."""
    written_by_the_hub = Q(content_type__app_label="core", content_type__model__in=READ_ONLY)
    return permissions.exclude(written_by_the_hub & ~Q(codename__startswith="view_"))


def in_apps(labels: Iterable[str]) -> Q:
    return Q(content_type__app_label__in=tuple(labels))


def viewing(labels: Iterable[str]) -> Q:
    return in_apps(labels) & Q(codename__startswith="view_")


def personal(verbs: Iterable[str]) -> Q:
    names = [f"{verb}_{model}" for verb in verbs for model in PERSONAL]
    names += [f"view_{model}" for model in READ_ONLY]
    return Q(content_type__app_label="core", codename__in=names)
