"""The notes outside the database: what harms them, and what only looks as if."""

from __future__ import annotations

import hashlib
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from tradershub.core import anchor, audit, tasks
from tradershub.core.models import AuditEntry, Heartbeat

pytestmark = pytest.mark.django_db
FULL = OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.fixture
def act(django_capture_on_commit_callbacks):
    def act(times=1):
        for _ in range(times):
            with django_capture_on_commit_callbacks(execute=True):
                audit.record("account.open", actor="tester")

    return act


@pytest.fixture
def full_disk(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(anchor, "append", lambda notes: (_ for _ in ()).throw(FULL))
        yield patch.undo


def sentences():
    return [finding.sentence for finding in audit.verify()]


def note_late(monkeypatch):
    """As outside of the transaction in which tests run."""
    with monkeypatch.context() as patch:
        patch.setattr(connections["default"], "in_atomic_block", False)
        return audit.note_late()


def noted_numbers():
    return [int(line.split()[0]) for line in anchor.path().read_text().splitlines()]


def cut_to(lines):
    kept = anchor.path().read_bytes().splitlines(keepends=True)[:lines]
    anchor.path().write_bytes(b"".join(kept))


def test_each_entry_gets_its_note(act):
    act(3)
    assert noted_numbers() == [1, 2, 3]
    assert sentences() == []


def test_a_missing_file_is_found(act):
    act(7)
    anchor.path().rename(anchor.path().with_suffix(".away"))
    assert sentences() == [
        f"The notes of the log are gone: there is no {anchor.path().name} in the data folder"
    ]


def test_notes_taken_from_the_end_are_found(act):
    act(7)
    cut_to(2)
    assert sentences() == [f"4 entries from 3 on have no note any more in {anchor.path().name}"]


def test_notes_taken_away_are_not_healed_by_later_entries(act, monkeypatch):
    act(7)
    anchor.path().unlink()
    act(2)
    note_late(monkeypatch)
    assert sentences() == [f"6 entries from 1 on have no note any more in {anchor.path().name}"]


def test_a_note_taken_from_the_middle_is_found(act):
    act(3)
    first, _, third = anchor.path().read_bytes().splitlines(keepends=True)
    anchor.path().write_bytes(first + third)
    assert sentences() == [f"Entry 2 has no note any more in {anchor.path().name}"]


def test_an_entry_cannot_say_later_that_nothing_was_noted(act):
    act(2)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE core_auditentry SET noted = NULL WHERE seq = 2")
    assert sentences() == ["Entry 2 was altered: its seal is broken"]


def test_entries_of_former_versions_keep_their_seal_and_needed_their_note(act, monkeypatch):
    monkeypatch.setattr(audit, "_noted_so_far", lambda: None)
    act(5)
    assert sentences() == []
    cut_to(2)
    assert sentences() == [f"2 entries from 3 on have no note any more in {anchor.path().name}"]


def test_a_crash_before_the_note_is_made_good_and_said(act, monkeypatch):
    act(3)
    audit.record("account.open", actor="tester")  # its note is never written
    assert sentences() == []
    assert note_late(monkeypatch) == [4]
    assert noted_numbers() == [1, 2, 3, 4]


def test_a_full_disk_fails_no_action_and_its_notes_follow_in_order(act, full_disk):
    act(3)
    full_disk()
    assert sentences() == []
    act()
    assert noted_numbers() == [1, 2, 3, 4]
    assert sentences() == []


def test_a_missing_file_is_found_on_a_host_of_another_name(act, monkeypatch):
    act(3)
    anchor.path().unlink()
    monkeypatch.setattr(audit.socket, "gethostname", lambda: "elsewhere")
    assert note_late(monkeypatch) == []
    assert sentences() == [
        f"The notes of the log are gone: there is no {anchor.path().name} in the data folder"
    ]


@pytest.mark.postgresql
def test_what_another_host_noted_is_asked_of_that_host(act, monkeypatch):
    act(2)
    with monkeypatch.context() as patch:
        patch.setattr(audit.socket, "gethostname", lambda: "elsewhere")
        patch.setattr(anchor, "last", lambda: 2)
        for _ in range(3):
            audit.record("account.open", actor="tester")
    assert sentences() == []
    act()
    assert noted_numbers() == [1, 2, 3, 4, 5, 6]


def test_the_notes_move_with_the_data_folder(act, settings, tmp_path, monkeypatch):
    act(3)
    moved = tmp_path / "moved"
    moved.mkdir()
    anchor.path().rename(moved / anchor.path().name)
    settings.DATA_DIR = moved
    monkeypatch.setitem(
        connection.settings_dict, "NAME", f"{moved}/{connection.settings_dict['NAME']}"
    )
    assert sentences() == []
    AuditEntry.objects.filter(seq__gt=1).delete()
    assert sentences() == ["The end was cut off: entries 2 to 3 were noted outside and are missing"]


def test_notes_under_the_former_name_are_taken_over(act, data_dir):
    act(3)
    place = {k: str(connection.settings_dict[k]) for k in ("ENGINE", "HOST", "NAME")}
    digest = hashlib.sha256(json.dumps(place, sort_keys=True).encode()).hexdigest()
    former = data_dir / f"audit-{digest[:12]}.anchor"
    anchor.path().rename(former)
    assert sentences() == []
    assert not former.exists()


@pytest.mark.parametrize("kept", [1, 2, 3, 30, 66])
def test_a_half_written_note_accuses_nobody_and_hides_nothing(act, kept):
    act(3)
    text = anchor.path().read_bytes()
    third = text.splitlines()[2]
    anchor.path().write_bytes(text[: text.index(third)] + third[:kept])
    AuditEntry.objects.filter(seq=3).delete()
    assert sentences() == (
        []
        if kept < len(third)
        else ["The end was cut off: entries 3 to 3 were noted outside and are missing"]
    )


def test_a_note_begins_on_a_line_of_its_own(act, monkeypatch):
    act(2)
    audit.record("account.open", actor="tester")
    third = AuditEntry.objects.get(seq=3)
    with anchor.path().open("ab") as file:
        file.write(f"3 {third.hash[:20]}".encode())
    act()
    assert sentences() == []
    assert anchor.last() == 4
    AuditEntry.objects.filter(seq__gte=3).delete()
    assert sentences() == ["The end was cut off: entries 3 to 4 were noted outside and are missing"]


@pytest.mark.parametrize(
    "line", [b"abc def\n", b"\xff\xfe\n", b"2 " + b"g" * 64 + b"\n", b"0 x", b"\x00" * 9000]
)
def test_what_is_no_note_is_told_in_words(act, line):
    act(2)
    with anchor.path().open("ab") as file:
        file.write(line)
    act()
    assert sentences()[0] == (
        f"Line 3 of {anchor.path().name} cannot be read: expected NUMBER HASH, as the hub notes it"
    )


def test_the_nightly_task_tells_what_it_found(act):
    act(2)
    anchor.path().write_bytes(b"abc def\n\xff\n")
    with pytest.raises(RuntimeError, match="Lines 1, 2 of"):
        tasks.verify_audit()
    assert Heartbeat.objects.get(name="audit chain").detail.startswith("Lines 1, 2 of")


def test_the_nightly_task_goes_on_where_nothing_can_be_noted(act, monkeypatch):
    act(2)
    monkeypatch.setattr(audit, "note_late", lambda: (_ for _ in ()).throw(FULL))
    tasks.verify_audit()
    assert Heartbeat.objects.get(name="audit chain").detail == "whole"


def test_notes_that_may_not_be_read_are_told_in_words(act):
    act(2)
    anchor.path().unlink()
    anchor.path().mkdir()
    assert "cannot be read" in sentences()[0]
    act()  # nor can it be written


def test_new_notes_are_begun_knowingly_and_the_log_says_so(act, capsys, data_dir):
    act(3)
    anchor.path().unlink()
    call_command("verify_audit", "--begin-notes", "The old disk is lost")
    assert "The audit chain is whole." in capsys.readouterr().out
    entry = AuditEntry.objects.first()
    assert (entry.action, entry.summary) == ("audit.begin_notes", "The old disk is lost")
    assert "The notes of the log are gone" in entry.details["first"][0]
    assert noted_numbers() == [1, 2, 3, 4]


def test_the_command_tells_the_way_out_of_missing_notes(act, capsys):
    act(3)
    anchor.path().unlink()
    with pytest.raises(SystemExit):
        call_command("verify_audit")
    assert (
        "Put the file of notes back, or begin new ones with --begin-notes"
        in capsys.readouterr().err
    )


def test_new_notes_want_a_reason(act):
    with pytest.raises(CommandError, match="Expected a reason"):
        call_command("verify_audit", "--begin-notes", " ")
