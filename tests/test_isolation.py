"""Nobody reaches another person's rows, and who may only look changes nothing: on every address there is.

A route that these tests cannot fill fails them: say in tests/routes.py, or in BODIES here, how to.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import ForeignKey
from django.test import Client
from django.urls import reverse

from tests.factories import make_owner
from tests.marked import BATCH, MARK, MarkedBooks
from tests.routes import API, Route, UnknownRoute, addresses, operations, page_routes, routes
from tradershub.core.api_keys import SCOPES, create_key
from tradershub.core.owned import OwnedModel
from tradershub.roles import set_up_groups

pytestmark = pytest.mark.django_db

PUBLIC = {"/health/live", "/health/ready", "/login/", "/login/code", "/logout/", "/jsi18n/"}
MINE_IS_FOUND = {
    "/import/",
    "/orders/",
    "/reports/positions/",
    "/accounts/deal/",
    "/accounts/account/",
}
# The body of each API operation that takes one, naming rows of the marked books.
BODIES: dict[str, Any] = {
    "open_broker": {"name": "Another"},
    "edit_broker": {"notes": "x"},
    "add_instrument": {
        "symbol": "XYZ", "category": "fx", "base": "EUR", "quote": "USD",
        "tick_size": "1", "contract_size": "1",
    },
    "edit_instrument": {"name": "x"},
    "add_symbol": {"broker_id": "broker", "name": "XYZ"},
    "map_symbol": {"instrument_id": "instrument"},
    "add_symbol_terms": {"valid_from": "2023-01-01", "contract_size": "1", "tick_size": "1"},
    "edit_terms": {"digits": 4},
    "disable_platform": {"reason": "stolen"},
    "open_connection": {"name": "x", "platform": "manual", "broker_id": "broker"},
    "edit_connection": {"name": "stolen"},
    "open_account": {"broker_id": "broker", "number": "1", "currency": "USD"},
    "edit_account": {"name": "stolen"},
    "open_paper_account": {"name": "Practice", "currency": "USD", "deposit": "1"},
    "connect_account": {"connection_id": None},
    "switch_trading": {"on": True},
    "add_account_terms": {"valid_from": "2023-01-01", "leverage": 5},
    "edit_account_terms": {"leverage": 5},
    "create_strategy": {"key": "mr-1"},
    "create_signal_source": {"name": "x"},
    "edit_signal_source": {"name": "stolen"},
    "set_route": {"strategy_id": "strategy", "account_id": "account"},
    "send_signal": {"symbol": "EURUSD"},
    "send_signal_with_token": {"symbol": "EURUSD"},
    "edit_strategy": {"name": "other"},
    "enter_deposit": {"account_id": "account", "amount": "1"},
    "enter_withdrawal": {"account_id": "account", "amount": "1"},
    "enter_charge": {"account_id": "account", "amount": "-1", "kind": "fee"},
    "enter_trade": {
        "account_id": "account", "symbol": "EURUSD", "side": "buy", "volume": "1", "price": "1",
    },
    "reverse_deal": {},
    "close_position": {"price": "1"},
    "place_order": {"account_id": "account", "symbol": "EURUSD", "side": "buy", "volume": "1"},
    "modify_order": {"comment": "stolen"},
    "fill_order": {"price": "1"},
    "cancel_order": {},
    "explain_break": {"explanation": "stolen"},
    "upload_statements": {"account_id": "account"},
    "name_columns": {"columns": {}},
    "confirm_import": {"opening": {}},
    "add_limit": {
        "kind": "max_lots", "unit": "lots", "value": "2", "scope": "account",
        "account_id": "account",
    },
    "apply_preset": {"account_id": "account", "preset": "static", "capital": "1"},
    "edit_limit": {"value": "0.5"},
    "remove_limit": {"reason": "stolen by somebody"},
    "add_blackout": {
        "event": "x", "scope": "all", "starts_at": "2098-01-01T00:00:00Z",
        "ends_at": "2098-01-01T01:00:00Z",
    },
    "remove_blackout": {"reason": "stolen by somebody"},
    "release_limit": {"reason": "stolen by somebody"},
    "engage_kill_switch": {"scope": "account", "account_id": "account"},
    "release_kill_switch": {
        "scope": "account", "account_id": "account", "reason": "stolen by somebody",
    },
    "flatten": {"scope": "account", "account_id": "account"},
    "send_order": {"account_id": "account", "symbol": "EURUSD", "side": "buy", "lots": "1"},
    "change_sent_order": {"price": "1"},
    "settle_sent_order": {"evidence": "stolen by somebody"},
    "close_at_broker": {},
    "set_stops": {"stop_loss": "1"},
    "resume_lane": {"reason": "stolen by somebody"},
    "create_api_key": {"name": "x", "scopes": ["read"]},
    "edit_preferences": {"base_currency": "USD"},
    "open_channel": {"name": "x", "kind": "email", "settings": {"address": "a@b.example"}},
    "edit_channel": {"name": "stolen"},
}  # fmt: skip
SHARED = {
    "broker",
    "instrument",
    "platform",
    "symbol",
    "terms",
}  # tables that all persons have in common
OWN = {"create_api_key", "edit_preferences", "open_account"}  # makes a row of one's own


@pytest.fixture
def owner():
    set_up_groups()
    return member("ada", "Trader")


def member(name: str, group: str) -> User:
    person = make_owner(username=name, is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    return person


@pytest.fixture
def books(owner):
    made = MarkedBooks(owner)
    made.rows_by_label = {
        model._meta.label_lower: (ContentType.objects.get_for_model(model).pk, row.pk)
        for model, row in made.rows.items()
    }
    made.rows_by_label |= other_rows(owner)
    made.tables = tables_of(owner, books=made)
    return made


def other_rows(owner: User) -> dict[str, tuple[int, int]]:
    """Rows of tables that are not the hub's own: the person, and ids that need not exist."""
    known = {"auth.user": owner.pk, "auth.group": Group.objects.first().pk}
    for model in admin.site._registry:
        if model._meta.app_label in ("axes", "django_q"):
            known[model._meta.label_lower] = 1
    return {label: (0, pk) for label, pk in known.items()}


