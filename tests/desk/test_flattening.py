"""Stop and flatten on its pages and over the API: asked with the facts, followed, withdrawn."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts import manual
from accounts.models import Account
from risk import kill_switch
from tests.desk.papers import PaperTrader
from tests.factories import make_account, moment
from tradershub.core.api_keys import SCOPES, create_key
from trading import flattening
from trading.models import Flattening

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def trader():
    """Long 0.5 and 0.1, wins 300 USD in all; an order waits at the broker."""
    made = PaperTrader()
    made.hold()
    made.hold(ref="2", open_volume="0.1")
    order = {"symbol": "EURUSD", "side": "buy", "volume": "1", "price": "1.05"}
    manual.place_order(made.account, actor=made.user, type="limit", broker_order_id="9", **order)
    return made


def test_it_is_asked_with_the_facts_and_stops_nothing_before(trader):
    words = trader.said(trader.client.get("/stop/flatten"))
    assert "Close 2 positions and cancel 1 order in 1 account, now +300.00 USD?" in words
    assert not kill_switch.standing(trader.account).engaged
    assert not Flattening.objects.exists()


def test_confirmed_it_stops_and_leads_to_how_far_it_is(trader):
    answer = trader.send("/stop/flatten", reason="flood")
    assert answer["Location"] == "/flattening/"
    standing = kill_switch.standing(trader.account)
    assert (standing.engaged, standing.scope, standing.reason) == (True, "owner", "flood")
    words = trader.said(answer)
    assert "1 not flat yet" in words and 'data-live="1"' in words and "none yet" in words
    row = Flattening.objects.get()
    assert (row.account, row.asked_by) == (trader.account, str(trader.user))
    assert "is not flat yet: the broker has not answered yet" in trader.said(trader.client.get("/"))


def test_one_account_alone_is_asked_and_stopped(trader):
    other = make_account(owner=trader.user)
    manual.deposit(other, actor=trader.user, amount=1, at=moment("2024-03-04 10:00"))
    manual.trade(
        other, actor=trader.user, symbol="EURUSD", side="buy", volume="1", price="1.1",
        at=moment("2024-03-04 10:00"),
    )  # fmt: skip
    words = trader.said(trader.client.get("/stop/flatten"))
    assert "Close 2 positions and cancel 1 order in 1 account" in words and "No connection" in words
    alone = trader.said(trader.client.get(f"/stop/flatten?account={other.pk}"))
    assert "Stop trading? The hub can close nothing in 1 account" in alone
    trader.send(f"/stop/flatten?account={other.pk}")
    assert Flattening.objects.get().account == other
    assert kill_switch.standing(other).engaged
    assert not kill_switch.standing(trader.account).engaged


def test_its_page_says_what_is_left_and_why_then_flat(trader):
    trader.send("/stop/flatten")
    row = Flattening.objects.get()
    Flattening.objects.update(state="working", positions=2, orders=0, words="The line is down")
    row.refresh_from_db()
    assert row.in_words() == "2 positions and 0 orders left. The line is down"
    words = trader.said(trader.client.get("/flattening/"))
    assert "Under way" in words and "The line is down" in words and "Withdraw" in words
    flattening._end(
        row, "flat", actor="hub", words="", orders=0, positions=0, looked_at=row.asked_at
    )
    words = trader.said(trader.client.get("/flattening/"))
    assert "<strong>1 flat.</strong>" in words and 'data-live="0"' in words
    assert "Withdraw</button>" not in words


def test_what_only_a_person_can_empty_is_not_called_under_way(trader):
    trader.send("/stop/flatten")
    Account.objects.update(connection=None)
    [row] = flattening.due()
    flattening.work(row)
    words = trader.said(trader.client.get("/flattening/"))
    assert "<strong>1 to be emptied by hand.</strong>" in words and "By hand</span>" in words
    flattening.withdraw(row, actor=trader.user)
    words = trader.said(trader.client.get("/flattening/"))
    assert "<strong>1 withdrawn before it was flat.</strong>" in words


def test_it_is_withdrawn_and_trading_stays_stopped(trader):
    trader.send("/stop/flatten")
    row = Flattening.objects.get()
    address = f"/flattening/{row.pk}/withdraw"
    assert "Trading stays stopped" in trader.said(trader.client.post(address))
    row.refresh_from_db()
    assert row.state == "withdrawn" and kill_switch.standing(trader.account).engaged
    assert "It is over already" in trader.said(trader.client.post(address))


def test_with_nothing_to_empty_it_says_so_and_stops_nothing():
    trader = PaperTrader()
    Account.objects.update(connection=None)
    assert "connected or holds anything" in trader.refused("/stop/flatten")
    assert not kill_switch.standing(trader.account).engaged


def test_who_may_only_look_is_shown_no_button_and_refused():
    viewer = PaperTrader("Viewer")
    assert viewer.client.get("/stop/flatten").status_code == 403
    assert viewer.client.post("/stop/flatten").status_code == 403
    assert "Stop and flatten</a>" not in viewer.said(viewer.client.get("/flattening/"))


def test_the_risk_page_and_the_menu_lead_there(trader):
    words = trader.said(trader.client.get("/reports/risk/"))
    assert "Stop and flatten…" in words and 'action="/stop/flatten"' in words
    assert "everybody" not in words
    assert 'href="/stop/flatten"' in trader.said(trader.client.get("/reports/"))


ALL = "/stop/flatten?account=everybody"


def test_an_administrator_empties_everybodys_accounts_and_learns_nothing_of_them(trader):
    boss = PaperTrader("Administrator", name="Desk")
    assert 'value="everybody"' in boss.said(boss.client.get("/reports/risk/"))
    words = boss.said(boss.client.get(ALL))
    assert "Close every position and cancel every order of everybody, in 2 accounts?" in words
    assert str(trader.account) not in words and "+300.00" not in words
    assert not kill_switch.standing(trader.account).engaged
    answer = boss.send(ALL, reason="flood")
    assert answer["Location"] == "/flattening/"
    assert kill_switch.standing(trader.account).scope == "all"
    emptied = Flattening.objects.values_list("account", flat=True)
    assert set(emptied) == {trader.account.pk, boss.account.pk}
    words = boss.said(answer)
    assert "Stopped for everybody" in words and "1 not flat yet" in words
    assert "1 not flat yet" in trader.said(trader.client.get("/flattening/"))


def test_only_an_administrator_is_asked_about_everybody(trader):
    assert trader.client.get(ALL).status_code == 403
    assert trader.client.post(ALL, {"reason": "flood"}).status_code == 403
    assert not Flattening.objects.exists()


def test_a_program_asks_follows_and_withdraws(trader):
    _, key = create_key(owner=trader.user, name="x", scopes=SCOPES)
    api = Client(headers={"Authorization": f"Bearer {key}"})

    def post(path, body=None):
        return api.post(f"/api/v1/kill-switch/{path}", body, content_type="application/json")

    answer = post("flatten", {"scope": "account", "account_id": trader.account.pk})
    [row] = answer.json()
    assert answer.status_code == 201
    assert (row["state"], row["positions"], row["looked_at"]) == ("asked", None, None)
    [listed] = api.get("/api/v1/kill-switch/flattenings?state=asked").json()["data"]
    assert listed == row
    assert post(f"flattenings/{row['id']}/withdraw").json()["state"] == "withdrawn"
    assert post(f"flattenings/{row['id']}/withdraw").status_code == 409
    assert post("flatten", {"scope": "account"}).status_code == 422
    assert post("flatten", {"scope": "all"}).status_code == 403
