"""Platforms and connections over the API: secrets go in and never come out."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from brokers.models import Connection
from brokers.platforms import PLATFORMS
from brokers.secrets import unsealed
from tests.api.conftest import Program
from tests.brokers.example_platform import CANARY, KEY, add_example, settings_given
from tests.factories import make_broker, make_owner
from tradershub.core.models import AuditEntry
from tradershub.roles import set_up_groups

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def example(monkeypatch):
    return add_example(monkeypatch)


@pytest.fixture
def given():
    return {
        "name": "Main",
        "platform": KEY,
        "broker_id": make_broker().pk,
        "settings": settings_given(pause=5, spread="0.7", practice=False),
        "secrets": {"token": CANARY},
    }


def test_a_connection_lives_from_opening_to_deletion(administrator, given):
    made = administrator.post("connections", given)
    assert made.status_code == 201, made.content
    body, path = made.json(), f"connections/{made.json()['id']}"
    assert body["has_secrets"] is True and body["shut"] == ""
    assert body["settings"] == {
        "host": "api.example.com", "practice": False, "pause": 5, "spread": "0.7", "side": "both",
    }  # fmt: skip
    edited = administrator.patch(
        path, {"settings": {"pause": 6}, "expires_on": "2020-01-01"}
    ).json()
    assert (edited["settings"]["pause"], edited["settings"]["host"]) == (6, "api.example.com")
    assert edited["expires_soon"] is True
    assert unsealed(Connection.objects.get()) == {"token": CANARY}
    assert (
        administrator.post(f"{path}/disable").json()["shut"]
        == "The connection Main is switched off"
    )
    assert administrator.post(f"{path}/disable").status_code == 409
    assert administrator.post(f"{path}/enable").json()["enabled"] is True
    tested = administrator.post(f"{path}/test").json()
    assert tested["fault"] == "" and tested["steps"][0]["what"] == "Settings and secrets"
    log = administrator.get(f"{path}/log").json()["data"]
    assert [entry["action"] for entry in log] == [
        "connection.test", "connection.switch_on", "connection.switch_off", "connection.edit",
        "connection.open",
    ]  # fmt: skip
    assert administrator.get("connections", platform=KEY).json()["data"][0]["id"] == body["id"]
    assert administrator.get("connections", platform="paper").json()["data"] == []
    assert administrator.delete(path).status_code == 204
    assert administrator.get(path).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"secrets": {"token": [CANARY]}},
        {"secrets": {"password": CANARY}},
        {"secrets": CANARY},
        {"secrets": {"token": CANARY * 500}},
        {"token": CANARY},
        {"api_key": CANARY},
        {"settings": settings_given(token=CANARY)},
        {"store": "file", "reference": "x"},
        {"platform": "telex"},
    ],
)
def test_no_answer_and_no_log_has_a_secret(administrator, given, change, caplog, capsys):
    answer = administrator.post("connections", {**given, **change})
    assert answer.status_code == (422 if change else 201), answer.content
    kept = [f"connections/{one.pk}" for one in Connection.objects.all()]
    own = [*kept, *(f"{path}/log" for path in kept)]
    answers = [answer] + [administrator.get(path) for path in ("connections", "platforms", *own)]
    assert all(CANARY not in one.content.decode() for one in answers)
    said = f"{caplog.text}{capsys.readouterr()}"
    assert CANARY not in said
    assert all(CANARY not in f"{one.summary}{one.details}" for one in AuditEntry.objects.all())


def test_a_platform_says_what_it_asks_for_and_can_do(administrator):
    found = {one["key"]: one for one in administrator.get("platforms").json()["data"]}
    assert {*PLATFORMS} == set(found)
    fields = {field["name"]: field for field in found[KEY]["settings"]}
    assert fields["host"]["required"] and not fields["host"]["secret"]
    assert fields["token"]["secret"] and fields["token"]["default"] is None
    assert (fields["spread"]["type"], fields["spread"]["default"]) == ("decimal", "1.5")
    assert fields["side"]["choices"] == ["both", "buy"]
    assert found["manual"]["capabilities"]["places_orders"] is False


def test_a_platform_is_switched_with_a_reason(administrator):
    [row] = [one for one in administrator.get("platforms").json()["data"] if one["key"] == KEY]
    path = f"platforms/{row['id']}"
    off = administrator.post(f"{path}/disable", {"reason": "Maintenance"}).json()
    assert (off["enabled"], off["disabled_because"]) == (False, "Maintenance")
    assert administrator.post(f"{path}/enable").json()["enabled"] is True
    assert administrator.post(f"{path}/enable").status_code == 409
    actions = [one["action"] for one in administrator.get(f"{path}/log").json()["data"]]
    assert actions == ["platform.switch_on", "platform.switch_off"]


def test_a_trader_edits_the_own_and_switches_no_platform(given):
    set_up_groups()
    person = make_owner(is_staff=True)
    person.groups.add(Group.objects.get(name="Trader"))
    trader = Program(person)
    made = trader.post("connections", given)
    assert made.status_code == 201, made.content
    path = f"connections/{made.json()['id']}"
    assert trader.patch(path, {"name": "Mine"}).json()["name"] == "Mine"
    refused = trader.patch(path, {"store": "environment", "reference": "token=CONNECTION_X"})
    assert refused.status_code == 403
    platform = trader.get("platforms").json()["data"][0]["id"]
    assert trader.post(f"platforms/{platform}/disable", {}).status_code == 403
    assert trader.delete(path).status_code == 204


def test_lists_ask_the_database_the_same_number_of_times_however_many(administrator, given):
    administrator.get("platforms")  # makes their rows

    def asked(number):
        administrator.post("connections", {**given, "name": f"C{number}"})
        with CaptureQueriesContext(connection) as queries:
            assert len(administrator.get("connections").json()["data"]) == number
        return len(queries)

    assert len({asked(number) for number in range(1, 5)}) == 1
