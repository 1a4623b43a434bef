"""A web server that answers, one that only holds its port, and one that is not there yet."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from tradershub.core.uploads import BoundedUploadHandler
from tradershub.doorbell import Doorbell, own_name


@pytest.fixture(autouse=True)
def hasty(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    settings.HEARTBEAT_SECONDS, settings.HEARTBEAT_LIMIT = 0.05, 0.4


@pytest.fixture
def door():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def bell_at(door):
    bell = Doorbell(*door.getsockname())
    bell.restart()
    return bell


def hangs(bell, *, within=1.5):
    until = time.monotonic() + within
    while time.monotonic() < until:
        if bell.is_hung(pid=0):
            return True
        bell.tend()
        time.sleep(0.02)
    return False


def open_the_door(door, asked):
    while True:
        try:
            visitor, _ = door.accept()
        except OSError:
            return
        with visitor:
            asked.append(visitor.recv(1000))
            visitor.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def test_a_server_that_takes_the_call_and_says_nothing_hangs(door):
    assert hangs(bell_at(door))


def test_slow_uploads_that_hold_every_thread_are_no_hang_while_they_move(door, rf):
    ended = threading.Event()
    threading.Thread(target=upload_slowly, args=(rf.post("/"), ended), daemon=True).start()
    bell = bell_at(door)
    time.sleep(0.1)
    assert not hangs(bell, within=1.2)
    ended.set()
    assert hangs(bell, within=3)


def upload_slowly(request, ended):
    handler = BoundedUploadHandler(request)
    handler.new_file("statement", "a.html", "text/html", None)
    while not ended.wait(0.05):
        handler.receive_data_chunk(b"x", 0)


def test_a_port_that_nobody_holds_for_too_long_is_a_hang(door):
    bell = bell_at(door)
    door.close()
    assert hangs(bell)


def test_any_answer_is_a_sign_of_life(door):
    asked = []
    threading.Thread(target=open_the_door, args=(door, asked), daemon=True).start()
    assert not hangs(bell_at(door), within=0.8)
    assert len(asked) > 2
    assert asked[0].startswith(b"GET /health/live ")


def test_what_the_dead_server_owed_is_forgotten_when_the_next_is_started(door):
    bell = bell_at(door)
    assert hangs(bell)
    bell.restart()
    assert not bell.is_hung(pid=0)


@pytest.mark.parametrize(
    "names, name",
    [(["hub.example.com"], "hub.example.com"), ([".example.com"], "example.com"), (["*"], "localhost")],
)  # fmt: skip
def test_the_question_bears_a_name_that_the_hub_answers_to(settings, names, name):
    settings.ALLOWED_HOSTS = names
    assert own_name() == name
