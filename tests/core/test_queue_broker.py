from __future__ import annotations

import datetime as dt
import threading
import time

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.utils import timezone
from django_q.conf import Conf
from django_q.models import OrmQ

from tradershub.core.queue_broker import CountingBroker, NotifyBroker

pytestmark = pytest.mark.django_db(transaction=True)
QUEUE = "broker-test"


def make_broker():
    kind = NotifyBroker if connection.vendor == "postgresql" else CountingBroker
    return kind(QUEUE)


@pytest.fixture
def broker(monkeypatch):
    monkeypatch.setattr(Conf, "POLL", 0.05)
    broker = make_broker()
    yield broker
    if isinstance(broker, NotifyBroker):
        broker._hang_up()


def test_tasks_are_claimed_in_the_order_of_arrival_even_after_retries(broker):
    ids = [broker.enqueue(f"task {n}") for n in range(5)]
    claimed = [broker.dequeue()[0][0] for _ in range(5)]
    assert claimed == ids
    for pk in reversed(ids):  # each row is written anew, the oldest last
        OrmQ.objects.filter(pk=pk).update(lock=timezone.now())
    assert [broker.dequeue()[0][0] for _ in range(5)] == ids


def test_a_claimed_task_is_not_claimed_again_before_its_retry(broker):
    broker.enqueue("once")
    assert broker.dequeue()[0][1] == "once"
    assert not broker.dequeue()


def test_tasks_are_taken_also_after_the_clock_is_set_back(broker):
    ids = [broker.enqueue(f"task {n}") for n in range(2)]
    assert broker.dequeue()[0][0] == ids[0]
    OrmQ.objects.filter(pk=ids[1]).update(lock=timezone.now() + dt.timedelta(hours=9))
    assert broker.dequeue()[0][0] == ids[1]
    assert not broker.dequeue()


@pytest.mark.postgresql  # where several hosts may take from one queue
def test_a_host_whose_clock_is_wrong_takes_its_tasks(broker, monkeypatch):
    broker.enqueue("sent by a host that is right")
    right = timezone.now
    for minutes in (-10, 10):
        monkeypatch.setattr(timezone, "now", lambda m=minutes: right() + dt.timedelta(minutes=m))
        assert broker.dequeue()
        assert not broker.dequeue()  # it is ours until its retry
        broker.enqueue("sent by this one")


def test_an_acknowledged_task_is_gone(broker):
    pk = broker.enqueue("once")
    broker.dequeue()
    broker.acknowledge(pk)
    assert not OrmQ.objects.exists()


def test_a_task_of_another_queue_is_left_alone(broker):
    OrmQ.objects.create(key="other", payload="x", lock=timezone.now())
    assert not broker.dequeue()


def test_a_rolled_back_task_was_never_there(broker):
    with pytest.raises(RuntimeError), transaction.atomic():
        broker.enqueue("never")
        raise RuntimeError
    assert not broker.dequeue()


def test_a_lost_database_connection_is_made_again(broker, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    broker.enqueue("after the storm")
    with connection.execute_wrapper(broken_once()):
        assert broker.dequeue() is None
        assert broker.dequeue()[0][1] == "after the storm"


def broken_once():
    calls = []

    def run(execute, *args):
        calls.append(args)
        if len(calls) == 1:
            raise OperationalError("the server has gone away")
        return execute(*args)

    return run


@pytest.mark.postgresql
def test_two_claimants_never_share_a_task():
    for n in range(40):
        make_broker().enqueue(str(n))
    seen = [[], []]

    def drain(mine):
        broker = make_broker()
        while claimed := broker.dequeue():
            mine.extend(pk for pk, _ in claimed)
        broker._hang_up()
        connections.close_all()

    threads = [threading.Thread(target=drain, args=(mine,)) for mine in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen[0] + seen[1]) == sorted(OrmQ.objects.values_list("pk", flat=True))


def test_a_commit_wakes_the_sleeping_claimant_at_once(broker, monkeypatch):
    monkeypatch.setattr(Conf, "POLL", 20)
    assert listening_finds_nothing(broker)

    def send():
        time.sleep(0.3)
        make_broker().enqueue("wake up")
        connections.close_all()

    sender = threading.Thread(target=send)
    started = time.monotonic()
    sender.start()
    broker._wait()
    claimed = broker.dequeue()
    sender.join()
    assert claimed[0][1] == "wake up"
    assert time.monotonic() - started < 5


@pytest.mark.postgresql
def test_a_lost_listener_is_replaced(broker, monkeypatch):
    monkeypatch.setattr(Conf, "POLL", 0.2)
    assert listening_finds_nothing(broker)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE query LIKE 'LISTEN%%' AND datname = current_database()"
        )
    broker.dequeue()
    broker.enqueue("after the break")
    assert broker.dequeue()[0][1] == "after the break"


def listening_finds_nothing(broker):
    return broker._claim() == []
