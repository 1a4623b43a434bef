"""The admin site: the frame of every page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from unfold.sites import UnfoldAdminSite


@dataclass(frozen=True, slots=True)
class TradingState:
    """What the hub may do at a broker now; kind: live, sandbox, stopped or recording."""

    kind: str
    word: str
    detail: str


RECORDING = TradingState("recording", "Recording only", "no platform connected")


class HubSite(UnfoldAdminSite):
    """The theme's site, with the state of trading on every page; its menu is tradershub.menu."""

    site_title = site_header = "TradersHub"
    index_title = "Tables"

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        context = super().each_context(request)
        if self.has_permission(request):
            context["trading_state"] = RECORDING
        return context
