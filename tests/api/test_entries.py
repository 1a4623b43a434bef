"""Entries by hand over the API."""

from __future__ import annotations

import pytest

from accounts.models import Deal
from tests.factories import make_account, make_owner
from tradershub.core.api_keys import create_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(administrator):
    return make_account(owner=administrator.user, mode="hedging", currency="USD")


def ok(answer, status=201):
    assert answer.status_code == status, answer.content
    return answer.json()


def refused(answer):
    error = answer.json()["error"]
    return answer.status_code, error["param"]


def buy(administrator, account, **fields):
    body = {"account_id": account.pk, "symbol": "EURUSD", "side": "buy", "volume": "1"}
    return administrator.post("trades", {**body, "price": "1.1", **fields})


def test_an_order_is_placed_modified_filled_in_parts_and_its_position_closed(
    administrator, account
):
    body = {"account_id": account.pk, "symbol": "EURUSD", "side": "buy", "volume": "2"}
    order = ok(administrator.post("orders", {**body, "type": "limit", "price": "1.10"}))
    path = f"orders/{order['id']}"
    assert ok(administrator.patch(path, {"price": "1.09"}), 200)["price"] == "1.09"
    first = ok(administrator.post(f"{path}/fill", {"volume": "0.5"}))
    assert (first["price"], first["volume"]) == ("1.09", "0.5")
    assert administrator.get(path).json()["state"] == "partial"
    assert ok(administrator.post(f"{path}/cancel", {}), 200)["state"] == "cancelled"
    assert refused(administrator.post(f"{path}/fill", {}))[0] == 409

    [held] = administrator.get("positions", open=True).json()["data"]
    closing = {"price": "1.12", "volume": "0.2", "profit": "600", "commission": "-1.40"}
    out = ok(administrator.post(f"positions/{held['id']}/close", closing))
    assert (out["entry"], out["amount"]) == ("out", "598.6")
    assert administrator.get(f"positions/{held['id']}").json()["open_volume"] == "0.3"


def test_money_in_out_and_charges_change_the_balance(administrator, account):
    for path, body in (
        ("deposits", {"amount": "1000"}),
        ("withdrawals", {"amount": "250.5"}),
        ("charges", {"kind": "swap", "amount": "-1.25", "symbol": "EURUSD"}),
    ):
        ok(administrator.post(path, {"account_id": account.pk, **body}))
    state = administrator.get(f"accounts/{account.pk}/state").json()
    assert (state["balance"], state["equity"], state["margin"]) == ("748.25", "748.25", "0")
    assert state["base"]["currency"] == "EUR"


def test_a_reversal_keeps_both(administrator, account):
    made = ok(administrator.post("deposits", {"account_id": account.pk, "amount": "10"}))
    back = ok(administrator.post(f"deals/{made['id']}/reverse", {}))
    assert (back["reverses_id"], back["amount"]) == (made["id"], "-10")
    assert refused(administrator.post(f"deals/{made['id']}/reverse", {}))[0] == 409


def test_the_same_idempotency_key_books_once(administrator, account):
    body = {"account_id": account.pk, "amount": "10"}

    def send(path="deposits"):
        return administrator.client.post(
            f"/api/v1/{path}",
            body,
            content_type="application/json",
            headers={"Idempotency-Key": "one"},
        )

    assert ok(send())["id"] == ok(send())["id"]
    assert Deal.objects.count() == 1
    assert send("withdrawals").status_code == 409


@pytest.mark.parametrize("changed", [{"amount": "20"}, {"comment": "x"}, {"account_id": None}])
def test_an_idempotency_key_stands_for_one_request_only(administrator, account, changed):
    other = make_account(owner=administrator.user)
    body = {"account_id": account.pk, "amount": "10"}
    again = {**body, **{name: value or other.pk for name, value in changed.items()}}
    first, second = (
        administrator.client.post(
            "/api/v1/deposits",
            sent,
            content_type="application/json",
            headers={"Idempotency-Key": "one"},
        )
        for sent in (body, again)
    )
    error = second.json()["error"]
    assert (second.status_code, error["type"], error["code"]) == (409, "Conflict", "key_reused")
    assert "with other values" in error["message"]
    assert [deal.pk for deal in Deal.objects.all()] == [ok(first)["id"]]


