"""Story 1 in a real browser: drop statements, see them, book, find them on the dashboard, undo."""

from __future__ import annotations

import base64
import datetime as dt
import io
import zipfile

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Account, Deal, StatementImport
from brokers import catalogue
from brokers.models import Instrument
from tests.browser.conftest import PHONE, at_rest
from tests.factories import make_account
from tradershub.example import write_example

UNTIL = dt.date(2026, 6, 30)
DROP = """([name, encoded]) => {
    const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
    const dropped = new DataTransfer();
    dropped.items.add(new File([bytes], name));
    const zone = document.getElementById("drop-zone");
    for (const kind of ["dragenter", "dragover", "drop"])
        zone.dispatchEvent(new DragEvent(kind, { dataTransfer: dropped, bubbles: true, cancelable: true }));
}"""
TABLE = (
    "Open time;Close time;Symbol;Side;Lots;Open price;Close price;Profit;Commission;Note\n"
    "03.04.2025 10:00;03.04.2025 12:00;EURUSD;buy;0.10;1.08000;1.08100;10.00;-0.70;{note}\n"
    "04.04.2025 10:00;04.04.2025 12:00;EURUSD;sell;0.10;1.08200;1.08100;10.00;-0.70;\n"
)
ATTACK = '<script>document.title="hacked"</script><img src=x onerror="alert(1)">'


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    """The example's files by name."""
    files = write_example(tmp_path_factory.mktemp("example"), until=UNTIL)
    return {path.name: path.read_bytes() for path in files}


@pytest.fixture
def workbook(example):
    """An MT5 report as the terminal saves it."""
    return next(item for item in example.items() if item[0].endswith(".xlsx"))


@pytest.fixture
def dialogs():
    return []


@pytest.fixture
def desk(open_page, live_server, dialogs):
    """The import page; every question of the browser is written down and answered with yes."""

    def open_(**options) -> Page:
        page = open_page("/import/", **options)

        def agree(dialog):
            dialogs.append(dialog.message)
            dialog.accept()

        page.on("dialog", agree)
        return page

    return open_


def drop(page: Page, name: str, data: bytes) -> None:
    with page.expect_navigation():
        page.evaluate(DROP, [name, base64.b64encode(data).decode()])
    at_rest(page)


def choose(page: Page, *files: tuple[str, bytes]) -> None:
    payload = [{"name": n, "mimeType": "application/octet-stream", "buffer": d} for n, d in files]
    with page.expect_navigation():
        page.set_input_files("#files", payload)
    at_rest(page)


def packed(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def press(page: Page, words: str) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name=words).click()
    at_rest(page)


def overflow(page: Page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def test_a_dropped_report_is_shown_booked_seen_and_undone(desk, live_server, workbook, dialogs):
    page = desk()
    drop(page, *workbook)
    row = page.locator(".files-table tbody tr")
    expect(row).to_contain_text("MetaTrader 5 report")
    expect(row).to_contain_text("equal")
    expect(row).to_contain_text("Ready to book")
    page.get_by_role("link", name=workbook[0]).click()
    expect(page.get_by_label("Number")).to_have_value("50481127")
    expect(page.get_by_label("Currency")).to_have_value("USD")
    assert page.locator(".totals-table .tag-good").count() >= 8
    assert page.locator(".totals-table .tag-bad").count() == 0
    assert not Deal.objects.exists()

    press(page, "Book ")
    expect(page.locator(".notice[role=status]")).to_contain_text("Booked")
    account = Account.objects.get()
    assert (account.number, account.broker.name) == ("50481127", "Northgate Markets Ltd")
    page.goto(live_server.url)
    at_rest(page)
    expect(page.locator(".cards .card")).to_contain_text("50481127")
    expect(page.locator(".figure-lead .figure-value")).not_to_have_text("–")

    page.goto(f"{live_server.url}/import/{StatementImport.objects.get().pk}/")
    press(page, "Undo this import")
    assert "out of the books" in dialogs[0]
    expect(page.locator(".page-lead")).to_contain_text("Undone")
    assert not Deal.objects.exists()
    page.goto(live_server.url)
    at_rest(page)
    expect(page.locator(".cards .card-value")).to_contain_text("0.00")


def test_a_chosen_zip_of_several_is_booked_and_undone_by_one_click_each(desk, example):
    page = desk()
    choose(page, ("all.zip", packed(example)))
    assert page.locator(".files-table tbody tr").count() == len(example)
    press(page, f"Book {len(example)} files")
    assert StatementImport.objects.filter(state="booked").count() == len(example)
    assert Account.objects.count() == 4
    press(page, "Undo all")
    assert not Deal.objects.exists()


def test_a_wrong_file_gets_its_sentence(desk):
    page = desk()
    choose(page, ("holiday.pdf", b"%PDF-1.7 beach"))
    expect(page.locator(".files-table")).to_contain_text("The file is a PDF document")
    expect(page.locator(".files-table")).to_contain_text("Refused")
    assert page.get_by_role("button", name="Book").count() == 0
    page.get_by_role("link", name="holiday.pdf").click()
    press(page, "Discard")
    expect(page.locator(".empty")).to_contain_text("Your files will stand here")
    assert not StatementImport.objects.exists()


def answer_all(page: Page) -> None:
    """Each open question by its first answer, texts by a currency."""
    form = page.locator("#columns-form")
    for select in form.locator("select[name^=answer_]").all():
        if not select.input_value():
            select.select_option(index=1)
    for text in form.locator("input[name^=answer_]").all():
        if not text.input_value():
            text.fill("USD")
            text.blur()


def test_a_table_is_asked_about_and_its_first_rows_follow_the_answers(desk):
    page = desk()
    choose(page, ("trades.csv", TABLE.format(note="plain").encode()))
    page.get_by_role("link", name="trades.csv").click()
    rows = page.locator("#first-rows")
    expect(rows).to_contain_text("as they stand in the file")
    expect(rows).to_contain_text("03.04.2025 10:00")
    answer_all(page)
    expect(rows).to_contain_text("as they would be read")
    read = rows.locator("table").first
    expect(read).to_contain_text("EURUSD")
    expect(read).to_contain_text("-0.70")
    page.get_by_label("Commission", exact=True).select_option("")
    expect(read).not_to_contain_text("-0.70")
    assert not Deal.objects.exists()
    page.get_by_label("Commission", exact=True).select_option("commission")
    expect(read).to_contain_text("-0.70")
    press(page, "Read the table like this")
    expect(page.locator(".page-lead")).to_contain_text("Ready to book")


def test_a_double_click_books_once(desk, workbook):
    page = desk()
    choose(page, workbook)
    page.get_by_role("link", name=workbook[0]).click()
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else 0)
    with page.expect_navigation():
        page.get_by_role("button", name="Book ").dblclick()
    expect(page.locator(".page-lead")).to_contain_text("Booked")
    assert len(sent) == 1
    imported = StatementImport.objects.get()
    assert imported.preview["lines"]["duplicate"] == 0
    assert Deal.objects.count() == imported.preview["lines"]["booked"]


