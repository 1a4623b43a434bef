"""A held folder leads nowhere but into itself, also where the system cannot hold it."""

from __future__ import annotations

import os

import pytest

from tradershub.core import folders
from tradershub.core.folders import Linked, held

HOLDS = pytest.mark.skipif(not folders.HELD, reason="no file is named within an open folder here")


@pytest.fixture(params=[True, False], ids=["held", "by path"])
def ways(request, monkeypatch):
    monkeypatch.setattr(folders, "HELD", request.param and folders.HELD)


def test_a_folder_is_made_and_its_files_are_seen_read_written_and_moved(ways, tmp_path):
    with held(tmp_path / "box") as box, held(tmp_path / "box" / "done", within=box) as done:
        box.write("a.txt", "first")
        box.write("a.txt", "second")
        assert sorted(box.seen()) == ["a.txt", "done"]
        box.move("a.txt", done, "b.txt")
        with done.read("b.txt") as file:
            assert file.read() == b"second"
        assert list(done.seen()) == ["b.txt"]


@pytest.mark.parametrize("target", ["real", "missing"])
def test_a_link_in_the_place_of_a_folder_is_refused(ways, tmp_path, target):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / target)

    with pytest.raises(Linked, match='"link" in .* is a link'), held(tmp_path / "link"):
        pass
    with held(tmp_path) as box, pytest.raises(Linked), held(tmp_path / "link", within=box):
        pass


def test_a_link_in_the_place_of_a_new_file_is_replaced_and_not_followed(ways, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "link").symlink_to(victim)
    with held(tmp_path) as box:
        box.write("link", "words")

    assert (victim.read_text(), (tmp_path / "link").read_text()) == ("precious", "words")


@HOLDS
def test_a_folder_swapped_between_the_look_and_the_opening_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "is_link", lambda found: False)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    with pytest.raises(NotADirectoryError), held(tmp_path / "link"):
        pass


@HOLDS
def test_neither_a_link_is_read_nor_a_pipe_waited_for(tmp_path):
    (tmp_path / "file").write_text("secret")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    os.mkfifo(tmp_path / "pipe")
    with held(tmp_path) as box:
        with pytest.raises(OSError):
            box.read("link")
        with box.read("pipe") as pipe:
            assert pipe.read() == b""