def test_an_idempotency_key_of_an_order_stands_for_one_order(administrator, account):
    def send(volume):
        body = {"account_id": account.pk, "symbol": "EURUSD", "side": "buy", "volume": volume}
        return administrator.client.post(
            "/api/v1/orders",
            {**body, "type": "limit", "price": "1.1"},
            content_type="application/json",
            headers={"Idempotency-Key": "one"},
        )

    assert ok(send("1"))["id"] == ok(send("1"))["id"]
    assert send("2").status_code == 409


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"volume": "0"}, "volume"),
        ({"volume": 0.5}, "volume"),
        ({"price": "-1"}, "price"),
        ({"price": "NaN"}, "price"),
        ({"price": "1E+999999"}, "price"),
        ({"side": "long"}, "side"),
        ({"symbol": ""}, "symbol"),
        ({"symbol": "A\x00B"}, "symbol"),
        ({"at": "2999-01-01T00:00:00Z"}, "at"),
        ({"at": "2024-01-01T00:00:00"}, "at"),
        ({"comment": "x" * 301}, "comment"),
        ({"lots": "1"}, "lots"),
        ({"price": True}, "price"),
    ],
)
def test_a_wrong_trade_names_its_field(administrator, account, fields, param):
    assert refused(buy(administrator, account, **fields)) == (422, param)
    assert not Deal.objects.exists()


def test_an_amount_that_the_database_cannot_keep_is_refused(administrator, account):
    body = {"account_id": account.pk, "amount": "99999999999999.99"}
    answer = administrator.post("deposits", body)
    assert answer.status_code in (201, 422)  # PostgreSQL keeps it
    if answer.status_code == 422:
        assert "the most that the database keeps" in answer.json()["error"]["message"]


def test_nothing_is_booked_in_another_persons_account(administrator):
    theirs = make_account(owner=make_owner())
    assert refused(buy(administrator, theirs))[0] == 404
    body = {"account_id": theirs.pk, "amount": "1"}
    assert refused(administrator.post("deposits", body))[0] == 404


def test_a_closed_account_takes_nothing(administrator, account):
    ok(administrator.post(f"accounts/{account.pk}/close"), 200)
    answer = administrator.post("deposits", {"account_id": account.pk, "amount": "1"})
    assert answer.status_code == 409
    assert "closed" in answer.json()["error"]["message"]


def test_keys_are_made_by_a_logged_in_person_only(administrator, client):
    body = {"name": "robot", "scopes": ["read"]}
    assert administrator.post("api-keys", body).status_code == 401
    client.force_login(administrator.user)
    made = ok(client.post("/api/v1/api-keys", body, content_type="application/json"))
    assert made["key"].startswith("th_")
    listed = client.get("/api/v1/api-keys").json()["data"]
    assert made["key"] not in str(listed)
    revoked = client.post(f"/api/v1/api-keys/{made['id']}/revoke")
    assert ok(revoked, 200)["revoked_at"]
    other, _text = create_key(owner=make_owner(), name="a", scopes=["read"])
    assert client.post(f"/api/v1/api-keys/{other.pk}/revoke").status_code == 404


def test_preferences_decide_the_base_currency(administrator, account):
    ok(administrator.patch("preferences", {"base_currency": "USD"}), 200)
    state = administrator.get(f"accounts/{account.pk}/state").json()
    assert state["base"]["currency"] == "USD"
    assert refused(administrator.patch("preferences", {"time_zone": "Mars"})) == (422, "time_zone")


def test_the_audit_log_shows_what_was_done_and_nothing_of_others(administrator, account):
    ok(administrator.post("deposits", {"account_id": account.pk, "amount": "12.5"}))
    make_key_of_somebody_else()
    entries = administrator.get("audit").json()["data"]
    assert "deposit.enter" in {entry["action"] for entry in entries}
    assert "secret-robot" not in str(entries)


def make_key_of_somebody_else():
    create_key(owner=make_owner(), name="secret-robot", scopes=["read"])
