"""One view for the index, one for a page, one for the export of a table, some for what workers make."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from tradershub.core.models import Build, Preference
from tradershub.core.pages import render_page
from tradershub.reports import REPORTS, builds, export, making
from tradershub.reports import remembered as memory
from tradershub.reports.base import Content, Report
from tradershub.reports.filters import KEYS, Filters
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
            "question": page.title,
            "answer": page.description,
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
    if elsewhere := _to_remembered(request, report_class, preference):
        return elsewhere
    _remember(request, report_class, preference)
    report = making.opened(key, request.GET, user=request.user, preference=preference, pk=pk)
    return _draw(request, report, report.build(), key=key, preference=preference)


def table(
    request: HttpRequest, key: str, name: str, form: str, pk: int | None = None
) -> HttpResponse:
    """One table of a page as a file, as it is shown. A long workbook is left to a worker."""
    _report_class(key, pk)
    preference = memory.preference_of(request.user)
    report = making.opened(key, request.GET, user=request.user, preference=preference, pk=pk)
    found = report.build().table(name)
    if found is None or form not in EXPORTS:
        raise Http404("There is no such table")
    view = TableView(found, request.GET, memory.remembered_columns(preference, f"{key}.{name}"))
    if form == "xlsx" and view.question and view.total > settings.WORKBOOK_ROWS_AT_ONCE:
        return redirect("reports:build", making.workbook(view, report, key).pk)
    return EXPORTS[form](view, name=f"{key}-{name}-{report.filters.today}")


# -- What workers make ---------------------------------------------------------------------------
def _build(request: HttpRequest, pk: int) -> Build:
    return get_object_or_404(Build, pk=pk, owner=request.user)


@require_GET
def build(request: HttpRequest, pk: int) -> HttpResponse:
    """A file that a worker makes: how far it is, then the way to it."""
    found = _build(request, pk)
    return render_page(
        request,
        "reports/build.html",
        title=f"{found.question['title']} as a workbook",
        build=found,
        told=builds.told(found),
        kept_until=builds.kept_until(found),
        back=making.page_address(found),
    )


@require_GET
def waiting(request: HttpRequest, pk: int) -> HttpResponse:
    """How far a worker is; the header says whether it goes on."""
    found = _build(request, pk)
    context = {"build": found, "told": builds.told(found)}
    response = render(request, "reports/parts/waiting.html", context)
    response["X-Busy"] = str(int(found.is_pending))
    return response


@require_GET
def file(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """What was made, sent part by part."""
    found = _build(request, pk)
    if not found.is_done or "file" not in found.question:
        raise Http404("There is no such file")
    response = StreamingHttpResponse(builds.pieces(found), content_type=export.XLSX_TYPE)
    response["Content-Length"] = str(found.size)
    response["Content-Disposition"] = f'attachment; filename="{found.question["file"]}"'
    return response


@require_POST
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Have what failed made again."""
    found = _build(request, pk)
    builds.retry(found)
    if "file" in found.question:
        return redirect("reports:build", pk)
    return HttpResponseRedirect(making.page_address(found))


@require_POST
def drop(request: HttpRequest, pk: int) -> HttpResponse:
    """Wait no longer: back to the table, in its own order where another needs a worker."""
    found = _build(request, pk)
    builds.drop(found)
    return HttpResponseRedirect(making.page_address(found, own_order="file" not in found.question))


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
    for view in views.values():
        making.give_order(view, report, key)
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
