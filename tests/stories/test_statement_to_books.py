"""A statement's whole way through the hub as it runs: web server, queue, worker, child process."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest

from tradershub.example import write_example

pytestmark = [pytest.mark.processes, pytest.mark.sqlite]
ROOT = Path(__file__).parents[2]
PATIENCE = 90.0
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def environment(tmp_path, django_db_setup, fresh_database):
    environment = os.environ | {
        "TRADERSHUB_DATA": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'hub.sqlite3'}",
        "DJANGO_SETTINGS_MODULE": "tradershub.settings",
        "DJANGO_SUPERUSER_PASSWORD": "a-long-password",
        "QUEUE_SYNC": "0",
        "LOAD_RATES": "0",
    }
    shutil.copy(fresh_database, tmp_path)
    manage(environment, "collectstatic", "--noinput", "--verbosity", "0")
    manage(environment, "createsuperuser", "--noinput", "--username=ada", "--email=a@b.example")
    return environment


def manage(environment, *arguments):
    command = [sys.executable, "manage.py", *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)


@pytest.fixture
def hub(environment, tmp_path):
    """The address of a running hub."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (tmp_path / "hub.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "hub", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    yield f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE)


class Browser:
    """Just enough of one: cookies, forms with their token, files."""

    def __init__(self, address):
        self.address = address
        self.opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def get(self, path):
        with self.opener.open(self.address + path, timeout=30) as answer:
            return answer.geturl(), answer.read().decode()

    def post(self, path, *, page, **fields):
        token = TOKEN.search(page)[1]
        body = urlencode(fields | {"csrfmiddlewaretoken": token}).encode()
        return self._send(path, body, FORM)

    def drop(self, file, *, page):
        token, mark = TOKEN.search(page)[1], "a-boundary"
        head = (
            f'--{mark}\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{token}'
            f'\r\n--{mark}\r\nContent-Disposition: form-data; name="files"; filename="{file.name}"'
            "\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        body = head.encode() + file.read_bytes() + f"\r\n--{mark}--\r\n".encode()
        return self._send("/import/", body, f"multipart/form-data; boundary={mark}")

    def _send(self, path, body, kind):
        headers = {"Content-Type": kind}
        request = Request(self.address + path, data=body, headers=headers)  # noqa: S310 - our hub
        request.add_header("Referer", self.address + path)
        with self.opener.open(request, timeout=30) as answer:
            return answer.geturl(), answer.read().decode()


def eventually(look, words):
    """The page, once it says the words."""
    until = time.monotonic() + PATIENCE
    page = ""
    while time.monotonic() < until:
        with contextlib.suppress(URLError, ConnectionError):
            page = look()
            if words in page:
                return page
        time.sleep(0.3)
    raise AssertionError(f"waited in vain for {words!r}, the page says {page[-3000:]}")


def test_a_statement_is_read_and_booked_by_a_worker(hub, tmp_path):
    files = write_example(tmp_path / "example", until=dt.date(2026, 6, 30))
    report = next(file for file in files if file.suffix == ".xlsx")
    browser = Browser(hub)
    page = eventually(lambda: browser.get("/")[1], 'name="password"')
    door = browser.get("/")[0].removeprefix(hub)
    browser.post(door, page=page, username="ada", password="a-long-password")

    batch, _ = browser.drop(report, page=browser.get("/import/")[1])
    page = eventually(lambda: browser.get(batch.removeprefix(hub))[1], "Ready to book")
    assert re.search(r"✓ \d+ equal", page)
    _, page = browser.post("/import/book", page=page, batch=batch.rpartition("=")[2])
    page = eventually(lambda: browser.get("/import/1/")[1], "Undo this import")
    assert "✓ Booked" in page
    assert "50481127" in browser.get("/")[1]

    _, page = browser.post("/import/1/undo", page=page)
    assert "Undone" in page
