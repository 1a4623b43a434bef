"""Strategies over the API."""

import pytest

from strategies.models import Strategy

pytestmark = pytest.mark.django_db

WANTED = {
    "key": "mr-1",
    "instruments": ["EURUSD"],
    "platforms": ["paper"],
    "size": "1.5",
    "size_in": "percent_risk",
    "weekdays": ["Mon"],
    "trades_from": "08:00",
    "trades_until": "17:00",
}


def test_a_strategy_is_registered_read_and_edited(administrator):
    made = administrator.post("strategies", WANTED)
    assert made.status_code == 201, made.content
    pk = made.json()["id"]
    assert administrator.get(f"strategies/{pk}").json()["instruments"] == ["EURUSD"]

    edited = administrator.patch(f"strategies/{pk}", {"status": "live", "instruments": []}).json()
    assert (edited["status"], edited["instruments"], edited["size"]) == ("live", [], "1.5")
    assert [row["id"] for row in administrator.get("strategies", status="live").json()["data"]] == [
        pk
    ]


def test_the_key_of_a_strategy_is_fixed(administrator):
    pk = administrator.post("strategies", WANTED).json()["id"]

    answer = administrator.patch(f"strategies/{pk}", {"key": "mr-2"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "key")
    assert administrator.patch(f"strategies/{pk}", {"key": "mr-1"}).status_code == 200
    assert Strategy.objects.get().key == "mr-1"


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"instruments": ["NOSUCH"]}, 422),
        ({"status": "running"}, 422),
        ({"size": "-1"}, 422),
        ({"owner": 1}, 422),
        ({"key": "MR-0"}, 409),
    ],
)
def test_a_wrong_strategy_is_refused(administrator, wrong, status):
    administrator.post("strategies", {"key": "mr-0"})

    assert administrator.post("strategies", WANTED | wrong).status_code == status
    assert Strategy.objects.count() == 1
