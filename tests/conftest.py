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
