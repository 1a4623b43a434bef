from __future__ import annotations

import errno
import os
import re
import sys

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from tradershub import first_password
from tradershub.management.commands import prepare

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def scene(settings, tmp_path, monkeypatch):
    """A data folder of its own; the commands it calls are noted instead of run."""
    settings.DATA_DIR = tmp_path
    settings.STATIC_ROOT = tmp_path / "static"
    called = []
    monkeypatch.setattr(prepare, "call_command", lambda name, *_, **__: called.append(name))
    return called


def test_the_first_time_makes_an_administrator_whose_password_fits(capsys, scene):
    call_command("prepare")
    password = re.search(r"password (\w+)", capsys.readouterr().out)[1]
    assert User.objects.get(is_superuser=True).check_password(password)
    assert scene == ["collectstatic", "demo"]
    assert not first_password.path().exists()


def test_only_the_journal_of_the_system_keeps_what_is_printed(monkeypatch, tmp_path):
    with (tmp_path / "out").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert first_password.is_shown()
        about = os.fstat(out.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{about.st_dev}:{about.st_ino}")
        assert not first_password.is_shown()
        monkeypatch.setenv("JOURNAL_STREAM", f"{about.st_dev}:{about.st_ino + 1}")
        assert first_password.is_shown()


def test_for_the_journal_the_password_waits_in_a_file_until_the_first_log_in(
    capsys, client, monkeypatch
):
    monkeypatch.setattr(first_password, "is_shown", lambda: False)
    call_command("prepare")
    file, told = first_password.path(), capsys.readouterr().out
    password = file.read_text().strip()
    assert password not in told and str(file) in told
    assert os.name == "nt" or file.stat().st_mode & 0o777 == 0o600
    client.force_login(User.objects.create_user("ada", is_staff=True))
    assert file.exists()
    answer = client.post("/login/", {"username": "admin", "password": password})
    assert answer.status_code == 302
    assert not file.exists()


def test_a_password_that_cannot_be_kept_makes_nobody(monkeypatch):
    def fail(_password):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(first_password, "is_shown", lambda: False)
        patch.setattr(first_password, "keep", fail)
        call_command("prepare")
    assert not User.objects.exists()


def test_the_second_time_shows_no_password_and_loads_nothing(capsys, scene):
    call_command("prepare")
    capsys.readouterr()
    scene.clear()
    call_command("prepare")
    assert "password" not in capsys.readouterr().out
    assert scene == []


def test_the_books_stay_empty_when_asked(scene):
    call_command("prepare", no_demo=True)
    call_command("prepare")
    assert "demo" not in scene


def test_missing_tables_are_made(scene, monkeypatch):
    plan = [("a migration", False)]
    monkeypatch.setattr(prepare.MigrationExecutor, "migration_plan", lambda *_: plan)
    call_command("prepare", no_demo=True)
    assert scene[0] == "migrate"


def test_an_example_that_failed_is_loaded_at_the_next_start(scene, monkeypatch, capsys):
    def fail(name, *_, **__):
        if name == "demo":
            raise RuntimeError("no space left")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(prepare, "call_command", fail)
        call_command("prepare")
    assert "Log in as admin" in capsys.readouterr().out
    call_command("prepare")
    assert "demo" in scene


def test_a_changed_static_file_is_collected_again(scene, settings, tmp_path):
    folder = tmp_path / "assets"
    folder.mkdir()
    settings.STATICFILES_DIRS = [folder]
    states = {prepare.state_of_sources()}
    (folder / "new.css").write_text("a")
    states.add(prepare.state_of_sources())
    assert len(states) == 2
