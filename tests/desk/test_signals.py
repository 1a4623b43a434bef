"""A person reads a signal's story, lets it through or not, and keeps the secrets of its source."""

import datetime as dt
import html
import re

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from brokers.models import Instrument, SymbolTerms
from tests.factories import make_account, make_broker, make_owner, make_strategy, make_symbol
from tradershub.reports.needs import what_needs
from tradershub.roles import set_up_groups
from trading import pipeline, signals
from trading.ids import Origin
from trading.models import Gate, Signal, SignalSource
from trading.services import new_order
from trading.sources import SOURCES

pytestmark = pytest.mark.django_db

TERMS = {"tick_size": "0.00001", "valid_from": "2020-01-01"}
DRAFT = {"symbol": "EURUSD", "intent": "buy", "kind": "market", "duration": "gtc"}
SCRIPT = "<script>alert(1)</script>"


class Person:
    def __init__(self, group="Trader"):
        set_up_groups()
        self.user = make_owner(is_staff=True)
        self.user.groups.add(Group.objects.get(name=group))
        self.client = Client()
        self.client.force_login(self.user)

    def source(self, **fields):
        strategy = make_strategy(self.user, "mr", status="live")
        given = {"name": "charts", "mode": "approval", "strategy": strategy, **fields}
        return signals.create_source(actor=self.user, owner=self.user, **given)

    def signal(self, source, **fields):
        now = timezone.now()
        given = {
            "key": f"id:{SCRIPT}", "body": SCRIPT, "body_hash": "x", "mode": source.mode,
            "received_at": now, "last_delivery_at": now, "state": "waiting",
            "planned": ["Paper: buy 1 EURUSD"], "draft": {**DRAFT, "comment": SCRIPT},
        }  # fmt: skip
        return Signal.objects.create(source=source, **{**given, **fields})

    def page(self, address, method="get"):
        answer = getattr(self.client, method)(address, follow=True)
        return re.sub(r"\s+", " ", answer.content.decode())


@pytest.fixture
def ada():
    return Person()


@pytest.mark.parametrize("dialect", [*SOURCES])
def test_what_a_source_is_to_send_names_its_own_strategy(ada, dialect):
    source, _ = ada.source(dialect=dialect, name=dialect)
    strategy = make_strategy(ada.user, "breakout.2", status="live")
    SignalSource.objects.update(strategy=strategy)
    page = ada.page(f"/signals/sources/{source.pk}/")
    sent = page.partition("What to send")[2].partition("</pre>")[0]
    assert "breakout.2" in sent and "mr-1" not in sent


def test_what_waits_for_approval_needs_the_person_and_says_how_long(ada):
    source, _ = ada.source()
    came = timezone.now() - dt.timedelta(seconds=source.approve_within - 200)
    entry = ada.signal(source, received_at=came)
    leave = ada.signal(source, key="id:2", draft={**DRAFT, "intent": "close"})
    ada.signal(source, key="id:3", state="declined")
    needs = what_needs(ada.user, [])
    assert [need.link for need in needs] == [f"/signals/{s.pk}/" for s in (entry, leave)]
    assert "waits for approval: Paper: buy 1 EURUSD. 3 min left." in needs[0].text
    assert "waits as long as you like" in needs[1].text
    assert ": 3 min left." in ada.page(needs[0].link)
    assert "It closes, and can be approved at any time" in ada.page(needs[1].link)


def test_the_last_minute_of_an_approval_is_told_in_words(ada):
    source, _ = ada.source()
    came = timezone.now() - dt.timedelta(seconds=source.approve_within - 30)
    ada.signal(source, received_at=came)
    need = what_needs(ada.user, [])[0]
    assert "Less than a minute left." in need.text
    assert ": less than a minute left." in ada.page(need.link)


def test_the_story_tells_body_gates_and_reason_and_runs_nothing_of_it(ada):
    source, _ = ada.source()
    signal = ada.signal(source, state="refused", code="STALE", reason=f"Too old {SCRIPT}")
    figures = {"seconds old": 90, "away": "9.000000000"}
    Gate.objects.create(
        signal=signal,
        at=timezone.now(),
        name="age",
        passed=False,
        code="STALE",
        text="Too old",
        figures=figures,
    )
    page = ada.page(f"/signals/{signal.pk}/")

    assert "STALE" in page and "seconds old 90" in page
    assert re.search(r"away 9\b(?![.])", page)
    assert SCRIPT not in page and "&lt;script&gt;" in page


