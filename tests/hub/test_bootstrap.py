from __future__ import annotations

import subprocess
import sys

import pytest

from tradershub import bootstrap


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """A bootstrap whose environment is elsewhere and whose commands are only noted."""
    made = []
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "installed.json")
    monkeypatch.setattr(bootstrap, "make_environment", lambda: None)
    monkeypatch.setattr(bootstrap, "call", lambda *words, **_: made.append(words) or 0)
    return made


def test_requirements_are_installed_once(calls):
    bootstrap.install(bootstrap.RUNTIME)
    bootstrap.install(bootstrap.RUNTIME)
    assert len(calls) == 1


def test_changed_requirements_are_installed_again(calls, monkeypatch):
    bootstrap.install(bootstrap.RUNTIME)
    monkeypatch.setattr(bootstrap, "fingerprint", lambda name: "other")
    bootstrap.install(bootstrap.RUNTIME)
    assert len(calls) == 2


def test_what_tests_need_includes_what_running_needs(calls):
    bootstrap.install(bootstrap.DEVELOPMENT)
    bootstrap.install(bootstrap.RUNTIME)
    assert len(calls) == 1


def test_a_failed_install_is_not_taken_for_done(calls, monkeypatch):
    monkeypatch.setattr(bootstrap, "call", lambda *words, **_: 1)
    with pytest.raises(SystemExit, match="Could not install"):
        bootstrap.install(bootstrap.RUNTIME)
    assert not bootstrap.STAMP.exists()


def test_tests_say_what_they_leave_out_and_why(calls, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "browser", lambda: None)
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.delenv("TRADERSHUB_STATEMENTS", raising=False)
    assert bootstrap.test([]) == 0
    said = capsys.readouterr().err
    assert "there is no Chromium" in said
    assert "DATABASE_URL names none" in said
    assert "TRADERSHUB_STATEMENTS is not set" in said
    assert "not browser" in calls[-1]


def test_on_windows_the_tests_that_need_signals_are_left_out(calls, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "browser", lambda: None)
    monkeypatch.setattr(sys, "platform", "win32")
    bootstrap.test([])
    assert "Windows has none" in capsys.readouterr().err
    assert "not browser and not processes" in calls[-1]


def test_nothing_is_left_out_where_all_is_there(calls, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "browser", lambda: "/usr/bin/chromium")
    monkeypatch.setenv("DATABASE_URL", "postgres://root@127.0.0.1/hub")
    monkeypatch.setenv("TRADERSHUB_STATEMENTS", "/somewhere")
    bootstrap.test([])
    assert "Left out" not in capsys.readouterr().err
    assert "not browser" not in calls[-1]


def test_all_checks_run_even_when_one_fails(calls, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "call", lambda *words, **_: int("ruff" in words))
    monkeypatch.setattr(bootstrap, "install", lambda name: None)
    assert bootstrap.check([]) == 1
    assert "Failed: format, lint" in capsys.readouterr().out


@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_another_python_gets_one_sentence(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", (*version, 0))
    with pytest.raises(SystemExit, match=rf"3.11, 3.12 or 3.13; this one is 3.{version[1]}"):
        bootstrap.refuse_other_pythons()


def test_it_needs_nothing_but_the_standard_library():
    done = subprocess.run(
        [sys.executable, "-S", "-I", "-c", "import runpy, sys; sys.path.insert(0, '.');"
         "runpy.run_module('tradershub.bootstrap')"],
        cwd=bootstrap.ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_an_unknown_word_gets_one_sentence():
    with pytest.raises(SystemExit, match='There is no "rnu"; expected one of run, sandbox, test'):
        bootstrap.main(["rnu"])
