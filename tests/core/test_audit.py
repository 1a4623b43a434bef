from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal

import pytest
import structlog
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from tradershub.core import audit
from tradershub.core.append_only import protect
from tradershub.core.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


def chain(length=10):
    return [audit.record("account.open", actor="tester", target=f"row {n}") for n in range(length)]


def sql(statement, *params):
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def kinds():
    return {finding.kind for finding in audit.verify()}


def committed_chain(capture, length=10):
    with capture(execute=True):
        return chain(length)


def test_entries_follow_each_other_from_the_first():
    first, second = chain(2)
    assert (first.seq, first.previous_hash) == (1, audit.GENESIS)
    assert (second.seq, second.previous_hash) == (2, first.hash)
    assert audit.verify() == []


def test_an_entry_says_who_what_where_and_in_which_request(django_user_model):
    person = django_user_model.objects.create_user("ada")
    with structlog.contextvars.bound_contextvars(request_id="abc"):
        entry = audit.record("person.edit", actor=person, target=person, owner=person)
    entry.refresh_from_db()
    assert (entry.actor, entry.owner_id, entry.request_id) == ("ada", person.pk, "abc")
    assert entry.target == f"auth.User {person.pk}"


def test_details_survive_both_databases_unchanged():
    details = {
        "z": 1,
        "a": Decimal("1.10"),
        "at": dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC),
        "deep": [{"b": 1e22, "ü€\x00": None}, (True, 2**60)],
        "lone": "\ud800",
    }
    audit.record("x", actor="tester", details=details)
    assert audit.verify() == []
    assert AuditEntry.objects.get().details["a"] == "1.10"


def test_secrets_in_details_are_hidden():
    entry = audit.record("x", actor="t", details={"password": "p", "in": {"API_KEY": "k", "n": 1}})
    assert entry.details == {"password": "[hidden]", "in": {"API_KEY": "[hidden]", "n": 1}}


def test_texts_longer_than_their_column_are_cut():
    entry = audit.record("a" * 100, actor="b" * 200, target="c" * 200, summary="d" * 400)
    entry.refresh_from_db()
    assert len(entry.summary) == 300
    assert audit.verify() == []


def test_an_entry_falls_with_its_transaction():
    with pytest.raises(RuntimeError), transaction.atomic():
        audit.record("x", actor="t")
        raise RuntimeError
    assert not AuditEntry.objects.exists()


def test_the_database_refuses_changes_and_deletes():
    chain(2)
    protect(connection)
    statements = ["UPDATE core_auditentry SET actor = 'x'", "DELETE FROM core_auditentry"]
    for statement in statements:
        with pytest.raises(DatabaseError, match="never changed or deleted"), transaction.atomic():
            sql(statement)
    assert AuditEntry.objects.count() == 2


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor", "x"),
        ("action", "x"),
        ("target", "x"),
        ("summary", "x"),
        ("details", '{"a": 1}'),
        ("owner_id", 7),
        ("request_id", "x"),
        ("at", "2020-01-01 00:00:00+00:00"),
        ("hash", "f" * 64),
    ],
)
def test_an_altered_column_is_found(column, value):
    chain()
    sql(f"UPDATE core_auditentry SET {column} = %s WHERE seq = 5", value)
    assert [f.seq for f in audit.verify() if f.kind == "altered"] == [5]


def test_a_removed_row_is_found():
    chain()
    sql("DELETE FROM core_auditentry WHERE seq = 5")
    assert "Entries 5 to 5 are missing" in [f.sentence for f in audit.verify()]


def test_a_removed_row_with_the_rest_renumbered_is_found():
    chain()
    sql("DELETE FROM core_auditentry WHERE seq = 5")
    sql("UPDATE core_auditentry SET seq = seq + 1000 WHERE seq > 5")
    sql("UPDATE core_auditentry SET seq = seq - 1001 WHERE seq > 1000")
    assert {"broken link", "altered"} <= kinds()