def test_script_in_names_and_comments_is_text(desk, example, dialogs):
    name, data = next(item for item in example.items() if item[0] == "DetailedStatement.htm")
    said = ATTACK.replace("<", "&lt;").replace(">", "&gt;").encode()
    assert b"Pullback H1" in data or b"London breakout" in data
    hostile = data.replace(b"London breakout", said).replace(b"Pullback H1", said)
    hostile = hostile.replace(b"Harbour", b"&lt;script&gt;alert(1)&lt;/script&gt; Harbour")
    page = desk()
    choose(page, (f"{ATTACK}.htm".replace("/", "&"), hostile))
    page.locator(".files-table a").click()
    expect(page.get_by_label("Broker")).to_have_value(
        "<script>alert(1)</script> Harbour & Pine Capital"
    )
    press(page, "Book ")
    expect(page.locator(".page-lead")).to_contain_text("Booked")
    assert (dialogs, page.title() == "hacked") == ([], False)


def test_script_in_the_cells_of_a_table_is_text(desk, dialogs):
    page = desk()
    choose(page, ("trades.csv", TABLE.format(note=ATTACK).encode()))
    page.get_by_role("link", name="trades.csv").click()
    expect(page.locator("#first-rows")).to_contain_text("<script>")
    assert (dialogs, page.title() == "hacked") == ([], False)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_phone_shows_it_all_without_scrolling_sideways(desk, workbook, dark):
    page = desk(size=PHONE, dark=dark)
    assert overflow(page) <= 0
    choose(page, workbook, ("trades.csv", TABLE.format(note="").encode()))
    assert overflow(page) <= 0
    for name in (workbook[0], "trades.csv"):
        page.get_by_role("link", name=name).click()
        at_rest(page)
        assert overflow(page) <= 0, name
        page.go_back()


def tab_to(page: Page, condition: str, most: int = 120) -> None:
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(f"(() => {{ const e = document.activeElement; return {condition}; }})()"):
            return
    raise AssertionError(f"no Tab reached {condition}")


def test_the_keyboard_alone_is_enough(desk, live_server, workbook):
    page = desk()
    page.goto(live_server.url)
    page.keyboard.press("g")
    with page.expect_navigation():
        page.keyboard.press("i")
    at_rest(page)
    tab_to(page, 'e.id === "files"')
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    name, data = workbook
    with page.expect_navigation():
        chooser.value.set_files([{"name": name, "mimeType": "", "buffer": data}])
    at_rest(page)
    tab_to(page, 'e.closest(".files-table a") !== null')
    with page.expect_navigation():
        page.keyboard.press("Enter")
    tab_to(page, 'e.type === "submit" && e.textContent.startsWith("Book ")')
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator(".page-lead")).to_contain_text("Booked")


def test_an_unknown_symbol_of_a_known_broker_is_mapped_on_the_page(desk, owner):
    account = make_account(owner=owner)
    row = next(row for row in catalogue.instruments() if row["symbol"] == "EURUSD")
    euro, _ = Instrument.objects.get_or_create(symbol=row.pop("symbol"), defaults=row)
    page = desk()
    page.get_by_label("for").select_option(str(account.pk))
    choose(page, ("trades.csv", TABLE.format(note="").replace("EURUSD", "Fiber").encode()))
    page.get_by_role("link", name="trades.csv").click()
    at_rest(page)
    answer_all(page)
    press(page, "Read the table like this")
    page.get_by_label("Fiber").select_option(str(euro.pk))
    press(page, "Map the symbols")
    symbol = account.broker.symbols.get(name="Fiber")
    assert (symbol.instrument, symbol.mapped_by) == (euro, owner.username)
    assert page.get_by_label("Fiber").count() == 0
