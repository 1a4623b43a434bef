"""The menu holds what exists and what this person may see; its keys go there."""

from __future__ import annotations

import json
import re
from itertools import chain

import pytest
from django.apps import apps
from django.contrib.auth.models import Group

from tests.factories import make_account, make_owner
from tests.reports.books import make_books
from tradershub import menu
from tradershub.reports import REPORTS
from tradershub.roles import set_up_groups

pytestmark = pytest.mark.django_db


def menu_of(client, user) -> list[dict]:
    client.force_login(user)
    return client.get("/reports/").context["sidebar_navigation"]


def items_of(groups: list[dict]) -> list[dict]:
    return list(chain.from_iterable(group["items"] for group in groups))


def test_every_entry_leads_to_a_page(client, admin_user):
    for item in items_of(menu_of(client, admin_user)):
        assert client.get(item["link"], follow=True).status_code == 200, item["link"]


def test_groups_stand_in_their_order_and_empty_ones_are_left_out(client, admin_user):
    titles = [group["title"] for group in menu_of(client, admin_user)]
    assert titles == [title for title in menu.GROUPS if title in titles]
    assert "Simulation" not in titles


def test_a_person_without_rights_sees_no_tables(client):
    titles = [item["title"] for item in items_of(menu_of(client, make_owner(is_staff=True)))]
    assert "Users" not in titles and "Dashboard" in titles


@pytest.mark.parametrize(("group", "has_it"), [("Viewer", False), ("Trader", True)])
def test_who_may_not_order_sees_no_ticket(client, group, has_it):
    set_up_groups()
    person = make_owner(is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    titles = [item["title"] for item in items_of(menu_of(client, person))]
    assert ("Ticket" in titles, "Orders" in titles) == (has_it, True)


def test_only_the_page_shown_is_lit(client, admin_user):
    client.force_login(admin_user)
    items = items_of(client.get("/reports/audit/").context["sidebar_navigation"])
    assert [item["title"] for item in items if item["active"]] == ["Audit"]


def test_a_table_is_called_in_the_menu_as_on_its_pages():
    tables = [entry for entries in menu.GROUPS.values() for entry in entries if "." in entry.name]
    names = [apps.get_model(entry.name)._meta.verbose_name_plural for entry in tables]
    assert [entry.label.lower() for entry in tables] == [name.lower() for name in names]


def test_a_page_is_called_in_the_menu_as_in_the_list_of_pages():
    entries = [entry for entries in menu.GROUPS.values() for entry in entries]
    pages = [entry for entry in entries if entry.name.startswith("report:")]
    labels = [REPORTS.label(entry.name.removeprefix("report:")) for entry in pages]
    assert [entry.label for entry in pages] == labels


def test_no_two_entries_share_a_key():
    keys = [entry.key for entries in menu.GROUPS.values() for entry in entries if entry.key]
    assert len(keys) == len(set(keys))


def test_the_keys_are_on_every_page(client, admin_user):
    client.force_login(admin_user)
    html = client.get("/accounts/account/").content.decode()
    found = re.search(r'<script id="go-keys" type="application/json">(.*?)</script>', html)
    assert json.loads(found[1])["t"] == {"label": "Closed trades", "address": "/reports/trades/"}


def test_the_state_of_trading_is_on_every_page(client, admin_user):
    client.force_login(admin_user)
    for address in (
        "/",
        "/reports/",
        "/accounts/account/",
        "/accounts/account/add/",
        "/password_change/",
    ):
        assert "Recording only" in client.get(address).content.decode(), address


def test_search_finds_pages_and_own_accounts_only(client, admin_user):
    make_books(admin_user, days=2)
    make_account(owner=make_owner(), name="Tokyo of somebody else")
    client.force_login(admin_user)
    html = client.get("/search/", {"s": "tokyo", "extended": "1"}).content.decode()
    assert "Tokyo (JPY" in html and "somebody else" not in html
    assert (
        "Closed trades" in client.get("/search/", {"s": "closed", "extended": "1"}).content.decode()
    )
