"""What the hub keeps is its user's alone."""

from __future__ import annotations

import errno
import os
import sys

import pytest

import manage
from tests.core.test_environment import manage as run
from tradershub.core import keys
from tradershub.core.private import tighten

UNIX = pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights apart from a file's mode")


def mode(path):
    return path.stat().st_mode & 0o777


@UNIX
def test_a_command_makes_the_books_for_their_owner_only_in_an_open_folder(tmp_path):
    tmp_path.chmod(0o755)
    done = run(
        "migrate",
        "auth",
        "--verbosity",
        "0",
        TRADERSHUB_DATA=str(tmp_path),
        DATABASE_URL="",
    )
    assert done.returncode == 0, done.stderr
    assert mode(tmp_path / "hub.sqlite3") == 0o600
    assert mode(tmp_path / "uploads") == 0o700


@pytest.fixture
def folder(settings, tmp_path, monkeypatch):
    for name in ("hub.sqlite3", "hub.sqlite3-wal", "foreign"):
        (tmp_path / name).touch(0o644)
    (tmp_path / "cache").mkdir(0o755)
    tmp_path.chmod(0o755)
    settings.DATA_DIR = tmp_path
    place = settings.DATABASES["default"]
    monkeypatch.setitem(place, "ENGINE", "django.db.backends.sqlite3")
    monkeypatch.setitem(place, "NAME", str(tmp_path / "hub.sqlite3"))
    return tmp_path


@UNIX
def test_what_was_left_open_is_closed_and_said_once(folder, caplog):
    tighten()
    tighten()
    assert mode(folder) == mode(folder / "cache") == 0o700
    assert mode(folder / "hub.sqlite3") == mode(folder / "hub.sqlite3-wal") == 0o600
    assert mode(folder / "foreign") == 0o644
    assert caplog.text.count("closed_to_others") == 4


@UNIX
def test_a_folder_of_somebody_else_or_of_all_is_left_alone(folder, monkeypatch):
    folder.chmod(0o1777)
    tighten()
    assert mode(folder) == 0o777
    folder.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    tighten()
    assert mode(folder) == 0o755


def test_a_full_disk_gets_one_sentence(monkeypatch):
    def fail(_words):
        raise OSError(errno.ENOSPC, "No space left on device", "/srv/hub/field_key")

    monkeypatch.setattr(manage, "execute_from_command_line", fail)
    monkeypatch.setattr(manage, "write_for_owner_only", lambda: None)
    monkeypatch.setattr(sys, "argv", ["manage.py", "prepare"])
    with pytest.raises(SystemExit) as end:
        manage.main()
    said = "TradersHub cannot go on: No space left on device at /srv/hub/field_key. "
    assert str(end.value).startswith(said)


def test_a_key_that_found_no_room_leaves_nothing_half_written(monkeypatch, tmp_path):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keys.os, "fdopen", fail)
    with pytest.raises(OSError):
        keys.kept_keys(tmp_path / "field_key")
    assert not list(tmp_path.iterdir())
