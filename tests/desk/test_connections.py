"""Platforms and connections as a person meets them: opened, edited, tested, switched, deleted."""

from __future__ import annotations

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from brokers import connecting
from brokers.adapters.errors import Unavailable
from brokers.models import Connection, SymbolTerms
from brokers.secrets import unsealed
from tests.admin.conftest import Browser
from tests.brokers.example_platform import CANARY, KEY, add_example, settings_given
from tests.factories import make_account, make_broker, make_owner, make_symbol
from tradershub.core.models import AuditEntry

pytestmark = pytest.mark.django_db
NEW = f"/connections/new/{KEY}/"


@pytest.fixture(autouse=True)
def example(monkeypatch):
    return add_example(monkeypatch)


@pytest.fixture
def trader():
    return Browser("Trader")


@pytest.fixture
def administrator():
    return Browser("Administrator")


@pytest.fixture
def viewer():
    return Browser("Viewer")


def opened(person, **more):
    given = {"name": "Main", "settings": settings_given(), "secrets": {"token": CANARY}}
    return connecting.open_connection(
        actor=person.user, owner=person.user, broker=make_broker(), platform=KEY, **given | more
    )


def at(name, *args):
    return reverse(f"desk:{name}", args=args)


# -- The platform's terms ----------------------------------------------------------------------
def test_terms_are_shown_before_they_are_taken_over(trader, viewer):
    connection = opened(trader)
    make_account(owner=trader.user, broker=connection.broker, connection=connection)
    address = at("connection-terms", connection.pk)
    page = trader.said(trader.client.post(address))
    assert "nothing is written yet" in page and not SymbolTerms.objects.exists()
    trader.client.post(address, {"sure": "1"})
    assert SymbolTerms.objects.get().source == f"Example, connection {connection.pk}"
    page = trader.said(trader.client.get(at("connection", connection.pk)))
    assert "1 new symbol; terms: 1 new" in page and "kept up once a day" in page
    assert viewer.client.post(address).status_code in (403, 404)


# -- The form ----------------------------------------------------------------------------------
def test_a_connection_is_opened_by_the_form_of_its_platform(trader):
    back = trader.client.get(NEW, follow=True)
    assert "an administrator adds one under Brokers first" in trader.said(back)
    broker = make_broker()
    assert NEW in trader.said(trader.client.get("/connections/new/"))
    shown = trader.shown(NEW)
    assert {"name", "broker", "setting_host", "setting_spread", "secret_token"} <= set(shown)
    assert shown["setting_spread"] == "1.5" and shown["secret_token"] == ""
    answer = trader.send(
        NEW, name="Mine", broker=broker.pk, setting_host="api.example.com",
        setting_practice="on", secret_token=CANARY,
    )  # fmt: skip
    row = Connection.objects.get()
    assert answer["Location"] == at("connection", row.pk)
    assert (row.owner, row.settings["practice"], row.live) == (trader.user, True, False)
    assert unsealed(row) == {"token": CANARY}
    page = trader.said(answer)
    assert "is open. Test it now." in page and "Kept here, encrypted" in page
    assert CANARY not in page


def test_what_is_refused_stands_beside_its_field_and_the_secret_is_not_shown_again(trader):
    broker = make_broker()
    page = trader.said(
        trader.send(NEW, name="Mine", broker=broker.pk, setting_host="a\tb", secret_token=CANARY)
    )
    assert "Host: expected a text of at most 300 characters in one line" in page
    assert CANARY not in page and "Mine" in page
    assert not Connection.objects.exists()


def test_an_edit_keeps_the_secret_that_is_not_typed_anew(trader):
    row = opened(trader)
    address = at("connection-edit", row.pk)
    page = trader.client.get(address).content.decode()
    assert (
        CANARY not in page and row.sealed not in page and "Left empty, it stays as it is." in page
    )
    trader.send(address, name="Renamed", setting_practice="", setting_pause="7")
    row.refresh_from_db()
    assert (row.name, row.settings["practice"], row.settings["pause"]) == ("Renamed", False, 7)
    assert unsealed(row)["token"] == CANARY
    trader.send(address, secret_token="another")
    row.refresh_from_db()
    assert unsealed(row)["token"] == "another"


def test_a_form_sent_twice_opens_one_and_another_secret_is_no_repetition(trader):
    row = opened(trader)
    address = at("connection-edit", row.pk)
    form = trader.shown(address)
    trader.client.post(address, {**form, "secret_token": "one"})
    again = trader.client.post(address, {**form, "secret_token": "two"})
    assert "sent before with other values" in trader.said(again)
    row.refresh_from_db()
    assert unsealed(row)["token"] == "one"


