"""Connections and platforms: opened, edited, switched, tested, and never an order on the way."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal

import pytest

from brokers import connecting
from brokers.adapters.errors import Unavailable
from brokers.adapters.messages import AccountReport, Mode
from brokers.adapters.settings import WrongSetting, described, from_plain, to_plain
from brokers.checking import check_connection
from brokers.models import Connection, Platform
from brokers.platforms import PLATFORMS
from tests.brokers.example_platform import AT, CANARY, KEY, ExampleSettings, settings_given
from tests.factories import make_account, make_broker, make_owner
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.models import AuditEntry

pytestmark = pytest.mark.django_db


# -- Settings ----------------------------------------------------------------------------------
def test_settings_come_back_as_they_were_kept():
    given = from_plain(ExampleSettings, {"host": " a ", "practice": "0", "spread": "2.50"})
    assert (given.host, given.practice, given.pause, given.spread) == (
        "a",
        False,
        2,
        Decimal("2.50"),
    )
    assert to_plain(given)["spread"] == "2.50"
    assert from_plain(ExampleSettings, to_plain(given)) == given
    assert "token" not in to_plain(given)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "host"),
        ({"host": "  "}, "host"),
        ({"host": 5}, "host"),
        ({"host": "a\nb"}, "host"),
        ({"host": "x" * 301}, "host"),
        ({"host": "a", "pause": "1.5"}, "pause"),
        ({"host": "a", "pause": True}, "pause"),
        ({"host": "a", "spread": 1.5}, "spread"),
        ({"host": "a", "spread": "1e5"}, "spread"),
        ({"host": "a", "spread": "NaN"}, "spread"),
        ({"host": "a", "practice": "maybe"}, "practice"),
        ({"host": "a", "side": "sell"}, "side"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_named(given, name):
    with pytest.raises(WrongSetting) as refused:
        from_plain(ExampleSettings, given)
    assert refused.value.name == name


def test_a_field_that_no_form_can_show_is_refused():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Odd(ExampleSettings):
        at: dt.datetime = AT

    Odd.__annotations__["at"] = dt.datetime
    with pytest.raises(TypeError, match="at"):
        described(Odd)


@pytest.mark.parametrize("key", list(PLATFORMS))
def test_every_platform_has_settings_a_form_can_show(key):
    assert all(field.label for field in described(PLATFORMS.load(key).settings))


# -- To the adapter ----------------------------------------------------------------------------
def test_an_adapter_gets_settings_secrets_and_account(connection):
    adapter = connecting.open_adapter(connection, "001")
    assert adapter.line.settings.host == "api.example.com"
    assert (adapter.line.number, adapter.line.live) == ("001", False)
    assert adapter.line.secrets == {"token": CANARY}
    assert CANARY not in repr(adapter.line) and CANARY not in repr(adapter.line.settings)
    adapter.session.store("cursor", 5)
    assert connecting.open_adapter(connection, "001").session.load("cursor") == 5
    assert connecting.open_adapter(connection, "002").session.load("cursor") is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"settings": {}}, "settings"),
        ({"sealed": "gAAAA"}, "secrets"),
        ({"platform": "gone"}, "platform"),
    ],
)
def test_what_is_missing_is_named_and_nothing_was_sent(connection, change, code):
    for name, value in change.items():
        setattr(connection, name, value)
    with pytest.raises(Unavailable) as refused:
        connecting.open_adapter(connection, "001")
    assert refused.value.code == code


# -- Connections -------------------------------------------------------------------------------
def opened(owner, **more):
    given = {"broker": make_broker(), "platform": KEY, "name": "Main", "settings": settings_given()}
    return connecting.open_connection(actor=owner, owner=owner, **{**given, **more})


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"platform": "telex"}, "platform"),
        ({"name": " "}, "name"),
        ({"settings": {}}, "host"),
        ({"settings": settings_given(colour="red")}, "settings"),
        ({"settings": settings_given(token=CANARY)}, "settings"),
        ({"secrets": {"password": CANARY}}, "secrets"),
        ({"secrets": {"token": "x" * 5000}}, "token"),
        ({"reference": "x"}, "reference"),
        ({"store": "file"}, "reference"),
        ({"store": "cloud", "reference": "x"}, "store"),
    ],
)
def test_what_cannot_be_opened_is_named_without_the_secret(example, administrator, more, param):
    with pytest.raises(BadInput) as refused:
        opened(administrator, **more)
    assert refused.value.param == param
    assert CANARY not in refused.value.message
    assert not Connection.objects.exists()


def test_two_of_one_name_and_one_at_a_closed_broker_are_refused(example, administrator):
    opened(administrator)
    with pytest.raises(BadInput):
        opened(administrator)
    with pytest.raises(Conflict, match="closed"):
        opened(administrator, name="Other", broker=make_broker(status="closed"))


def test_a_platform_with_prices_of_its_own_values_no_account_elsewhere(administrator):
    for broker in (
        make_account().broker,
        opened(administrator, platform="manual", settings={}).broker,
    ):
        with pytest.raises(Conflict, match="prices of its own"):
            opened(administrator, name="Paper", platform="paper", settings={}, broker=broker)
    assert opened(administrator, name="Paper", platform="paper", settings={}).pk


def test_what_was_edited_stands_in_the_log_without_any_secret(connection, administrator):
    connecting.edit_connection(
        connection,
        actor=administrator,
        name="Renamed",
        settings={"pause": 9},
        secrets={"token": f"{CANARY}2"},
    )
    entry = AuditEntry.objects.first()
    assert entry.action == "connection.edit" and entry.owner_id == administrator.pk
    assert entry.details["name"] == ["Main", "Renamed"]
    assert "pause 2" in entry.details["settings"][0] and "pause 9" in entry.details["settings"][1]
    assert "new token" in entry.summary
    assert all(CANARY not in f"{one.summary}{one.details}" for one in AuditEntry.objects.all())


@pytest.mark.parametrize("name", ["platform", "broker", "owner"])
def test_what_a_connection_is_cannot_be_changed(connection, administrator, name):
    with pytest.raises(BadInput, match="fixed"):
        connecting.edit_connection(connection, actor=administrator, **{name: "another"})


def test_a_connection_is_switched_off_and_on_and_says_why_it_is_shut(connection, administrator):
    assert connecting.why_shut(connection) == ""
    off = connecting.switch_connection(connection, on=False, actor=administrator)
    assert connecting.why_shut(off) == "The connection Main is switched off"
    with pytest.raises(Conflict, match="off already"):
        connecting.switch_connection(off, on=False, actor=administrator)
    assert (
        connecting.why_shut(connecting.switch_connection(off, on=True, actor=administrator)) == ""
    )


def test_a_connection_is_deleted_once_no_account_needs_it(connection, administrator):
    account = make_account(owner=administrator, broker=connection.broker, connection=connection)
    connecting.open_adapter(connection, account.number).session.store("cursor", 1)
    with pytest.raises(Conflict, match="An account is connected"):
        connecting.delete_connection(connection, actor=administrator)
    account.connection = None
    account.save()
    connecting.delete_connection(connection, actor=administrator)
    assert not Connection.objects.exists()
    assert AuditEntry.objects.first().action == "connection.delete"


def test_a_key_that_ends_soon_is_expiring(connection):
    today = dt.date(2024, 3, 4)
    for days, soon in ((15, False), (14, True), (-1, True)):
        connection.expires_on = today + dt.timedelta(days=days)
        assert connecting.expiring(connection, today=today) is soon
    connection.expires_on = None
    assert not connecting.expiring(connection, today=today)


# -- Platforms ---------------------------------------------------------------------------------
def test_errors_in_a_row_switch_a_platform_off_until_a_person_acts(
    example, administrator, settings, connection
):
    settings.PLATFORM_ERRORS_IN_ROW = 3
    assert [connecting.note_error(KEY, "no answer") for _ in range(2)] == [False, False]
    connecting.note_success(KEY)
    assert [connecting.note_error(KEY, "no answer") for _ in range(4)] == [
        False,
        False,
        True,
        False,
    ]
    connecting.note_success(KEY)
    row = connecting.platform_row(KEY)
    assert not row.enabled and row.disabled_at
    assert row.disabled_because == "3 errors in a row, the last: no answer"
    assert connecting.why_shut(connection) == (
        "The platform Example is switched off but for closings: 3 errors in a row, the last: no answer"
    )
    assert connecting.why_shut(connection, closing=True) == ""
    assert AuditEntry.objects.filter(action="platform.switch_off").count() == 1
    connecting.switch_platform(row, on=True, actor=administrator)
    assert connecting.why_shut(connection) == ""
    assert [connecting.note_error(KEY, "no answer") for _ in range(2)] == [False, False]


def test_a_person_switches_off_what_errors_left_open_for_closings(
    example, administrator, settings, connection
):
    settings.PLATFORM_ERRORS_IN_ROW = 1
    connecting.note_error(KEY, "no answer")
    row = connecting.platform_row(KEY)
    assert row.closes_only
    off = connecting.switch_platform(row, on=False, actor=administrator, reason="Not there at all")
    assert (off.enabled, off.closes_only) == (False, False)
    assert connecting.why_shut(connection, closing=True) == (
        "The platform Example is switched off: Not there at all"
    )
    with pytest.raises(Conflict, match="off already"):
        connecting.switch_platform(off, on=False, actor=administrator)


def test_a_platform_is_switched_by_a_person_who_may_say_why(example, administrator):
    row = connecting.platform_row(KEY)
    off = connecting.switch_platform(row, on=False, actor=administrator, reason="Maintenance")
    assert (off.enabled, off.disabled_because) == (False, "Maintenance")
    with pytest.raises(Conflict, match="off already"):
        connecting.switch_platform(row, on=False, actor=administrator)
    on = connecting.switch_platform(off, on=True, actor=administrator)
    assert (on.enabled, on.disabled_at, on.disabled_because) == (True, None, "")


def test_every_platform_has_its_row(example):
    assert [row.key for row in connecting.all_platforms()] == list(PLATFORMS)
    assert Platform.objects.count() == len(list(PLATFORMS))


# -- The test of a connection ------------------------------------------------------------------
def checked(connection):
    steps = check_connection(connection, actor=connection.owner)
    connection.refresh_from_db()
    return {step.what: (step.ok, step.said) for step in steps}


@pytest.fixture
def account(connection):
    return make_account(
        owner=connection.owner, broker=connection.broker, connection=connection, number="001"
    )


def test_a_connection_that_answers_says_account_contracts_and_prices(connection, account):
    found = checked(connection)
    assert [ok for ok, _ in found.values()] == [True, True, True, True]
    assert "1\u202f000.00 USD" in found["Account 001"][1]
    assert "EURUSD 1.1/1.1002" in found["Prices"][1]
    assert connection.fault == "" and connection.seen_at and connection.checked_at
    assert connecting.condition(connection) == "Works"
    assert AuditEntry.objects.first().summary == "Tested Main (Example): it answers"


def report(**more):
    own = {"number": "001", "currency": "USD", "mode": Mode.HEDGING, "live": False}
    return AccountReport(**{**own, "balance": Decimal(0), "at": AT, **more})


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (Unavailable(f"refused {CANARY}"), "refused [hidden]"),
        (report(number="002"), "another account answers: 002"),
        (report(currency="EUR"), "is kept in EUR there, in USD here"),
        (report(live=True), "has real money there; the connection says no real money"),
    ],
)
def test_an_account_that_is_not_the_one_meant_is_a_fault(connection, account, example, said, words):
    example.says = {"account": said}
    assert checked(connection)["Account 001"] == (False, words)
    assert connection.fault == f"Account 001: {words}"
    assert connecting.condition(connection) == "Fault"
    example.says = {}
    checked(connection)
    assert connection.fault == ""


def test_without_contracts_no_price_is_asked(connection, account, example):
    example.says = {"terms": Unavailable("not now"), "quotes": AssertionError("asked")}
    found = checked(connection)
    assert found["Contracts"] == (False, "not now")
    assert found["Prices"][0] is None
    example.says = {"terms": [], "quotes": AssertionError("asked")}
    assert checked(connection)["Prices"] == (None, "of nothing")


def test_without_an_account_settings_and_secrets_are_tried(connection):
    assert checked(connection)["Settings and secrets"] == (True, "are there")
    Connection.objects.filter(pk=connection.pk).update(settings={})
    connection.refresh_from_db()
    assert checked(connection)["Settings and secrets"][0] is False
    assert "Host" in connection.fault


def test_where_a_person_carries_orders_out_nothing_is_asked(administrator):
    by_hand = opened(administrator, platform="manual", settings={})
    make_account(owner=administrator, broker=by_hand.broker, connection=by_hand)
    found = checked(by_hand)
    assert found["Account"] == (None, "nobody answers there: a person carries the orders out")
    assert (by_hand.fault, by_hand.seen_at) == ("", None)
    assert connecting.condition(by_hand) == "Ready"


def test_what_is_switched_off_is_said(connection, account, administrator):
    connecting.switch_connection(connection, on=False, actor=administrator)
    connection.refresh_from_db()
    assert checked(connection)["Orders"] == (None, "The connection Main is switched off")


def test_a_stranger_has_none_of_them(connection):
    assert not Connection.objects.for_user(make_owner()).exists()
