"""Tables exported from the admin and imported again."""

from __future__ import annotations

import io
import re
import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from openpyxl import load_workbook

from accounts import manual
from accounts.models import StatementImport
from brokers.models import Broker, BrokerSymbol, Instrument, SymbolTerms
from tests.factories import make_account, make_broker
from tradershub.core import spreadsheets
from tradershub.core.models import AuditEntry

pytestmark = pytest.mark.django_db
XLSX, CSV = "0", "1"
EVIL = '=HYPERLINK("http://x")'


@pytest.fixture
def root(client):
    client.force_login(User.objects.create_superuser("root"))
    client.user = User.objects.get()
    return client


def export(client, model, form):
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_export")
    shown = client.get(address).context["form"]
    chosen = {name: "on" for name in shown.fields if name not in ("resource", "format")}
    chosen.pop("export_items", None)
    answer = client.post(address, {**chosen, "resource": "0", "format": form})
    assert answer.has_header("Content-Disposition"), answer.context["form"].errors
    return answer.content


def import_again(client, model, form, data):
    return confirm(client, model, looked_at(client, model, form, data))


def looked_at(client, model, form, data):
    """What the page sends when a person agrees to what it shows."""
    upload = SimpleUploadedFile("table.xlsx" if form == XLSX else "table.csv", data)
    body = {"import_file": upload, "format": form, "resource": "0"}
    shown = client.post(place(model, "import"), body)
    assert not shown.context["result"].has_errors(), errors_of(shown.context["result"])
    assert not shown.context["result"].has_validation_errors(), shown.context["result"].invalid_rows
    return shown.context["confirm_form"].initial


def confirm(client, model, agreed):
    return client.post(place(model, "process_import"), agreed, follow=True)


def place(model, name):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}")


def errors_of(result):
    return [str(error.error) for row in result.rows for error in row.errors] + result.base_errors


def reference_rows():
    broker = make_broker(
        name=EVIL, aliases=["A", "B"], time_zone="Asia/Tokyo", notes="- a note\nof lines"
    )
    instrument = Instrument.objects.get(symbol="EURUSD")
    symbol = BrokerSymbol.objects.create(broker=broker, name="EURUSD.m", instrument=instrument)
    SymbolTerms.objects.create(
        symbol=symbol,
        valid_from="2024-01-01",
        contract_size=100000,
        tick_size="0.00001",
        swap_long="-7.123456789",
        swap_mode="points",
    )


def state_of(model):
    rows = model.objects.order_by("pk").values()
    return [{k: v for k, v in row.items() if k not in ("id", "symbol_id")} for row in rows]


@pytest.mark.parametrize("form", [XLSX, CSV])
@pytest.mark.parametrize("model", [SymbolTerms, BrokerSymbol, Instrument, Broker])
def test_a_reference_table_comes_back_as_it_went(root, model, form):
    reference_rows()
    before, data = state_of(model), export(root, model, form)
    if model is SymbolTerms:
        SymbolTerms.objects.update(swap_long=0)
    elif model is BrokerSymbol:
        BrokerSymbol.objects.update(instrument=None)
    elif model is Instrument:
        Instrument.objects.update(aliases=[], contract_size=1)
    else:
        Broker.objects.update(aliases=[], time_zone="UTC", notes="")
    page = import_again(root, model, form, data).content.decode()
    assert "Import finished" in page
    assert state_of(model) == before
    entry = AuditEntry.objects.get(action=f"{model._meta.model_name}.import")
    assert (entry.actor, "update" in entry.summary) == ("root", True)


def test_a_wrong_row_is_refused_before_anything_is_written(root):
    data = export(root, Instrument, CSV).replace(b"EURUSD,", b"EURUSD,", 1)
    lines = data.decode().splitlines()
    wrong = ",".join(["WRONG", *["" for _ in lines[0].split(",")[1:]]])
    address = reverse("admin:brokers_instrument_import")
    upload = SimpleUploadedFile("t.csv", f"{lines[0]}\n{wrong}\n".encode())
    shown = root.post(address, {"import_file": upload, "format": CSV, "resource": "0"})
    result = shown.context["result"]
    assert result.has_errors() or result.has_validation_errors()
    assert not Instrument.objects.filter(symbol="WRONG").exists()


def test_the_zone_of_booked_files_is_not_changed_by_a_spreadsheet(root):
    """A table cannot say whether another zone corrects the old one or holds from a day on."""
    account = make_account(broker=make_broker(time_zone="Asia/Tokyo"))
    StatementImport.objects.create(owner=account.owner, account=account, state="booked")
    data = export(root, Broker, CSV).replace(b"Asia/Tokyo", b"UTC")
    upload = SimpleUploadedFile("t.csv", data)
    body = {"import_file": upload, "format": CSV, "resource": "0"}
    shown = root.post(reverse("admin:brokers_broker_import"), body)
    assert "corrects the old one" in errors_of(shown.context["result"])[0]
    assert Broker.objects.get(pk=account.broker_id).time_zone == "Asia/Tokyo"


