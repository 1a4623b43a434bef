"""One view for the index, one for a page, one for the export of a table."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from tradershub.core.errors import BadInput
from tradershub.core.models import Preference
from tradershub.core.pages import render_page
from tradershub.reports import REPORTS, export
from tradershub.reports import remembered as memory
from tradershub.reports.base import Content, Report
from tradershub.reports.filters import KEYS, Filters, read_filters
from tradershub.reports.periods import PRESETS
from tradershub.reports.table_view import TableView

EXPORTS = {"csv": export.as_csv, "xlsx": export.as_xlsx}


def index(request: HttpRequest) -> HttpResponse:
    """Every page with its question."""
    pages = [(key, REPORTS.load(key)) for key in REPORTS]
    shown = [
        {
            "address": reverse("reports:page", args=[key]),
            "label": REPORTS.label(key),
            "report": page,
        }
        for key, page in pages
        if not page.about_row
    ]
    return render_page(
        request, "reports/index.html", title="What would you like to know?", pages=shown
    )


def dashboard(request: HttpRequest) -> HttpResponse:
    """The first page, at the address of the admin's index."""
    return page(request, "dashboard")


def page(request: HttpRequest, key: str, pk: int | None = None) -> HttpResponse:
    """A page as its address says; without filters in the address, as the person last chose them."""
    report_class = _report_class(key, pk)
    preference = memory.preference_of(request.user)
    if "clear" in request.GET:
        memory.forget_filters(preference)
        return HttpResponseRedirect(request.path)
    if redirect := _to_remembered(request, report_class, preference):
        return redirect
    _remember(request, report_class, preference)
    filters = read_filters(request.GET, user=request.user, base_currency=preference.base_currency)
    report = report_class(filters, params=request.GET, pk=pk)
    return _draw(request, report, report.build(), key=key, preference=preference)


def table(
    request: HttpRequest, key: str, name: str, form: str, pk: int | None = None
) -> HttpResponse:
    """One table of a page as a file, as it is shown. Refuses with a sentence what is too large."""
    report_class = _report_class(key, pk)
    preference = memory.preference_of(request.user)
    filters = read_filters(request.GET, user=request.user, base_currency=preference.base_currency)
    found = report_class(filters, params=request.GET, pk=pk).build().table(name)
    if found is None or form not in EXPORTS:
        raise Http404("There is no such table")
    view = TableView(found, request.GET, memory.remembered_columns(preference, f"{key}.{name}"))
    try:
        return EXPORTS[form](view, name=f"{key}-{name}-{filters.today}")
    except BadInput as refused:
        return render_page(
            request,
            "reports/refused.html",
            title="Not exported",
            status=400,
            reason=refused.message,
        )


def _report_class(key: str, pk: int | None) -> type[Report]:
    if key not in REPORTS:
        raise Http404("There is no such page")
    found: type[Report] = REPORTS.load(key)
    if found.about_row != (pk is not None):
        raise Http404("There is no such page")
    return found


def _to_remembered(
    request: HttpRequest, report_class: type[Report], preference: Preference
) -> HttpResponse | None:
    """To the address with the remembered filters, when this one has none at all."""
    query = memory.remembered_query(preference)
    if request.GET or not query or not report_class.uses:
        return None
    return HttpResponseRedirect(f"{request.path}?{query}")


def _remember(request: HttpRequest, report_class: type[Report], preference: Preference) -> None:
    params = request.GET
    if report_class.uses and any(key in params for key in KEYS):
        memory.remember_filters(preference, params)
    if params.get("size", "").isdecimal() and len(params["size"]) < 5:
        memory.remember_size(preference, int(params["size"]))
    for name in params:
        if name.endswith(".cols") and len(name) < 60:
            key = f"{request.resolver_match.kwargs.get('key', 'dashboard')}.{name[:-5]}"
            memory.remember_columns(preference, key, params.getlist(name))


def _draw(
    request: HttpRequest, report: Report, content: Content, *, key: str, preference: Preference
) -> HttpResponse:
    views = {
        table.key: TableView(
            table,
            request.GET,
            memory.remembered_columns(preference, f"{key}.{table.key}"),
            memory.remembered_size(preference),
            reverse("reports:page", args=[key])
            + (f"{report.pk}/" if report.pk else "")
            + table.key,
        )
        for table in content.tables
    }
    return render_page(
        request,
        report.template,
        title=content.title or report.title,
        crumb=REPORTS.label(key),
        crumbs=[(report.group, "")],
        report=report,
        content=content,
        tables=views,
        filters=report.filters,
        bar=_bar(report.filters, report),
        lead=content.lead,
        **content.context,
    )


def _bar(filters: Filters, report: Report) -> dict[str, Any]:
    """What the filter bar offers."""
    brokers = {account.broker_id: account.broker for account in filters.all_accounts}
    currencies = {account.currency for account in filters.all_accounts}
    own = {*KEYS, "clear"}
    return {
        "uses": report.uses,
        "presets": PRESETS.items(),
        "brokers": sorted(brokers.values(), key=lambda broker: broker.name),
        "currencies": sorted(currencies | {filters.base_currency, filters.currency}),
        "kept": [
            (name, value)
            for name, values in report.params.lists()
            if name not in own and not name.endswith(".page")
            for value in values
        ],
    }
