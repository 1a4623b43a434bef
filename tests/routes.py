"""Every address of the hub, filled with the ids of somebody's rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver

from tests.marked import MarkedBooks
from tradershub.api import api
from tradershub.reports import REPORTS

API = "api/v1/"
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


class Route(NamedTuple):
    pattern: str
    name: str
    app: str
    callback: Any


class UnknownRoute(AssertionError):
    """A route with a parameter that nobody said how to fill."""


def routes(patterns: Any = None, prefix: str = "", app: str = "") -> Iterator[Route]:
    """Every pattern of the address space, the API's among them."""
    for entry in get_resolver().url_patterns if patterns is None else patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry.url_patterns, pattern, entry.namespace or app)
        elif isinstance(entry, URLPattern):
            yield Route(pattern, entry.name or "", app, entry.callback)


def page_routes() -> list[Route]:
    return [route for route in routes() if not route.pattern.startswith(API)]


def addresses(route: Route, books: MarkedBooks) -> list[str]:
    """The addresses of a route with that person's ids. Raises UnknownRoute."""
    if route.pattern.startswith("^(?P<app_label>"):
        labels = {model._meta.app_label for model in admin.site._registry}
        return [f"/{label}/" for label in sorted(labels)]
    if route.pattern == "(?P<url>.*)$":
        return ["/nothing/here/"]
    if route.app == "reports" and not route.name.startswith("build"):
        return report_addresses(route, books)
    names = PARAMETER.findall(route.pattern)
    filled = route.pattern
    for name in names:
        filled = PARAMETER.sub(str(parameter(route, name, books)), filled, count=1)
    if re.search(r"[<>^$?()]", filled):
        raise UnknownRoute(f"Say in tests/routes.py how to fill {route.pattern}")
    return [f"/{filled}"]


def parameter(route: Route, name: str, books: MarkedBooks) -> Any:
    if name == "content_type_id":
        return books.rows_by_label["accounts.account"][0]
    if route.pattern.startswith("r/"):
        return books.account.pk
    if route.app == "desk" and route.pattern.startswith("import/") and name == "pk":
        return books.rows_by_label["accounts.statementimport"][1]
    if route.app == "desk" and route.pattern.startswith("connections/") and name == "pk":
        return books.rows_by_label["brokers.connection"][1]
    if route.app == "desk" and route.pattern.startswith("orders/") and name == "pk":
        return books.rows_by_label["trading.order"][1]
    if route.app == "desk" and route.pattern.startswith("positions/") and name == "pk":
        return books.rows_by_label["accounts.position"][1]
    if route.app == "desk" and route.pattern.startswith("flattening/") and name == "pk":
        return books.rows_by_label["trading.flattening"][1]
    if route.app == "desk" and route.pattern.startswith("channels/"):
        return books.rows_by_label["accounts.channel"][1] if name == "pk" else "telegram"
    if route.app == "desk" and name == "key":
        return "manual"
    if route.app == "desk" and route.pattern.startswith("signals/") and name == "pk":
        model = "signalsource" if "sources/" in route.pattern else "signal"
        return books.rows_by_label[f"trading.{model}"][1]
    if route.app == "reports" and name == "pk":
        return books.rows_by_label["core.build"][1]
    label = ".".join(route.pattern.split("/")[:2])
    if name in ("object_id", "id") and label in books.rows_by_label:
        return books.rows_by_label[label][1]
    raise UnknownRoute(f"Say in tests/routes.py how to fill {name} of {route.pattern}")


def report_addresses(route: Route, books: MarkedBooks) -> list[str]:
    """Each page and, as `name.form`, each table of it."""
    about = {key: REPORTS.load(key).about_row for key in REPORTS}
    needed = PARAMETER.findall(route.pattern)
    if unknown := set(needed) - {"key", "pk", "name", "form"}:
        raise UnknownRoute(f"Say in tests/routes.py how to fill {unknown} of {route.pattern}")
    if not needed:
        return [f"/{route.pattern}"]
    keys = [key for key in REPORTS if about[key] == ("pk" in needed)]
    values = [{"key": key, "pk": books.account.pk} for key in keys]
    if "name" in needed:
        values = [
            {**value, "name": name, "form": form}
            for value in values
            for name in books.tables.get(value["key"], ())
            for form in ("csv", "xlsx")
        ]
    return ["/" + fill(route.pattern, value) for value in values]


def fill(pattern: str, values: dict[str, Any]) -> str:
    return PARAMETER.sub(lambda match: str(values[match[1]]), pattern)


class Operation(NamedTuple):
    id: str
    method: str
    path: str
    document: dict[str, Any]


def operations() -> list[Operation]:
    """Every operation of the API, as its document says them."""
    return [
        Operation(operation["operationId"], method, path, operation)
        for path, methods in api.get_openapi_schema()["paths"].items()
        for method, operation in methods.items()
    ]
