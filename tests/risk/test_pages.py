"""The Risk page, the forms of the admin, and the API of limits."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts import manual
from accounts.valuation import states_of
from risk import gate, kill_switch
from risk.facts import Figure, Price
from risk.kinds import KINDS, Kind, Unit, Window
from risk.models import Limit
from risk.queries import uses
from tests.factories import make_owner
from tests.risk.orders import AT, Desk, d
from tradershub.core.api_keys import SCOPES, create_key
from tradershub.reports.needs import what_needs
from tradershub.roles import set_up_groups

pytestmark = pytest.mark.django_db
REASON = "a calmer market by far"


@pytest.fixture(autouse=True)
def data_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def desk():
    return Desk(owner=member("ada"))


def member(name: str, group: str = "Trader"):
    set_up_groups()
    person = make_owner(username=name, is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    return person


def browser(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def program(user) -> Client:
    _, key = create_key(owner=user, name="x", scopes=SCOPES)
    return Client(headers={"Authorization": f"Bearer {key}"}, content_type="application/json")


def ordered(desk, **fields):
    """An order of now, judged."""
    now = timezone.now()
    figures = {name: Figure(d(10000), now) for name in ("equity", "free_margin")}
    market = Price(d("1.1"), d("1.1002"), now)
    order = desk.order(at=now, market=market, rate=Figure(d(1), now), **figures, **fields)
    with transaction.atomic():
        return gate.authorise(order)


def test_the_page_says_use_refusals_and_what_is_stopped(desk):
    desk.limit(Kind.SYMBOL_LOTS, 2, Unit.LOTS)
    assert ordered(desk, lots=d("1.8")).passed
    assert not ordered(desk, lots=d("0.5")).passed
    kill_switch.engage(kill_switch.of_account(desk.account), actor=desk.owner, reason="lunch")
    page = browser(desk.owner).get("/reports/risk/").content.decode()
    assert "<meter" in page and 'value="90"' in page and "90.00" in page
    assert "0.50 lots asked, 0.20 left of 2" in page
    assert "lunch" in page and "near" in page


def test_a_page_without_limits_says_the_next_step(desk):
    page = browser(desk.owner).get("/reports/risk/").content.decode()
    assert "No limit is set" in page and "/risk/limit/add/" in page


def test_the_use_of_a_loss_is_computed_now(desk):
    manual.deposit(desk.account, amount="10000", at=AT, actor=desk.owner)
    limit = desk.limit(Kind.LOSS, 5, Unit.PERCENT, window=Window.DAY)
    manual.charge(desk.account, amount="-400", kind="fee", at=timezone.now(), actor=desk.owner)
    states = states_of([desk.account], base="USD")
    (use,) = uses(desk.owner, states)
    assert (use.limit, use.used, use.most, use.share) == (limit, 400, 500, 80)
    assert use.is_near
    assert uses(make_owner(), []) == []
    told = [need.text for need in what_needs(desk.owner, states)]
    assert any(text.endswith("the limit is used to 80 %.") for text in told), told


def test_what_a_limit_is_at_stands_in_its_own_unit(desk):
    """Also before an order has counted on it: 2 % of the equity are not 2 USD."""
    desk.limit(Kind.HEAT, 2, Unit.PERCENT)
    desk.limit(Kind.MAX_LOTS, d("0.001"), Unit.LOTS)
    desk.limit(Kind.SYMBOLS, 0, Unit.SYMBOLS, words=["EURUSD", "GBPUSD"])
    page = browser(desk.owner).get("/reports/risk/").content.decode()
    for shown in ("2 %", "0.001 lots", "EURUSD, GBPUSD"):
        assert re.search(rf">\s*{shown}\s*<", page), shown


# -- The admin --------------------------------------------------------------------------------------
FORM = {
    "kind": "max_lots", "unit": "lots", "value": "2", "scope": "account", "enabled": "on",
    "currency": "", "instrument": "", "strategy": "", "words": "", "seconds": "", "window": "",
    "basis": "balance", "trail": "static", "capital": "", "lock_at": "", "zone": "",
    "resets_at": "", "reason": "",
}  # fmt: skip


def test_a_new_limit_has_no_value_before_somebody_gives_it_one(desk):
    client = browser(desk.owner)
    page = client.get("/risk/limit/add/")
    assert page.context["adminform"].form["value"].value() is None
    assert client.post("/risk/limit/add/", {**FORM, "scope": "all", "value": ""}).status_code == 200
    assert not Limit.objects.exists()


def test_a_limit_is_set_lowered_and_raised_in_the_admin(desk):
    client = browser(desk.owner)
    answer = client.post("/risk/limit/add/", {**FORM, "account": desk.account.pk})
    assert answer.status_code == 302, answer.context["errors"]
    limit = Limit.objects.get()
    assert (limit.owner, limit.value) == (desk.owner, 2)
    address = f"/risk/limit/{limit.pk}/change/"
    assert client.post(address, {**FORM, "value": "1"}).status_code == 302
    refused = client.post(address, {**FORM, "value": "3"})
    assert "Expected a reason" in refused.content.decode()
    assert Limit.objects.get().value == 1
    assert client.post(address, {**FORM, "value": "3", "reason": REASON}).status_code == 302
    assert (Limit.objects.get().value, Limit.objects.get().version) == (3, 3)


def test_a_form_that_does_not_fit_says_so_beside_the_field(desk):
    answer = browser(desk.owner).post(
        "/risk/limit/add/", {**FORM, "account": desk.account.pk, "kind": "loss", "unit": "money"}
    )
    assert "Expected a day, week or month" in answer.content.decode()


def test_another_persons_account_cannot_be_chosen(desk):
    stranger = browser(member("bob"))
    answer = stranger.post("/risk/limit/add/", {**FORM, "account": desk.account.pk})
    assert answer.status_code == 200 and not Limit.objects.exists()


def test_everybodys_limit_is_seen_by_all_and_changed_by_administrators(desk):
    limit = Limit.objects.create(kind="max_lots", unit="lots", value=5, scope="all")
    address = f"/risk/limit/{limit.pk}/change/"
    trader, root = browser(desk.owner), browser(member("root", "Administrator"))
    assert "every account" in trader.get("/risk/limit/").content.decode()
    assert trader.post(address, {**FORM, "scope": "all", "value": "9"}).status_code == 403
    assert root.post(address, {**FORM, "scope": "all", "value": "4"}).status_code == 302
    assert Limit.objects.get().value == 4


# -- The API ------------------------------------------------------------------------------------------
def test_limits_over_the_api(desk):
    client = program(desk.owner)

    def send(method, path, **body):
        call = getattr(client, method)
        return call(f"/api/v1/limits{path}", body, content_type="application/json")

    given = {"kind": "max_lots", "unit": "lots", "value": "2", "scope": "account"}
    made = send("post", "", **given, account_id=desk.account.pk)
    assert made.status_code == 201
    path = f"/{made.json()['id']}"
    assert send("patch", path, value="1", version=1).json()["version"] == 2
    assert send("patch", path, value="0.5", version=1).status_code == 409
    assert send("patch", path, value="3").json()["error"]["param"] == "reason"
    assert send("patch", path, value="3", reason=REASON).json()["value"] == "3"
    assert send("patch", path, owner_id=1).status_code == 422  # no mass assignment
    assert client.get("/api/v1/limits?kind=max_lots").json()["data"][0]["value"] == "3"
    assert send("post", f"{path}/release", reason=REASON).status_code == 200
    assert send("post", f"{path}/remove", reason="").status_code == 422
    assert send("post", f"{path}/remove", reason=REASON).status_code == 204
    preset = {"account_id": desk.account.pk, "preset": "static", "capital": "50000"}
    assert [limit["kind"] for limit in send("post", "/preset", **preset).json()] == [
        "loss", "drawdown",
    ]  # fmt: skip
    assert send("post", "", **{**given, "scope": "all"}).status_code == 403


EVERY_KIND = {
    "max_lots": {"unit": "lots"},
    "max_notional": {"unit": "money"},
    "risk_per_trade": {"unit": "percent"},
    "price_collar": {"unit": "percent"},
    "signal_age": {"unit": "seconds"},
    "duplicates": {"unit": "seconds"},
    "symbols": {"unit": "symbols", "words": ["EURUSD"]},
    "margin_level": {"unit": "percent"},
    "exposure": {"unit": "money"},
    "symbol_lots": {"unit": "lots"},
    "currency_exposure": {"unit": "money", "words": ["EUR"]},
    "open_positions": {"unit": "count"},
    "working_orders": {"unit": "count"},
    "heat": {"unit": "percent"},
    "correlated": {"unit": "money"},
    "trades": {"unit": "count"},
    "entries": {"unit": "count", "seconds": 60},
    "messages": {"unit": "count", "seconds": 60},
    "loss": {"unit": "percent", "window": "day", "capital": "100000"},
    "strategy_loss": {"unit": "money"},
    "drawdown": {
        "unit": "percent", "trail": "intraday", "capital": "100000", "lock_at": "100100",
    },
    "best_day": {"unit": "percent", "capital": "8000"},
}  # fmt: skip


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_limit_is_set_and_changed_over_the_api(desk, kind):
    client, given = program(desk.owner), EVERY_KIND[kind]
    body = {"kind": kind, "value": "8", "scope": "account", "account_id": desk.account.pk, **given}
    made = client.post("/api/v1/limits", body, content_type="application/json")
    assert made.status_code == 201, made.json()
    numbers = {name: made.json()[name] for name in given if name in ("capital", "lock_at")}
    assert numbers == {name: given[name] for name in numbers}
    change = {"value": "7", "reason": REASON, **numbers}
    path = f"/api/v1/limits/{made.json()['id']}"
    changed = client.patch(path, change, content_type="application/json")
    assert (changed.status_code, changed.json().get("value")) == (200, "7"), changed.json()


def test_a_part_of_a_count_is_no_limit(desk):
    body = {"kind": "trades", "unit": "count", "value": "1.5", "scope": "account"}
    body |= {"account_id": desk.account.pk}
    answer = program(desk.owner).post("/api/v1/limits", body, content_type="application/json")
    assert answer.json()["error"]["message"] == "Expected a whole number, found 1.5"


def test_refusals_over_the_api_are_the_persons_own(desk):
    desk.limit(Kind.MAX_LOTS, 1, Unit.LOTS)
    ordered(desk, lots=d(2))
    (event,) = program(desk.owner).get("/api/v1/risk-events?code=MAX_LOTS").json()["data"]
    assert (event["figures"]["asked"], event["figures"]["limit"]) == ("2", "1")
    assert program(member("bob")).get("/api/v1/risk-events").json()["data"] == []
