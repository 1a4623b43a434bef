"""Pages show times in the person's own zone; inside, everything is UTC."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tradershub.core.models import Preference


class TimeZoneMiddleware:
    """Activates the display zone of the person's preferences, UTC for everybody else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(display_zone(request.user)):
            return self.get_response(request)


def display_zone(user: object) -> zoneinfo.ZoneInfo:
    """The zone in which this person reads times."""
    name = "UTC"
    if getattr(user, "is_authenticated", False):
        names = Preference.objects.filter(owner=user).values_list("time_zone", flat=True)
        name = names.first() or "UTC"
    return zoneinfo.ZoneInfo(name)
