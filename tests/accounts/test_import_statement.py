"""The command: what it prints, what it writes, how it ends."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts import manual
from accounts.models import Account, Deal, StatementImport
from brokers.models import Broker
from tests.accounts.histories import history
from tests.accounts.reports import mt5_report
from tests.factories import make_account, make_broker, make_owner

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.django_db
KEYS = ["file", "format", "account", "period", "lines", "file_totals", "our_totals", "breaks"]


@pytest.fixture
def report(tmp_path):
    return mt5_report(tmp_path / "report.html", history(1))


def run(*arguments):
    """Exit status, objects printed, lines on standard error."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    try:
        call_command("import_statement", *map(str, arguments), "--json", stdout=out, stderr=err)
    except SystemExit as end:
        status = end.code
    except CommandError as error:
        status = error.returncode
        err.write(f"{error}\n")
    return (
        status,
        [json.loads(line) for line in out.getvalue().splitlines()],
        err.getvalue().splitlines(),
    )


def test_what_the_books_hold_and_the_file_does_not_is_a_break_too(report):
    account = make_account(number="77", currency="USD", broker=make_broker(name="Example Ltd"))
    held = {"symbol": "NZDCAD", "side": "buy", "volume": "1.5", "price": "1.3"}
    manual.trade(account, actor="me", at=dt.datetime(2020, 1, 2, tzinfo=dt.UTC), **held)
    status, [shown], errors = run(report, "--yes", "--account", "77", "--owner", account.owner)
    assert (status, errors) == (0, [])
    words = "NZDCAD: Open buy positions: the file holds 0 lots, the deals make 1.5"
    assert words in shown["breaks"]


def test_a_dry_run_prints_the_file_and_writes_nothing(report):
    status, [shown], errors = run(report, "--dry-run")
    assert (status, errors) == (0, [])
    assert list(shown) == KEYS
    assert shown["account"] == {
        "number": "77", "currency": "USD", "name": "A Trader", "broker": "Example Ltd"
    }  # fmt: skip
    assert shown["lines"] == {
        "read": 40, "booked": 40, "confirmed": 0, "duplicate": 0, "inferred": 0, "refused": 0
    }  # fmt: skip
    assert shown["period"]["from"] == "2024-01-03T09:01:00"
    assert shown["file_totals"]["balance"] == shown["our_totals"]["balance"]
    assert isinstance(shown["our_totals"]["balance"], str)
    assert not StatementImport.objects.exists()
    assert not Broker.objects.exists()


def test_the_text_of_a_file_has_its_notes(tmp_path):
    path = mt5_report(tmp_path / "report.html", history(1)[5:])
    out = io.StringIO()
    call_command("import_statement", str(path), "--dry-run", stdout=out)
    assert "\n  Note: The history does not begin with the account: " in out.getvalue()


def test_a_dry_run_needs_no_database_at_all(report, tmp_path):
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'none.sqlite3'}",
        "TRADERSHUB_DATA": str(tmp_path / "data"),
        "DJANGO_SETTINGS_MODULE": "tradershub.settings",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "import_statement", str(report), "--dry-run", "--json"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["lines"]["read"] == 40


@pytest.mark.sqlite
def test_a_database_of_an_older_release_is_one_sentence(report, tmp_path, fresh_database):
    older = tmp_path / "older.sqlite3"
    shutil.copy(fresh_database, older)
    with sqlite3.connect(older) as books:
        books.execute("ALTER TABLE brokers_broker RENAME COLUMN aliases TO not_yet")
        books.execute("DELETE FROM django_migrations WHERE app = 'brokers' AND name > '0002'")
    books.close()
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{older}",
        "TRADERSHUB_DATA": str(tmp_path / "data"),
        "DJANGO_SETTINGS_MODULE": "tradershub.settings",
        "LOAD_RATES": "0",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", "import_statement", str(report), "--dry-run"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "migrations are not applied yet); run `manage.py prepare` first." in done.stderr
    assert len(done.stderr.splitlines()) == 1


