"""What tests of paper venues share."""

from __future__ import annotations

import pytest

from brokers.adapters.paper import KEPT
from brokers.sessions import PaperSession


@pytest.fixture
def venues_stay(monkeypatch):
    """Venues stay in the process although a test's transaction never ends."""
    monkeypatch.setattr(PaperSession, "once_kept", lambda session, do: do())
    yield
    KEPT.clear()
