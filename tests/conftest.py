"""What every test shares."""

from __future__ import annotations

import contextlib
import os
import sqlite3

import psycopg
import pytest
from django.db import connection
from pytest_django.plugin import blocking_manager_key

from accounts.statements import bounded
from brokers.catalogue import instruments
from brokers.models import Instrument
from tests.reading_here import answer_here
from tests.server import server_address
from tradershub.core import anchor, step_up
from tradershub.core.append_only import unprotect

PROTECTED = (
    "core_auditentry",
    "brokers_venueevent",
    "trading_orderevent",
    "trading_ordercheck",
)
VENDORS = {"postgresql", "sqlite"}
# Left out of the second run, as is each test marked `anywhere`: they walk forms, pages, addresses, commands
# and formats, over models, queries and services that are tested on each kind of database by themselves.
ANYWHERE = (
    "tests/accounts/statements/",
    "tests/accounts/test_import_statement.py",
    "tests/admin/",
    "tests/api/test_bad_values.py",
    "tests/api/test_imports.py",
    "tests/api/test_methods.py",
    "tests/api/test_ranges.py",
    "tests/desk/",
    "tests/hub/test_demo.py",
    "tests/hub/test_unsized.py",
    "tests/test_admin.py",
    "tests/test_isolation.py",
    "tests/test_menu.py",
)
# Begun first: nobody waits for one test that takes minutes when all others are done.
LONG = ("tests/faults/test_each.py", "tests/faults/test_planted.py")
DATABASE_FIXTURES = {"db", "transactional_db", "django_db_setup"}


@pytest.fixture(autouse=True)
def a_fresh_code_with_every_request(request, monkeypatch):
    """Who acts in a test has proved it, but in the tests of the second factor itself."""
    if not request.node.get_closest_marker("second_factor"):
        monkeypatch.setattr(step_up, "proves", lambda proof, kind, about: True)


@pytest.fixture(autouse=True)
def notes_of_no_other_test():
    """A test that commits leaves notes of a chain that the next one begins anew."""
    anchor.path().unlink(missing_ok=True)


def pytest_addoption(parser):
    parser.addoption(
        "--database-only", action="store_true", help="Run only tests that touch the database"
    )


@pytest.fixture(scope="session")
def fresh_database(tmp_path_factory):
    """A copy of the migrated database, for a process of its own to begin with: its file, on PostgreSQL its name."""
    if connection.vendor == "sqlite":
        return tmp_path_factory.mktemp("fresh") / "hub.sqlite3"
    return f"fresh_{os.getpid()}"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker, fresh_database):
    """Tests empty their tables in between, which the protection of append-only tables would refuse."""
    with django_db_blocker.unblock():
        keep_a_copy(fresh_database)
        for table in PROTECTED:
            unprotect(connection, table)
    yield
    if connection.vendor != "sqlite":
        with server() as session:
            session.execute(f'DROP DATABASE IF EXISTS "{fresh_database}"')


@pytest.fixture(scope="session", autouse=True)
def files_read_here():
    """A child process for each file would cost more than what is tested."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounded, "answer_of_child", answer_here)
        yield


def keep_a_copy(fresh):
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        with contextlib.closing(sqlite3.connect(fresh)) as copy:
            connection.connection.backup(copy)
        return
    name = connection.settings_dict["NAME"]
    connection.close()  # nobody may be on what is copied
    with server() as session:
        session.execute(f'CREATE DATABASE "{fresh}" TEMPLATE "{name}"')


@contextlib.contextmanager
def server():
    """A session on the server that the tests' database is of, outside of all transactions."""
    with psycopg.connect(server_address(), autocommit=True) as session:
        yield session


def pytest_collection_modifyitems(config, items):
    """Tests of what only one kind of database has run where the tests' database is of that kind."""
    for item in items:
        if (
            "fresh_database" in item.fixturenames
        ):  # else no test database is made where nobody else asks
            item.add_marker(pytest.mark.django_db)
    wanted = [item for item in items if is_wanted(config, item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(wanted)])
    items[:] = sorted(wanted, key=lambda item: not item.nodeid.startswith(LONG))


def is_wanted(config, item):
    if any(item.get_closest_marker(vendor) for vendor in VENDORS - {connection.vendor}):
        return False
    if not config.getoption("--database-only"):
        return True
    return touches_database(item) and not is_the_same_anywhere(item)


def is_the_same_anywhere(item):
    return item.get_closest_marker("anywhere") or item.nodeid.startswith(ANYWHERE)


def touches_database(item):
    marks = (item.get_closest_marker(name) for name in ("django_db", "processes", "postgresql"))
    return any(marks) or bool(DATABASE_FIXTURES & set(item.fixturenames))


def skipped_in_ci(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return reporter.stats.get("skipped", []) if reporter and os.environ.get("CI") else []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item, nextitem):
    """A test that commits ends in a flush; whatever runs next in this process finds the catalogue all the same."""
    answer = yield
    if commits(item) and nextitem is not None:
        with item.config.stash[blocking_manager_key].unblock():
            found = [Instrument(**fields) for fields in instruments()]
            Instrument.objects.bulk_create(found, ignore_conflicts=True)
    return answer


def commits(item):
    marker = item.get_closest_marker("django_db")
    asked = marker is not None and marker.kwargs.get("transaction", False)
    return asked or bool({"transactional_db", "live_server"} & set(item.fixturenames))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    """Where everything is installed, nothing may be skipped."""
    if skipped_in_ci(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    if skipped := skipped_in_ci(config):
        terminalreporter.write_line(f"FAILED: {len(skipped)} tests were skipped, with CI set.")