def test_how_it_was_read_leaves_out_what_only_tells_messages_apart(ada):
    source, _ = ada.source()
    signal = ada.signal(source, draft={**DRAFT, "fill": "0.5||||"})
    page = ada.page(f"/signals/{signal.pk}/")
    assert "<dt>duration</dt>" in page and "0.5||||" not in page


def test_a_waiting_signal_is_declined_once(ada):
    signal = ada.signal(ada.source()[0])

    assert "It was declined" in ada.page(f"/signals/{signal.pk}/decline", "post")
    assert "nothing waits" in ada.page(f"/signals/{signal.pk}/decline", "post")
    assert Signal.objects.get().state == "declined"


def test_an_approval_that_a_gate_refuses_says_why(ada):
    signal = ada.signal(
        ada.source()[0],
        draft={"symbol": "NOSUCH", "intent": "buy", "kind": "market", "duration": "gtc"},
    )

    assert "Refused: Nobody said which instrument" in ada.page(
        f"/signals/{signal.pk}/approve", "post"
    )


def test_an_approval_that_came_second_says_what_became_of_it(ada, monkeypatch):
    signal, run = ada.signal(ada.source()[0]), pipeline.run

    def run_after_another(late, **fields):
        signals.decline(Signal.objects.get(pk=late.pk), actor=ada.user)
        return run(late, **fields)

    monkeypatch.setattr(pipeline, "run", run_after_another)
    page = ada.page(f"/signals/{signal.pk}/approve", "post")
    assert "nothing waits for approval. Its state: Declined by a person" in page
    assert "It was let through" not in page


def test_a_new_secret_is_shown_once(ada):
    source, first = ada.source()
    page = ada.page(f"/signals/sources/{source.pk}/secret", "post")
    address = re.search(rf"/api/v1/signals/{source.uid}/([\w-]{{43}})", page)

    assert address and address[1] != first
    assert address[1] not in ada.page(f"/signals/sources/{source.pk}/")
    assert "Drop the old secret" in ada.page(f"/signals/sources/{source.pk}/")
    ada.page(f"/signals/sources/{source.pk}/drop", "post")
    assert len(SignalSource.objects.get().hashes) == 1


