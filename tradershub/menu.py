"""The menu: eight groups of what exists, the keys that go there, and the search over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from unfold.dataclasses import SearchResult

from accounts.models import Account
from tradershub.reports import REPORTS

FOUND_AT_MOST = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu. name: a URL name, a report's key as `report:KEY`, or a model as `app.Model`.

    needs: the permission without which it is not shown, where a model does not say it.
    """

    label: str
    name: str
    icon: str
    key: str = ""
    needs: str = ""


GROUPS: dict[str, tuple[Entry, ...]] = {
    "Today": (
        Entry("Dashboard", "admin:index", "space_dashboard", "d"),
        Entry("Import statements", "desk:import", "upload_file", "i"),
        Entry("Breaks", "report:breaks", "difference", "b"),
    ),
    "Accounts": (
        Entry("Equity and balance", "report:equity", "show_chart", "e"),
        Entry("Account statement", "report:statement", "receipt_long", "s"),
        Entry("Accounts", "accounts.Account", "account_balance_wallet", "a"),
        Entry("Open a paper account", "desk:paper", "draft"),
        Entry("Account terms", "accounts.AccountTerms", "rule"),
        Entry("Imports", "accounts.StatementImport", "inventory_2"),
    ),
    "Trading": (
        Entry("Ticket", "desk:ticket", "add_shopping_cart", "n", "trading.add_order"),
        Entry("Orders", "desk:orders", "assignment", "o"),
        Entry("Open positions", "report:positions", "stacked_line_chart", "p"),
        Entry("Closed trades", "report:trades", "history", "t"),
        Entry("Sent orders", "trading.Order", "send"),
        Entry("Broker's orders", "accounts.BrokerOrder", "list_alt"),
        Entry("Deals", "accounts.Deal", "receipt"),
        Entry("Positions", "accounts.Position", "donut_small"),
        Entry("Latency", "report:latency", "timer"),
        Entry("Requests", "trading.OrderAttempt", "forward_to_inbox"),
        Entry("Lanes", "trading.Lane", "linear_scale"),
    ),
    "Strategies": (
        Entry("Strategies", "strategies.Strategy", "psychology"),
        Entry("Routes", "trading.Route", "alt_route"),
        Entry("Signals", "trading.Signal", "bolt", "w"),
        Entry("Sources of signals", "trading.SignalSource", "sensors"),
    ),
    "Risk": (
        Entry("Risk", "report:risk", "shield", "x"),
        Entry("Stop and flatten", "desk:flatten", "emergency_home", needs="trading.add_order"),
        Entry("Limits", "risk.Limit", "speed"),
        Entry("News blackouts", "risk.Blackout", "event_busy"),
        Entry("Refusals", "risk.RiskEvent", "block"),
        Entry("Kill switches", "risk.KillSwitch", "power_settings_new"),
    ),
    "Simulation": (),
    "Brokers": (
        Entry("Platforms", "desk:platforms", "hub", "f"),
        Entry("Connections", "brokers.Connection", "cable", "c"),
        Entry("Brokers", "brokers.Broker", "account_balance", "k"),
        Entry("Instruments", "brokers.Instrument", "category"),
        Entry("Broker symbols", "brokers.BrokerSymbol", "sell", "y"),
        Entry("Contract terms", "brokers.SymbolTerms", "gavel"),
        Entry("Saved mappings", "accounts.FileMapping", "view_column"),
        Entry("Quotes", "brokers.Quote", "price_change"),
        Entry("Reference rates", "brokers.FxRate", "currency_exchange"),
    ),
    "Settings": (
        Entry("Audit", "report:audit", "verified_user", "u"),
        Entry("Health", "report:health", "monitor_heart", "h"),
        Entry("Channels", "accounts.Channel", "notifications", "j"),
        Entry("Notifications", "accounts.Notification", "outbox"),
        Entry("Preferences", "core.Preference", "tune"),
        Entry("Second factor", "desk:security", "phonelink_lock"),
        Entry("API keys", "core.ApiKey", "key"),
        Entry("Users", "auth.User", "person"),
        Entry("Groups", "auth.Group", "group"),
        Entry("API", "api-1:openapi-view", "api"),
        Entry("All reports", "reports:index", "monitoring", "r"),
    ),
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The theme's sidebar: each group with the entries that exist and that this person may see."""
    shown = ((title, _items(request, entries)) for title, entries in GROUPS.items())
    return [
        {"title": title, "items": items, "collapsible": False} for title, items in shown if items
    ]


def frame_context(request: HttpRequest) -> dict[str, Any]:
    """What every page of the frame needs from the menu."""
    return {"go_keys": _go_keys(request)}


def search_pages(request: HttpRequest, term: str) -> list[SearchResult]:
    """Pages whose name holds the term, and the person's own accounts by number, name or broker."""
    pages = [
        SearchResult(entry.label, group, address, entry.icon)
        for group, entries in GROUPS.items()
        for entry in entries
        if term in entry.label.lower() and (address := _address(request, entry))
    ]
    return pages + _accounts(request, term)


def _accounts(request: HttpRequest, term: str) -> list[SearchResult]:
    found = Account.objects.for_user(request.user).select_related("broker")
    matching = Q(number__icontains=term) | Q(name__icontains=term) | Q(broker__name__icontains=term)
    return [
        SearchResult(
            str(account),
            "Account",
            reverse("reports:subject", args=["account", account.pk]),
            "wallet",
        )
        for account in found.filter(matching)[:FOUND_AT_MOST]
    ]


def _items(request: HttpRequest, entries: tuple[Entry, ...]) -> list[dict[str, Any]]:
    return [
        {
            "title": entry.label,
            "icon": entry.icon,
            "link": address,
            "active": _is_active(request.path, address, entry),
        }
        for entry in entries
        if (address := _address(request, entry))
    ]


def _is_active(path: str, address: str, entry: Entry) -> bool:
    """A table's entry stays lit on the forms below it; every other only on its own page."""
    return path.startswith(address) if "." in entry.name else path == address


def _go_keys(request: HttpRequest) -> dict[str, dict[str, str]]:
    if not request.user.is_authenticated:
        return {}
    return {
        entry.key: {"label": entry.label, "address": address}
        for entries in GROUPS.values()
        for entry in entries
        if entry.key and (address := _address(request, entry))
    }


def _address(request: HttpRequest, entry: Entry) -> str:
    """Where the entry leads; empty where it does not exist or this person may not see it."""
    if entry.needs and not request.user.has_perm(entry.needs):
        return ""
    kind, _, rest = entry.name.partition(":")
    if kind == "report":
        return reverse("reports:page", args=[rest]) if rest in REPORTS else ""
    if "." in entry.name:
        return _table_address(request, entry.name)
    try:
        return reverse(entry.name)
    except NoReverseMatch:
        return ""


def _table_address(request: HttpRequest, label: str) -> str:
    model = apps.get_model(label)
    table = admin.site._registry.get(model)
    if table is None or not table.has_view_permission(request):
        return ""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
