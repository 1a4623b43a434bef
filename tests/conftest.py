"""What every test shares."""

from __future__ import annotations

import pytest
from django.db import connection

from tradershub.core.append_only import unprotect


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker):
    """Tests empty their tables in between, which the audit table's protection would refuse."""
    with django_db_blocker.unblock():
        unprotect(connection)


def pytest_collection_modifyitems(config, items):
    """Tests of what only PostgreSQL has run where the tests' database is one."""
    if connection.vendor != "postgresql":
        left_out = [item for item in items if item.get_closest_marker("postgresql")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
