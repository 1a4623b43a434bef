"""A platform with secrets, a connection to it, and a vault; what tests of paper venues share."""

from __future__ import annotations

import pytest

from brokers import connecting, vault
from brokers.adapters.paper import KEPT
from brokers.sessions import PaperSession
from tests.brokers.example_platform import CANARY, KEY, add_example, settings_given
from tests.brokers.vault_server import TOKEN, tiny_vault
from tests.factories import make_broker, make_owner


@pytest.fixture
def example(monkeypatch):
    return add_example(monkeypatch)


@pytest.fixture
def administrator(db):
    return make_owner(username="root", is_staff=True, is_superuser=True)


@pytest.fixture
def connection(example, administrator):
    return connecting.open_connection(
        actor=administrator,
        owner=administrator,
        broker=make_broker(),
        platform=KEY,
        name="Main",
        settings=settings_given(),
        secrets={"token": CANARY},
    )


@pytest.fixture
def a_vault(settings):
    vault.forget()
    with tiny_vault() as served:
        settings.VAULT_ADDR, settings.VAULT_TOKEN = served.address, TOKEN
        yield served
    vault.forget()


@pytest.fixture
def venues_stay(monkeypatch):
    """Venues stay in the process although a test's transaction never ends."""
    monkeypatch.setattr(PaperSession, "once_kept", lambda session, do: do())
    yield
    KEPT.clear()
