"""What is sent stays within what the books can hold and a calendar can count to."""

from __future__ import annotations

import json

import pytest

from accounts import manual
from accounts.models import AccountTerms, Deal
from brokers.models import Instrument
from tests.factories import make_account, make_symbol
from tradershub.core.errors import BadInput
from tradershub.core.terms import add_terms

pytestmark = pytest.mark.django_db

BEYOND = 10**30


@pytest.fixture
def account(administrator):
    return make_account(owner=administrator.user, name="Mine", currency="USD")


def refusal(answer):
    assert answer.status_code == 422, answer.content
    return answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("symbols", "broker_id"),
        ("accounts", "broker_id"),
        ("deals", "account_id"),
        ("deals", "statement_id"),
        ("positions", "account_id"),
        ("orders", "account_id"),
        ("breaks", "account_id"),
        ("day-figures", "account_id"),
        ("imports", "account_id"),
    ],
)
def test_an_id_larger_than_any_is_refused_by_name(administrator, path, name):
    error = refusal(administrator.get(path, **{name: BEYOND}))
    assert error["param"] == name


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
@pytest.mark.parametrize("name", ["from_day", "to_day"])
def test_a_curve_begins_and_ends_on_days_that_can_be_counted(administrator, account, name, day):
    error = refusal(administrator.get(f"accounts/{account.pk}/curve", **{name: day}))
    assert "between the years" in error["message"]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z"])
def test_no_entry_is_older_than_trading(administrator, account, at):
    body = {"account_id": account.pk, "amount": "10", "at": at}
    assert "between the years" in refusal(administrator.post("deposits", body))["message"]


def test_a_refusal_stays_short_whatever_was_sent(administrator):
    body = {"name": "X", "time_zone": "9" * 5000}
    assert len(refusal(administrator.post("brokers", body))["message"]) <= 400


@pytest.mark.parametrize("name", ["pip_size", "tick_size", "contract_size", "tick_value"])
@pytest.mark.parametrize("value", ["0", "-0.1"])
def test_sizes_of_an_instrument_are_above_zero(administrator, name, value):
    instrument = Instrument.objects.first()
    error = refusal(administrator.patch(f"instruments/{instrument.pk}", {name: value}))
    assert error["param"] == name
    assert f"Expected a number above zero, found {value}" in error["message"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tick_size", "0"),
        ("contract_size", "0"),
        ("lot_step", "-1"),
        ("lot_min", "0"),
        ("digits", 300),
        ("margin_rate", "-1"),
    ],
)
def test_terms_that_no_formula_can_use_are_refused_by_name(administrator, account, name, value):
    symbol = make_symbol(account)
    terms = {"valid_from": "2024-01-01", "contract_size": "100000", "tick_size": "0.00001"}
    error = refusal(administrator.post(f"symbols/{symbol.pk}/terms", terms | {name: value}))
    assert error["param"] == name


def test_what_is_open_is_counted_in_the_refusal_to_close(administrator, account):
    for _ in range(2):
        manual.trade(account, actor="me", symbol="EURUSD", side="buy", volume="1", price="1.1")
    manual.place_order(
        account, actor="me", symbol="EURUSD", side="buy", volume="1", type="limit", price="1"
    )
    answer = administrator.post(f"accounts/{account.pk}/close")
    assert answer.status_code == 409
    assert "2 positions and 1 order are still open" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "at",
    ["2026", "20260501", 5, 1.5, "2026-05-01", "2026-05-01T12:00:00", "٢٠٢٦-05-01T12:00:00Z", True],
)
def test_a_moment_is_a_day_a_time_and_a_zone(administrator, account, at):
    body = {"account_id": account.pk, "amount": "1", "at": at}
    error = refusal(administrator.post("deposits", body))
    assert error["param"] == "at"
    assert "expected a day, a time and a zone, as 2026-05-01T12:00:00Z" in error["message"]
    assert error["message"].endswith(json.dumps(at, ensure_ascii=False))
    assert not Deal.objects.exists()


@pytest.mark.parametrize(
    "at", ["2026-05-01T12:00:00Z", "2026-05-01T14:00+02:00", "2026-05-01 12:00:00.000000+0000"]
)
def test_a_moment_is_kept_in_utc_however_its_zone_is_written(administrator, account, at):
    answer = administrator.post("deposits", {"account_id": account.pk, "amount": "1", "at": at})
    assert answer.json()["at"] == "2026-05-01T12:00:00.000000Z"


@pytest.mark.parametrize("path", ["deals", "audit"])
@pytest.mark.parametrize("name", ["from_at", "to_at"])
def test_a_list_is_not_filtered_by_seconds_since_1970(administrator, path, name):
    assert refusal(administrator.get(path, **{name: "2020"}))["param"] == name


@pytest.mark.parametrize("path", ["rates", "day-figures"])
@pytest.mark.parametrize("day", ["0", "86400", "20200101"])
def test_a_day_is_not_a_count_of_seconds(administrator, path, day):
    assert "expected a day" in refusal(administrator.get(path, from_day=day))["message"]


@pytest.mark.parametrize("amount", ["١٢٣", "1_000", "１"])
def test_a_number_is_written_in_plain_digits(administrator, account, amount):
    body = {"account_id": account.pk, "amount": amount}
    error = refusal(administrator.post("deposits", body))
    assert (error["param"], Deal.objects.count()) == ("amount", 0)


@pytest.mark.parametrize("leverage", [10_001, 10**18])
def test_leverage_has_the_same_limit_by_every_way_in(administrator, account, leverage):
    terms = {"valid_from": "2024-01-01", "leverage": leverage}
    path = f"accounts/{account.pk}/terms"
    assert refusal(administrator.post(path, terms))["param"] == "leverage"
    with pytest.raises(BadInput, match="leverage"):
        add_terms(AccountTerms(account=account, **terms), actor="me")
