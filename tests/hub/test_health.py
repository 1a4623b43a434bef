from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection, connections
from django.utils import timezone
from django_q.models import OrmQ

from tradershub.core.models import Heartbeat
from tradershub.core.tasks import beat

LIVE, READY = "/health/live", "/health/ready"


@pytest.fixture
def workers(db):
    for cluster in ("execution", "batch"):
        beat(cluster)


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


def test_only_reading_is_allowed(client, db):
    assert client.post(READY).status_code == 405
