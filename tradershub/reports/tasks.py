"""Jobs of the batch cluster for the pages: load by id, call a service."""

from __future__ import annotations

from tradershub.core.models import Build
from tradershub.reports import builds, making


def build(build_id: int) -> str:
    """Make what somebody waits for; nothing for what was dropped meanwhile."""
    found = Build.objects.filter(pk=build_id).select_related("owner").first()
    return builds.carry_out(found, making.make) if found else "dropped"


def forget_builds() -> int:
    """Delete what was made for pages and is no longer kept."""
    return builds.forget_old()