def browser(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def tables_of(owner: User, *, books: MarkedBooks) -> dict[str, list[str]]:
    """The tables of each report page, as its owner sees them."""
    client, found = browser(owner), {}
    books.tables = {}
    pages = ("index", "page", "subject")
    for route in (r for r in page_routes() if r.app == "reports" and r.name in pages):
        for address in addresses(route, books):
            context = client.get(address, follow=True).context
            found[address.split("/")[2]] = list(context.get("tables") or ())
    return found


def program(user: User) -> Client:
    _key, text = create_key(owner=user, name="walker", scopes=SCOPES)
    return Client(headers={"Authorization": f"Bearer {text}"})


@pytest.fixture
def stranger(books):
    """The most powerful other person there can be."""
    return User.objects.create_superuser("mallory")


def text_of(answer: Any) -> str:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return body.decode("utf-8", "replace")


def ways(route: Route, books: MarkedBooks) -> list[str]:
    """Each address of a route, plain and with filters that name the marked rows."""
    found = addresses(route, books)
    query = f"?account={books.account.pk}&account__id__exact={books.account.pk}&batch={BATCH}"
    return found + [f"{address}{query}&q={MARK}&s={MARK}" for address in found]


def test_every_route_can_be_filled(books):
    unknown = []
    for route in page_routes():
        try:
            addresses(route, books)
        except UnknownRoute as error:
            unknown.append(str(error))
    taking = {op.id for op in operations() if "requestBody" in op.document}
    assert (unknown, taking ^ BODIES.keys()) == ([], set())
    documented = {f"{API}{op.path.removeprefix('/api/v1/')}" for op in operations()}
    served = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", r.pattern) for r in routes() if API in r.pattern}
    assert served - documented == {
        f"{API}openapi.json",
        f"{API}docs",
        f"{API}{{rest}}",
        API,
    }


def test_a_route_that_nobody_knows_fails(books):
    route = Route("secrets/<int:secret_id>/", "secret", "", None)
    with pytest.raises(UnknownRoute, match="secret_id"):
        addresses(route, books)


def test_the_owner_finds_the_marked_rows(books):
    client = browser(books.owner)
    for address in MINE_IS_FOUND:
        assert MARK in text_of(client.get(address, follow=True)), address


@pytest.mark.parametrize("method", ["get", "post"])
def test_another_person_sees_and_changes_nothing(books, stranger, method):
    client, before, leaks = browser(stranger), books.state(), []
    for route in page_routes():
        for address in ways(route, books):
            if address.startswith("/logout"):
                continue
            answer = getattr(client, method)(address)
            shown = text_of(answer).replace(f"{MARK}&amp;", "").replace(f'value="{MARK}"', "")
            broken = answer.status_code >= 500 and route.name != "ready"
            if MARK in without_question(shown) or broken:
                leaks.append((address, answer.status_code))
    assert leaks == []
    assert books.state() == before


def without_question(text: str) -> str:
    """The page without the words of our own search, which it shows again."""
    return re.sub(rf"[qs]={MARK}|[“\"']{MARK}[”\"']", "", text)


def test_another_persons_rows_are_not_there(books, stranger):
    client, found = browser(stranger), []
    for route in page_routes():
        model = owned_model(route)
        if model is None and not (route.app in ("desk", "reports") and "<int:pk>" in route.pattern):
            continue
        for address in addresses(route, books):
            answer = client.get(address)
            if answer.status_code not in (301, 302, 403, 404, 405):
                found.append((address, answer.status_code))
    assert found == []


def owned_model(route: Route) -> Any:
    """The model whose row an admin address shows; None for shared tables and lists."""
    for model in admin.site._registry:
        prefix = f"{model._meta.app_label}/{model._meta.model_name}/<path:object_id>"
        if route.pattern.startswith(prefix):
            personal = model._meta.label_lower in ("core.apikey", "core.preference")
            return model if issubclass(model, OwnedModel) or personal else None
    return None


def test_no_action_of_a_list_reaches_another_persons_rows(books, stranger):
    client, before = browser(stranger), books.state()
    for model, model_admin in admin.site._registry.items():
        if model not in books.rows or not issubclass(model, OwnedModel):
            continue
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for action in model_admin.actions or ():
            chosen = {"action": action, "_selected_action": [books.rows[model].pk], "post": "yes"}
            page = client.post(address, chosen, follow=True)
            assert MARK not in text_of(page), (address, action)
        deleting = {"action": "delete_selected", "_selected_action": [books.rows[model].pk]}
        client.post(address, {**deleting, "post": "yes"}, follow=True)
    assert books.state() == before


def test_no_export_holds_another_persons_rows(books, stranger):
    client = browser(stranger)
    for route in page_routes():
        if not route.name.endswith("_export"):
            continue
        [address] = addresses(route, books)
        form = client.get(address).context["form"]
        chosen = {name: "on" for name in form.fields if name not in ("format", "resource")}
        chosen.pop("export_items", None)
        for chosen_format in ("0", "1"):
            answer = client.post(address, {**chosen, "resource": "0", "format": chosen_format})
            assert answer.has_header("Content-Disposition"), address
            assert MARK.encode() not in answer.content, address


def test_autocomplete_offers_nothing_of_another_person(books, stranger):
    client, asked = browser(stranger), 0
    for model in admin.site._registry:
        for field in (f for f in model._meta.fields if isinstance(f, ForeignKey)):
            query = {
                "app_label": model._meta.app_label,
                "model_name": model._meta.model_name,
                "field_name": field.name,
                "term": MARK,
            }
            answer = client.get(reverse("admin:autocomplete"), query)
            asked += answer.status_code == 200
            assert MARK not in text_of(answer), query
    assert asked


def test_a_stranger_is_sent_to_the_log_in(books):
    client, open_doors = Client(), []
    for route in page_routes():
        for address in addresses(route, books):
            for method in ("get", "post"):
                answer = getattr(client, method)(address)
                sent_away = answer.status_code == 302 and answer["Location"].startswith("/login/")
                if address not in PUBLIC and not sent_away:
                    open_doors.append((method, address, answer.status_code))
                assert MARK not in text_of(answer), address
    assert open_doors == []


# -- The API -----------------------------------------------------------------------------------
def call(client: Client, op: Any, books: MarkedBooks) -> Any:
    """The answer to an operation with the ids of the marked books in its path and body."""
    ids = {model._meta.model_name: row.pk for model, row in books.rows.items()} | {
        "order": books.rows_by_label["accounts.brokerorder"][1],
        "sent_order": books.rows_by_label["trading.order"][1],
        "import": books.rows_by_label["accounts.statementimport"][1],
        "mapping": books.rows_by_label["accounts.filemapping"][1],
        "key": books.rows_by_label["core.apikey"][1],
        "source": books.rows_by_label["trading.signalsource"][1],
        "symbol": books.rows_by_label["brokers.brokersymbol"][1],
        "terms": books.rows_by_label[
            "accounts.accountterms" if "account-terms" in op.path else "brokers.symbolterms"
        ][1],
    }
    path = re.sub(r"{(\w+)_id}", lambda match: str(ids[match[1]]), op.path)
    path = re.sub(r"{(source|token)}", "unknown", path)
    body = {
        name: ids[value] if name.endswith("_id") and value else value
        for name, value in BODIES.get(op.id, {}).items()
    }
    if op.id == "upload_statements":
        file = SimpleUploadedFile("a.txt", b"Dear diary")
        return client.post(path, {**body, "files": [file]})
    return getattr(client, op.method)(path, body or None, content_type="application/json")


def is_a_door(op: Any) -> bool:
    """Whether it asks for no key, as its caller proves otherwise who it is."""
    return "security" not in op.document


def is_of_a_person(op: Any) -> bool:
    """Whether the operation names a row of the marked books, in its path or body."""
    subjects = set(re.findall(r"{(\w+)_id}", op.path)) - SHARED
    if "account-terms" in op.path:
        subjects.add("terms")
    return bool(subjects) or is_a_door(op) or BODIES.get(op.id, {}).get("account_id") == "account"


def test_the_api_knows_no_rows_of_another_person(books, stranger):
    key, login, before, wrong = program(stranger), browser(stranger), books.state(), []
    for op in operations():
        by_login_only = "/api-keys" in op.path
        answer = call(login if by_login_only else key, op, books)
        expected = (404,) if is_of_a_person(op) else (200, 201, 204, 409, 422)
        if answer.status_code not in expected or MARK in text_of(answer):
            wrong.append((op.id, answer.status_code, text_of(answer)[:200]))
    assert wrong == []
    assert books.state() == before


def test_the_api_tells_nothing_without_a_key(books):
    wrong = [
        (op.id, answer.status_code)
        for op in operations()
        if (answer := call(Client(), op, books)).status_code != (404 if is_a_door(op) else 401)
    ]
    assert wrong == []


def test_a_key_of_a_stranger_opens_no_list_with_marked_rows(books, stranger):
    key = program(stranger)
    for op in operations():
        if op.method == "get" and "{" not in op.path and "/api-keys" not in op.path:
            answer = key.get(op.path, {"account_id": books.account.pk, "limit": 500})
            assert MARK not in text_of(answer), op.id


# -- Who may only look -------------------------------------------------------------------------
@pytest.fixture
def viewer(owner):
    owner.groups.set([Group.objects.get(name="Viewer")])
    return User.objects.get(pk=owner.pk)


def test_who_may_only_look_changes_nothing_in_the_own_books(books, viewer):
    client, before, wrong = browser(viewer), without_memory(books.state()), []
    for route in page_routes():
        for address in addresses(route, books):
            if address.startswith(("/logout", "/core/preference")):
                continue
            answer = client.post(address, {"post": "yes", "amount": "1", "price": "1"})
            if answer.status_code >= 500 or is_open_to_viewers(route, answer):
                wrong.append((address, answer.status_code))
    assert wrong == []
    assert without_memory(books.state()) == before


def without_memory(state: dict[str, Any]) -> dict[str, Any]:
    """The books without what pages remember of filters, and without what workers made for them."""
    return {name: rows for name, rows in state.items() if name not in ("Build", "Preference")}


def is_open_to_viewers(route: Route, answer: Any) -> bool:
    """An address that acts must answer 403 (404, 405: it does not act), the desk's too."""
    acts = owned_model(route) is not None or (
        route.app == "desk" and route.name.startswith("import-") and "book" in route.name
    )
    acts = acts and not route.pattern.endswith(("/history/", "<path:object_id>/"))
    acts = acts or route.name.endswith(("_add", "_deposit", "_withdrawal", "_charge", "_trade"))
    return acts and answer.status_code not in (403, 404, 405)


def test_who_may_only_look_can_use_no_mutating_operation(books, viewer):
    key, login, before, wrong = program(viewer), browser(viewer), books.state(), []
    for op in operations():
        client = login if "/api-keys" in op.path else key
        answer = call(client, op, books)
        allowed = op.method == "get" or op.id == "edit_preferences"
        expected = 200 if allowed else 404 if is_a_door(op) else 403
        if answer.status_code != expected:
            wrong.append((op.id, answer.status_code, text_of(answer)[:200]))
    assert wrong == []
    after = books.state()
    assert [r for r in after["ApiKey"] if r["name"] != "walker"] == before["ApiKey"][:1]
    assert {k: v for k, v in after.items() if k not in ("ApiKey", "Preference")} == {
        k: v for k, v in before.items() if k not in ("ApiKey", "Preference")
    }