def test_an_inserted_row_is_found():
    entries = chain()
    forged = AuditEntry(
        seq=11, actor="x", action="y", previous_hash=entries[4].hash[::-1], noted=""
    )
    forged.hash = audit.seal(forged)
    forged.save()
    assert kinds() == {"broken link"}


def test_two_rows_that_changed_places_are_found():
    chain()
    for old, new in ((4, 99), (5, 4), (99, 5)):
        sql("UPDATE core_auditentry SET seq = %s WHERE seq = %s", new, old)
    assert {4, 5} <= {f.seq for f in audit.verify()}


def test_a_row_that_cannot_be_read_is_found():
    chain()
    moment = "infinity" if connection.vendor == "postgresql" else "garbage"
    sql("UPDATE core_auditentry SET at = %s WHERE seq = 5", moment)
    assert [f.seq for f in audit.verify()] == [5]


def test_a_cut_tail_is_found_by_the_anchor(django_capture_on_commit_callbacks):
    committed_chain(django_capture_on_commit_callbacks)
    sql("DELETE FROM core_auditentry WHERE seq > 7")
    (finding,) = audit.verify()
    assert finding.sentence.startswith("The end was cut off: entries 8 to 10")


def test_an_emptied_table_is_found_by_the_anchor(django_capture_on_commit_callbacks):
    committed_chain(django_capture_on_commit_callbacks)
    sql("DELETE FROM core_auditentry")
    assert kinds() == {"cut"}


def test_a_chain_written_anew_is_found_by_the_anchor(django_capture_on_commit_callbacks):
    committed_chain(django_capture_on_commit_callbacks)
    previous = audit.GENESIS
    for entry in AuditEntry.objects.order_by("seq"):
        entry.actor, entry.previous_hash = "forger", previous
        previous = entry.hash = audit.seal(entry)
        entry.save()
    assert kinds() == {"rewritten"}


def test_a_head_noted_elsewhere_finds_a_cut_without_the_anchor():
    entries = chain()
    sql("DELETE FROM core_auditentry WHERE seq > 7")
    assert audit.verify() == []
    assert [f.kind for f in audit.verify(noted={10: entries[-1].hash})] == ["cut"]


def test_every_random_mutation_is_found(django_capture_on_commit_callbacks):
    committed_chain(django_capture_on_commit_callbacks, 30)
    dice = random.Random(7)
    for _ in range(200):
        point = transaction.savepoint()
        mutate(dice)
        assert audit.verify(), "a mutation was not found"
        transaction.savepoint_rollback(point)
    assert audit.verify() == []


def mutate(dice):
    seq = dice.randint(1, 30)
    column = dice.choice(["actor", "action", "target", "summary", "request_id", "hash"])
    kind = dice.choice(["edit", "delete", "cut", "move"])
    if kind == "edit":
        sql(f"UPDATE core_auditentry SET {column} = %s WHERE seq = %s", str(dice.random()), seq)
    elif kind == "delete":
        sql("DELETE FROM core_auditentry WHERE seq = %s", seq)
    elif kind == "cut":
        sql("DELETE FROM core_auditentry WHERE seq >= %s", seq)
    else:
        sql("UPDATE core_auditentry SET seq = 1000 WHERE seq = %s", seq)


def test_a_new_anchor_keeps_the_old_notes(django_capture_on_commit_callbacks, data_dir):
    committed_chain(django_capture_on_commit_callbacks)
    sql("DELETE FROM core_auditentry WHERE seq > 7")
    audit.renew_anchor(stamp="test")
    assert audit.verify() == []
    assert len(list(data_dir.glob("*.anchor-before-test"))) == 1


def test_the_command_says_what_is_wrong_and_fails(capsys):
    chain()
    sql("UPDATE core_auditentry SET actor = 'x' WHERE seq = 5")
    with pytest.raises(SystemExit) as stop:
        call_command("verify_audit")
    assert stop.value.code == 1
    assert "Entry 5 was altered" in capsys.readouterr().err


def test_the_command_accepts_a_whole_chain(capsys):
    digest = chain()[-1].hash
    call_command("verify_audit", "--head", f"10:{digest}")
    assert f"10 entries, head 10:{digest}" in capsys.readouterr().out
