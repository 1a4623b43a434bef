from __future__ import annotations

import json
import logging
import os

import pytest
from django_q.signals import post_execute_in_worker, pre_enqueue, pre_execute

from tradershub.core import signs
from tradershub.core.logs import current_request_id, logging_settings, quietly


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path


def test_an_answer_carries_an_id_of_its_own(client):
    first, second = (client.get("/health/live")["X-Request-ID"] for _ in range(2))
    assert len(first) == 32
    assert first != second


def test_the_callers_own_id_is_kept_when_it_is_a_plain_word(client):
    answer = client.get("/health/live", headers={"X-Request-ID": "abc-1.2"})
    assert answer["X-Request-ID"] == "abc-1.2"


@pytest.mark.parametrize("forged", ["a b", 'x","level":"error', "x" * 41, "ü"])
def test_an_id_that_could_forge_a_log_line_is_replaced(client, forged):
    answer = client.get("/health/live", headers={"X-Request-ID": forged})
    assert answer["X-Request-ID"] != forged


def test_a_json_line_holds_message_level_and_extras(capsys):
    formatter = logging_settings(json=True)["formatters"]["structured"]
    made = formatter.pop("()")(**formatter)
    line = made.format(logging.LogRecord("x", logging.ERROR, "f", 1, "went wrong", None, None))
    assert json.loads(line)["event"] == "went wrong"
    assert json.loads(line)["level"] == "error"


def test_a_task_works_under_the_id_of_its_request(client):
    task = {"func": "accounts.tasks.read", "id": "1", "name": "n"}
    pre_enqueue.send("test", task=task)
    task["request_id"] = "abc"
    pre_execute.send("test", func=None, task=task)
    assert current_request_id() == "abc"
    post_execute_in_worker.send("test", func=None, task=task | {"success": True, "result": None})
    assert current_request_id() == ""


def test_a_worker_leaves_a_sign_while_it_works_and_after():
    signs.task_begins("batch", seconds=60)
    assert signs.is_busy("batch", pids=[os.getpid()])
    assert not signs.is_busy("batch", pids=[1])
    signs.task_ends("batch")
    assert not signs.is_busy("batch", pids=[os.getpid()])
    assert signs.last_sign("batch") > 0
    signs.forget("batch")
    assert signs.last_sign("batch") == 0


def test_a_task_past_its_time_is_not_busy_any_more():
    signs.task_begins("batch", seconds=-100)
    assert not signs.is_busy("batch", pids=[os.getpid()])


def test_only_warnings_reach_the_console_while_a_command_speaks():
    root = logging.getLogger()
    before = root.level
    with pytest.raises(ValueError, match="stop"), quietly():
        quiet = [root.isEnabledFor(level) for level in (logging.INFO, logging.WARNING)]
        raise ValueError("stop")
    assert quiet == [False, True]
    assert root.level == before
