"""One command puts all that is encrypted under a new key, and the old one may go."""

from __future__ import annotations

import io

import pytest
from cryptography.fernet import Fernet
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import models

from accounts.models import StatementFile
from brokers import connecting
from brokers.models import Connection
from brokers.secrets import SecretsUnavailable, unsealed
from tests.brokers.example_platform import CANARY, KEY, add_example, settings_given
from tests.factories import make_broker, make_owner
from tradershub.core import crypto, keys
from tradershub.core.models import AuditEntry
from tradershub.management.commands import rotate_keys
from tradershub.soleness import sharing

pytestmark = pytest.mark.django_db


def key():
    return Fernet.generate_key().decode()


@pytest.fixture
def sealed(monkeypatch, settings):
    """A connection and a file under an old key."""
    add_example(monkeypatch)
    settings.FIELD_KEYS = [key()]
    owner = make_owner(is_superuser=True, is_staff=True)
    row = connecting.open_connection(
        actor=owner, owner=owner, broker=make_broker(), platform=KEY, name="Main",
        settings=settings_given(), secrets={"token": CANARY},
    )  # fmt: skip
    data = b"".join(crypto.pack([b"statement" * 1000]))
    StatementFile.objects.create(owner=owner, sha256="x", size=9000, data=data)
    return row


def rotate(*words):
    out, err = io.StringIO(), io.StringIO()
    call_command("rotate_keys", *words, stdout=out, stderr=err)
    return out.getvalue() + err.getvalue()


def read():
    [file] = StatementFile.objects.all()
    return unsealed(Connection.objects.get()), b"".join(crypto.unpack(file.data))[:9]


def test_all_that_is_sealed_comes_under_the_first_key(sealed, settings):
    old, new = settings.FIELD_KEYS[0], key()
    settings.FIELD_KEYS = [new, old]
    said = rotate()
    assert "Connections: 1 renewed, 0 were already, 0 unreadable." in said
    assert "Statement files: 1 renewed" in said and CANARY not in said and new not in said
    settings.FIELD_KEYS = [new]
    assert read() == ({"token": CANARY}, b"statement")
    assert "Connections: 0 renewed, 1 were already" in rotate()
    settings.FIELD_KEYS = [old]
    with pytest.raises(SecretsUnavailable):
        read()
    assert AuditEntry.objects.filter(action="keys.rotate").count() == 2


def test_what_no_key_reads_is_named_and_left_as_it_is(sealed, settings):
    before = Connection.objects.get().sealed
    settings.FIELD_KEYS = [key()]
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit):
        call_command("rotate_keys", stdout=out, stderr=err)
    assert "connection" in err.getvalue() and "1 unreadable" in out.getvalue()
    assert Connection.objects.get().sealed == before


def test_a_new_key_is_made_kept_first_and_used(sealed, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    (tmp_path / "field_key").write_text(settings.FIELD_KEYS[0])
    old = settings.FIELD_KEYS[0]
    assert "A new key stands first" in rotate("--new")
    kept = keys.kept_keys(tmp_path / "field_key")
    assert len(kept) == 2 and kept[1] == old
    assert (tmp_path / "field_key").stat().st_mode & 0o077 == 0
    settings.FIELD_KEYS = kept[:1]
    assert read() == ({"token": CANARY}, b"statement")


def test_no_new_key_is_made_under_a_running_hub_nor_beside_the_environments(
    sealed, settings, tmp_path
):
    settings.DATA_DIR = tmp_path
    with pytest.raises(CommandError, match="FIELD_KEYS is set"):
        rotate("--new")
    (tmp_path / "field_key").write_text(settings.FIELD_KEYS[0])
    with sharing(tmp_path), pytest.raises(CommandError, match="stop it first"):
        rotate("--new")
    assert keys.kept_keys(tmp_path / "field_key") == settings.FIELD_KEYS


def test_secrets_written_meanwhile_are_not_undone(sealed, settings, monkeypatch):
    settings.FIELD_KEYS = [key(), *settings.FIELD_KEYS]
    renewed, other = crypto.renewed, connecting.seal(sealed, {"token": "newer"})

    def late(packed):
        Connection.objects.filter(pk=sealed.pk).update(sealed=other)
        return renewed(packed)

    monkeypatch.setattr(crypto, "renewed", late)
    fates = list(rotate_keys.renew(Connection, "sealed", tell=print))
    assert fates == ["current"]
    assert unsealed(Connection.objects.get()) == {"token": "newer"}


def test_no_sealed_field_is_forgotten():
    named = {
        (model, field.name)
        for model in apps.get_models()
        for field in model._meta.fields
        if field.name == "sealed" and isinstance(field, models.TextField)
    }
    assert named <= set(rotate_keys.SEALED)