def test_only_an_administrator_is_asked_where_secrets_lie(trader, administrator):
    broker = make_broker()
    assert "reference" not in trader.shown(NEW)
    form = administrator.shown(NEW)
    assert form["store"] == "database" and form["reference"] == ""
    answer = trader.send(
        NEW, name="Mine", broker=broker.pk, setting_host="a", store="file", reference="x"
    )
    assert answer.status_code == 302
    assert Connection.objects.get().store == "database"


def test_a_market_of_its_own_is_opened_with_its_first_account(trader):
    answer = trader.client.get("/connections/new/paper/")
    assert answer["Location"] == "/paper/"


# -- The page ----------------------------------------------------------------------------------
def test_the_page_says_what_it_is_and_never_the_secret(trader):
    row = opened(trader)
    account = make_account(owner=trader.user, broker=row.broker, connection=row, name="Savings")
    make_symbol(account, "XYZ")
    page = trader.said(trader.client.get(at("connection", row.pk)))
    for words in ("Does Main work?", "api.example.com", "Savings", "Read only", "Not tested yet",
                  "Make a token that may trade and not withdraw.", "Opened Main"):  # fmt: skip
        assert words in page, words
    assert CANARY not in page and row.sealed not in page


def test_the_test_says_each_step_and_keeps_the_fault(trader, example):
    row = opened(trader)
    make_account(owner=trader.user, broker=row.broker, connection=row, number="001")
    page = trader.said(trader.client.post(at("connection-test", row.pk)))
    assert "EURUSD 1.1/1.1002" in page and "no order was sent" in page
    example.says = {"account": Unavailable(f"the key {CANARY} is not known")}
    page = trader.said(trader.client.post(at("connection-test", row.pk)))
    assert "the key [hidden] is not known" in page
    page = trader.said(trader.client.get(at("platforms")))
    assert "Fault" in page and CANARY not in page
    assert "with a fault" in page


def test_a_connection_is_switched_and_deleted(trader):
    row = opened(trader)
    off = trader.client.post(at("connection-switch", row.pk), {"on": "0"})
    assert "is switched off" in trader.said(off)
    again = trader.client.post(at("connection-switch", row.pk), {"on": "0"})
    assert "is switched off already" in trader.said(again)
    trader.client.post(at("connection-switch", row.pk), {"on": "1"})
    address = at("connection-delete", row.pk)
    account = make_account(owner=trader.user, broker=row.broker, connection=row)
    assert "An account is connected" in trader.refused(address)
    account.delete()
    done = trader.send(address)
    assert done["Location"] == at("platform", KEY)
    assert not Connection.objects.exists()


def test_a_key_that_ends_soon_is_said_on_page_and_dashboard(trader):
    make_account(owner=trader.user)
    row = opened(trader, expires_on="2020-01-01")
    assert "Its key ended on 2020-01-01" in trader.said(trader.client.get(at("connection", row.pk)))
    dashboard = trader.said(trader.client.get("/"))
    assert "The key of Main ended on 2020-01-01." in dashboard


def test_a_platform_that_switched_itself_off_is_said_on_the_dashboard(trader, settings):
    settings.PLATFORM_ERRORS_IN_ROW = 1
    make_account(owner=trader.user)
    opened(trader)
    connecting.note_error(KEY, "no answer")
    page = trader.said(trader.client.get("/"))
    assert (
        "Example is switched off but for closings: 1 errors in a row, the last: no answer." in page
    )


# -- Platforms ---------------------------------------------------------------------------------
def test_an_administrator_switches_a_platform_with_a_reason(administrator):
    page = administrator.said(administrator.client.get(at("platform", KEY)))
    assert "Switch Example off" in page and "Largest spread" in page
    answer = administrator.send(at("platform-off", KEY), reason="Maintenance")
    assert "no order goes there" in administrator.said(answer)
    assert not connecting.platform_row(KEY).enabled
    assert "Maintenance" in administrator.said(administrator.client.get(at("platforms")))
    administrator.client.post(at("platform-on", KEY))
    assert connecting.platform_row(KEY).enabled
    actions = list(AuditEntry.objects.values_list("action", flat=True)[:2])
    assert actions == ["platform.switch_on", "platform.switch_off"]


