from __future__ import annotations

import pytest

from tests.factories import make_owner
from tests.reports.books import make_books


@pytest.fixture
def owner(db):
    return make_owner(username="ada", is_staff=True)


@pytest.fixture
def books(owner):
    return make_books(owner, days=40)


@pytest.fixture
def page(client, owner):
    """Opens an address as the owner; follows the way to the remembered filters."""
    client.force_login(owner)
    return lambda address, **query: client.get(address, query, follow=True)
