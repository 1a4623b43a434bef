"""The sandbox: a signal becomes orders on paper and at OANDA's simulator, and nothing leaves the machine."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import httpx
import psutil
import pytest
from django.core.management import CommandError

from tests.hub import test_hub
from tests.hub.test_hub import ROOT, free_port, wait_for
from tradershub import sandbox
from tradershub.management.commands import sandbox as command

ADDRESS = re.compile(r"curl (http://127\.0\.0\.1:\d+/api/v1/signals/\S+)")
ACCOUNTS = ["101-004-1234567-001", "101-004-1234567-002"]


def four_free_ports():
    while True:
        first = free_port()
        try:
            for port in range(first, first + 4):
                command.hub.bind("127.0.0.1", port)
        except OSError:
            continue
        return first


@pytest.fixture
def running(tmp_path, monkeypatch):
    monkeypatch.setattr(test_hub, "PATIENCE", 180.0)  # it makes its database first
    log, port = tmp_path / "log", four_free_ports()
    words = ["sandbox", "--port", str(port), "--data", str(tmp_path / "data")]
    kept = {name: value for name, value in os.environ.items() if name != "QUEUE_SYNC"}
    process = subprocess.Popen(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=kept | {"DJANGO_SETTINGS_MODULE": "tradershub.settings"},
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
    )
    yield process, log, port, tmp_path / "data"
    if process.poll() is None:
        process.kill()
        process.wait()


@pytest.mark.processes
@pytest.mark.sqlite
def test_a_signal_fills_on_paper_and_at_the_simulator_and_the_chat_hears_of_it(running):
    process, log, port, data = running
    wait_for(lambda: process.poll() is not None or "runs at" in log.read_text(), "the address")
    found = ADDRESS.search(log.read_text())
    assert found, log.read_text()

    def filled():
        with closing(sqlite3.connect(data / "hub.sqlite3")) as books:
            rows = "SELECT a.number, o.client_order_id FROM trading_order o JOIN accounts_account a"
            return dict(books.execute(f"{rows} ON a.id = o.account_id WHERE o.state = 'filled'"))

    def priced():
        with closing(sqlite3.connect(data / "hub.sqlite3")) as books:
            return books.execute("SELECT count(DISTINCT source) FROM brokers_quote").fetchone()[0]

    wait_for(lambda: priced() == 2, "prices of both venues")
    answer = httpx.post(found[1], json=json.loads(command.BODY))
    assert answer.status_code == 202, answer.text
    wait_for(lambda: len(filled()) == 3, "three filled orders")
    orders = filled()

    ledger = [json.loads(line) for line in (data / "oanda.jsonl").open()]
    fills = {line["account"]: line["client_id"] for line in ledger if line["kind"] == "fill"}
    assert fills == {number: orders[number] for number in ACCOUNTS}

    def heard():
        texts = [one["text"] for one in httpx.get(f"http://127.0.0.1:{port + 3}/seen").json()]
        return len([text for text in texts if "Entry filled" in text]) == 3

    wait_for(heard, "three messages in the chat")
    assert "css/sandbox." in httpx.get(f"http://127.0.0.1:{port}/login/").text

    family = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    assert process.wait(timeout=30) == 0
    time.sleep(0.1)
    assert not [one for one in family if one.is_running() and one.status() != "zombie"]


def test_its_environment_names_nothing_outside_this_machine(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "environ", {"TRADERSHUB_DATA": str(tmp_path), "EMAIL_HOST": "mail"})
    sandbox.prepare_environment(["--port", "9000"])
    assert os.environ["SANDBOX"] == "1" and os.environ["EMAIL_HOST"] == ""
    assert os.environ["TRADERSHUB_DATA"] == str(tmp_path / "sandbox")
    assert os.environ["DATABASE_URL"] == f"sqlite:///{tmp_path / 'sandbox' / 'hub.sqlite3'}"
    assert os.environ["TELEGRAM_API"] == "http://127.0.0.1:9003"


def test_only_the_command_line_of_the_sandbox_is_one():
    assert sandbox.is_asked_for(["sandbox", "--port", "1"])
    assert not sandbox.is_asked_for(["hub", "sandbox"])


def test_it_does_not_start_without_its_guard(settings, monkeypatch):
    with pytest.raises(CommandError, match="manage.py sandbox"):
        command.refuse_without_guard()
    settings.SANDBOX = True
    command.refuse_without_guard()
    monkeypatch.setattr("tradershub.checks.reaches", lambda address: True)
    with pytest.raises(CommandError, match="would connect to"):
        command.refuse_without_guard()


@pytest.mark.parametrize("which", [0, 1, 3])
def test_where_a_port_is_in_use_four_free_ones_in_a_row_are_named(settings, which):
    settings.SANDBOX = True
    first = four_free_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first + which))
        taken.listen()
        with pytest.raises(CommandError, match=f"Port {first + which} is in use") as refusal:
            command.Command().handle(port=first)
        found = int(re.search(r'make sandbox ARGS="--port (\d+)"$', str(refusal.value))[1])
        assert found > first + which
        for port in range(found, found + 4):
            command.hub.bind("127.0.0.1", port)


def test_it_does_not_touch_the_books_of_another_hub(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    books = tmp_path / "hub.sqlite3"
    books.write_text("real")
    with pytest.raises(CommandError, match="is no sandbox"):
        command.begin_anew()
    assert books.read_text() == "real"
