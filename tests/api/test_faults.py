"""What breaks inside is answered like a refusal: typed, with an id to look for, and without the inside."""

from __future__ import annotations

import importlib
import logging

import pytest

from brokers.models import Broker
from tradershub.core import anchor

pytestmark = pytest.mark.django_db


def break_down(*_, **__):
    raise RuntimeError("a secret of the inside")


@pytest.mark.parametrize("debug", [False, True])
def test_a_fault_is_a_typed_error_with_the_id_of_its_request(
    administrator, monkeypatch, settings, debug, caplog
):
    settings.DEBUG = debug
    # As its own name in the package is that of its router.
    lists = importlib.import_module("brokers.api.tables")
    monkeypatch.setattr(lists, "page_of", break_down)
    with caplog.at_level(logging.ERROR):
        answer = administrator.client.get("/api/v1/brokers", headers={"X-Request-ID": "abc-1"})
    assert answer.status_code == 500
    assert answer.json()["error"] == {
        "type": "InternalError",
        "code": "internal_error",
        "message": "Something broke in the hub; its log says more under the request abc-1",
        "param": "",
    }
    assert "a secret of the inside" in caplog.text


def test_a_disk_without_room_for_the_note_does_not_deny_what_was_booked(
    administrator, monkeypatch, django_capture_on_commit_callbacks
):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(anchor, "append", full)
    with django_capture_on_commit_callbacks(execute=True):
        answer = administrator.post("brokers", {"name": "Another"})
    assert answer.status_code == 201
    assert Broker.objects.filter(name="Another").count() == 1
