from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from accounts.models import StatementImport
from brokers.models import Instrument
from tests.api.conftest import Program
from tests.factories import make_account, make_broker
from tradershub.core.api_keys import create_key, key_of, revoke_key
from tradershub.core.errors import BadInput
from tradershub.core.models import ApiKey

pytestmark = pytest.mark.django_db


def test_without_a_key_the_answer_says_what_is_expected():
    answer = Client().get("/api/v1/brokers")
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "NotAuthenticated"


def test_a_broker_lives_from_opening_to_reopening(administrator):
    made = administrator.post("brokers", {"name": "Example", "time_zone": "Europe/Athens"})
    assert made.status_code == 201, made.content
    path = f"brokers/{made.json()['id']}"
    assert administrator.patch(path, {"regulator": "FCA"}).json()["regulator"] == "FCA"
    assert administrator.post(f"{path}/close").json()["status"] == "closed"
    again = administrator.post(f"{path}/close")
    assert (again.status_code, again.json()["error"]["message"]) == (
        409,
        "Example is closed already",
    )
    assert administrator.post(f"{path}/reopen").json()["status"] == "open"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"name": ""}, "name"),
        ({"name": "X", "time_zone": "Mars"}, "time_zone"),
        ({"name": "X", "status": "closed"}, "status"),
        ({"name": "X", "triple_swap_weekday": 9}, "triple_swap_weekday"),
        ({}, "name"),
    ],
)
def test_a_wrong_field_is_named(administrator, body, param):
    answer = administrator.post("brokers", body)
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == param


def test_lists_go_on_by_cursor_without_gap_or_repeat(administrator):
    seen, cursor = [], ""
    while cursor is not None:
        page = administrator.get("instruments", limit=7, cursor=cursor).json()
        seen += [row["symbol"] for row in page["data"]]
        cursor = page["next"]
    assert sorted(seen) == sorted(Instrument.objects.values_list("symbol", flat=True))


def test_a_foreign_cursor_is_refused(administrator):
    answer = administrator.get("instruments", cursor="nonsense")
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "cursor")


def test_decimals_are_texts_and_floats_are_refused(administrator):
    eurusd = administrator.get("instruments", symbol="EURUSD").json()["data"][0]
    assert (eurusd["pip_size"], eurusd["contract_size"]) == ("0.0001", "100000")
    answer = administrator.patch(f"instruments/{eurusd['id']}", {"pip_size": 0.0001})
    assert answer.status_code == 422


def test_terms_are_corrected_or_changed_from_a_day(administrator):
    broker = administrator.post("brokers", {"name": "Example"}).json()["id"]
    symbol = administrator.post("symbols", {"broker_id": broker, "name": "EURUSD.m"}).json()
    assert symbol["instrument_id"] is not None
    path = f"symbols/{symbol['id']}/terms"
    body = {"valid_from": "2024-01-01", "contract_size": "100000", "tick_size": "0.00001"}
    first = administrator.post(path, body)
    assert first.status_code == 201, first.content
    change = {"changed_on": "2024-06-01", "commission_rate": "3.5"}
    second = administrator.patch(f"terms/{first.json()['id']}", change)
    assert second.json()["commission_rate"] == "3.5"
    rows = administrator.get(path).json()["data"]
    assert [row["valid_until"] for row in rows] == [None, "2024-05-31"]


