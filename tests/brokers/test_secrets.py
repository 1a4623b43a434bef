"""Secrets are kept in four places, read only by their own connection, and said nowhere."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.apps import apps

from brokers import connecting, vault
from brokers.adapters.errors import Unavailable
from brokers.checking import check_connection
from brokers.models import Connection
from brokers.secrets import SecretsUnavailable, unsealed
from tests.brokers.example_platform import CANARY, KEY, settings_given
from tests.brokers.vault_server import OTHER, SEALED, TOKEN, TORN
from tests.factories import make_account, make_broker, make_owner
from tradershub.core.errors import BadInput, NotAllowed

pytestmark = pytest.mark.django_db
Store = Connection.Store


def refer(connection, store, reference):
    connection.store, connection.reference, connection.sealed = store, reference, ""
    return connection


def why_not(connection):
    with pytest.raises(SecretsUnavailable) as refused:
        unsealed(connection)
    assert CANARY not in refused.value.message and TOKEN not in refused.value.message
    return refused.value.message


# -- Here --------------------------------------------------------------------------------------
def test_what_is_kept_here_is_encrypted_and_comes_back(connection):
    stored = Connection.objects.get(pk=connection.pk)
    assert CANARY not in stored.sealed and "token" not in stored.sealed
    assert unsealed(stored) == {"token": CANARY}


def test_secrets_moved_to_another_row_are_refused(connection, administrator):
    other = connecting.open_connection(
        actor=administrator, owner=make_owner(), broker=make_broker(), platform=KEY,
        name="Thief", settings=settings_given(),
    )  # fmt: skip
    Connection.objects.filter(pk=other.pk).update(sealed=connection.sealed)
    other.refresh_from_db()
    assert why_not(other) == "Its secrets were sealed for another connection"
    with pytest.raises(Unavailable, match="sealed for another"):
        connecting.open_adapter(other, "1")


def test_without_the_key_nothing_is_read_and_all_may_be_replaced(
    connection, administrator, settings
):
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    assert "FIELD_KEYS" in why_not(connection)
    connecting.edit_connection(connection, actor=administrator, secrets={"token": "another"})
    connection.refresh_from_db()
    assert unsealed(connection) == {"token": "another"}


def test_secrets_that_are_not_given_stay(connection, administrator):
    edited = connecting.edit_connection(
        connection, actor=administrator, name="Renamed", secrets={"pin": "1234", "token": ""}
    )
    assert unsealed(edited) == {"token": CANARY, "pin": "1234"}


# -- The environment ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    "reference",
    ["token=CONNECTION_ONE, pin=CONNECTION_TWO", "token=CONNECTION_ONE,pin=CONNECTION_TWO"],
)
def test_variables_are_read_when_they_are_needed(connection, monkeypatch, reference):
    refer(connection, Store.ENVIRONMENT, reference)
    assert "CONNECTION_ONE" in why_not(connection)
    monkeypatch.setenv("CONNECTION_ONE", CANARY)
    monkeypatch.setenv("CONNECTION_TWO", "1234")
    assert unsealed(connection) == {"token": CANARY, "pin": "1234"}


@pytest.mark.parametrize(
    "reference",
    ["token=SECRET_KEY", "token=DATABASE_URL", "token=CONNECTION_A;B", "CONNECTION_X", "other=CONNECTION_X",
     "token=connection_x"],
)  # fmt: skip
def test_the_hubs_own_variables_and_nonsense_are_refused(
    connection, administrator, monkeypatch, reference
):
    monkeypatch.setenv("SECRET_KEY", CANARY)
    refer(connection, Store.ENVIRONMENT, reference)
    why_not(connection)
    with pytest.raises(BadInput):
        connecting.edit_connection(
            connection, actor=administrator, store=Store.ENVIRONMENT, reference=reference
        )


# -- A file ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "content",
    [
        f'{{"token": "{CANARY}", "pin": "1=2"}}',
        f"\ufefftoken={CANARY}\npin=1=2",
        f"token={CANARY}\npin=1=2\n",
        f"pin = 1=2\r\n\r\ntoken = {CANARY}",
    ],
)
def test_a_file_is_read_when_it_is_needed(connection, settings, tmp_path, content):
    settings.SECRETS_DIR = tmp_path
    refer(connection, Store.FILE, "main")
    assert "No such file" in why_not(connection)
    (tmp_path / "main").write_text(content, encoding="utf-8")
    assert unsealed(connection) == {"token": CANARY, "pin": "1=2"}


@pytest.mark.parametrize("reference", ["../field_key", "/etc/passwd", ".", "", "link", "a\x00b"])
def test_a_file_out_of_its_folder_is_refused(
    connection, administrator, settings, tmp_path, reference
):
    (tmp_path / "field_key").write_text(CANARY)
    settings.SECRETS_DIR = tmp_path / "secrets"
    settings.SECRETS_DIR.mkdir()
    (settings.SECRETS_DIR / "link").symlink_to(tmp_path / "field_key")
    refer(connection, Store.FILE, reference)
    assert "Expected the name of a file" in why_not(connection)


@pytest.mark.parametrize(
    "content",
    [b"{" + CANARY.encode(), b'{"token": 1}', b"[1]", CANARY.encode(), b"\xff\xfe" + CANARY.encode(), b"x" * 70_000],
)  # fmt: skip
def test_a_file_that_cannot_be_read_says_so_without_its_content(
    connection, settings, tmp_path, content
):
    settings.SECRETS_DIR = tmp_path
    (tmp_path / "main").write_bytes(content)
    assert "main" in why_not(refer(connection, Store.FILE, "main"))


# -- A vault -----------------------------------------------------------------------------------
def test_a_vault_is_read_at_the_hubs_own_path_and_remembered_for_a_while(
    connection, a_vault, settings
):
    a_vault.kept["tradershub/oanda/main"] = {"token": CANARY}
    refer(connection, Store.VAULT, "oanda/main")
    assert unsealed(connection) == {"token": CANARY} == unsealed(connection)
    assert a_vault.asked == ["/v1/secret/data/tradershub/oanda/main"]
    settings.VAULT_SECONDS = 0.0
    a_vault.kept["tradershub/oanda/main"] = {"token": "renewed"}
    assert unsealed(connection) == {"token": "renewed"}
    a_vault.mood = SEALED
    assert "sealed" in why_not(connection)


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda v, s: setattr(s, "VAULT_TOKEN", "wrong"), "refuses the hub's token"),
        (lambda v, s: v.kept.clear(), "has nothing there"),
        (lambda v, s: setattr(v, "mood", TORN), "did not answer"),
        (lambda v, s: setattr(v, "mood", OTHER), "version 2"),
        (lambda v, s: v.kept.update({"tradershub/main": {"token": 5}}), "something else"),
        (lambda v, s: setattr(s, "VAULT_ADDR", "http://127.0.0.1:1"), "did not answer"),
        (lambda v, s: setattr(s, "VAULT_ADDR", ""), "No vault is set up"),
        (lambda v, s: setattr(s, "VAULT_TOKEN", ""), "No vault is set up"),
    ],
)
def test_a_vault_that_fails_says_how_and_nothing_more(
    connection, a_vault, settings, prepare, words
):
    a_vault.kept["tradershub/main"] = {"token": CANARY}
    prepare(a_vault, settings)
    assert words in why_not(refer(connection, Store.VAULT, "main"))


@pytest.mark.parametrize("reference", ["../other", "a/../../b", "", "a b", "/main", "a//b", "./a"])
def test_no_place_outside_of_the_hubs_path_is_asked_for(connection, a_vault, reference):
    assert "Expected a place" in why_not(refer(connection, Store.VAULT, reference))
    assert a_vault.asked == []


def test_what_was_remembered_is_not_handed_out_to_be_changed(connection, a_vault):
    a_vault.kept["tradershub/main"] = {"token": CANARY}
    refer(connection, Store.VAULT, "main")
    unsealed(connection)["token"] = "spoilt"
    assert unsealed(connection) == {"token": CANARY}
    vault.forget("main")
    unsealed(connection)
    assert len(a_vault.asked) == 2


# -- Nowhere else ------------------------------------------------------------------------------
def test_no_table_and_no_log_has_the_secret_after_all_that_can_be_done(
    connection, administrator, example, caplog
):
    """The whole life of a secret, faults among it; then every column of every table is looked at."""
    account = make_account(owner=administrator, broker=connection.broker, connection=connection)
    example.says = {"account": Unavailable(f"token {CANARY} was refused")}
    with caplog.at_level("DEBUG"):
        check_connection(connection, actor=administrator)
        adapter = connecting.open_adapter(connection, account.number)
        adapter.session.store("state", {"cursor": 1})
        connecting.note_error(KEY, "no answer")
        connecting.switch_connection(connection, on=False, actor=administrator)
        connecting.edit_connection(
            connection, actor=administrator, secrets={"pin": f"{CANARY}2"}, name="Renamed"
        )
    found = [
        (model._meta.label, row)
        for model in apps.get_models()
        for row in model._default_manager.values()
        if CANARY in str(row)
    ]
    assert found == []
    assert CANARY not in caplog.text + repr(adapter) + repr(adapter.line)


# -- Who may refer -----------------------------------------------------------------------------
def test_only_an_administrator_refers_to_what_the_machine_keeps(connection, administrator):
    trader = make_owner(is_staff=True)
    for store in (Store.ENVIRONMENT, Store.FILE, Store.VAULT):
        with pytest.raises(NotAllowed):
            connecting.edit_connection(connection, actor=trader, store=store, reference="x")
    connection = connecting.edit_connection(
        connection, actor=administrator, store=Store.FILE, reference="main"
    )
    assert (connection.sealed, connection.reference) == ("", "main")
    connecting.edit_connection(connection, actor=trader, name="Renamed")
    with pytest.raises(NotAllowed):
        connecting.edit_connection(connection, actor=trader, reference="another")


def test_secrets_are_kept_in_one_place(connection, administrator):
    with pytest.raises(BadInput, match="not both"):
        connecting.edit_connection(
            connection, actor=administrator, store=Store.FILE, reference="x", secrets={"token": "a"}
        )
    with pytest.raises(BadInput, match="have no place elsewhere"):
        connecting.edit_connection(connection, actor=administrator, reference="x")
    moved = connecting.edit_connection(
        connection, actor=administrator, store=Store.FILE, reference="x"
    )
    back = connecting.edit_connection(
        moved, actor=administrator, store=Store.DATABASE, reference="", secrets={"token": CANARY}
    )
    assert unsealed(back) == {"token": CANARY}
