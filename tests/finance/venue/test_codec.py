import json
from decimal import Decimal as D

import pytest

from tests.finance.venue.makers import Desk, market, stops
from tradershub.finance.venue.codec import event_from_plain, event_to_plain
from tradershub.finance.venue.orders import Duration
from tradershub.finance.venue.venue import Venue, replay


def busy():
    d = Desk()
    d.quote("EURUSD", "1.10000", "1.10010", ask_size="5")
    d.buy("1", stops=stops(stop_loss="1.09000", trail="0.00500"), client_id="x")
    d.sell("1", kind="limit", price="1.20000", oco="b", duration=Duration.DAY)
    d.buy("9", kind="market")
    d.do("credit", D("12.50"), comment="welcome")
    d.buy("0")
    return d


def test_events_go_to_json_and_come_back():
    for event in busy().log:
        plain = json.loads(json.dumps(event_to_plain(event)))
        assert set(plain) == {"kind", "account", "seq", "at", "payload"}
        assert event_from_plain(plain) == event


def test_an_event_of_a_kind_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="found 'Teleported'"):
        event_from_plain({"kind": "Teleported", "account": "", "seq": 1, "at": "", "payload": {}})


def test_the_events_rebuild_the_venue():
    d = busy()
    remembered = [event_from_plain(event_to_plain(event)) for event in d.log]
    assert replay(market(), remembered, seed=7).snapshot() == d.venue.snapshot()


def test_an_accounts_own_events_rebuild_the_account_without_the_markets():
    d = busy()
    own = [event for event in d.log if event.account == "a"]
    assert [event.seq for event in own] == list(range(1, len(own) + 1))
    again = replay(market(), own)
    assert again.account("a") == d.account
    for venue in (again, d.venue):
        venue.quote("EURUSD", D("1.10000"), D("1.10010"), d.tick())
    assert again.figures("a").equity == d.figures.equity


def test_an_event_out_of_its_turn_is_refused():
    d = busy()
    venue = Venue(market())
    own = [event for event in d.log if event.account == "a"]
    venue.apply(own[0])
    with pytest.raises(ValueError, match="expected event 2 of a, found 3"):
        venue.apply(own[2])


def test_a_snapshot_goes_through_json_and_goes_on_as_if_nothing_had_been():
    d = busy()
    plain = json.loads(json.dumps(d.venue.snapshot()))
    again = Venue.restore(market(), plain)
    assert again.snapshot() == d.venue.snapshot()
    d.tick()
    moved = [venue.quote("EURUSD", D("1.0"), D("1.1"), d.at) for venue in (d.venue, again)]
    assert moved[0] == moved[1]


def test_a_restored_account_without_quotes_says_why_its_figures_are_unknown():
    own = [event for event in busy().log if event.account == "a"]
    assert replay(market(), own).figures("a").reason == "EURUSD has not been quoted"