def test_an_administrator_takes_closings_too_from_a_platform_that_errors_switched_off(
    administrator, settings
):
    settings.PLATFORM_ERRORS_IN_ROW = 1
    connecting.note_error(KEY, "no answer")
    assert "Closings only" in administrator.said(administrator.client.get(at("platforms")))
    page = administrator.said(administrator.client.get(at("platform", KEY)))
    assert "only what cancels or closes goes there" in page and "Switch off closings, too" in page
    answer = administrator.send(at("platform-off", KEY), reason="Not there at all")
    assert "no order goes there" in administrator.said(answer)
    assert "Switch off closings, too" not in administrator.said(answer)


def test_a_trader_reads_platforms_and_switches_none(trader):
    assert "Switch Example off" not in trader.said(trader.client.get(at("platform", KEY)))
    assert trader.client.post(at("platform-off", KEY), {"reason": "x"}).status_code == 403
    assert trader.client.post(at("platform-on", KEY)).status_code == 403
    assert connecting.platform_row(KEY).enabled


def test_a_platform_that_is_not_there_is_not_found(administrator):
    for address in ("/platforms/telex/", "/connections/new/telex/", "/platforms/telex/off"):
        assert administrator.client.get(address).status_code == 404


# -- Who may -----------------------------------------------------------------------------------
ACTIONS = ["connection-edit", "connection-test", "connection-switch", "connection-delete"]


def test_who_may_only_look_reads_the_own_and_changes_nothing(viewer):
    row = opened(viewer)
    page = viewer.said(viewer.client.get(at("connection", row.pk)))
    assert "Test it" not in page and "Edit" not in page
    for name in ACTIONS:
        assert viewer.client.post(at(name, row.pk), {"on": "0"}).status_code == 403, name
    assert viewer.client.get(NEW).status_code == viewer.client.post(NEW).status_code == 403
    stored = Connection.objects.get()
    assert (stored.enabled, stored.checked_at) == (True, None)


def test_another_persons_connection_is_not_there(trader, administrator):
    row = opened(trader)
    for name in ("connection", *ACTIONS):
        for method in ("get", "post"):
            answer = getattr(administrator.client, method)(at(name, row.pk), {"on": "0"})
            assert answer.status_code in (404, 405), (name, method)
    assert "Main" not in administrator.said(administrator.client.get(at("platforms")))
    assert Connection.objects.get().enabled


def test_a_switch_without_its_token_is_refused(trader):
    row = opened(trader)
    trader.client.handler.enforce_csrf_checks = True
    for name in ("connection-test", "connection-switch"):
        assert trader.client.post(at(name, row.pk), {"on": "0"}).status_code == 403
    assert Connection.objects.get().enabled


# -- The list of the admin ---------------------------------------------------------------------
def test_the_list_leads_to_the_pages_and_its_actions_work(trader):
    row = opened(trader)
    table = "/brokers/connection/"
    assert "Main" in trader.said(trader.client.get(table))
    assert trader.client.get(f"{table}{row.pk}/change/")["Location"] == at("connection", row.pk)
    assert trader.client.get(f"{table}add/")["Location"] == "/connections/new/"
    chosen = {"_selected_action": [row.pk]}
    trader.client.post(table, {**chosen, "action": "switch_off"})
    assert not Connection.objects.get().enabled
    trader.client.post(table, {**chosen, "action": "switch_on"})
    trader.client.post(table, {**chosen, "action": "test"})
    assert Connection.objects.get().checked_at


def test_an_export_has_no_secret_nor_where_it_lies(administrator):
    opened(administrator)
    opened(
        administrator, name="Elsewhere", secrets={}, store="environment",
        reference="token=CONNECTION_CANARY",
    )  # fmt: skip
    form = administrator.client.get("/brokers/connection/export/").context["form"]
    fields = {name: "on" for name in form.fields if name not in ("format", "resource")}
    fields.pop("export_items", None)
    answer = administrator.client.post(
        "/brokers/connection/export/", {**fields, "resource": "0", "format": "1"}
    )
    assert answer["Content-Type"] == "text/csv"
    text = answer.content.decode()
    assert "Main" in text and "Elsewhere" in text
    for hidden in ("sealed", "reference", "CANARY", CANARY, "gAAAA"):
        assert hidden not in text


def test_pages_ask_the_database_the_same_number_of_times_however_many(trader):
    def asked(number):
        row = opened(trader, name=f"C{number}")
        make_account(owner=trader.user, broker=row.broker, connection=row)
        found = []
        for address in (at("platforms"), at("platform", KEY), "/brokers/connection/"):
            with CaptureQueriesContext(database) as queries:
                assert f"C{number}" in trader.client.get(address).content.decode()
            found.append(len(queries))
        return found

    asked(1)
    assert asked(2) == asked(3) == asked(4)


def test_a_stranger_is_nobody():
    assert not Connection.objects.for_user(make_owner()).exists()