def test_scopes_limit_what_a_key_may_do():
    reader = Program(User.objects.create_superuser("reader"), scopes=("read",))
    answer = reader.post("brokers", {"name": "X"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope_missing")


def test_without_the_permission_a_person_may_not_write():
    nobody = Program(User.objects.create_user("nobody", is_staff=True))
    assert nobody.post("brokers", {"name": "X"}).status_code == 403


def test_a_key_ends_by_revocation_expiry_and_its_owner():
    owner = User.objects.create_user("ada", is_staff=True)
    key, text = create_key(owner=owner, name="a", scopes=["read"])
    assert key_of(text) == key
    assert key_of(text + "x") is None
    ApiKey.objects.update(expires_at=timezone.now() - dt.timedelta(seconds=1))
    assert key_of(text) is None
    ApiKey.objects.update(expires_at=None)
    User.objects.update(is_active=False)
    assert key_of(text) is None
    User.objects.update(is_active=True)
    revoke_key(key, actor=owner)
    assert key_of(text) is None
    assert text.split("_", 2)[2] not in str(ApiKey.objects.values())


def test_an_unknown_scope_is_refused():
    with pytest.raises(BadInput, match="expected some of"):
        create_key(owner=User.objects.create_user("ada"), name="a", scopes=["everything"])


def test_the_session_of_a_browser_works_and_its_writes_need_the_csrf_token():
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(User.objects.create_superuser("root"))
    assert browser.get("/api/v1/brokers").status_code == 200
    answer = browser.post("/api/v1/brokers", {"name": "X"}, content_type="application/json")
    error = answer.json()["error"]
    assert answer.status_code == 403
    assert (error["type"], error["code"]) == ("NotAllowed", "csrf_failed")


def test_a_key_is_told_that_keys_are_made_after_logging_in(administrator):
    administrator.client.handler.enforce_csrf_checks = True
    answer = administrator.post("api-keys", {"name": "robot", "scopes": ["read"]})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (401, "NotAuthenticated")
    assert "Expected a logged-in session" in error["message"]


def test_the_document_is_for_those_who_logged_in_or_have_a_key(administrator, client):
    refused = client.get("/api/v1/openapi.json")
    assert (refused.status_code, refused.json()["error"]["type"]) == (401, "NotAuthenticated")
    wrong = client.get("/api/v1/openapi.json", headers={"Authorization": "Bearer th_wrong"})
    assert wrong.status_code == 401
    login = client.get("/api/v1/docs")
    assert (login.status_code, login["Location"]) == (302, "/login/?next=/api/v1/docs")
    client.force_login(administrator.user)
    for visitor in (client, administrator.client):
        assert visitor.get("/api/v1/openapi.json").json()["info"]["title"] == "TradersHub"
        assert visitor.get("/api/v1/docs").status_code == 200


def test_the_openapi_page_loads_nothing_from_elsewhere(administrator):
    page = administrator.client.get("/api/v1/docs").content.decode()
    assert "http://" not in page
    assert "https://" not in page
    assert administrator.get("openapi.json").json()["info"]["title"] == "TradersHub"


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("deals?sybmol=EURUSD", 422, 'There is no filter "sybmol"; expected one of account_id'),
        ("deals?account_id=x", 422, 'found "x"'),
        ("nothing/here", 404, "There is nothing at /api/v1/nothing/here"),
        ("deals/abc", 422, 'found "abc"'),
        ("deals/", 404, "deals/: expected it without the slash at its end"),
    ],
)
def test_a_wrong_address_is_refused_with_a_sentence(administrator, address, status, words):
    answer = administrator.client.get(f"/api/v1/{address}")
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b'{"name": "\xff"}', b"null", b"[]"])
def test_what_is_no_object_of_json_is_refused(administrator, body):
    answer = administrator.client.generic("POST", "/api/v1/brokers", body, "application/json")
    assert answer.status_code in (400, 422)
    assert answer.json()["error"]["type"] == "BadInput"


def test_a_body_that_is_no_json_is_told_where(administrator):
    answer = administrator.client.generic("POST", "/api/v1/brokers", b"{'a'", "application/json")
    message = answer.json()["error"]["message"]
    assert message.startswith("Expected a body of JSON") and "line 1 column 2" in message


@pytest.mark.parametrize(
    ("sent", "found"), [(5.5, "the number 5.5"), ("5,5", '"5,5"'), (True, "true")]
)
def test_what_was_found_tells_a_number_from_a_text(administrator, sent, found):
    answer = administrator.post("paper-accounts", {"name": "N", "currency": "USD", "deposit": sent})
    assert answer.status_code == 422
    message = answer.json()["error"]["message"]
    assert message.startswith("deposit: ") and message.endswith(f", found {found}")
    assert "Value error" not in message


def test_an_address_of_signals_with_a_slash_too_many_is_not_found_and_its_token_not_said(client):
    answer = client.post(f"/api/v1/signals/s{'a' * 14}/secret-token/", {}, "application/json")
    assert answer.status_code == 404
    assert "slash at its end" in answer.json()["error"]["message"]
    assert "secret-token" not in answer.content.decode()


def test_another_time_zone_must_say_since_when_once_files_are_booked(administrator):
    account = make_account(broker=make_broker(time_zone="Europe/Athens"))
    StatementImport.objects.create(owner=account.owner, account=account, state="booked")
    path = f"brokers/{account.broker_id}"
    asked = administrator.patch(path, {"time_zone": "UTC"})
    assert asked.status_code == 422
    assert asked.json()["error"]["param"] == "time_zone_edit"
    kept_no_more = administrator.patch(path, {"time_zone": "UTC", "time_zone_edit": "correct"})
    assert (kept_no_more.status_code, kept_no_more.json()["error"]["param"]) == (409, "time_zone")
    change = {"time_zone_edit": "change", "time_zone_changed_on": "2024-06-01"}
    changed = administrator.patch(path, {"time_zone": "UTC", **change})
    assert changed.status_code == 200, changed.content
    assert changed.json()["earlier_zones"] == [{"zone": "Europe/Athens", "until": "2024-06-01"}]
    again = administrator.patch(path, {"time_zone": "Asia/Tokyo", **change})
    assert again.json()["error"]["param"] == "time_zone_changed_on"
