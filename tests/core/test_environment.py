"""A wrong setting is refused in one sentence, before anything is started."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from tradershub.core.environment import Environment, data_folder, database, usable_keys


def manage(*words, **variables):
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tradershub.settings"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights apart from a file's mode")
def test_a_new_data_folder_is_for_its_own_user_only(tmp_path):
    folder = data_folder(tmp_path / "new")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_data_folder_that_is_a_file_is_refused_by_name(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ImproperlyConfigured, match="file cannot be made: File exists"):
        data_folder(tmp_path / "file")


@pytest.mark.parametrize("url", ["mysql://a:secret@b/c", "nonsense://secret", "secret"])
def test_another_kind_of_database_is_refused_without_its_password(monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured, match="cannot use") as refusal:
        database(Environment(), default="sqlite:///x")
    assert "secret" not in str(refusal.value)


def test_an_empty_address_means_the_default(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "")
    assert database(Environment(), default="sqlite:///x")["NAME"] == "x"


def test_a_key_that_is_none_is_refused_unseen():
    with pytest.raises(ImproperlyConfigured, match="Key 1 of FIELD_KEYS") as refusal:
        usable_keys(["hunter2"])
    assert "hunter2" not in str(refusal.value)


def test_a_number_that_is_none_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("PROXY_COUNT", "two")
    with pytest.raises(ImproperlyConfigured, match='PROXY_COUNT is "two"'):
        Environment().int("PROXY_COUNT")


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"DATABASE_URL": "mysql://a/b"}, "TradersHub cannot start: DATABASE_URL names"),
        ({"DATABASE_URL": "postgres://x@127.0.0.1:9/y"}, "The database does not answer: "),
    ],
)
def test_the_command_line_says_it_in_a_line(tmp_path, variables, sentence):
    run = manage("verify_audit", TRADERSHUB_DATA=str(tmp_path), **variables)
    assert run.returncode == 1
    assert run.stderr.startswith(sentence)
    assert len(run.stderr.splitlines()) == 1
