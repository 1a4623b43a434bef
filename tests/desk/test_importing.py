"""Statements in the browser, without one: upload, preview, book, undo, refusals."""

from __future__ import annotations

import datetime as dt
import io
import time
import zipfile

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.imports.progress import Watcher
from accounts.models import Account, Deal, StatementFile, StatementImport
from accounts.statements.meter import Reading
from brokers.models import Instrument
from tests.accounts.tables import TABLE, save_two_readings
from tests.factories import make_account
from tradershub.core.models import AuditEntry
from tradershub.example import write_example

pytestmark = pytest.mark.django_db
UNTIL = dt.date(2026, 6, 30)


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    """One example file a format, by its suffix."""
    files = write_example(tmp_path_factory.mktemp("example"), until=UNTIL)
    return {path.name: path.read_bytes() for path in files}


@pytest.fixture
def trader(client):
    user = User.objects.create_superuser("ada")
    client.force_login(user)
    return client


def drop(client, *files: tuple[str, bytes]):
    uploads = [SimpleUploadedFile(name, data) for name, data in files]
    return client.post(reverse("desk:import"), {"files": uploads}, follow=True)


def test_an_empty_page_says_what_it_will_show(trader):
    assert "Your files will stand here" in trader.get(reverse("desk:import")).content.decode()


def test_a_file_is_recognised_shown_booked_and_undone(trader, example):
    name, data = next(item for item in example.items() if item[0].endswith(".xlsx"))
    page = drop(trader, (name, data)).content.decode()
    assert "MetaTrader 5 report" in page
    assert "equal" in page
    assert Deal.objects.count() == 0
    imported = StatementImport.objects.get()
    detail = trader.get(reverse("desk:import-detail", args=[imported.pk])).content.decode()
    assert "Where does it belong?" in detail
    opening = imported.preview["opening"]
    fields = {k: opening[k] or "" for k in ("broker", "number", "currency", "kind", "mode")}
    answer = trader.post(reverse("desk:import-book", args=[imported.pk]), fields, follow=True)
    imported.refresh_from_db()
    assert imported.state == "booked", (imported.reason, answer.content.decode()[:500])
    assert Deal.objects.count() > 100
    trader.post(reverse("desk:import-undo", args=[imported.pk]))
    imported.refresh_from_db()
    assert (imported.state, Deal.objects.count()) == ("undone", 0)


def test_many_files_in_a_zip_are_booked_by_one_click(trader, example):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in example.items():
            archive.writestr(name, data)
    drop(trader, ("all.zip", packed.getvalue()))
    batch = StatementImport.objects.first().batch
    assert StatementImport.objects.filter(batch=batch, state="preview").count() == len(example)
    trader.post(reverse("desk:import-book-batch"), {"batch": batch})
    assert StatementImport.objects.filter(state="booked").count() == len(example)
    assert Account.objects.count() == 4
    trader.post(reverse("desk:import-undo-batch"), {"batch": batch})
    assert Deal.objects.count() == 0


def test_a_refused_file_says_why_and_writes_nothing(trader):
    page = drop(trader, ("holiday.html", b"<html><body>Beach</body></html>")).content.decode()
    imported = StatementImport.objects.get()
    assert imported.state == "refused"
    assert imported.reason.rstrip(".") in page.replace("&quot;", '"').replace("&#x27;", "'")


def test_no_file_is_a_sentence(trader):
    page = trader.post(reverse("desk:import"), follow=True).content.decode()
    assert "expected at least one" in page
    answer = trader.post(reverse("desk:import"), headers={"accept": "application/json"})
    assert (answer.status_code, list(answer.json())) == (422, ["error"])


def test_files_too_large_together_are_a_sentence(trader, settings):
    settings.STATEMENT_MAX_BYTES = 1000
    answer = trader.post(
        reverse("desk:import"),
        {"files": SimpleUploadedFile("big.html", b"x" * 5000)},
        headers={"accept": "application/json"},
    )
    assert answer.status_code == 422
    assert "larger than" in answer.json()["error"]
    assert not StatementImport.objects.exists()