def test_a_folder_has_no_secret_and_says_where_it_is(ada, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    source, secret = ada.source(proof="folder")

    assert secret == ""
    assert str(tmp_path / "signals" / source.uid) in ada.page(f"/signals/sources/{source.pk}/")
    assert "has no secret" in ada.page(f"/signals/sources/{source.pk}/secret", "post")


def test_a_folder_of_which_a_part_is_a_link_says_that_no_file_is_taken(ada, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    source, _ = ada.source(proof="folder")
    assert "No file is taken" not in ada.page(f"/signals/sources/{source.pk}/")
    taken = tmp_path / "signals" / source.uid / "taken"
    taken.rmdir()
    taken.symlink_to(tmp_path)

    page = html.unescape(ada.page(f"/signals/sources/{source.pk}/"))
    assert f'No file is taken: "taken" in {taken.parent} is a link' in page


def test_who_may_only_look_sees_no_buttons_and_may_press_none():
    viewer = Person("Viewer")
    source, _ = viewer.source()
    signal = viewer.signal(source)

    assert "Approve" not in viewer.page(f"/signals/{signal.pk}/")
    for address in (f"{signal.pk}/approve", f"{signal.pk}/again", f"sources/{source.pk}/secret"):
        assert viewer.client.post(f"/signals/{address}").status_code == 403


def test_a_route_to_brokers_with_unlike_lots_says_so(ada):
    strategy, size = make_strategy(ada.user, "mr"), 1
    pair = Instrument.objects.get(symbol="EURUSD")
    pages = []
    for number in ("1", "2"):
        account = make_account(owner=ada.user, number=number, broker=make_broker(name=f"B{number}"))
        symbol = make_symbol(account, instrument=pair)
        SymbolTerms.objects.create(symbol=symbol, contract_size=size, **TERMS)
        size = 100000
        sent = {"strategy": strategy.pk, "account": account.pk, "share": "1", "enabled": "on"}
        pages.append(ada.client.post("/trading/route/add/", sent, follow=True).content.decode())

    assert "A lot of" not in pages[0]
    assert "is 1 at B1, 100\u202f000 at B2: give sizes in units" in pages[1]


def test_a_source_is_added_by_a_form_and_its_address_shown(ada):
    strategy = make_strategy(ada.user, "mr")
    sent = {
        "name": "tv", "dialect": "tradingview", "proof": "token", "mode": "dry_run", "enabled": "on",
        "addresses": "52.89.214.238\n10.0.0.0/8", "strategy": strategy.pk, "size_in": "lots",
        "level_in": "price", "time_zone": "UTC", "expires_after": "60", "burst": "15",
        "approve_within": "900",
    }  # fmt: skip
    answer = ada.client.post("/trading/signalsource/add/", sent, follow=True)
    made = SignalSource.objects.get()

    assert made.addresses == ["52.89.214.238", "10.0.0.0/8"]
    assert not made.strategy_is_fixed, "its box was left empty"
    box = re.search(
        r'<input[^>]*name="strategy_is_fixed"[^>]*>', ada.page("/trading/signalsource/add/")
    )
    assert box and "checked" in box[0]
    bare = {**sent, "name": "any", "strategy": "", "strategy_is_fixed": "on"}
    ada.client.post("/trading/signalsource/add/", bare)
    assert not SignalSource.objects.get(name="any").strategy_is_fixed
    assert f"/api/v1/signals/{made.uid}/" in answer.content.decode()
    wrong = ada.client.post(
        "/trading/signalsource/add/", {**sent, "name": "b", "addresses": "moon"}
    )
    assert "Expected addresses" in wrong.content.decode()


def test_one_that_waits_for_an_order_says_so_and_is_withdrawn(ada):
    why = "Order T1 is outcome unknown: what it comes to decides what is to be done"
    signal = ada.signal(ada.source()[0], state="received", code="WAITS", reason=why)
    page = ada.page(f"/signals/{signal.pk}/")
    assert "Waits for an order" in page and why in page and "Withdraw" in page
    assert "Waits for an order" in ada.page("/trading/signal/")

    assert "It was declined" in ada.page(f"/signals/{signal.pk}/decline", "post")
    assert Signal.objects.get().state == "declined"


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ([], "Took orders back"),
        (["filled", "filled"], "Became orders"),
        (["filled", "blocked"], "Became orders, not all"),
        (["blocked", "not_sent"], "No order went through"),
    ],
)
def test_what_came_of_it_is_said_as_it_is(ada, made, said):
    signal = ada.signal(ada.source()[0], state="ordered")
    account = make_account(owner=ada.user)
    for leg, state in enumerate(made):
        origin = Origin("signal", signal.origin, leg=leg)
        symbol = make_symbol(account, name="EURUSD")
        order = new_order(account, origin=origin, symbol=symbol, side="buy", lots=1)
        order.state = state
        order.reason = f"Order {leg} said why" if state in ("blocked", "not_sent") else ""
        order.save()
    lists = "/trading/signal/", f"/signals/sources/{signal.source_id}/"
    first = next((leg for leg, state in enumerate(made) if state in ("blocked", "not_sent")), None)
    assert [f"Order {first} said why" in ada.page(address) for address in lists] == [
        first is not None
    ] * 2
    for address in (
        f"/signals/{signal.pk}/",
        "/trading/signal/",
        f"/signals/sources/{signal.source_id}/",
    ):
        assert f">{said}<" in ada.page(address).replace("> ", ">").replace(" <", "<"), address


def test_the_list_tells_why_in_a_sentence_and_the_mode_in_a_word(ada):
    source, _ = ada.source()
    ada.signal(source, key="id:1", state="refused", code="STALE", reason=f"Too old {SCRIPT}")
    ada.signal(source, key="id:2")
    page = ada.page("/trading/signal/")
    assert "Too old &lt;script&gt;" in page and SCRIPT not in page
    assert "To be approved until" in page
    assert "Approval" in page and "a person lets each one through" not in page.partition("<form")[0]
