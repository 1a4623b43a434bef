"""A wrong setting is refused in one sentence, before anything is started."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from tradershub.core.environment import (
    Environment,
    data_folder,
    database,
    private_places,
    usable_keys,
    web_address,
)


def manage(*words, **variables):
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tradershub.settings"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights apart from a file's mode")
def test_a_new_data_folder_is_for_its_own_user_only(tmp_path):
    folder = data_folder(tmp_path / "new")
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_data_folder_that_is_a_file_is_refused_by_name(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ImproperlyConfigured, match="file cannot be made: File exists"):
        data_folder(tmp_path / "file")


@pytest.mark.parametrize("url", ["mysql://a:secret@b/c", "nonsense://secret", "secret"])
def test_another_kind_of_database_is_refused_without_its_password(monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured, match="cannot use") as refusal:
        database(Environment(), default="sqlite:///x")
    assert "secret" not in str(refusal.value)


def test_every_setting_stands_in_the_table_of_the_docs():
    root = settings.BASE_DIR
    read = re.findall(
        r'\benv(?:\.\w+)?\(\s*"([A-Z_]+)"', (root / "tradershub/settings.py").read_text()
    )
    table = (root / "docs/operate.md").read_text(encoding="utf-8")
    assert len(read) > 15
    assert [name for name in read if f"`{name}`" not in table] == []


def test_an_empty_address_means_the_default(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "")
    assert database(Environment(), default="sqlite:///x")["NAME"] == "x"


def test_a_key_that_is_none_is_refused_unseen():
    with pytest.raises(ImproperlyConfigured, match="Key 1 of FIELD_KEYS") as refusal:
        usable_keys(["hunter2"])
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgres://hub:secret/pw@127.0.0.1:5432/hub",
        "postgres://hub:123/secret@127.0.0.1:5432/hub",
        "postgres://hub:secret@127.0.0.1:abc/hub",
        "postgres://hub:secret@127.0.0.1:5432",
        "postgres://hub:secret@[::1/hub",
        "sqlite://",
        "sqlite://secret",
        "sqlite:///:memory:",
    ],
)
def test_an_address_that_names_no_place_is_refused_without_its_password(monkeypatch, url):
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL cannot be read") as refusal:
        database(Environment(), default="sqlite:///x")
    assert "secret" not in str(refusal.value)
    assert refusal.value.__context__ is None


def test_a_password_with_special_characters_is_read_when_they_are_encoded(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://hub:a%2Fb%40c@127.0.0.1:5432/hub")
    assert database(Environment(), default="sqlite:///x")["PASSWORD"] == "a/b@c"


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("Yes", True), ("off", False), ("", None)]
)
def test_a_switch_is_on_or_off_and_the_default_when_empty(monkeypatch, text, value):
    monkeypatch.setenv("HTTPS", text)
    assert Environment().switch("HTTPS", default=None) is value


def test_a_switch_that_is_neither_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("HTTPS", "maybe")
    with pytest.raises(ImproperlyConfigured, match='HTTPS is "maybe"; expected 1 for on or 0'):
        Environment().switch("HTTPS", default=False)


@pytest.mark.parametrize("text", ["two", "-5", "0", "1.5", "1e3", "\u0663", "9" * 30])
def test_a_count_that_cannot_be_meant_is_refused_by_name(monkeypatch, text):
    monkeypatch.setenv("ROWS_AT_ONCE", text)
    with pytest.raises(ImproperlyConfigured, match=f'ROWS_AT_ONCE is "{text}"; expected a whole'):
        Environment().count("ROWS_AT_ONCE", default=5)


def test_a_count_is_read_and_the_default_when_empty(monkeypatch):
    monkeypatch.setenv("PROXY_COUNT", "0")
    assert Environment().count("PROXY_COUNT", default=1, least=0) == 0
    monkeypatch.setenv("PROXY_COUNT", "")
    assert Environment().count("PROXY_COUNT", default=1, least=0) == 1


@pytest.mark.parametrize("text", ["abc", "-1", "0", "5", "nan", "inf", "1e9", "90000"])
def test_seconds_that_cannot_be_meant_are_refused_by_name(monkeypatch, text):
    monkeypatch.setenv("HEARTBEAT_LIMIT", text)
    expected = f'HEARTBEAT_LIMIT is "{text}"; expected a number of seconds above 5'
    with pytest.raises(ImproperlyConfigured, match=expected):
        Environment().seconds("HEARTBEAT_LIMIT", default=45, above=5)


def test_seconds_are_read_and_their_default_is_held_to_the_same_bound(monkeypatch):
    monkeypatch.setenv("HEARTBEAT_LIMIT", "7.5")
    assert Environment().seconds("HEARTBEAT_LIMIT", default=45, above=5) == 7.5
    monkeypatch.delenv("HEARTBEAT_LIMIT")
    with pytest.raises(ImproperlyConfigured, match='HEARTBEAT_LIMIT is "45"'):
        Environment().seconds("HEARTBEAT_LIMIT", default=45, above=60)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"DATABASE_URL": "mysql://a/b"}, "TradersHub cannot start: DATABASE_URL names"),
        ({"DATABASE_URL": "postgres://a:b/c@d/e"}, "TradersHub cannot start: DATABASE_URL cannot"),
        ({"DEBUG": "maybe"}, "TradersHub cannot start: DEBUG is"),
        ({"PROXY_COUNT": "-1"}, "TradersHub cannot start: PROXY_COUNT is"),
        ({"HEARTBEAT_LIMIT": "0"}, "TradersHub cannot start: HEARTBEAT_LIMIT is"),
        ({"STATEMENT_MAX_BYTES": "0"}, "TradersHub cannot start: STATEMENT_MAX_BYTES is"),
        ({"DATABASE_URL": "postgres://x@127.0.0.1:9/y"}, "The database does not answer: "),
    ],
)
def test_the_command_line_says_it_in_a_line(tmp_path, variables, sentence):
    run = manage("verify_audit", TRADERSHUB_DATA=str(tmp_path), **variables)
    assert run.returncode == 1
    assert run.stderr.startswith(sentence)
    assert len(run.stderr.splitlines()) == 1


def test_what_the_database_s_address_says_besides_is_kept(tmp_path):
    tell = "from django.conf import settings; print(settings.DATABASES['default']['OPTIONS'])"
    address = "postgres://x@127.0.0.1:9/y?sslmode=require&prepare_threshold=7"
    run = manage("shell", "-c", tell, TRADERSHUB_DATA=str(tmp_path), DATABASE_URL=address)
    assert "'sslmode': 'require'" in run.stdout
    assert "'prepare_threshold': 7" in run.stdout


@pytest.mark.parametrize(
    "place", ["10.0.0.5:8443", "vault:8200", "[::1]:8200", "10.0.0.0/8", "fd00::/8"]
)
def test_a_private_place_is_a_host_with_its_port_or_a_network(place):
    assert private_places([place]) == [place]


@pytest.mark.parametrize(
    "place", ["", "vault", "vault:0", "vault:99999", "a@b:1", "10.0.0.0/99", "https://a:1"]
)
def test_a_private_place_that_cannot_be_meant_is_refused_by_name(place):
    with pytest.raises(ImproperlyConfigured, match="OUTGOING_ALLOWED"):
        private_places([place])


def test_an_address_of_the_web_is_taken_bare_and_refused_without_its_password():
    for found in ("", "https://vault.example.com:8200", "http://127.0.0.1:8200/"):
        assert web_address("VAULT_ADDR", found) == found
    for wrong in ("vault:8200", "ftp://a", "https://", "https://a:secret@b", "https://b/secret",
                  "https://b?secret", "https://b:secret"):  # fmt: skip
        with pytest.raises(ImproperlyConfigured, match="VAULT_ADDR") as refusal:
            web_address("VAULT_ADDR", wrong)
        assert "secret" not in str(refusal.value)
