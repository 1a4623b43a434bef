"""The admin keeps to its Content-Security-Policy in both themes; `open_page` fails on a violation."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.urls import reverse

from tests.factories import make_account

THEMES = pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])


def address(model, action, *arguments):
    return reverse(
        f"admin:{model._meta.app_label}_{model._meta.model_name}_{action}", args=arguments
    )


@pytest.fixture
def visit(open_page, live_server):
    """Opens the paths one after the other in one window; its faults are found at the end."""

    def visit_(*paths, dark):
        page = open_page(paths[0], dark=dark)
        for path in paths[1:]:
            page.goto(live_server.url + path, wait_until="load")

    return visit_


@THEMES
def test_dashboard_and_a_list_in_both_themes(visit, dark):
    visit("/", "/brokers/", "/accounts/account/", "/accounts/account/add/", dark=dark)


def test_every_list_and_empty_form(visit, owner, rf):
    request = rf.get("/")
    request.user = owner
    tables = admin.site._registry.items()
    lists = [address(model, "changelist") for model, _ in tables]
    forms = [address(model, "add") for model, table in tables if table.has_add_permission(request)]
    assert len(lists) > 15
    visit(*lists, *forms, dark=False)


@THEMES
def test_a_form_with_rows_and_the_theme_switch(open_page, owner, dark):
    account = make_account(owner=owner)
    page = open_page(address(type(account), "change", account.pk), dark=dark)
    assert page.locator("input[name=number]").input_value() == account.number


def test_a_script_in_a_name_stays_text(open_page, owner):
    attack = '<script>document.title="hacked"</script><img src=x onerror="document.title=1">'
    account = make_account(owner=owner, name=attack)
    for path in (
        address(type(account), "changelist"),
        address(type(account), "change", account.pk),
    ):
        page = open_page(path)
        assert page.title() not in ("hacked", "1")
