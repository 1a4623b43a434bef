"""A body without a length beforehand is read as far as the limits go, and no further."""

from __future__ import annotations

import contextlib
import http.client
import io
import itertools
import json
import re

import pytest
from django.contrib.auth.models import User
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from accounts.models import StatementImport
from tests.hub.test_hub import Hub, environment, manage, wait_for  # noqa: F401 (a fixture)
from tradershub.core.api_keys import SCOPES, create_key
from tradershub.core.uploads import SIGNAL_BYTES
from tradershub.unsized import sized
from trading.models import Signal
from trading.signals import create_source

MB = 2**20
HEAD = (
    b'--edge\r\nContent-Disposition: form-data; name="files"; filename="a.html"\r\n'
    b"Content-Type: text/html\r\n\r\n"
)
TAIL = b"\r\n--edge--\r\n"
MULTIPART = "multipart/form-data; boundary=edge"


class Stream(io.RawIOBase):
    """What a server hands on of a body in chunks; counts what was taken of it."""

    def __init__(self, parts):
        self.parts, self.rest, self.taken = iter(parts), b"", 0

    def read(self, size):
        self.rest = self.rest or next(self.parts, b"")
        part, self.rest = self.rest[:size], self.rest[size:]
        self.taken += len(part)
        return part


@pytest.fixture
def key(db):
    return create_key(owner=User.objects.create_superuser("ada"), name="t", scopes=SCOPES)[1]


@pytest.fixture
def send(key, settings):
    """The status and the body of the answer to a request in chunks."""
    settings.ALLOWED_HOSTS = ["hub.example"]
    application = sized(WSGIHandler())

    def call(path, stream, content_type):
        said = []
        environ = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": f"/api/v1/{path}",
            "CONTENT_TYPE": content_type,
            "HTTP_AUTHORIZATION": f"Bearer {key}",
            "HTTP_TRANSFER_ENCODING": "chunked",
            "SERVER_NAME": "hub.example",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "wsgi.input": stream,
        }
        parts = application(environ, lambda status, headers: said.append(status))
        return int(said[0][:3]), json.loads(b"".join(parts))

    # As Django's own client does: the test's connection is not the request's to close.
    for moment in (request_started, request_finished):
        moment.disconnect(close_old_connections)
    yield call
    for moment in (request_started, request_finished):
        moment.connect(close_old_connections)


def test_a_file_in_chunks_is_received(send):
    report = b"<html>" * 99
    status, answer = send("imports", Stream([HEAD, report[:99], report[99:], TAIL]), MULTIPART)
    assert status == 201, answer
    assert StatementImport.objects.get().file_name == "a.html"


def test_files_in_chunks_beyond_the_limit_are_refused_and_the_rest_is_not_read(send, settings):
    settings.STATEMENT_MAX_BYTES = MB
    stream = Stream(itertools.chain([HEAD], itertools.repeat(b"x" * 9999)))
    status, answer = send("imports", stream, MULTIPART)
    assert (status, answer["error"]["code"]) == (413, "too_large")
    assert stream.taken < 2 * MB


def test_words_in_chunks_are_read(send):
    status, answer = send("brokers", Stream([b'{"name": ', b'"Northgate"}']), "application/json")
    assert (status, answer.get("name")) == (201, "Northgate"), answer


def test_words_in_chunks_beyond_the_limit_are_refused_and_the_rest_is_not_read(send, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = MB
    stream = Stream(itertools.repeat(b"x" * 9999))
    status, answer = send("brokers", stream, "application/json")
    assert (status, answer["error"]["code"]) == (413, "too_large")
    assert stream.taken == MB + 1


def test_a_signal_in_chunks_without_an_end_is_read_no_further_than_a_signal_may_be(send):
    source, token = create_source(actor="t", owner=User.objects.get(), name="charts")
    stream = Stream(itertools.repeat(b" " * 9999))
    status, answer = send(f"signals/{source.uid}/{token}", stream, "application/json")
    assert (status, answer["error"]["code"]) == (413, "too_large")
    assert stream.taken == SIGNAL_BYTES + 1
    assert not Signal.objects.exists()


@pytest.mark.processes
def test_a_server_takes_an_endless_upload_to_the_limit_in_bounded_memory(environment):  # noqa: F811
    limited = environment | {"STATEMENT_MAX_BYTES": str(64 * MB)}
    making = (
        "from django.contrib.auth.models import User;"
        "from tradershub.core.api_keys import SCOPES, create_key;"
        "from tradershub.core.step_up import Proof;"
        "ada = User.objects.create_superuser('ada'); ada.proof = Proof(is_given=True);"
        "print('key', create_key(owner=ada, name='t', scopes=SCOPES)[1])"
    )
    key = re.search(r"key (\S+)", manage(limited, "shell", "-c", making))[1]
    hub = Hub(limited, "--only", "web")
    wait_for(lambda: "TradersHub runs at" in hub.text(), "the address")
    try:
        port = int(re.search(r"TradersHub runs at http://127.0.0.1:(\d+)", hub.text())[1])
        before = memory(hub)
        status, answer, sent, most = endless_upload(hub, port, key)
        assert (status, answer["error"]["code"]) == (413, "too_large")
        assert sent < 128 * MB
        assert most - before < 48 * MB
    finally:
        hub.process.terminate()
        assert hub.process.wait(timeout=60) == 0


def endless_upload(hub, port, key):
    """Status and body of the answer; how many bytes were sent before it, and the most memory meanwhile."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest("POST", "/api/v1/imports")
    headers = {"Authorization": f"Bearer {key}", "Content-Type": MULTIPART}
    for name, value in (headers | {"Transfer-Encoding": "chunked"}).items():
        connection.putheader(name, value)
    connection.endheaders()
    sent = most = 0
    with contextlib.suppress(ConnectionError):  # the server hangs up once it has answered
        for part in itertools.chain([HEAD], itertools.repeat(b"x" * MB, 512)):
            connection.send(b"%x\r\n%b\r\n" % (len(part), part))
            sent, most = sent + len(part), max(most, memory(hub))
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read()), sent, most


def memory(hub):
    """Bytes that all processes of the hub hold."""
    return sum(process.memory_info().rss for process in hub.members() if process.is_running())
