"""Statements in the browser: drop files, see what is in them, book, undo."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import imports
from accounts.models import Account, StatementImport
from accounts.statements.spreadsheet_template import write_template
from tradershub.core.errors import HubError
from tradershub.core.formats import number
from tradershub.core.pages import render_page
from tradershub.core.uploads import too_large, was_too_large
from tradershub.desk.columns import ColumnsForm
from tradershub.desk.opening import OpeningForm
from tradershub.desk.shown import Shown
from tradershub.desk.symbols import symbols_form, unmapped

RECENT = 50
IMPORT, UNDO = "accounts.add_statementimport", "accounts.change_statementimport"
MAP = "brokers.change_brokersymbol"
CRUMBS = (("Import statements", "desk:import"),)
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
State = StatementImport.State


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """The drop zone and the files of a batch, or the latest files."""
    if request.method == "POST":
        return _receive(request)
    found = _shown(request)
    return render_page(
        request,
        "desk/import.html",
        title="What is in these files, and is it right?",
        files=found,
        batch=_batch(request),
        accounts=_open_accounts(request),
        ready=[file for file in found if file.is_ready],
        booked=[file for file in found if file.row.state == State.BOOKED],
        at_work=[file for file in found if file.can_cancel],
        largest=_largest(),
    )


def _open_accounts(request: HttpRequest) -> QuerySet[Account]:
    return Account.objects.for_user(request.user).filter(status="open").select_related("broker")


def _receive(request: HttpRequest) -> HttpResponse:
    need(request, IMPORT)
    uploads = request.FILES.getlist("files")
    if not uploads:
        return _answer(request, _too_large(request) or "No file was sent; expected at least one.")
    batch = uuid.uuid4()
    account = _chosen_account(request)
    for upload in uploads:
        _receive_upload(upload, request=request, batch=batch, account=account)
    return _answer(request, "", address=f"{reverse('desk:import')}?batch={batch}")


def _too_large(request: HttpRequest) -> str:
    return too_large() if was_too_large(request) else ""


def _largest() -> str:
    return number(settings.STATEMENT_MAX_BYTES // 1024**2, 0)


def _receive_upload(
    upload: UploadedFile, *, request: HttpRequest, batch: uuid.UUID, account: Account | None
) -> None:
    name = Path(upload.name or "file").name
    path = Path(upload.temporary_file_path())
    imports.receive(path, name=name, owner=request.user, batch=batch, account=account)


def _chosen_account(request: HttpRequest) -> Account | None:
    chosen = request.POST.get("account", "")
    if not chosen.isdigit():
        return None
    return get_object_or_404(Account.objects.for_user(request.user), pk=chosen)


def _answer(request: HttpRequest, refusal: str, *, address: str = "") -> HttpResponse:
    """For the page's script an object, for a plain form a redirect."""
    address = address or reverse("desk:import")
    if request.headers.get("Accept", "").startswith("application/json"):
        body = {"error": refusal} if refusal else {"address": address}
        return JsonResponse(body, status=422 if refusal else 200)
    if refusal:
        messages.error(request, refusal)
    return HttpResponseRedirect(address)


@require_GET
def rows(request: HttpRequest) -> HttpResponse:
    """The rows of the page anew; the header says whether anything is still at work."""
    found = _shown(request)
    response = render(request, "desk/parts/import_rows.html", {"files": found})
    response["X-Busy"] = str(int(any(file.busy for file in found)))
    return response


def _shown(request: HttpRequest) -> list[Shown]:
    mine = StatementImport.objects.for_user(request.user).select_related("account__broker")
    if batch := _batch(request):
        mine = mine.filter(batch=batch)
    return [Shown(row) for row in mine.defer("file__data")[:RECENT]]


def _batch(request: HttpRequest) -> str:
    try:
        return str(uuid.UUID(request.GET.get("batch") or request.POST.get("batch") or ""))
    except ValueError:
        return ""


@require_GET
def template(request: HttpRequest) -> HttpResponse:
    """The spreadsheet to fill in for a broker whose files nobody reads."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.xlsx"
        write_template(path)
        response = HttpResponse(path.read_bytes(), content_type=XLSX)
    response["Content-Disposition"] = 'attachment; filename="tradershub-template.xlsx"'
    return response


def one(request: HttpRequest, pk: int) -> StatementImport:
    mine = StatementImport.objects.for_user(request.user).select_related("account__broker")
    return get_object_or_404(mine, pk=pk)


@require_GET
def waiting(request: HttpRequest, pk: int) -> HttpResponse:
    """How far the work on a file is; the header says whether it goes on."""
    file = Shown(one(request, pk))
    response = render(request, "desk/parts/waiting.html", {"file": file})
    response["X-Busy"] = str(int(file.busy))
    return response


@require_GET
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    return show(request, Shown(one(request, pk)))


def show(request: HttpRequest, file: Shown, **forms: Any) -> HttpResponse:
    if file.row.state == State.NEEDS_MAPPING and file.row.file_id:
        forms.setdefault("columns", ColumnsForm(file.preview["mapping"], owner=request.user))
    if file.is_shown and file.row.account and request.user.has_perm(MAP):
        forms.setdefault("symbols", symbols_form(file))
    if file.can_book and not file.row.account:
        forms.setdefault("opening", OpeningForm(initial=file.opening, owner=request.user))
    return render_page(
        request,
        "desk/import_detail.html",
        title=file.row.file_name,
        crumbs=[(label, reverse(name)) for label, name in CRUMBS],
        status=422 if any(form and form.is_bound for form in forms.values()) else 200,
        file=file,
        samples=_sample_tables(file),
        to_map=unmapped(file),
        **forms,
    )


def _sample_tables(file: Shown) -> list[tuple[str, list[dict[str, Any]]]]:
    words = {"booked": "To be booked", "duplicate": "Booked already"}
    found = file.preview.get("samples") or {}
    return [(words.get(fate, fate.capitalize()), lines) for fate, lines in found.items()]


@require_POST
def book(request: HttpRequest, pk: int) -> HttpResponse:
    """The person's yes to one file: with its account, a chosen one, or one to be opened."""
    need(request, IMPORT)
    file = Shown(one(request, pk))
    opening = None
    if file.can_book and not file.row.account:
        form = OpeningForm(request.POST, initial=file.opening, owner=request.user)
        if not form.is_valid():
            return show(request, file, opening=form)
        opening = form
    return do(
        request,
        lambda: imports.confirm(
            file.row,
            actor=request.user,
            account=opening.cleaned_data["account"] if opening else None,
            opening=opening.fields_to_open() if opening else None,
        ),
        back=reverse("desk:import-detail", args=[pk]),
    )


