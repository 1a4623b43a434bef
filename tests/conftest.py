"""What every test shares."""

from __future__ import annotations

import os

import pytest
from django.db import connection

from accounts.statements import bounded
from tests.reading_here import answer_here
from tradershub.core import step_up
from tradershub.core.append_only import unprotect

PROTECTED = (
    "core_auditentry",
    "brokers_venueevent",
    "trading_orderevent",
    "trading_ordercheck",
)
VENDORS = {"postgresql", "sqlite"}
# They walk forms, pages and addresses, over services that are tested on each database by themselves.
ANYWHERE = (
    "tests/admin/",
    "tests/desk/",
    "tests/test_admin.py",
    "tests/test_isolation.py",
    "tests/test_menu.py",
    "tests/hub/test_demo.py",
    "tests/api/test_bad_values.py",
    "tests/api/test_methods.py",
    "tests/api/test_ranges.py",
)
DATABASE_FIXTURES = {"db", "transactional_db", "django_db_setup"}


@pytest.fixture(autouse=True)
def a_fresh_code_with_every_request(request, monkeypatch):
    """Who acts in a test has proved it, but in the tests of the second factor itself."""
    if not request.node.get_closest_marker("second_factor"):
        monkeypatch.setattr(step_up, "proves", lambda proof, kind, about: True)


def pytest_addoption(parser):
    parser.addoption(
        "--database-only", action="store_true", help="Run only tests that touch the database"
    )


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Tests empty their tables in between, which the protection of append-only tables would refuse."""
    with django_db_blocker.unblock():
        for table in PROTECTED:
            unprotect(connection, table)


@pytest.fixture(scope="session", autouse=True)
def files_read_here():
    """A child process for each file would cost more than what is tested."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bounded, "answer_of_child", answer_here)
        yield


def pytest_collection_modifyitems(config, items):
    """Tests of what only one kind of database has run where the tests' database is of that kind."""
    wanted = [item for item in items if is_wanted(config, item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(wanted)])
    items[:] = wanted


def is_wanted(config, item):
    if any(item.get_closest_marker(vendor) for vendor in VENDORS - {connection.vendor}):
        return False
    if not config.getoption("--database-only"):
        return True
    return touches_database(item) and not item.nodeid.startswith(ANYWHERE)


def touches_database(item):
    marks = (item.get_closest_marker(name) for name in ("django_db", "processes", "postgresql"))
    return any(marks) or bool(DATABASE_FIXTURES & set(item.fixturenames))


def skipped_in_ci(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return reporter.stats.get("skipped", []) if reporter and os.environ.get("CI") else []


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    """Where everything is installed, nothing may be skipped."""
    if skipped_in_ci(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    if skipped := skipped_in_ci(config):
        terminalreporter.write_line(f"FAILED: {len(skipped)} tests were skipped, with CI set.")