@pytest.mark.parametrize("found", ["abc", "NaN", "1,5", "٣", "1E+999999", "-1"])
def test_a_wrong_number_is_named_beside_its_field(root, found):
    data = export(root, Instrument, CSV).decode().splitlines()
    row = dict(zip(data[0].split(","), data[1].split(","), strict=False))
    row |= {"symbol": "WRONG", "tick_size": f'"{found}"', "aliases": "[]"}
    upload = SimpleUploadedFile("t.csv", f"{data[0]}\n{','.join(row.values())}\n".encode())
    body = {"import_file": upload, "format": CSV, "resource": "0"}
    shown = root.post(reverse("admin:brokers_instrument_import"), body)
    (wrong,) = shown.context["result"].invalid_rows
    assert list(wrong.field_specific_errors) == ["tick_size"]
    assert found in str(wrong.field_specific_errors) or "digits" in str(wrong.error)


def test_no_cell_of_an_export_is_a_formula(root):
    account = make_account(owner=root.user, broker=make_broker(name=EVIL), name="@SUM(A1)")
    manual.charge(account, actor="me", kind="swap", amount="-1.25", symbol="+EUR", comment=EVIL)
    model = type(account.deals.get())
    text = export(root, model, CSV).decode()
    assert f"'{EVIL}".replace('"', '""') in text
    assert "'@SUM(A1)" in text, text
    assert "'+EUR" in text
    assert ",-1.25," in text
    sheet = load_workbook(io.BytesIO(export(root, model, XLSX))).active
    cells = {cell.value for row in sheet.iter_rows() for cell in row}
    assert f"'{EVIL}" in cells
    assert {str(c) for c in cells} & {"-1.25", "-1.250000000"}
    assert not [c for row in sheet.iter_rows() for c in row if c.data_type == "f"]


def test_every_table_of_the_books_is_exported(root):
    account = make_account(owner=root.user)
    manual.deposit(account, actor="me", amount="5")
    manual.trade(account, actor="me", symbol="EURUSD", side="buy", volume="1", price="1.1")
    manual.place_order(account, actor="me", symbol="EURUSD", side="buy", volume="1")
    for model in ("deal", "position", "brokerorder", "dayfigures", "equitysnapshot", "break"):
        found = root.get(reverse(f"admin:accounts_{model}_changelist")).context["cl"].model
        for form in (XLSX, CSV):
            assert export(root, found, form)


def test_too_many_rows_are_refused_in_a_sentence(root, monkeypatch):
    monkeypatch.setattr(spreadsheets, "MOST_ROWS", 10)
    page = root.get(reverse("admin:brokers_instrument_export"), follow=True).content.decode()
    assert "more than 10 rows" in page


def test_an_export_takes_as_many_queries_for_many_rows_as_for_one(
    root, django_assert_max_num_queries
):
    account = make_account(owner=root.user)
    for number in range(12):
        manual.charge(account, actor="me", kind="swap", amount=Decimal(number + 1), symbol="EURUSD")
    with django_assert_max_num_queries(24):
        assert export(root, type(account.deals.first()), CSV).count(b"\n") == 13


def test_a_form_shows_numbers_without_the_zeros_of_storage(root):
    reference_rows()
    terms = SymbolTerms.objects.get()
    page = root.get(reverse("admin:brokers_symbolterms_change", args=[terms.pk]))
    shown = page.content.decode()
    assert 'value="100000"' in shown and 'value="0.00001"' in shown
    assert 'value="-7.123456789"' in shown and "00000000" not in shown


def test_an_export_is_a_workbook_unless_one_says_otherwise(root):
    page = root.get(reverse("admin:brokers_instrument_export")).content.decode()
    assert re.search(r'<option value="0" selected[^>]*>\s*xlsx', page)


@pytest.mark.parametrize(
    ("limit", "sentence"), [(10, "at most 10 are read"), (10**6, "more than 10,000 rows")]
)
def test_an_import_beyond_the_limits_is_refused_in_a_sentence(root, settings, limit, sentence):
    settings.TABLE_MAX_BYTES = limit
    upload = SimpleUploadedFile("table.csv", b"name\n" * 10_002)
    body = {"import_file": upload, "format": CSV, "resource": "0"}
    shown = root.post(reverse("admin:brokers_broker_import"), body)
    assert sentence in str(shown.context["form"].errors["import_file"])
    assert not Broker.objects.exists()


def test_an_import_of_another_file_than_was_shown_is_refused_and_leaves_that_file(root):
    agreed = looked_at(root, Instrument, CSV, export(root, Instrument, CSV))
    with tempfile.NamedTemporaryFile() as other:
        for name in (Path(other.name).name, "", "nothing", agreed["import_file_name"][:-1]):
            answer = confirm(root, Instrument, {**agreed, "import_file_name": name})
            assert answer.redirect_chain == [(place(Instrument, "import"), 302)], name
            assert "Choose the file once more" in answer.content.decode()
        assert Path(other.name).exists()
    assert not AuditEntry.objects.filter(action="instrument.import").exists()


def test_what_was_shown_is_imported_whatever_format_is_sent(root):
    agreed = looked_at(root, Instrument, CSV, export(root, Instrument, CSV))
    answer = confirm(root, Instrument, {**agreed, "format": "99", "resource": "x"})
    assert "Import finished" in answer.content.decode()


def test_an_import_is_agreed_to_once_and_of_its_own_table(root):
    agreed = looked_at(root, Instrument, CSV, export(root, Instrument, CSV))
    assert "Choose the file once more" in confirm(root, Broker, agreed).content.decode()
    assert "Import finished" in confirm(root, Instrument, agreed).content.decode()
    assert "Choose the file once more" in confirm(root, Instrument, agreed).content.decode()
