from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest
from django.db import connection, connections
from django.utils import timezone
from django_q.models import OrmQ

from tradershub import health
from tradershub.core import anchor, audit
from tradershub.core.models import Heartbeat
from tradershub.core.tasks import beat

LIVE, READY = "/health/live", "/health/ready"


@pytest.fixture
def free(monkeypatch):
    """Sets how many MB are free; enough, unless told."""

    def free(megabytes):
        usage = SimpleNamespace(free=megabytes * health.MB)
        monkeypatch.setattr(health.shutil, "disk_usage", lambda _: usage)

    free(5000)
    return free


@pytest.fixture
def workers(db, free):
    for name in ("execution", "batch", "keeper"):
        beat(name)


def waiting(cluster, seconds):
    since = timezone.now() - dt.timedelta(seconds=seconds)
    OrmQ.objects.create(key=cluster, payload="x", lock=since)


def test_live_answers_without_a_database(client):
    response = client.get(LIVE)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_ready_when_database_workers_and_queue_are(client, workers):
    response = client.get(READY)
    assert response.status_code == 200, response.json()
    assert set(response.json()["checks"].values()) == {"ok"}


def test_not_ready_before_any_worker_reported(client, db):
    response = client.get(READY)
    assert response.status_code == 503
    assert "start the hub" in response.json()["checks"]["workers: batch"]


def test_not_ready_when_one_cluster_fell_silent(client, workers):
    Heartbeat.objects.filter(name__startswith="batch@").update(
        at=timezone.now() - dt.timedelta(minutes=5)
    )
    checks = client.get(READY).json()["checks"]
    assert checks["workers: batch"] == "no worker has reported for 300 s"
    assert checks["workers: execution"] == "ok"


def test_not_ready_when_the_keeper_fell_silent(client, workers):
    Heartbeat.objects.filter(name__startswith="keeper@").update(
        at=timezone.now() - dt.timedelta(minutes=5)
    )
    response = client.get(READY)
    assert response.status_code == 503
    assert "no keeper has reported for 30" in response.json()["checks"]["keeper"]


@pytest.mark.parametrize(
    ("cluster", "seconds", "status"),
    [("execution", 60, 503), ("execution", 1, 200), ("batch", 60, 200), ("batch", 4000, 503)],
)
def test_an_order_may_wait_less_than_a_statement(client, workers, cluster, seconds, status):
    waiting(cluster, seconds)
    assert client.get(READY).status_code == status


def test_a_claimed_task_does_not_wait(client, workers):
    OrmQ.objects.create(
        key="execution", payload="x", lock=timezone.now() + dt.timedelta(seconds=60)
    )
    assert client.get(READY).status_code == 200


def test_an_unreachable_database_is_said_without_its_address(client, workers, monkeypatch):
    def away(*_, **__):
        with connection.wrap_database_errors:
            raise connection.Database.OperationalError("connection to 10.0.0.7 refused")

    with monkeypatch.context() as patch:
        patch.setattr(connections["default"], "cursor", away)
        response = client.get(READY)
    assert response.status_code == 503
    assert response.json()["checks"]["database"] == "the database does not answer"
    assert b"10.0.0.7" not in response.content


def test_little_room_on_the_disk_is_a_warning(client, workers, free):
    free(800)
    response = client.get(READY)
    assert (response.status_code, response.json()["status"]) == (200, "warning")
    words = "warning: 800 MB are free on the disk of the data folder"
    assert response.json()["checks"]["disk"] == words


def test_a_full_disk_is_no_state_to_work_in(client, workers, free):
    free(12)
    response = client.get(READY)
    assert response.status_code == 503
    assert response.json()["checks"]["disk"] == "12 MB are free on the disk of the data folder"


def test_notes_of_the_log_that_cannot_be_written_are_said(client, workers, monkeypatch):
    monkeypatch.setattr(audit, "note_late", refuse_for_want_of_room)
    response = client.get(READY)
    assert response.status_code == 503
    words = "the notes of the audit log cannot be written: No space left on device"
    assert response.json()["checks"]["audit notes"] == words


@pytest.mark.django_db(transaction=True)
def test_notes_that_were_held_up_follow_when_the_disk_has_room(
    client, workers, settings, tmp_path, monkeypatch
):
    settings.DATA_DIR = tmp_path
    with monkeypatch.context() as patch:
        patch.setattr(anchor, "append", refuse_for_want_of_room)
        audit.record("account.open", actor="tester")
        assert client.get(READY).status_code == 503
    assert client.get(READY).status_code == 200
    assert anchor.last() == 1


def refuse_for_want_of_room(*_):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(("megabytes", "words"), [(5000, "All is well"), (800, "1 warning")])
def test_the_page_says_a_warning_apart_from_a_failure(
    admin_client, workers, free, megabytes, words
):
    free(megabytes)
    assert words in admin_client.get("/reports/health/").content.decode()


def test_only_reading_is_allowed(client, db):
    assert client.post(READY).status_code == 405
