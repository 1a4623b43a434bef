from __future__ import annotations

import io
import os

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection

from brokers.models import Broker
from tradershub.backup import archive, create, restore
from tradershub.backup.sealed import BLOCK, SealedReader, SealingWriter
from tradershub.core import audit
from tradershub.core.append_only import protect, unprotect
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.models import AuditEntry, Heartbeat
from tradershub.core.tasks import beat

KEY = Fernet.generate_key().decode()


def sealed(data):
    file = io.BytesIO()
    writer = SealingWriter(file, key=KEY)
    writer.write(data)
    writer.close()
    return file.getvalue()


def opened(data, *, key=KEY):
    return SealedReader(io.BytesIO(data), keys=[key]).read()


@pytest.mark.parametrize("size", [0, 1, BLOCK, BLOCK + 1, 3 * BLOCK])
def test_what_was_sealed_comes_back(size):
    data = bytes(range(256)) * (size // 256 + 1)
    assert opened(sealed(data[:size])) == data[:size]


@pytest.mark.parametrize("place", [60, -1, BLOCK + 100])
def test_an_altered_byte_is_found(place):
    data = bytearray(sealed(b"x" * 2 * BLOCK))
    data[place] ^= 1
    with pytest.raises(BadInput):
        opened(bytes(data))


def test_an_end_cut_off_at_a_block_is_found():
    whole = sealed(b"x" * (2 * BLOCK + 5))
    first_two = 36 + 2 * (4 + BLOCK + 16)
    with pytest.raises(BadInput, match="cut off after block 2"):
        opened(whole[:first_two])


def test_another_key_and_another_file_are_told_apart():
    with pytest.raises(BadInput, match="another field key"):
        opened(sealed(b"x"), key=Fernet.generate_key().decode())
    with pytest.raises(BadInput, match="not a backup"):
        opened(b"PK\x03\x04" * 20)


@pytest.fixture
def books(settings, tmp_path, transactional_db):
    """A hub of its own data folder with a person, a broker and an audited action."""
    settings.DATA_DIR = tmp_path
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.MEDIA_ROOT.mkdir()
    (settings.MEDIA_ROOT / "picture.png").write_bytes(b"png")
    protect(connection)
    person = User.objects.create_user("ada", password="long enough to keep")
    Broker.objects.create(name="Example")
    audit.record("broker.open", actor=person)
    yield tmp_path
    unprotect(connection)


@pytest.fixture
def saved(books):
    path = books / "saved.backup"
    create(path)
    return path


def test_a_round_trip_gives_everything_back(books, saved, settings):
    Broker.objects.all().delete()
    User.objects.create_user("eve")
    audit.record("after", actor="eve")
    (settings.MEDIA_ROOT / "picture.png").unlink()

    manifest, faults = restore(saved, force=True)

    assert faults == []
    assert manifest.rows["brokers_broker"] == 1
    assert list(User.objects.values_list("username", flat=True)) == ["ada"]
    assert User.objects.get().check_password("long enough to keep")
    assert (settings.MEDIA_ROOT / "picture.png").read_bytes() == b"png"
    assert list(AuditEntry.objects.values_list("action", flat=True)) == [
        "backup.restore",
        "broker.open",
    ]
    assert audit.verify() == []


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights apart from a file's mode")
def test_the_backup_is_not_readable_by_others(saved):
    assert saved.stat().st_mode & 0o077 == 0


def test_the_backup_says_nothing_to_who_has_no_key(saved):
    assert b"Example" not in saved.read_bytes()


def test_books_are_not_replaced_without_force(saved):
    with pytest.raises(Conflict, match="not empty"):
        restore(saved)


def test_nothing_is_replaced_while_the_hub_runs(saved):
    beat("batch")
    with pytest.raises(Conflict, match="is running"):
        restore(saved, force=True)


def test_the_signs_of_life_in_a_backup_are_not_taken_for_a_running_hub(books):
    beat("batch")
    create(books / "alive.backup")
    Heartbeat.objects.all().delete()
    for _ in range(2):
        assert restore(books / "alive.backup", force=True)[1] == []


def test_a_damaged_backup_changes_nothing(saved):
    data = saved.read_bytes()
    saved.write_bytes(data[:-10])
    with pytest.raises(BadInput):
        restore(saved, force=True)
    assert Broker.objects.exists()


def test_a_backup_of_a_later_version_is_refused(books, monkeypatch):
    later = [*archive.applied_migrations(), "accounts.9999_later"]
    monkeypatch.setattr(archive, "applied_migrations", lambda: later)
    create(books / "later.backup")
    with pytest.raises(BadInput, match="accounts.9999_later"):
        restore(books / "later.backup", force=True)


def test_a_chain_cut_before_the_backup_was_made_is_reported(books):
    audit.record("second", actor="ada")
    head = audit.head()
    unprotect(connection)
    AuditEntry.objects.filter(seq=2).delete()
    protect(connection)
    path = books / "cut.backup"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit, "head", lambda: head)
        create(path)
    _, faults = restore(path, force=True)
    assert any("cut off" in fault for fault in faults)


@pytest.mark.postgresql
def test_a_missing_tool_gets_one_sentence(books, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BadInput, match="pg_dump is not installed here"):
        create(books / "never.backup")


def test_the_commands_speak_plainly(books, capsys):
    call_command("backup", str(books / "by-hand.backup"))
    assert "keep that key apart" in capsys.readouterr().out
    with pytest.raises(CommandError, match="There is no file"):
        call_command("restore", str(books / "nothing"), "--force")
    with pytest.raises(CommandError, match="There is no folder"):
        call_command("backup", str(books / "no" / "where"))


def test_old_backups_go_when_asked(books):
    for _ in range(2):
        call_command("backup", "--keep", "1")
    assert len(list((books / "backups").iterdir())) == 1
