"""The pipe of a cluster whose processes are killed."""

from __future__ import annotations

import multiprocessing
import time

from tradershub.core.sturdy_queue import SturdyQueue

PATIENCE = 10.0


def pass_on(queue, into):
    while (found := queue.get()) != "STOP":
        into.send(found)


def begun(queue, into):
    process = multiprocessing.get_context("fork").Process(
        target=pass_on, args=(queue, into), daemon=True
    )
    process.start()
    return process


def test_a_process_that_is_killed_while_it_waits_takes_no_turn_from_the_others():
    queue = SturdyQueue(maxsize=2)
    told, into = multiprocessing.Pipe(duplex=False)
    both = [begun(queue, into) for _ in range(2)]
    time.sleep(0.5)  # both wait
    both[0].kill()
    both[0].join()
    both.append(begun(queue, into))
    for n in range(20):
        queue.put({"n": n})
    found = set()
    for _ in range(20):
        assert told.poll(PATIENCE)
        found.add(told.recv()["n"])
    assert found == set(range(20))
    for _ in range(2):
        queue.put("STOP")
    for process in both[1:]:
        process.join(PATIENCE)
        assert process.exitcode == 0
    assert queue.qsize() == 0


def test_what_does_not_wait_is_as_python_has_it():
    queue = SturdyQueue()
    queue.put(7)
    assert queue.get(timeout=PATIENCE) == 7
    assert queue.empty()
