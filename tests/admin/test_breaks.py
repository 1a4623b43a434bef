"""A Break is explained on a page of its own."""

from __future__ import annotations

import pytest
from django.urls import reverse

from accounts.models import Break
from tests.factories import make_account

pytestmark = pytest.mark.django_db


def at(name, found):
    return reverse(f"admin:accounts_break_{name}", args=[found.pk])


def test_a_break_is_explained_and_opened_again(trader):
    account = make_account(owner=trader.user, name="Mine", currency="USD")
    found = Break.objects.create(account=account, kind="total", cause="Differs", difference=5)
    assert "Mine" in trader.said(trader.client.get(at("explain", found)))
    assert trader.send(at("explain", found), explanation="A bonus").status_code == 302
    found.refresh_from_db()
    assert (found.state, found.explanation) == ("explained", "A bonus")
    assert at("reopen", found) in trader.client.get(at("change", found)).content.decode()
    assert trader.send(at("reopen", found)).status_code == 302
    found.refresh_from_db()
    assert (found.state, found.explanation) == ("open", "")
    assert at("reopen", found) not in trader.client.get(at("change", found)).content.decode()
