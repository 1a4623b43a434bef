"""What a cluster's processes share, some of which are killed."""

from __future__ import annotations

import multiprocessing
import threading
import time
from functools import partial

import pytest

from tradershub.core.sturdy_queue import SturdyLock, SturdyQueue, sturdy_value

PATIENCE = 10.0


def forked(work, *arguments):
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments, daemon=True)
    process.start()
    return process


def pass_on(queue, into):
    while (found := queue.get()) != "STOP":
        into.send(found)


def hold(lock, into):
    lock.acquire()
    into.send("held")
    time.sleep(10 * PATIENCE)


def try_to_take(lock, into):
    into.send(lock.acquire(block=False))


@pytest.fixture
def told():
    return multiprocessing.Pipe(duplex=False)


def in_another_process(lock, told):
    process = forked(try_to_take, lock, told[1])
    assert told[0].poll(PATIENCE)
    process.join()
    return told[0].recv()


def killed_while_holding(lock, told):
    process = forked(hold, lock, told[1])
    assert told[0].poll(PATIENCE)
    assert told[0].recv() == "held"
    assert not lock.acquire(timeout=0.05)
    process.kill()
    process.join()


def test_a_process_that_is_killed_while_it_waits_takes_no_turn_from_the_others(told):
    queue, (heard, into) = SturdyQueue(maxsize=2), told
    both = [forked(pass_on, queue, into) for _ in range(2)]
    time.sleep(0.5)  # both wait
    both[0].kill()
    both[0].join()
    both.append(forked(pass_on, queue, into))
    for n in range(20):
        queue.put({"n": n})
    found = set()
    for _ in range(20):
        assert heard.poll(PATIENCE)
        found.add(heard.recv()["n"])
    assert found == set(range(20))
    for _ in range(2):
        queue.put("STOP")
    for process in both[1:]:
        process.join(PATIENCE)
        assert process.exitcode == 0
    assert queue.qsize() == 0


def shared():
    queue, value = SturdyQueue(), sturdy_value("f", -1)
    return {
        "a value": value.get_lock(),
        "who reads": queue._rlock,
        "who writes": queue._wlock,
        "how many there are": queue.size.count.get_lock(),
    }


@pytest.mark.parametrize("name", list(shared()))
def test_nothing_stays_with_a_process_that_is_killed_while_it_has_it(name, told):
    lock = shared()[name]
    killed_while_holding(lock, told)
    assert lock.acquire(timeout=PATIENCE)


def test_a_value_is_read_and_set_in_the_hands_of_who_has_it():
    timer = sturdy_value("f", -1)
    with timer.get_lock():
        timer.value = 7
        assert timer.value == 7


def test_one_process_at_a_time_has_the_lock(told):
    lock = SturdyLock()
    with lock:
        assert not in_another_process(lock, told)
        with lock:
            pass
        assert not in_another_process(lock, told)
    assert in_another_process(lock, told)


def test_one_thread_at_a_time_has_the_lock():
    lock, seen = SturdyLock(), []
    with lock:
        thread = threading.Thread(target=lambda: seen.append(lock.acquire(timeout=0.05)))
        thread.start()
        thread.join()
    assert seen == [False]


def count(lock, value, times):
    for _ in range(times):
        with lock:
            value.value += 1


def test_what_is_counted_by_threads_of_many_processes_is_counted_whole():
    value = sturdy_value("i", 0)

    def in_threads():
        threads = [
            threading.Thread(target=partial(count, value.get_lock(), value, 500)) for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    processes = [forked(in_threads) for _ in range(3)]
    for process in processes:
        process.join(PATIENCE)
    assert value.value == 3000


def take_both(first, second, into):
    with first:
        into.send("first")
        with second:
            into.send("both")


def test_threads_that_only_seem_to_wait_for_each_other_get_what_they_wait_for(told):
    first, second = SturdyLock(), SturdyLock()
    second.acquire()
    process = forked(take_both, first, second, told[1])
    assert told[0].recv() == "first"
    had = []
    waiting = threading.Thread(target=lambda: had.append(first.acquire()), daemon=True)
    waiting.start()
    assert not told[0].poll(0.3)
    second.release()
    assert told[0].poll(PATIENCE)
    process.join(PATIENCE)
    waiting.join(PATIENCE)
    assert had == [True]


def test_what_does_not_wait_is_as_python_has_it():
    queue = SturdyQueue()
    queue.put(7)
    assert queue.get(timeout=PATIENCE) == 7
    assert queue.empty()
