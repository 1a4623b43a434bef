"""Statements over the API, by a client that has only the OpenAPI document."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Deal, StatementImport
from tests.accounts.tables import TABLE, save_two_readings
from tests.api.conftest import Program
from tests.api.openapi_client import OpenApiClient
from tests.factories import make_account
from tradershub.core import uploads
from tradershub.example import write_example

pytestmark = pytest.mark.django_db
DOCUMENT = "/api/v1/openapi.json"


@pytest.fixture(scope="module")
def statements(tmp_path_factory):
    return write_example(tmp_path_factory.mktemp("example"), until=dt.date(2026, 5, 17), seed=7)


@pytest.fixture
def mt4(statements):
    return next(path for path in statements if path.suffix in (".htm", ".html"))


def as_upload(path, name=None):
    return SimpleUploadedFile(name or path.name, path.read_bytes())


def test_a_client_with_only_the_document_imports_a_statement_and_reads_the_result(
    administrator, mt4
):
    api = OpenApiClient(administrator.client, DOCUMENT)
    [received] = api.call("upload_statements", files={"files": [as_upload(mt4)]})["data"]
    shown = api.call("read_import", import_id=received["id"])
    assert shown["state"] == "preview", shown["reason"]
    assert shown["preview"]["lines"]["booked"] > 0
    assert shown["preview"]["lines"]["refused"] == 0
    assert shown["preview"]["opening"]["number"] == shown["preview"]["account"]["number"]

    api.call("confirm_import", import_id=received["id"], body={"opening": {}})
    booked = api.call("read_import", import_id=received["id"])
    assert booked["state"] == "booked", booked["reason"]

    state = api.call("read_account_state", account_id=booked["account_id"])
    printed = Decimal(booked["preview"]["file_totals"]["balance"])
    assert Decimal(state["balance"]) == printed
    days, cursor = [], ""
    while cursor is not None:
        page = api.call("list_day_figures", account_id=booked["account_id"], cursor=cursor)
        days, cursor = days + page["data"], page["next"]
    figures = ("net", "deposits", "withdrawals", "other")
    assert sum(Decimal(day[name]) for day in days for name in figures) == printed
    lines = api.call("list_lines", import_id=received["id"], limit=500)["data"]
    assert {line["fate"] for line in lines} <= {"booked", "inferred"}

    undone = api.call("undo_import", import_id=received["id"])
    assert (undone["state"], undone["kept"]) == ("undone", 0)
    assert not Deal.objects.exists()


def test_a_zip_becomes_one_import_a_file(administrator, statements):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in statements[:2]:
            archive.write(path, path.name)
    upload = SimpleUploadedFile("all.zip", packed.getvalue())
    answer = administrator.client.post("/api/v1/imports", {"files": [upload]})
    assert answer.status_code == 201, answer.content
    received = answer.json()["data"]
    assert len(received) == 2
    assert len({row["batch"] for row in received}) == 1
    assert administrator.get("imports", batch=received[0]["batch"]).json()["next"] is None


def test_what_is_no_statement_is_refused_with_a_sentence(administrator):
    upload = SimpleUploadedFile("notes.txt", b"Dear diary")
    answer = administrator.client.post("/api/v1/imports", {"files": [upload]})
    [received] = answer.json()["data"]
    assert received["state"] == "refused"
    assert len(received["reason"]) > 20


def test_a_table_is_booked_once_its_columns_are_named(administrator):
    account = make_account(owner=administrator.user, currency="EUR")
    table = (
        "Ticketnummer;Eröffnungszeit;Typ;Menge;Symbol;Eröffnungskurs;Schlusszeit;Schlusskurs;"
        "Provision;Swap;Bruttogewinn;Kommentar\n"
        "7;15.01.2026 10:00:00;Kauf;0,10;EURUSD;1,10000;15.01.2026 11:00:00;1,10100;-0,70;-0,10;"
        "1.010,00;nichts\n"
    )
    upload = SimpleUploadedFile("table.csv", table.encode())
    sent = {"files": [upload], "account_id": account.pk}
    [received] = administrator.client.post("/api/v1/imports", sent).json()["data"]
    path = f"imports/{received['id']}"
    shown = administrator.get(path).json()
    assert shown["state"] == "needs_mapping", shown
    refused = administrator.put(f"{path}/columns", {"columns": {"no": "sense"}})
    assert (refused.status_code, refused.json()["error"]["param"]) == (422, "columns")

    questions = shown["preview"]["mapping"]["questions"]
    answers = {question["key"]: question["options"][0] for question in questions}
    body = {"answers": answers, "save_for_broker_id": account.broker_id}
    named = administrator.put(f"{path}/columns", body)
    assert named.json()["state"] == "preview", named.content
    assert named.json()["preview"]["lines"]["booked"] > 0
    assert administrator.post(f"{path}/confirm", {}).json()["state"] == "booked"
    [mapping] = administrator.get("mappings").json()["data"]
    assert administrator.delete(f"mappings/{mapping['id']}").status_code == 204


def test_a_key_for_reading_and_writing_only_may_not_import(mt4):
    program = Program(User.objects.create_superuser("root2"), scopes=("read", "write"))
    answer = program.client.post("/api/v1/imports", {"files": [as_upload(mt4)]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope_missing")


def test_a_file_is_confirmed_and_undone_once(administrator, mt4):
    answer = administrator.client.post("/api/v1/imports", {"files": [as_upload(mt4)]})
    path = f"imports/{answer.json()['data'][0]['id']}"
    without = administrator.post(f"{path}/confirm", {})
    assert (without.status_code, without.json()["error"]["param"]) == (422, "account")
    assert administrator.post(f"{path}/confirm", {"opening": {}}).status_code == 200
    assert administrator.post(f"{path}/confirm", {"opening": {}}).status_code == 409
    assert administrator.post(f"{path}/undo").status_code == 200
    assert administrator.post(f"{path}/undo").status_code == 409
    assert administrator.delete(f"{path}/file").status_code == 204


def test_a_file_is_discarded_once_and_not_after_it_was_booked(administrator, mt4):
    def receive():
        answer = administrator.client.post("/api/v1/imports", {"files": [as_upload(mt4)]})
        return f"imports/{answer.json()['data'][0]['id']}"

    path = receive()
    assert administrator.post(f"{path}/discard").status_code == 204
    assert administrator.get(path).status_code == 404
    assert administrator.post(f"{path}/discard").status_code == 404
    path = receive()
    administrator.post(f"{path}/confirm", {"opening": {}})
    refused = administrator.post(f"{path}/discard")
    assert (refused.status_code, refused.json()["error"]["type"]) == (409, "Conflict")
    assert administrator.get(path).json()["state"] == "booked"


def test_a_discard_needs_the_scope_of_imports(mt4):
    user = User.objects.create_superuser("root3")
    answer = Program(user).client.post("/api/v1/imports", {"files": [as_upload(mt4)]})
    path = f"imports/{answer.json()['data'][0]['id']}"
    refused = Program(user, scopes=("read", "write")).post(f"{path}/discard")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "scope_missing")


def test_an_upload_without_files_says_what_is_missing(administrator):
    answer = administrator.client.post("/api/v1/imports", {})
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "files")


def test_an_import_at_work_is_cancelled_and_read_again(administrator, mt4):
    [received] = administrator.client.post("/api/v1/imports", {"files": [as_upload(mt4)]}).json()[
        "data"
    ]
    path = f"imports/{received['id']}"
    assert administrator.post(f"{path}/cancel", {}).status_code == 409
    StatementImport.objects.update(state="booking")
    stopping = administrator.post(f"{path}/cancel", {}).json()
    assert (stopping["state"], stopping["progress"]["stopping"]) == ("booking", True)
    StatementImport.objects.update(state="reading")
    assert administrator.post(f"{path}/cancel", {}).json()["state"] == "cancelled"
    assert administrator.post(f"{path}/read", {}).json()["state"] == "preview"
    assert administrator.post(f"{path}/read", {}).status_code == 409


def test_a_table_that_two_brokers_mappings_fit_is_read_as_the_one_named(administrator):
    save_two_readings(administrator.user)
    upload = SimpleUploadedFile("table.csv", TABLE.encode())
    [received] = administrator.client.post("/api/v1/imports", {"files": [upload]}).json()["data"]
    path = f"imports/{received['id']}"
    offered = administrator.get(path).json()["preview"]["offered"]
    assert [row["broker"] for row in offered] == ["Gross Broker", "Net Broker"]
    both = administrator.put(
        f"{path}/columns", {"mapping_id": offered[0]["id"], "answers": {"a": "b"}}
    )
    assert both.status_code == 422
    assert administrator.put(f"{path}/columns", {"mapping_id": 10**6}).status_code == 404
    named = administrator.put(f"{path}/columns", {"mapping_id": offered[1]["id"]})
    assert named.json()["state"] == "preview"


@pytest.mark.parametrize("sizes", [[5000], [400, 400, 400]])
@pytest.mark.parametrize("form_bytes", [0, 10**6])
def test_files_too_large_together_are_refused_in_a_sentence(
    administrator, settings, monkeypatch, sizes, form_bytes
):
    settings.STATEMENT_MAX_BYTES = 1000
    monkeypatch.setattr(uploads, "FORM_BYTES", form_bytes)
    files = [SimpleUploadedFile(f"{n}.html", b"x" * size) for n, size in enumerate(sizes)]
    answer = administrator.client.post("/api/v1/imports", {"files": files})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (413, "TooLarge", "too_large")
    assert "larger than" in error["message"]
    assert not StatementImport.objects.exists()