def test_the_import_page_and_a_preview_ask_as_much_for_many_files_as_for_few(trader, example):
    def asked(address):
        trader.get(address)
        with CaptureQueriesContext(connection) as captured:
            assert trader.get(address).status_code == 200
        return [query["sql"] for query in captured]

    def receive(number):
        copies = StatementImport.objects.filter(pk=first.pk)
        for _ in range(number):
            copy = copies.get()
            copy.pk = None
            copy.save()

    drop(trader, next(item for item in example.items() if item[0].endswith(".xlsx")))
    first = StatementImport.objects.get()
    receive(2)
    page = reverse("desk:import")
    preview = reverse("desk:import-detail", args=[first.pk])
    few = [asked(address) for address in (page, preview)]
    receive(27)
    assert StatementImport.objects.count() == 30
    for before, address in zip(few, (page, preview), strict=True):
        after = asked(address)
        assert len(after) <= min(len(before), 20), after


def test_script_in_a_file_name_is_text(trader):
    page = drop(trader, ("<script>alert(1)</script>.html", b"no")).content.decode()
    assert "<script>alert(1)" not in page


def test_another_persons_import_is_not_there(trader, client):
    drop(trader, ("x.html", b"nothing"))
    pk = StatementImport.objects.get().pk
    client.force_login(User.objects.create_superuser("eve"))
    assert client.get(reverse("desk:import-detail", args=[pk])).status_code == 404
    assert client.post(reverse("desk:import-undo", args=[pk])).status_code == 404
    assert "x.html" not in client.get(reverse("desk:import")).content.decode()


def test_a_viewer_may_look_but_not_import(client):
    user = User.objects.create_user("vera", is_staff=True)
    client.force_login(user)
    assert drop(client, ("x.html", b"nothing")).status_code == 403
    assert not StatementImport.objects.exists()


def test_a_table_of_trades_is_read_as_the_person_says(trader):
    table = (
        b"Open time;Close time;Symbol;Side;Lots;Open price;Close price;Profit;Commission\n"
        b"2025-03-03 10:00:00;2025-03-03 12:00:00;EURUSD;buy;0.10;1.08000;1.08100;10.00;-0.70\n"
        b"2025-03-04 10:00:00;2025-03-04 12:00:00;EURUSD;sell;0.10;1.08200;1.08100;10.00;-0.70\n"
    )
    drop(trader, ("trades.csv", table))
    imported = StatementImport.objects.get()
    assert imported.state == "needs_mapping", imported.reason
    address = reverse("desk:import-detail", args=[imported.pk])
    page = trader.get(address).content.decode()
    assert "What do its columns mean?" in page
    form = trader.get(address).context["columns"]
    values = {name: field.initial or "" for name, field in form.fields.items()}
    for place, question in enumerate(form.suggested.questions):
        values[f"answer_{place}"] = question.suggested or (question.options or ("EUR",))[0]
    trader.post(reverse("desk:import-columns", args=[imported.pk]), values)
    imported.refresh_from_db()
    assert imported.state == "preview", imported.reason
    assert "Name the columns again" in trader.get(address).content.decode()
    trader.post(reverse("desk:import-name-again", args=[imported.pk]))
    assert "What do its columns mean?" in trader.get(address).content.decode()


def test_the_template_is_a_workbook(trader):
    answer = trader.get(reverse("desk:import-template"))
    assert zipfile.is_zipfile(io.BytesIO(answer.content))


TRADES = (
    b"Open time;Close time;Symbol;Side;Lots;Open price;Close price;Profit;Commission\n"
    b"2025-03-03 10:00:00;2025-03-03 12:00:00;Fiber;buy;0.10;1.08000;1.08100;10.00;-0.70\n"
    b"2025-03-04 10:00:00;2025-03-04 12:00:00;EURUSD;sell;0.10;1.08200;1.08100;10.00;-0.70\n"
)