@require_POST
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    need(request, UNDO)
    row = one(request, pk)

    def take_out() -> None:
        counts = imports.undo(row, actor=request.user)
        messages.success(request, f"{row.file_name} is out of the books: {_told(counts)}")

    return do(request, take_out, back=reverse("desk:import-detail", args=[pk]))


def _told(counts: dict[str, int]) -> str:
    return f"{counts['removed']} deals removed, {counts['kept']} kept because others confirm them"


@require_POST
def book_batch(request: HttpRequest) -> HttpResponse:
    """Book every file of the page that asks nothing more, the oldest period first."""
    need(request, IMPORT)
    ready = [file for file in _shown(request) if file.is_ready]
    ready.sort(key=lambda file: (file.preview.get("period") or {}).get("from") or "")
    return _each(request, ready, lambda row: imports.confirm(row, actor=request.user, opening={}))


@require_POST
def undo_batch(request: HttpRequest) -> HttpResponse:
    """Take every booked file of the batch out of the books."""
    need(request, UNDO)
    batch = _batch(request)
    booked = [file for file in _shown(request) if batch and file.row.state == State.BOOKED]
    return _each(request, booked, lambda row: imports.undo(row, actor=request.user))


def _each(
    request: HttpRequest, files: list[Shown], act: Callable[[StatementImport], Any]
) -> HttpResponse:
    for file in files:
        try:
            act(file.row)
        except HubError as refusal:
            messages.error(request, f"{file.row.file_name}: {refusal.message}")
    batch = _batch(request)
    return HttpResponseRedirect(reverse("desk:import") + (f"?batch={batch}" if batch else ""))


@require_POST
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop the work on a file; nothing of it is in the books then."""
    need(request, IMPORT)
    row = one(request, pk)
    return do(
        request,
        lambda: imports.cancel(row, actor=request.user),
        back=reverse("desk:import-detail", args=[pk]),
    )


@require_POST
def cancel_batch(request: HttpRequest) -> HttpResponse:
    """Stop the work on every file of the page, first on that which a worker has in hand."""
    need(request, IMPORT)
    at_work = [file for file in _shown(request) if file.can_cancel]
    at_work.sort(key=lambda file: file.row.state != State.BOOKING)
    return _each(request, at_work, lambda row: imports.cancel(row, actor=request.user))


@require_POST
def read_again(request: HttpRequest, pk: int) -> HttpResponse:
    need(request, IMPORT)
    row = one(request, pk)
    return do(
        request,
        lambda: imports.read_again(row),
        back=reverse("desk:import-detail", args=[pk]),
    )


@require_POST
def discard(request: HttpRequest, pk: int) -> HttpResponse:
    """Drop a file that is not booked."""
    need(request, IMPORT)
    row = one(request, pk)
    batch = row.batch
    try:
        imports.discard(row, actor=request.user)
    except HubError as refusal:
        messages.error(request, refusal.message)
        return HttpResponseRedirect(reverse("desk:import-detail", args=[pk]))
    messages.success(request, f"{row.file_name} was discarded; nothing of it was booked.")
    more = batch and StatementImport.objects.for_user(request.user).filter(batch=batch).exists()
    return HttpResponseRedirect(reverse("desk:import") + (f"?batch={batch}" if more else ""))


@require_POST
def forget(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete the original file; what was booked stays."""
    need(request, UNDO)
    row = one(request, pk)
    return do(
        request,
        lambda: imports.delete_file(row, actor=request.user),
        back=reverse("desk:import-detail", args=[pk]),
    )


def do(request: HttpRequest, act: Callable[[], Any], *, back: str) -> HttpResponse:
    try:
        act()
    except HubError as refusal:
        messages.error(request, refusal.message)
    return HttpResponseRedirect(back)


def need(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


@require_POST
def symbols(request: HttpRequest, pk: int) -> HttpResponse:
    """Say which instruments the unknown symbols of a file with a known broker are."""
    need(request, MAP)
    file = Shown(one(request, pk))
    form = symbols_form(file, request.POST) if file.row.account else None
    if form is not None and not form.is_valid():
        return show(request, file, symbols=form)
    if form is not None and (count := form.save(file.row.account.broker, actor=request.user)):
        messages.success(request, f"{count} symbol{'s' if count > 1 else ''} mapped.")
    return HttpResponseRedirect(reverse("desk:import-detail", args=[pk]))
