"""Orders over the API and in the admin."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client

from accounts.models import Position
from tradershub.core.api_keys import SCOPES, create_key
from trading import reports
from trading.models import Lane, Order


@pytest.fixture
def key(desk):
    User.objects.filter(pk=desk.owner.pk).update(is_staff=True, is_superuser=True)
    desk.owner.refresh_from_db()
    _row, text = create_key(owner=desk.owner, name="orders", scopes=SCOPES)
    return Client(headers={"Authorization": f"Bearer {text}"})


def post(client, path, body=None, **headers):
    return client.post(
        f"/api/v1/trading/{path}", json.dumps(body or {}), content_type="application/json",
        headers=headers,
    )  # fmt: skip


def test_an_order_over_the_api_is_sent_once_and_tells_its_story(desk, key):
    body = {"account_id": desk.account.pk, "symbol": "EURUSD", "side": "buy", "lots": "0.5"}
    first = post(key, "orders", body, **{"Idempotency-Key": "one"})
    assert (first.status_code, first.json()["state"]) == (201, "queued")
    again = post(key, "orders", body, **{"Idempotency-Key": "one"})
    assert again.json()["id"] == first.json()["id"]
    other = post(key, "orders", body | {"lots": "5"}, **{"Idempotency-Key": "one"})
    assert (other.status_code, other.json()["error"]["code"]) == (409, "key_reused")
    desk.pump()
    story = key.get(f"/api/v1/trading/orders/{first.json()['id']}").json()
    assert (story["state"], story["filled"], story["symbol"]) == ("filled", "0.5", "EURUSD")
    assert [event["rule"] for event in story["events"]] == ["T1", "T3", "T5", "T6"]
    assert {check["stage"] for check in story["checks"]} == {"decision", "claim"}
    listed = key.get("/api/v1/trading/orders?state=filled").json()["data"]
    assert [row["id"] for row in listed] == [first.json()["id"]]


def test_a_new_source_answers_with_the_address_to_copy(desk, key):
    def source(**fields):
        answer = key.post("/api/v1/signal-sources", json.dumps(fields), "application/json")
        assert answer.status_code == 201, answer.content
        return answer.json()

    made = source(name="charts")
    sent = {"id": "1", "symbol": "EURUSD", "action": "buy"}
    assert Client().post(made["address"], sent, "application/json").status_code == 202
    own = source(name="own", proof="signed")
    assert own["address"].endswith(f"/api/v1/signals/{own['source']['uid']}")
    assert source(name="files", proof="folder")["address"] == ""


def test_a_working_order_is_changed_and_cancelled_over_the_api(desk, key):
    order = desk.place(kind="limit", price=1)
    desk.pump()
    path = f"/api/v1/trading/orders/{order.pk}"
    changed = key.patch(path, json.dumps({"price": "1.05"}), content_type="application/json")
    assert (changed.status_code, changed.json()["outcome"]) == (200, "waiting")
    assert post(key, f"orders/{order.pk}/cancel").status_code == 200
    desk.pump()
    assert desk.state(order) == "cancelled"
    assert post(key, f"orders/{order.pk}/cancel").status_code == 409


def test_what_the_hub_alone_writes_is_no_field_of_a_request(desk, key):
    body = {"account_id": desk.account.pk, "symbol": "EURUSD", "side": "buy", "lots": "1"}
    for extra in ({"state": "filled"}, {"filled": "5"}, {"client_order_id": "T1"}):
        assert post(key, "orders", body | extra).status_code == 422
    for wrong in ("0", "-1", "NaN", "1_000", "0x10"):
        assert post(key, "orders", body | {"lots": wrong}).status_code == 422, wrong
    assert not Order.objects.exists()


def test_a_position_is_closed_and_a_lane_let_go_over_the_api(desk, key):
    desk.place("2")
    desk.pump()
    position = Position.objects.get()
    assert post(key, f"positions/{position.pk}/stops", {"stop_loss": "1.05"}).status_code == 200
    answer = post(key, f"positions/{position.pk}/close", {"lots": "1"})
    assert (answer.status_code, answer.json()["lots"]) == (201, "1")
    reports.halt(desk.account, because="a test")
    resumed = post(key, f"accounts/{desk.account.pk}/resume", {"reason": "mended"})
    assert (resumed.status_code, resumed.json()["halted"]) == (200, False)
    assert not Lane.objects.get().halted


def test_the_admin_shows_the_story_and_cancels(desk, key):
    client = Client()
    client.force_login(desk.owner)
    order = desk.place(kind="limit", price=1)
    desk.pump()
    assert client.get("/trading/order/").status_code == 200
    page = client.get(f"/trading/order/{order.pk}/change/").content.decode()
    assert order.client_order_id in page
    assert "lenient" in page
    address = f"/trading/order/{order.pk}/cancel/"
    assert "Cancel the order" in client.get(address).content.decode()
    client.post(address, {"token": "t"})
    desk.pump()
    assert desk.state(order) == "cancelled"
