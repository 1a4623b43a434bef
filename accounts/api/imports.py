"""Statements over the API: upload, read what was found, name columns, confirm, cancel, undo, discard."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, File, Form, Query, Router, Schema, Status
from ninja.files import UploadedFile

from accounts import imports
from accounts.api.accounts import AccountFields, my_account
from accounts.api.uploads import on_disk
from accounts.models import (
    LARGEST_LEVERAGE,
    FileMapping,
    StatementImport,
    StatementLine,
)
from accounts.statements.columns import Mapping
from brokers.models import Broker
from tradershub.core.api import Input, Moment, Page, PageQuery, allow, one, one_of, page_of
from tradershub.core.api_keys import IMPORT
from tradershub.core.errors import BadInput

router = Router(tags=["Imports"])


class ProgressOut(Schema):
    """While a worker reads or books the file."""

    done: int = Field(description="Of `total`; rises evenly")
    total: int
    stage: str = Field(description="read, compare, deals, lines, derive or check; else empty")
    rows: int = Field(description="Of this stage that are done")
    rows_total: int = Field(description="Of this stage; 0 where nobody knows yet")
    seconds_left: int | None
    stopping: bool = Field(description="Whether it was asked to stop")


class ImportSummary(Schema):
    id: int
    batch: uuid.UUID | None = Field(description="Files that were uploaded together")
    file_name: str
    sha256: str
    format: str
    state: str = Field(
        description="received, reading, needs_mapping, preview, refused, cancelled, confirmed, "
        "booking, booked, undone or failed"
    )
    reason: str = Field(description="Why it was refused or failed, in a sentence")
    account_id: int | None
    period_from: Moment | None
    period_to: Moment | None
    progress: ProgressOut
    created_at: Moment
    booked_at: Moment | None
    undone_at: Moment | None

    @staticmethod
    def resolve_progress(imported: StatementImport) -> dict[str, Any]:
        far = imports.how_far(imported)
        return {
            "done": far.percent,
            "total": 100,
            "stage": far.stage,
            "rows": far.done,
            "rows_total": far.of,
            "seconds_left": far.seconds_left,
            "stopping": far.stopping,
        }


class NamedAccount(Schema):
    number: str
    currency: str
    name: str
    broker: str


class ReadPeriod(Schema):
    from_: str | None = Field(None, alias="from")
    to: str | None = None


class Lines(Schema):
    """Rows that change money, by what becomes of them."""

    read: int = 0
    booked: int = 0
    confirmed: int = 0
    duplicate: int = 0
    inferred: int = 0
    refused: int = 0


class RefusedLine(Schema):
    row: int
    section: str
    reason: str
    text: str


class OfferedMapping(Schema):
    id: int
    broker: str


class Preview(Schema):
    """What the file says and what would become of it; empty until it is read."""

    file: str = ""
    format: str = ""
    account: NamedAccount | None = None
    period: ReadPeriod | None = None
    lines: Lines | None = None
    file_totals: dict[str, Any] = Field({}, description="As the file prints them")
    our_totals: dict[str, Any] = Field({}, description="Computed from the rows of the file")
    breaks: list[Any] = Field([], description="Where the two differ, each with its cause")
    refused: list[RefusedLine] = []
    samples: dict[str, list[Any]] = Field({}, description="The first lines of each fate")
    symbols_to_map: list[str] = []
    disagreements: list[Any] = []
    notes: list[Any] = []
    opening: dict[str, Any] = Field(
        {}, description="The account that would be opened: pass what you correct to `confirm`"
    )
    question: str = Field("", description="What the file does not say, and you must")
    mapping: dict[str, Any] = Field({}, description="How the columns of a table may be meant")
    columns: dict[str, Any] = Field({}, description="How you said that they are meant")
    offered: list[OfferedMapping] = Field(
        [], description="Saved mappings of several brokers that fit: name one by `mapping_id`"
    )


class ImportOut(ImportSummary):
    preview: Preview


ImportState = one_of(StatementImport.State)


class ImportQuery(PageQuery):
    account_id: int | None = None
    state: ImportState | None = None
    batch: uuid.UUID | None = None


def _mine(request: HttpRequest) -> Any:
    return StatementImport.objects.for_user(request.user).select_related("account__broker", "file")


def _my_import(request: HttpRequest, import_id: int) -> StatementImport:
    return one(_mine(request).defer("file__data"), import_id, what="import")


class Uploaded(Schema):
    data: list[ImportSummary]


@router.post("/imports", response={201: Uploaded}, summary="Upload statements")
def upload_statements(
    request: HttpRequest,
    files: Annotated[list[UploadedFile], File(description="One or many files, or a zip of them")],
    account_id: Annotated[int | None, Form(description="Where the files do not say it")] = None,
) -> Any:
    """Each file becomes an import, read by a worker: ask for it until its `state` is `preview`."""
    user = allow(request, "accounts.add_statementimport", scope=IMPORT)
    account = None if account_id is None else my_account(request, account_id)
    batch, received = uuid.uuid4(), []
    for file in files:
        with on_disk(file) as path:
            received += imports.receive(
                path, name=file.name or "statement", owner=user, batch=batch, account=account
            )
    return Status(201, {"data": received})


@router.get("/imports", response=Page[ImportSummary], summary="List imports")
def list_imports(request: HttpRequest, query: Annotated[ImportQuery, Query()]) -> Any:
    allow(request, "accounts.view_statementimport")
    given = query.dict(exclude={"limit", "cursor"}, exclude_none=True)
    return page_of(_mine(request).defer("preview", "file__data").filter(**given), query)


@router.get("/imports/{import_id}", response=ImportOut, summary="Read an import and its preview")
def read_import(request: HttpRequest, import_id: int) -> Any:
    allow(request, "accounts.view_statementimport")
    return _my_import(request, import_id)


class LineOut(Schema):
    id: int
    row: int
    section: str
    fate: str
    reason: str
    deal_id: int | None
    values: dict[str, Any]


LineFate = one_of(StatementLine.Fate)


class LineQuery(PageQuery):
    fate: LineFate | None = None


@router.get("/imports/{import_id}/lines", response=Page[LineOut], summary="List a file's lines")
def list_lines(request: HttpRequest, import_id: int, query: Annotated[LineQuery, Query()]) -> Any:
    """The lines of a booked file that change money, and what became of each."""
    allow(request, "accounts.view_statementline")
    rows = StatementLine.objects.filter(statement=_my_import(request, import_id))
    return page_of(rows.filter(fate=query.fate) if query.fate else rows, query)


class ColumnsIn(Input):
    columns: dict[str, Any] | None = Field(
        None, description="As `preview.mapping`, corrected; by default as suggested or said before"
    )
    answers: dict[str, str] = Field({}, description="Question of the mapping: one of its options")
    save_for_broker_id: int | None = Field(None, description="Read later files of it the same way")
    mapping_id: int | None = Field(
        None, description="As this saved mapping says, nothing else given"
    )


@router.put("/imports/{import_id}/columns", response=ImportOut, summary="Name a table's columns")
def name_columns(request: HttpRequest, import_id: int, body: ColumnsIn) -> Any:
    user = allow(request, "accounts.change_statementimport", scope=IMPORT)
    imported = _my_import(request, import_id)
    if body.mapping_id is not None:
        if body.dict(exclude_unset=True, exclude={"mapping_id"}):
            raise BadInput("Expected mapping_id alone, or the columns", param="mapping_id")
        saved = one(FileMapping.objects.for_user(user), body.mapping_id, what="mapping")
        return imports.use_mapping(imported, saved)
    broker = None
    if body.save_for_broker_id is not None:
        broker = one(Broker.objects.all(), body.save_for_broker_id, what="broker")
    return imports.name_columns(imported, _answered(imported, body), save_for=broker)


def _answered(imported: StatementImport, body: ColumnsIn) -> dict[str, Any]:
    """The columns as they are said to be read. Raises BadInput for an answer that is no option."""
    known = imported.preview.get("columns") or imported.preview.get("mapping") or {}
    try:
        named = Mapping.from_dict(known if body.columns is None else body.columns)
        for key, value in body.answers.items():
            named = named.answered(key, value)
    except ValueError as error:
        raise BadInput(str(error), param="columns") from error
    return named.to_dict()


class OpeningIn(AccountFields):
    """The account to open; what is left out is taken from the file."""

    broker: str = Field("", max_length=120, description="Its name; opened where nobody knows it")
    number: str = Field("", max_length=40)
    currency: str = Field("", max_length=3)
    leverage: int | None = Field(None, ge=1, le=LARGEST_LEVERAGE)


class ConfirmIn(Input):
    account_id: int | None = None
    opening: OpeningIn | None = Field(None, description="{} opens it with what the file says")


@router.post("/imports/{import_id}/confirm", response=ImportOut, summary="Book an import")
def confirm_import(request: HttpRequest, import_id: int, body: ConfirmIn) -> Any:
    """A worker books it: ask for it until its `state` is `booked` or `failed`."""
    user = allow(request, "accounts.change_statementimport", scope=IMPORT)
    account = None if body.account_id is None else my_account(request, body.account_id)
    opening = None
    if body.opening is not None:
        allow(request, "accounts.add_account", scope=IMPORT)
        opening = body.opening.dict(exclude_unset=True)
    return imports.confirm(
        _my_import(request, import_id), actor=user, account=account, opening=opening
    )


@router.post("/imports/{import_id}/cancel", response=ImportOut, summary="Cancel an import")
def cancel_import(request: HttpRequest, import_id: int) -> Any:
    """Stops what waits, or is being read or booked; nothing of it is in the books then.

    A file not yet read becomes `cancelled`, a confirmed one `preview`. One that is being booked does so
    within seconds, unless it is booked by then: ask for it until its `state` is no longer `booking`.
    """
    user = allow(request, "accounts.change_statementimport", scope=IMPORT)
    return imports.cancel(_my_import(request, import_id), actor=user)


@router.post("/imports/{import_id}/read", response=ImportOut, summary="Read an import again")
def read_import_again(request: HttpRequest, import_id: int) -> Any:
    """For a file that was cancelled or refused, or that could not be booked."""
    allow(request, "accounts.change_statementimport", scope=IMPORT)
    return imports.read_again(_my_import(request, import_id))


class UndoneOut(Schema):
    removed: int = Field(description="Deals that only this file had")
    kept: int = Field(description="Deals that another source has too")
    state: str


@router.post("/imports/{import_id}/undo", response=UndoneOut, summary="Undo a booked import")
def undo_import(request: HttpRequest, import_id: int) -> Any:
    user = allow(request, "accounts.change_statementimport", scope=IMPORT)
    imported = _my_import(request, import_id)
    counts = imports.undo(imported, actor=user)
    return {**counts, "state": imported.state}


@router.post("/imports/{import_id}/discard", response={204: None}, summary="Discard an import")
def discard_import(request: HttpRequest, import_id: int) -> Any:
    """Drops a file that was never booked, with its bytes where no other import needs them."""
    user = allow(request, "accounts.change_statementimport", scope=IMPORT)
    imports.discard(_my_import(request, import_id), actor=user)
    return Status(204, None)


@router.delete("/imports/{import_id}/file", response={204: None}, summary="Forget the original")
def delete_original(request: HttpRequest, import_id: int) -> Any:
    """The stored bytes go; the hash, the lines and what was booked stay."""
    user = allow(request, "accounts.delete_statementfile", scope=IMPORT)
    imports.delete_file(_my_import(request, import_id), actor=user)
    return Status(204, None)


class MappingOut(Schema):
    id: int
    broker_id: int
    name: str
    mapping: dict[str, Any]
    created_at: Moment


@router.get("/mappings", response=Page[MappingOut], summary="List saved column mappings")
def list_mappings(request: HttpRequest, query: Annotated[PageQuery, Query()]) -> Any:
    user = allow(request, "accounts.view_filemapping")
    return page_of(FileMapping.objects.for_user(user), query)


@router.delete("/mappings/{mapping_id}", response={204: None}, summary="Forget a saved mapping")
def delete_mapping(request: HttpRequest, mapping_id: int) -> Any:
    user = allow(request, "accounts.delete_filemapping")
    one(FileMapping.objects.for_user(user), mapping_id, what="mapping").delete()
    return Status(204, None)
