"""Say what the columns of an unknown table mean, and see at once what its rows become."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import imports
from accounts.models import FileMapping, StatementImport
from brokers.models import Broker
from tradershub.core.errors import Conflict
from tradershub.desk.columns import ColumnsForm
from tradershub.desk.first_rows import FirstRows
from tradershub.desk.importing import IMPORT, do, need, one, show
from tradershub.desk.shown import Shown

PART = "desk/parts/first_rows.html"


@require_POST
def columns(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the answers, and have the table read."""
    need(request, IMPORT)
    file = Shown(one(request, pk))
    if file.row.state != StatementImport.State.NEEDS_MAPPING:
        return do(request, _refuse, back=_address(pk))
    form = ColumnsForm(file.preview["mapping"], request.POST, owner=request.user)
    if not form.is_valid():
        return show(request, file, columns=form)
    save_for: Broker | None = form.cleaned_data["save_for"]
    return do(
        request,
        lambda: imports.name_columns(file.row, form.mapping(), save_for=save_for),
        back=_address(pk),
    )


@require_POST
def saved(request: HttpRequest, pk: int) -> HttpResponse:
    """Read the table as one of the saved mappings that fit it."""
    need(request, IMPORT)
    row = one(request, pk)
    chosen = request.POST.get("mapping", "")
    mine = FileMapping.objects.for_user(request.user)
    found = get_object_or_404(mine, pk=chosen if chosen.isdigit() else 0)
    return do(request, lambda: imports.use_mapping(row, found), back=_address(pk))


@require_POST
def again(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask anew what the columns mean."""
    need(request, IMPORT)
    row = one(request, pk)
    return do(request, lambda: imports.name_again(row), back=_address(pk))


@require_POST
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """The first rows anew, as the form stands; nothing is kept."""
    need(request, IMPORT)
    row = one(request, pk)
    if row.state != StatementImport.State.NEEDS_MAPPING:
        return HttpResponse(status=409)
    form = ColumnsForm(row.preview["mapping"], request.POST, owner=request.user)
    return render(request, PART, {"first_rows": FirstRows.of(row, form)})


def _refuse() -> None:
    raise Conflict("The columns of this file are named already.")


def _address(pk: int) -> str:
    return reverse("desk:import-detail", args=[pk])
