from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys

import pytest
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.db.backends.sqlite3.base import DatabaseWrapper

from brokers.models import Broker
from tradershub.backup import archive, create, databases, restore
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

    done = restore(saved, force=True)

    assert (done.faults, done.set_aside) == ([], None)
    assert done.manifest.rows["brokers_broker"] == 1
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
        assert restore(books / "alive.backup", force=True).faults == []


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
    faults = restore(path, force=True).faults
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


@pytest.fixture
def own_file(tmp_path, monkeypatch, transactional_db):
    """A SQLite database of its own with one table of many pages, as the one to copy and to replace."""
    name = str(tmp_path / "own.sqlite3")
    wrapper = DatabaseWrapper(connections["default"].settings_dict | {"NAME": name, "OPTIONS": {}})
    with wrapper.cursor() as cursor:
        cursor.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, words TEXT)")
        cursor.executemany("INSERT INTO t (words) VALUES (%s)", [["x" * 3000]] * 50)
        cursor.execute("CREATE INDEX small ON t (id)")
    monkeypatch.setattr(databases, "connection", wrapper)
    yield tmp_path / "own.sqlite3"
    wrapper.close()


def damage_pages(file):
    data = bytearray(file.read_bytes())
    data[4096 * 2 : 4096 * 9] = os.urandom(4096 * 7)
    file.write_bytes(data)


def damage_all(file):
    file.write_bytes(os.urandom(20_000))


@pytest.mark.parametrize("damage", [damage_pages, damage_all])
def test_a_damaged_database_makes_no_backup(own_file, tmp_path, damage):
    databases.connection.close()
    damage(own_file)
    with pytest.raises(BadInput, match=r"database (is damaged|cannot be copied)"):
        databases.dump(tmp_path / "copy")


@pytest.mark.parametrize("damage", [damage_pages, damage_all])
def test_a_damaged_database_makes_way_and_is_kept(own_file, tmp_path, damage):
    databases.dump(tmp_path / "copy")
    databases.connection.close()
    damage(own_file)
    damaged = own_file.read_bytes()

    kept = databases.load(tmp_path / "copy", stamp="then")

    assert kept.name == "own.sqlite3.damaged-then"
    assert kept.read_bytes() == damaged
    with databases.connection.cursor() as cursor:
        assert databases.counted(cursor, ["t"]) == {"t": 50}


def test_a_damaged_copy_replaces_nothing(own_file, tmp_path):
    databases.dump(tmp_path / "copy")
    damage_pages(tmp_path / "copy")
    with pytest.raises(
        BadInput, match="database in the backup is damaged|could not be put in place"
    ):
        databases.load(tmp_path / "copy", stamp="then")
    with databases.connection.cursor() as cursor:
        assert databases.counted(cursor, ["t"]) == {"t": 50}


def test_a_folder_is_no_backup(books, capsys):
    with pytest.raises(CommandError, match="is a folder; expected the file of a backup"):
        call_command("restore", str(books), "--force")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("backup", str(books / "files"))


@pytest.mark.processes
@pytest.mark.sqlite
def test_a_hub_whose_database_was_destroyed_comes_back_from_its_backup(tmp_path, fresh_database):
    shutil.copy(fresh_database, tmp_path)  # or most of the time would go into migrating
    own = {"DJANGO_SETTINGS_MODULE": "tradershub.settings", "TRADERSHUB_DATA": str(tmp_path)}
    own |= {"DATABASE_URL": "", "LOAD_RATES": "0"}

    def manage(*words):
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(
            command, env=os.environ | own, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    manage("prepare", "--no-demo")
    manage("backup", str(tmp_path / "good.backup"))
    database = tmp_path / "hub.sqlite3"
    database.write_bytes(os.urandom(9000))

    for words in (["verify_audit"], ["hub", "--prepare", "--port", "18973"]):
        told = manage(*words)
        assert told.returncode == 1
        assert "The database is damaged: file is not a database." in told.stderr
    refused = manage("restore", str(tmp_path / "good.backup"))
    assert "with --force the backup takes its place" in refused.stderr
    done = manage("restore", "--force", str(tmp_path / "good.backup"))
    assert done.returncode == 0, done.stderr
    assert "The database was damaged; its file is kept as" in done.stdout
    assert len(list(tmp_path.glob("hub.sqlite3.damaged-*[0-9]"))) == 1
    assert "All tables have their rows and the audit chain is whole." in done.stdout