def answers(client, imported) -> dict[str, str]:
    """The form as suggested, each open question by its first answer."""
    form = client.get(reverse("desk:import-detail", args=[imported.pk])).context["columns"]
    values = {name: field.initial or "" for name, field in form.fields.items()}
    for place, question in enumerate(form.suggested.questions):
        values[f"answer_{place}"] = question.suggested or (question.options or ("EUR",))[0]
    return values


def test_first_rows_are_shown_as_the_form_stands_and_nothing_is_kept(trader):
    drop(trader, ("trades.csv", TRADES))
    imported = StatementImport.objects.get()
    address = reverse("desk:import-first-rows", args=[imported.pk])
    page = trader.post(address, answers(trader, imported)).content.decode()
    assert "as they would be read" in page
    assert "-0.70" in page
    before = imported.preview
    imported.refresh_from_db()
    assert (imported.state, imported.preview) == ("needs_mapping", before)


def test_first_rows_say_which_question_is_open(trader):
    drop(trader, ("trades.csv", TRADES))
    imported = StatementImport.objects.get()
    values = {
        name: "" if name.startswith("answer_") else value
        for name, value in answers(trader, imported).items()
    }
    address = reverse("desk:import-first-rows", args=[imported.pk])
    assert "Before its rows can be read" in trader.post(address, values).content.decode()


def test_a_file_is_discarded_with_its_bytes_before_it_is_booked(trader, example):
    drop(trader, next(iter(example.items())))
    imported = StatementImport.objects.get()
    trader.post(reverse("desk:import-discard", args=[imported.pk]))
    assert not StatementImport.objects.exists()
    assert not StatementFile.objects.exists()
    assert AuditEntry.objects.filter(action="statement.discard").count() == 1


def test_bytes_that_another_import_needs_are_kept(trader, example):
    item = next(iter(example.items()))
    drop(trader, item)
    drop(trader, item)
    trader.post(reverse("desk:import-discard", args=[StatementImport.objects.first().pk]))
    assert StatementImport.objects.get().file is not None


@pytest.mark.parametrize("state", ["reading", "confirmed", "booking", "booked", "undone"])
def test_what_is_at_work_or_was_booked_cannot_be_discarded(trader, example, state):
    drop(trader, next(iter(example.items())))
    StatementImport.objects.update(state=state)
    pk = StatementImport.objects.get().pk
    page = trader.post(reverse("desk:import-discard", args=[pk]), follow=True).content.decode()
    assert "cannot be discarded" in page
    assert StatementImport.objects.get().state == state


def test_only_symbols_that_no_rule_maps_are_asked_about(trader):
    account = make_account(owner=User.objects.get())
    upload = SimpleUploadedFile("trades.csv", TRADES)
    trader.post(reverse("desk:import"), {"files": [upload], "account": account.pk})
    imported = StatementImport.objects.get()
    trader.post(reverse("desk:import-columns", args=[imported.pk]), answers(trader, imported))
    form = trader.get(reverse("desk:import-detail", args=[imported.pk])).context["symbols"]
    assert form.names == ["Fiber"]
    euro = Instrument.objects.get(symbol="EURUSD")
    trader.post(reverse("desk:import-symbols", args=[imported.pk]), {"symbol_0": euro.pk})
    assert account.broker.symbols.get(name="Fiber").instrument == euro
    assert trader.get(reverse("desk:import-detail", args=[imported.pk])).context["symbols"] is None


