"""One process at a time holds a name in a folder."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tradershub.soleness import Taken, alone, sharing, to_itself

HOLD = (
    "import sys, pathlib; from tradershub.soleness import alone\n"
    "with alone(pathlib.Path(sys.argv[1]), ['batch']): print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def holder(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline().strip() == b"held"
        yield process
        process.kill()


def test_what_another_process_holds_is_named(holder, tmp_path):
    with pytest.raises(Taken, match="batch"), alone(tmp_path, ["batch"]):
        pass


def test_another_name_and_another_folder_are_free(holder, tmp_path):
    (tmp_path / "own").mkdir()
    with alone(tmp_path, ["execution"]), alone(tmp_path / "own", ["batch"]):
        assert (tmp_path / "hub-execution.lock").exists()


def test_a_killed_holder_holds_nothing(holder, tmp_path):
    holder.kill()
    holder.wait()
    with alone(tmp_path, ["batch"]):
        pass
    with alone(tmp_path, ["batch"]):
        pass


def test_nothing_is_kept_where_one_of_the_names_is_taken(holder, tmp_path):
    with pytest.raises(Taken), alone(tmp_path, ["another", "batch"]):
        pass
    with alone(tmp_path, ["another"]):
        pass


SHARE = HOLD.replace("alone", "sharing").replace(", ['batch']", "")


@pytest.fixture
def guest(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", SHARE, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline().strip() == b"held"
        yield process
        process.kill()


def test_many_share_a_folder_and_nobody_has_it_to_itself_meanwhile(guest, tmp_path):
    with sharing(tmp_path), pytest.raises(Taken), to_itself(tmp_path):
        pass
    guest.kill()
    guest.wait()
    with to_itself(tmp_path), pytest.raises(Taken, match="restore"), sharing(tmp_path):
        pass
