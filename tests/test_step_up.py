"""Whatever loosens, or moves real money by hand, asks for a second factor: on every address there is.

A new address that acts fails these tests until it stands here: among those that ask, with a request that
would otherwise be carried out, or among those that do not.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.utils import timezone

from brokers.connecting import all_platforms
from brokers.models import Connection, Instrument, Platform, Quote, SymbolTerms
from brokers.platforms import PLATFORMS
from risk.models import Blackout, KillSwitch, Limit
from tests.brokers.example_platform import KEY, add_example
from tests.factories import make_account, make_broker, make_owner, make_strategy, make_symbol
from tests.phone import Phone
from tests.routes import operations, page_routes
from tradershub.core.api_keys import SCOPES, create_key
from tradershub.core.models import AuditEntry, Submission
from tradershub.core.step_up import HEADER, Proof
from trading.models import Lane, Order, Route, Signal, SignalSource

pytestmark = [pytest.mark.django_db, pytest.mark.second_factor]

AT = dt.datetime(2024, 3, 4, 10, tzinfo=dt.UTC)
REASON = "calmer markets by far"
ON_ROW = ("add", "change", "delete", "changelist", "history", "export", "import", "process_import")


class Ask(NamedTuple):
    """A request that is carried out with a code. books: names of rows stand in braces."""

    path: str
    body: dict[str, Any]
    method: str = "post"


# -- Which addresses ask ---------------------------------------------------------------------------
OPERATIONS = {
    "enable_platform": Ask("platforms/{platform}/enable", {}),
    "open_connection": Ask("connections", {
        "name": "New", "platform": KEY, "broker_id": "{broker}", "settings": {"host": "h"},
        "secrets": {"token": "t"},
    }),
    "edit_connection": Ask("connections/{line}", {"settings": {"host": "elsewhere"}}, "patch"),
    "delete_connection": Ask("connections/{spare}", {}, "delete"),
    "enable_connection": Ask("connections/{spare}/enable", {}),
    "switch_trading": Ask("accounts/{idle}/trading", {"on": True}),
    "send_order": Ask("trading/orders", {
        "account_id": "{account}", "symbol": "EURUSD", "side": "buy", "lots": "1",
    }),
    "change_sent_order": Ask("trading/orders/{working}", {"lots": "3"}, "patch"),
    "settle_sent_order": Ask("trading/orders/{lost}/settle", {"evidence": "Seen at the broker"}),
    "set_stops": Ask("trading/positions/{position}/stops", {"stop_loss": None}),
    "resume_lane": Ask("trading/accounts/{account}/resume", {"reason": REASON}),
    "create_signal_source": Ask("signal-sources", {"name": "New", "mode": "live"}),
    "edit_signal_source": Ask("signal-sources/{tester}", {"mode": "live"}, "patch"),
    "new_signal_secret": Ask("signal-sources/{source}/secret", {}),
    "edit_strategy": Ask("strategies/{strategy}", {"status": "live"}, "patch"),
    "set_route": Ask("routes", {"strategy_id": "{strategy}", "account_id": "{idle}"}, "put"),
    "approve_signal": Ask("signals/{waiting}/approve", {}),
    "send_signal_again": Ask("signals/{signal}/again", {}),
    "edit_limit": Ask("limits/{limit}", {"value": "30", "reason": REASON}, "patch"),
    "remove_limit": Ask("limits/{limit}/remove", {"reason": REASON}),
    "remove_blackout": Ask("blackouts/{window}/remove", {"reason": REASON}),
    "release_limit": Ask("limits/{limit}/release", {"reason": REASON}),
    "release_kill_switch": Ask("kill-switch/release", {
        "scope": "account", "account_id": "{idle}", "reason": REASON,
    }),
    "create_api_key": Ask("api-keys", {"name": "x", "scopes": ["write"]}),
}  # fmt: skip
FREE_OPERATIONS = {
    # They only forbid, stop, cancel, close or lower.
    "add_limit", "add_blackout", "apply_preset", "engage_kill_switch", "flatten", "withdraw_flattening",
    "cancel_sent_order", "close_at_broker", "decline_signal", "drop_signal_secret",
    "disable_connection", "disable_platform", "revoke_api_key", "connect_account", "close_account",
    # A paper account holds no money.
    "open_paper_account",
    # A source proves by itself who it is, and limits bound what it does.
    "send_signal", "send_signal_with_token",
    # A new strategy goes nowhere: its route asks.
    "create_strategy",
    # Who is told what happened; a chat stops and closes, and nothing else.
    "open_channel", "edit_channel", "delete_channel", "enable_channel", "disable_channel",
    "disconnect_channel", "make_channel_code", "try_channel",
    # Books and what is known of brokers: nothing of it leaves the hub.
    "open_broker", "edit_broker", "close_broker", "reopen_broker", "add_instrument",
    "edit_instrument", "add_symbol", "map_symbol", "add_symbol_terms", "edit_terms",
    "try_connection", "take_over_terms", "open_account", "edit_account", "reopen_account", "add_account_terms",
    "edit_account_terms", "place_order", "modify_order", "cancel_order", "fill_order",
    "close_position", "explain_break", "reopen_break", "enter_deposit", "enter_withdrawal",
    "enter_charge", "enter_trade", "reverse_deal", "upload_statements", "name_columns",
    "confirm_import", "cancel_import", "read_import_again", "undo_import", "discard_import",
    "delete_original", "delete_mapping", "edit_preferences",
}  # fmt: skip

TICKET = {
    "account": "{account}", "symbol": "EURUSD", "side": "buy", "size": "1", "size_in": "lots",
    "kind": "market", "duration": "gtc",
}  # fmt: skip
PERSON = {
    "username": "somebody", "password1": "a-long-password", "password2": "a-long-password",
    "usable_password": "true",
}  # fmt: skip
PAGES = {
    "release": Ask("release", {"scope": "account", "account": "{idle}", "reason": REASON}),
    "ticket-send": Ask("ticket/send", TICKET),
    "order-change": Ask("orders/{working}/change", {"lots": "3", "price": "1.05"}),
    "order-settle": Ask("orders/{lost}/settle", {"evidence": "Seen at the broker"}),
    "position-stops": Ask("positions/{position}/stops", {"initial-stop_loss": "1.05", "stop_loss": ""}),
    "platform-on": Ask("platforms/off/on", {}),
    "connection-new": Ask(f"connections/new/{KEY}/", {
        "name": "New", "broker": "{broker}", "setting_host": "h", "setting_pause": "1",
        "setting_spread": "1", "setting_side": "both", "secret_token": "t", "store": "database",
    }),
    "connection-edit": Ask("connections/{line}/edit", {
        "name": "Line", "setting_host": "elsewhere", "setting_pause": "1", "setting_spread": "1",
        "setting_side": "both", "store": "database", "live": "on",
    }),
    "connection-switch": Ask("connections/{spare}/switch", {"on": "1"}),
    "connection-delete": Ask("connections/{spare}/delete", {"token": ""}),
    "signal-approve": Ask("signals/{waiting}/approve", {}),
    "signal-again": Ask("signals/{signal}/again", {}),
    "signal-source-secret": Ask("signals/sources/{source}/secret", {}),
    "security-begin": Ask("security/begin", {}),
    "security-codes": Ask("security/codes", {}),
    "security-remove": Ask("security/remove", {}),
    "risk_limit_change": Ask("risk/limit/{limit}/change/", {
        "value": "30", "unit": "lots", "enabled": "on", "reason": REASON, "basis": "balance",
        "trail": "static", "window": "",
    }),
    "risk_blackout_change": Ask("risk/blackout/{window}/change/", {
        "event": "Payrolls", "scope": "all", "starts_at_0": "2024-01-01", "starts_at_1": "00:00",
        "ends_at_0": "2024-01-02", "ends_at_1": "00:00", "reason": REASON,
    }),
    "core_apikey_add": Ask("core/apikey/add/", {"name": "x", "scopes": ["write"]}),
    "auth_user_add": Ask("auth/user/add/", PERSON),
    "auth_user_change": Ask("auth/user/{other}/change/", {
        "username": "other", "is_active": "on", "date_joined_0": "2024-01-01",
        "date_joined_1": "00:00:00",
    }),
    "auth_user_delete": Ask("auth/user/{other}/delete/", {"post": "yes"}),
    "auth_user_password_change": Ask("auth/user/{other}/password/", PERSON),
    "auth_user_reset_second_factor": Ask(
        "auth/user/{other}/reset_second_factor/", {"reason": "Seen in person"}
    ),
    "auth_group_add": Ask("auth/group/add/", {"name": "Another"}),
    "auth_group_change": Ask("auth/group/{group}/change/", {"name": "Another"}),
    "accounts_account_trade_this": Ask("accounts/account/{idle}/trade_this/", {"token": ""}),
    "accounts_account_closings_this": Ask("accounts/account/{idle}/closings_this/", {"token": ""}),
    "trading_order_settle": Ask("trading/order/{lost}/settle/", {"evidence": "Seen there"}),
    "trading_lane_resume": Ask("trading/lane/{lane}/resume/", {"reason": REASON}),
    "trading_signalsource_add": Ask("trading/signalsource/add/", {
        "name": "New", "dialect": "generic", "mode": "live", "enabled": "on", "proof": "token",
        "size_in": "lots", "level_in": "price", "time_zone": "UTC", "expires_after": "60",
        "approve_within": "900", "burst": "15",
    }),
    "trading_signalsource_change": Ask("trading/signalsource/{tester}/change/", {
        "name": "Tester", "dialect": "generic", "mode": "live", "enabled": "on", "proof": "token",
        "size_in": "lots", "level_in": "price", "time_zone": "UTC", "expires_after": "60",
        "approve_within": "900", "burst": "15", "strategy": "{strategy}",
    }),
    "strategies_strategy_change": Ask("strategies/strategy/{strategy}/change/", {
        "name": "", "status": "live", "size": "", "size_in": "lots", "time_zone": "UTC",
        "instruments": [], "notes": "",
    }),
    "trading_route_add": Ask("trading/route/add/", {
        "strategy": "{strategy}", "account": "{idle}", "share": "1", "enabled": "on",
    }),
    "trading_route_change": Ask("trading/route/{route}/change/", {"share": "2", "enabled": "on"}),
}  # fmt: skip
FREE_PAGES = {
    # The frame, and pages that only show.
    "", "index", "app_list", "autocomplete", "jsi18n", "login", "login-code", "logout", "search",
    "view_on_site", "live", "ready", "page", "subject", "subject-table", "table", "build",
    "build-drop", "build-file", "build-retry", "build-waiting", "connection", "connection-choose",
    "flattening", "order", "orders", "platform", "platforms", "position", "security", "signal",
    "signal-source", "ticket", "ticket-now", "trading_signalsource_how_to_send",
    # One's own password asks for the old one; an app for the password, and for the app in its place.
    "password_change", "password_change_done", "security-app",
    # They stop, cancel, close, lower, or take away.
    "stop", "flatten", "flattening-withdraw", "order-cancel", "trading_order_cancel",
    "position-close", "position-break-even", "platform-off", "signal-decline",
    "signal-source-drop", "accounts_account_stop_this", "accounts_account_close_this",
    "auth_group_delete",
    # Who is told what happened; a chat stops and closes, and nothing else.
    "channel", "channel-choose", "channel-new", "channel-edit", "channel-delete", "channel-switch",
    "channel-test", "channel-code", "channel-disconnect",
    # No money is at stake, or none leaves the hub.
    "paper", "connection-test", "connection-terms", "accounts_account_open_paper", "accounts_account_reopen_this",
    "brokers_broker_close_this", "brokers_broker_reopen_this", "accounts_position_close",
    *(f"accounts_account_enter_{what}" for what in ("charge", "deposit", "order", "trade", "withdrawal")),
    *(f"accounts_break_{what}" for what in ("explain", "reopen")),
    *(f"accounts_brokerorder_{what}" for what in ("cancel", "fill", "modify")),
    *(f"accounts_deal_{what}" for what in ("charge", "deposit", "reverse", "trade", "withdrawal")),
}  # fmt: skip
# Tables whose own forms loosen nothing; a form that does stands above by its name.
FREE_TABLES = {
    "accounts.account", "accounts.accountterms", "accounts.break", "accounts.brokerorder",
    "accounts.channel", "accounts.notification", "accounts.dayfigures",
    "accounts.deal", "accounts.equitysnapshot", "accounts.filemapping",
    "accounts.position", "accounts.statementimport", "auth.group", "auth.user",
    "axes.accessattempt", "axes.accessfailurelog", "axes.accesslog", "brokers.broker",
    "brokers.brokersymbol", "brokers.connection", "brokers.fxrate", "brokers.instrument",
    "brokers.platform", "brokers.quote", "brokers.symbolterms", "core.apikey", "core.preference",
    "django_q.failure", "django_q.ormq", "django_q.schedule", "django_q.success",
    "risk.blackout", "risk.killswitch", "risk.limit", "risk.riskevent", "strategies.strategy", "trading.lane",
    "trading.order", "trading.orderattempt", "trading.route", "trading.signal",
    "trading.signalsource",
}  # fmt: skip


def test_every_address_says_whether_it_asks():
    acting = {op.id for op in operations() if op.method != "get"}
    assert acting ^ (OPERATIONS.keys() | FREE_OPERATIONS) == set()
    assert not OPERATIONS.keys() & FREE_OPERATIONS

    tables = {model._meta.label_lower for model in admin.site._registry}
    ordinary = {f"{label.replace('.', '_')}_{what}" for label in FREE_TABLES for what in ON_ROW}
    pages = {route.name for route in page_routes() if not route.name.startswith("import")}
    assert tables - FREE_TABLES == set()
    assert pages - PAGES.keys() - FREE_PAGES - ordinary == set()
    assert PAGES.keys() - pages == set()


# -- Books with real money -------------------------------------------------------------------------
class Books:
    """An administrator with all that could be loosened, and a phone."""

    def __init__(self, monkeypatch: Any) -> None:
        add_example(monkeypatch)
        monkeypatch.setattr(
            "trading.services.enqueue", lambda *_, **named: None
        )  # nothing goes out
        monkeypatch.setattr("trading.services._ask_risk_anew", lambda *asked, **how: None)
        self.owner = make_owner(username="ada", is_staff=True, is_superuser=True)
        self.phone = Phone(self.owner)
        self.broker = make_broker()
        self.line = self._connection("Line", enabled=True)
        self.spare = self._connection("Spare", enabled=False)
        self.account = self._account(may_trade=True)
        self.idle = self._account(may_trade=False)
        self._trade()
        self._signal()
        self.limit = Limit.objects.create(
            kind="max_lots", unit="lots", value=10, scope="owner", owner=self.owner
        )
        self.window = Blackout.objects.create(
            event="Payrolls", scope="all", owner=self.owner, starts_at=AT,
            ends_at=timezone.now() + dt.timedelta(hours=1),
        )  # fmt: skip
        KillSwitch.objects.create(
            scope="account", key=str(self.idle.pk), owner_id=self.owner.pk, engaged=True, epoch=1
        )
        monkeypatch.setitem(PLATFORMS._entries, "off", PLATFORMS._entries[KEY])
        all_platforms()
        self.platform = Platform.objects.get(key="off")
        Platform.objects.filter(key="off").update(enabled=False)
        self.other = make_owner(username="other", is_staff=True)
        Phone(self.other)
        self.group = apps.get_model("auth.group").objects.create(name="Helpers")
        self.program, self.browser = self._program(), Client()
        self.browser.force_login(self.owner)

    def _connection(self, name: str, **fields: Any) -> Connection:
        given = {"host": "h", "practice": False}
        return Connection.objects.create(
            owner=self.owner, broker=self.broker, platform=KEY, name=name, live=True,
            settings=given, **fields,
        )  # fmt: skip

    def _account(self, **fields: Any) -> Any:
        given = {"owner": self.owner, "broker": self.broker, "connection": self.line}
        return make_account(kind="live", **given, **fields)

    def _trade(self) -> None:
        pair = {"category": "fx", "base": "EUR", "quote": "USD"}
        sizes = {"tick_size": "0.00001", "contract_size": 100000}
        instrument, _ = Instrument.objects.get_or_create(symbol="EURUSD", defaults=pair | sizes)
        self.symbol = make_symbol(self.account, instrument=instrument)
        SymbolTerms.objects.create(symbol=self.symbol, **sizes, valid_from="2020-01-01")
        now = {"at": timezone.now(), "source": "test"}
        Quote.objects.create(symbol=self.symbol, bid="1.1", ask="1.1001", **now)
        asked = {"account": self.account, "symbol": self.symbol, "side": "buy", "lots": 2}
        ids = {"origin_kind": "hand", "received_at": AT}
        kind = {"kind": "limit", "price": "1.05"}
        self.working = Order.objects.create(
            **asked,
            **ids,
            **kind,
            client_order_id="w",
            origin_id="w",
            state="working",
            broker_order_id="B1",
            lane_seq=1,
        )
        self.lost = Order.objects.create(
            **asked, **ids, client_order_id="q", origin_id="q", state="quarantined", lane_seq=2
        )
        self.position = apps.get_model("accounts.position").objects.create(
            account=self.account, symbol=self.symbol, ref="1", side="buy", volume=1,
            open_volume=1, open_price="1.1", opened_at=AT, stop_loss="1.05",
        )  # fmt: skip
        self.lane = Lane.objects.create(account=self.account, halted=True, halted_because="x")

    def _signal(self) -> None:
        self.strategy = make_strategy(self.owner, "mr-1")
        self.route = Route.objects.create(strategy=self.strategy, account=self.account)
        of = {"owner": self.owner, "strategy": self.strategy}
        self.source = SignalSource.objects.create(name="Live", mode="live", **of)
        self.tester = SignalSource.objects.create(name="Tester", mode="dry_run", **of)
        draft = {"intent": "buy", "symbol": "EURUSD", "kind": "market", "duration": "gtc"}
        self.signal, self.waiting = (
            Signal.objects.create(
                source=self.source, key=key, body="x", body_hash="x", mode=mode, state=state,
                draft=draft, strategy=self.strategy, received_at=AT, last_delivery_at=AT,
            )
            for key, mode, state in (("a", "live", "refused"), ("b", "approval", "waiting"))
        )  # fmt: skip

    def _program(self) -> Client:
        self.owner.proof = Proof(is_given=True)
        _, key = create_key(owner=self.owner, name="x", scopes=SCOPES)
        return Client(headers={"Authorization": f"Bearer {key}"})

    def filled(self, value: Any) -> Any:
        """The value with the ids of the rows that it names."""
        if isinstance(value, dict):
            return {name: self.filled(one) for name, one in value.items()}
        if not isinstance(value, str) or "{" not in value:
            return value
        return value.format_map({n: v.pk for n, v in vars(self).items() if hasattr(v, "pk")})

    def call(self, name: str, code: str = "") -> Any:
        ask = OPERATIONS[name]
        client = self.browser if name == "create_api_key" else self.program
        path, body = f"/api/v1/{self.filled(ask.path)}", self.filled(ask.body)
        headers = {HEADER: code} if code else {}
        send = getattr(client, ask.method)
        return send(path, body, content_type="application/json", headers=headers)

    def post(self, name: str, code: str = "") -> Any:
        """As a browser does: the form, then what the page that asks for a code gives back."""
        ask = PAGES[name]
        path = f"/{self.filled(ask.path)}"
        page = self.browser.post(path, self.filled(ask.body))
        if not code:
            return page
        sent = {"step_up_kept": page.context["kept"], "step_up_code": code}
        return self.browser.post(path, sent)

    def state(self) -> dict[str, Any]:
        """Every row of the hub, but for what merely notes that somebody was there."""
        noted = (AuditEntry, Submission)
        models = [
            m for m in apps.get_models() if m not in noted and m._meta.app_label != "sessions"
        ]
        found = {model._meta.label: list(model.objects.order_by("pk").values()) for model in models}
        for row in found["core.ApiKey"]:
            row.pop("last_used_at")
        return found


@pytest.fixture
def books(db, monkeypatch):
    return Books(monkeypatch)


# -- They ask --------------------------------------------------------------------------------------
def test_the_api_does_nothing_of_it_without_a_code(books):
    before = books.state()
    answers = {name: books.call(name) for name in OPERATIONS}
    told = {name: (a.status_code, a.json()["error"]["code"]) for name, a in answers.items()}
    assert told == dict.fromkeys(OPERATIONS, (403, "step_up_required"))
    assert books.state() == before


def test_pages_do_nothing_of_it_without_a_code(books):
    before, answers = books.state(), {name: books.post(name) for name in PAGES}
    told = {name: (a.status_code, b"step_up_kept" in a.content) for name, a in answers.items()}
    assert told == dict.fromkeys(PAGES, (403, True))
    assert books.state() == before


def test_the_api_does_it_with_a_code(books):
    assert refused(books, OPERATIONS, books.call, (200, 201, 204)) == {}


def test_pages_do_it_with_a_code_and_nothing_is_typed_again(books):
    shown = ("security-codes",)
    answers = refused(books, PAGES, books.post, (302,))
    assert {name: one for name, one in answers.items() if name not in shown} == {}


def refused(books: Books, names: Any, send: Any, good: tuple[int, ...]) -> dict[str, Any]:
    """Those that were not carried out, each tried on the books as they were."""
    found = {}
    for name in names:
        mark = transaction.savepoint()
        books.browser.force_login(books.owner)
        answer = send(name, books.phone.another())
        if answer.status_code not in good:
            found[name] = (answer.status_code, answer.content.decode()[:2000])
        transaction.savepoint_rollback(mark)
    return found


# -- B25 -------------------------------------------------------------------------------------------
def raise_limit(books: Books, code: str = "") -> Any:
    return books.call("edit_limit", code)


def test_a_code_of_six_minutes_ago_is_refused(books):
    answer = raise_limit(books, books.phone.code(seconds_ago=360))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "step_up_required")
    assert Limit.objects.get(pk=books.limit.pk).value == 10


def test_the_same_code_twice_is_refused(books):
    code = books.phone.code()
    assert raise_limit(books, code).status_code == 200
    answer = books.call("remove_limit", code)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "step_up_required")
    assert Limit.objects.filter(pk=books.limit.pk).exists()


def test_what_was_proved_for_another_action_is_refused(books):
    """Orders by hand are open for five minutes after a code: the limits of the same session are not."""
    assert books.post("ticket-send", books.phone.code()).status_code == 302
    assert books.browser.post("/ticket/send", books.filled(TICKET)).status_code == 302
    assert books.post("risk_limit_change").status_code == 403
    assert Limit.objects.get(pk=books.limit.pk).value == 10


def test_a_confirmation_serves_its_own_page_person_and_session_alone(books):
    kept = books.post("release").context["kept"]
    sent = {"step_up_kept": kept, "step_up_code": books.phone.code()}
    assert books.browser.post("/stop", sent)["Location"] == "/"
    thief = Client()
    thief.force_login(books.owner)
    assert (
        thief.post("/release", {**sent, "step_up_code": books.phone.another()})["Location"] == "/"
    )
    tampered = {**sent, "step_up_kept": kept[:-8] + "AAAAAAA="}
    assert books.browser.post("/release", tampered)["Location"] == "/"
    assert KillSwitch.objects.get(scope="account").engaged


def test_a_confirmation_does_not_wait_for_ever(books, monkeypatch):
    kept = books.post("release").context["kept"]
    later = timezone.now() + dt.timedelta(minutes=16)
    monkeypatch.setattr("tradershub.core.confirming.timezone.now", lambda: later)
    sent = {"step_up_kept": kept, "step_up_code": books.phone.code()}
    assert books.browser.post("/release", sent)["Location"] == "/"
    assert KillSwitch.objects.get(scope="account").engaged


# -- What the person sees --------------------------------------------------------------------------
def test_a_wrong_code_is_told_and_nothing_is_lost(books):
    page = books.post("release", books.phone.wrong())
    assert page.status_code == 403 and b"The code is wrong" in page.content
    sent = {"step_up_kept": page.context["kept"], "step_up_code": books.phone.recovery[0]}
    assert books.browser.post("/release", sent).status_code == 302
    assert not KillSwitch.objects.get(scope="account").engaged


def test_what_was_typed_is_kept_unreadable(books):
    for name in ("connection-new", "auth_user_add"):
        page = books.post(name)
        assert b"a-long-password" not in page.content and b"secret_token" not in page.content


def test_who_has_no_second_factor_is_shown_where_to_set_one_up(books):
    type(books.phone.app).objects.filter(user=books.owner).delete()
    page = books.post("release")
    assert page.status_code == 403 and b'href="/security/"' in page.content
    answer = raise_limit(books, "123456")
    assert answer.status_code == 403 and "you have none" in answer.json()["error"]["message"]
    assert KillSwitch.objects.get(scope="account").engaged


# -- What asks for none ----------------------------------------------------------------------------
def test_lowering_stopping_closing_and_practice_ask_for_none(books):
    api = books.program

    def send(path: str, body: Any, method: str = "post") -> int:
        answer = getattr(api, method)(f"/api/v1/{path}", body, content_type="application/json")
        return answer.status_code

    limit, order = books.limit.pk, books.working.pk
    assert send(f"limits/{limit}", {"value": "5"}, "patch") == 200
    assert send("kill-switch/engage", {"scope": "account", "account_id": books.account.pk}) == 200
    assert send(f"connections/{books.line.pk}", {"name": "Renamed"}, "patch") == 200
    assert send(f"connections/{books.line.pk}/disable", {}) == 200
    assert send(f"trading/positions/{books.position.pk}/close", {}) == 201
    assert send(f"trading/orders/{order}/cancel", {}) == 200
    assert send(f"signal-sources/{books.source.pk}", {"enabled": False}, "patch") == 200
    assert send(f"strategies/{books.strategy.pk}", {"size": "1"}, "patch") == 200, "it is testing"
    assert send("routes", {"strategy_id": books.strategy.pk, "account_id": books.account.pk,
                           "enabled": False}, "put") == 200  # fmt: skip
    new = {"name": "New", "mode": "live"}
    assert send("signal-sources", new) == 201, "no route leads to real money any more"
    books.account.kind = "demo"
    books.account.save()
    order = {"account_id": books.account.pk, "symbol": "EURUSD", "side": "buy", "lots": "1"}
    assert send("trading/orders", order) == 403, "its connection is for real money"
    Connection.objects.update(live=False)
    assert send("trading/orders", order) == 201