def test_a_viewer_maps_no_symbols_and_discards_nothing(trader, client, example):
    drop(trader, next(iter(example.items())))
    imported = StatementImport.objects.get()
    vera = User.objects.create_user("vera", is_staff=True)
    StatementImport.objects.update(owner=vera)
    client.force_login(vera)
    for name in (
        "import-discard",
        "import-symbols",
        "import-first-rows",
        "import-columns",
        "import-name-again",
    ):
        assert client.post(reverse(f"desk:{name}", args=[imported.pk])).status_code == 403
    assert StatementImport.objects.exists()


def at_work(trader, example, state):
    drop(trader, next(iter(example.items())))
    StatementImport.objects.update(state=state)
    return StatementImport.objects.get()


def test_rows_done_and_the_time_left_are_told_while_a_file_is_booked(trader, example, monkeypatch):
    imported = at_work(trader, example, "booking")
    began = time.time()
    monkeypatch.setattr("accounts.imports.progress.time.time", lambda: began - 10)
    watcher = Watcher(imported, {"read": 50, "deals": 50})
    watcher.begin("deals", 4000)
    watcher._due_at = 0
    watcher.advance(3000)
    monkeypatch.setattr("accounts.imports.progress.time.time", lambda: began)
    answer = trader.get(reverse("desk:import-waiting", args=[imported.pk]))
    assert answer["X-Busy"] == "1"
    assert "3\u202f000 of 4\u202f000 deals booked, about 1 s left" in answer.content.decode()
    assert 'value="88"' in answer.content.decode()


def test_the_rows_of_a_file_are_counted_while_it_is_read(trader, example):
    imported = at_work(trader, example, "reading")
    Watcher(imported, {"read": 100}).hear(Reading(12_000, 0.4))
    page = trader.get(reverse("desk:import-rows")).content.decode()
    assert "12\u202f000 rows read, about" in page
    assert 'value="40"' in page


def test_a_file_at_work_can_be_cancelled_read_again_and_discarded(trader, example):
    imported = at_work(trader, example, "reading")
    address = reverse("desk:import-detail", args=[imported.pk])
    assert reverse("desk:import-cancel", args=[imported.pk]) in trader.get(address).content.decode()
    trader.post(reverse("desk:import-cancel", args=[imported.pk]))
    page = trader.get(address).content.decode()
    assert reverse("desk:import-discard", args=[imported.pk]) in page
    assert reverse("desk:import-read-again", args=[imported.pk]) in page
    trader.post(reverse("desk:import-read-again", args=[imported.pk]))
    assert StatementImport.objects.get().state == "preview"


def test_one_click_cancels_all_of_a_batch_that_is_at_work(trader, example):
    one, two, three = list(example.items())[:3]
    drop(trader, one, two, three)
    first, second, third = StatementImport.objects.order_by("pk")
    StatementImport.objects.filter(pk=first.pk).update(state="confirmed")
    StatementImport.objects.filter(pk=second.pk).update(state="booking")
    page = trader.get(reverse("desk:import"), {"batch": first.batch}).content.decode()
    assert "Cancel 2 files at work" in page
    trader.post(reverse("desk:import-cancel-batch"), {"batch": first.batch})
    page = trader.get(reverse("desk:import"), {"batch": first.batch}).content.decode()
    assert ">stopping<" in page
    assert "at work" not in page
    states = StatementImport.objects.order_by("pk").values_list("state", flat=True)
    assert list(states)[:2] == ["preview", "booking"]


def test_a_table_that_two_brokers_mappings_fit_asks_which(trader):
    save_two_readings(User.objects.get())
    drop(trader, ("table.csv", TABLE.encode()))
    imported = StatementImport.objects.get()
    address = reverse("desk:import-detail", args=[imported.pk])
    page = trader.get(address).content.decode()
    assert "Which broker is this file of?" in page
    chosen = imported.preview["offered"][1]
    trader.post(reverse("desk:import-saved-mapping", args=[imported.pk]), {"mapping": chosen["id"]})
    imported.refresh_from_db()
    assert (imported.state, imported.mapping_id) == ("preview", chosen["id"])