class Screen(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_how_far_the_booking_is_and_is_wiped(report):
    make_owner()
    screen = Screen()
    call_command("import_statement", report, "--yes", "--open", stdout=io.StringIO(), stderr=screen)
    shown = screen.getvalue().split("\r")
    assert any(line.startswith("report.html: booking 40 deals") for line in shown)
    assert (shown[-2].strip(), shown[-1]) == ("", "")


def test_yes_and_open_book_into_a_new_account(report):
    make_owner(username="ann")
    status, [shown], errors = run(report, "--yes", "--open")
    assert (status, errors) == (0, [])
    assert list(shown) == KEYS
    account = Account.objects.get()
    assert (account.number, account.currency, account.broker.name) == ("77", "USD", "Example Ltd")
    assert (account.kind, account.mode, account.server) == ("demo", "hedging", "Example-Demo")
    assert account.deals.count() == 40
    assert run(report, "--yes")[1][0]["lines"]["duplicate"] == 40
    assert account.deals.count() == 40


def test_standard_error_is_for_refusals_alone(report, caplog):
    make_owner()
    assert run(report, "--open", "--yes")[2] == []
    assert not caplog.records  # the handler of the logs writes there too


def test_without_open_an_unknown_account_is_refused_and_nothing_written(report):
    make_owner()
    status, shown, [error] = run(report, "--yes")
    assert (status, shown) == (1, [])
    assert "There is no account 77 at Example Ltd yet; add --open" in error
    assert not StatementImport.objects.exists()


def test_a_refused_file_is_one_line_and_the_others_are_imported(report, tmp_path):
    make_owner()
    empty = tmp_path / "empty.html"
    empty.touch()
    status, shown, errors = run(empty, report, "--yes", "--open")
    assert status == 1
    assert [item["file"] for item in shown] == [str(report)]
    assert len(errors) == 1 and errors[0].startswith(f"{empty}: The file is empty")
    assert Deal.objects.count() == 40


def test_a_zip_is_its_files(report, tmp_path):
    archive = tmp_path / "both.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.write(report, "a/report.html")
        zipped.writestr("notes.pdf", b"%PDF-1.4 nothing")
        zipped.writestr("__MACOSX/._report.html", b"clutter")
    status, shown, errors = run(archive, "--dry-run")
    assert status == 1
    assert [item["file"] for item in shown] == [f"{archive}/a/report.html"]
    assert len(errors) == 1 and "PDF" in errors[0]


@pytest.mark.parametrize("inner", ["zip", "bomb"])
def test_a_zip_in_a_zip_and_a_bomb_are_refused(tmp_path, inner):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("statement.htm", b"0" * (300 << 20 if inner == "bomb" else 10))
    archive = tmp_path / "outer.zip"
    if inner == "bomb":
        archive.write_bytes(data.getvalue())
    else:
        with zipfile.ZipFile(archive, "w") as zipped:
            zipped.writestr("inner.zip", data.getvalue())
    status, shown, errors = run(archive, "--dry-run")
    assert (status, shown, len(errors)) == (1, [], 1)
    assert "bomb" in errors[0] if inner == "bomb" else "zip archive itself" in errors[0]


def test_another_accounts_file_and_another_currency_are_refused(report):
    account = make_account(number="77", currency="EUR", broker=make_broker(name="Example Ltd"))
    status, _, [error] = run(report, "--yes")
    assert status == 1 and "in USD, but account 77 is in EUR" in error
    status, _, [error] = run(report, "--yes", "--account", "78")
    assert status == 1 and "is of account 77; expected one of 78" in error
    assert not account.deals.exists()


def test_a_file_that_names_no_account_is_booked_where_the_person_says(tmp_path):
    path = mt5_report(tmp_path / "bare.html", history(2), account="")
    account = make_account(number="4711", broker=make_broker(name="My Broker"))
    status, _, [error] = run(path, "--yes")
    assert status == 1 and "does not say which account" in error
    status, [shown], _ = run(path, "--yes", "--account", "4711", "--broker", "my broker")
    assert status == 0 and shown["account"]["number"] == "4711"
    assert account.deals.count() == 40
    assert run(path, "--dry-run")[1][0]["account"] is None


def test_the_accounts_of_two_brokers_with_one_number_are_told_apart(report):
    owner = make_owner()
    make_account(owner=owner, number="77", broker=make_broker(name="Other", aliases=["Other-Live"]))
    mine = make_account(
        owner=owner, number="77", broker=make_broker(name="X", aliases=["example-demo"])
    )
    assert run(report, "--yes", "--owner", owner.username)[0] == 0
    assert mine.deals.count() == Deal.objects.count() == 40


@pytest.mark.parametrize(
    "arguments",
    [
        ["missing.html", "--dry-run"],
        ["{report}"],
        ["{report}", "--yes", "--owner", "nobody"],
        ["{report}", "--yes"],
    ],
)
def test_wrong_use_ends_with_two(report, arguments):
    if arguments[-1] == "--yes":
        make_owner(), make_owner()
    status, shown, errors = run(*(a.replace("{report}", str(report)) for a in arguments))
    assert (status, shown, len(errors)) == (2, [], 1)
    assert not StatementImport.objects.exists()


def test_an_unknown_option_ends_with_two(report):
    done = subprocess.run(
        [sys.executable, "manage.py", "import_statement", str(report), "--nonsense"],
        cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""


def test_script_in_a_comment_is_text(tmp_path):
    deals = history(3)
    path = mt5_report(tmp_path / "report.html", deals)
    text = path.read_text(encoding="utf-16").replace(
        "cash", "&lt;script&gt;alert(1)&lt;/script&gt;"
    )
    path.write_text(text, encoding="utf-16")
    make_owner()
    assert run(path, "--yes", "--open")[0] == 0
    assert Deal.objects.filter(comment="<script>alert(1)</script>").exists()


def test_a_file_of_a_broker_unknown_to_the_account_is_refused_until_it_is_said(report):
    mine = make_account(owner=make_owner(), number="77", broker=make_broker(name="IC Hand"))
    status, _, [error] = run(report, "--open", "--yes")
    assert status == 1
    assert "account 77 at Example Ltd, Example-Demo; you have an account 77 at IC Hand" in error
    assert "Say so with --account and --broker" in error
    assert not mine.deals.exists()
    assert run(report, "--yes", "--broker", "IC Hand")[0] == 0
    assert mine.deals.count() == 40
    assert run(report, "--yes")[1][0]["lines"]["duplicate"] == 40
