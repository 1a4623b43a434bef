"""What workers make of a table that is too long to wait for: its rows in another order, or a workbook.

An order is the keys of all rows, 8 bytes each. The rows themselves are read anew for each page, through the
person's own filters, so that a page never shows more than it may.
"""

from __future__ import annotations

from array import array
from decimal import Decimal
from typing import IO, Any

from django.http import Http404, QueryDict
from django.urls import reverse
from django.utils import timezone

from tradershub.core.errors import BadInput
from tradershub.core.models import Build, Preference
from tradershub.core.timezones import display_zone
from tradershub.reports import REPORTS, builds, export
from tradershub.reports import remembered as memory
from tradershub.reports.base import Report
from tradershub.reports.builds import Progress
from tradershub.reports.filters import read_filters
from tradershub.reports.table_view import KEYS_TYPE, TableView

ORDER, WORKBOOK = "order", "workbook"
STEP = 10_000  # rows between two looks at the clock


def opened(
    key: str, params: QueryDict, *, user: Any, preference: Preference, pk: int | None
) -> Report:
    """The page of that key as an address asks for it, not built yet."""
    filters = read_filters(params, user=user, base_currency=preference.base_currency)
    found: Report = REPORTS.load(key)(filters, params=params, pk=pk)
    return found


# -- Asking ------------------------------------------------------------------------------------
def give_order(view: TableView, report: Report, page: str) -> None:
    """Let the view have the order that a worker made; where it cannot do without, ask for it."""
    if not view.is_capped:
        return
    user, key = report.filters.user, _key(view, report, ORDER)
    view.build = builds.find(user, key)
    if view.needs_order and view.build is None:
        view.build = builds.ask(user, key, _question(view, report, page, ORDER))


def workbook(view: TableView, report: Report, page: str) -> Build:
    """The build of the table as a workbook."""
    question = _question(view, report, page, WORKBOOK)
    question["file"] = f"{page}-{view.table.key}-{report.filters.today}.xlsx"
    return builds.ask(report.filters.user, _key(view, report, WORKBOOK), question)


def _key(view: TableView, report: Report, form: str) -> str:
    """Everything that the answer depends on: what the database is asked, and the stamps of the books."""
    books = sorted((one.pk, one.figures_stamp, str(one)) for one in report.filters.accounts)
    shown: list[Any] = []
    if form == WORKBOOK:
        shown = [[column.key for column in view.columns], timezone.get_current_timezone()]
    return builds.key_of(form, view.question, view.table.version, books, *shown)


def _question(view: TableView, report: Report, page: str, form: str) -> dict[str, Any]:
    query = view.export_query if form == WORKBOOK else view.params.urlencode()
    return {
        "form": form,
        "report": page,
        "pk": report.pk,
        "table": view.table.key,
        "title": view.table.title,
        "query": query,
    }


def page_address(build: Build, *, own_order: bool = False) -> str:
    """Where it was asked for; own_order: from the beginning, in the order that needs no worker."""
    question = build.question
    query = QueryDict(question["query"], mutable=True)
    for name in ("cols", "sort", "page") if own_order else ("cols",):
        query.pop(f"{question['table']}.{name}", None)
    if question["pk"]:
        address = reverse("reports:subject", args=[question["report"], question["pk"]])
    else:
        address = reverse("reports:page", args=[question["report"]])
    return f"{address}?{query.urlencode()}#table-{question['table']}"


# -- Making ------------------------------------------------------------------------------------
def make(build: Build, file: IO[bytes], progress: Progress) -> dict[str, Any]:
    """Write what the build asks for. Raises Dropped where the books have changed since, BadInput."""
    with timezone.override(display_zone(build.owner)):
        view, report = _reopened(build)
        form = build.question["form"]
        if _key(view, report, form) != build.key:
            raise builds.Dropped
        return MAKERS[form](view, file, progress)


def _reopened(build: Build) -> tuple[TableView, Report]:
    question = build.question
    params, preference = QueryDict(question["query"]), memory.preference_of(build.owner)
    report = opened(
        question["report"], params, user=build.owner, preference=preference, pk=question["pk"]
    )
    try:
        table = report.build().table(question["table"])
    except Http404:
        table = None
    if table is None:
        raise builds.Dropped
    return TableView(table, params, []), report


def _order(view: TableView, file: IO[bytes], progress: Progress) -> dict[str, Any]:
    rows, (order, descending) = view.table.rows, view.asked_order
    total = rows.count_all()
    progress(0, total)
    keys = array(KEYS_TYPE)
    for key in rows.keys(order=order, descending=descending):
        keys.append(key)
        if not len(keys) % STEP:
            progress(len(keys), total)
    file.write(keys.tobytes())
    totals = [
        {key: str(value) if isinstance(value, Decimal) else value for key, value in row.items()}
        for row in view.table.total_rows()
    ]
    return {"rows": len(keys), "totals": totals}


def _workbook(view: TableView, file: IO[bytes], progress: Progress) -> dict[str, Any]:
    total = view.table.rows.count_all()
    if total > export.XLSX_ROWS:
        raise BadInput(
            f"The table has {total:,} rows, and a workbook holds {export.XLSX_ROWS:,}; "
            "narrow the filter, or export CSV."
        )
    export.write_workbook(view, file, progress=lambda done: progress(done, total))
    return {"rows": total}


MAKERS = {ORDER: _order, WORKBOOK: _workbook}
