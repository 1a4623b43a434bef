"""The admin site: the frame of every page."""

from __future__ import annotations

from unfold.sites import UnfoldAdminSite


class HubSite(UnfoldAdminSite):
    site_title = site_header = "TradersHub"
