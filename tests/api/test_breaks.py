"""Breaks over the API."""

from __future__ import annotations

import pytest

from accounts.models import Break
from tests.factories import make_account

pytestmark = pytest.mark.django_db


def test_a_break_is_read_explained_and_opened_again(administrator):
    account = make_account(owner=administrator.user)
    found = Break.objects.create(account=account, kind="total", cause="Differs")
    path = f"breaks/{found.pk}"
    assert administrator.get(path).json()["state"] == "open"
    told = administrator.post(f"{path}/explain", {"explanation": "A bonus"}).json()
    assert (told["state"], told["explanation"]) == ("explained", "A bonus")
    assert administrator.post(f"{path}/reopen").json()["state"] == "open"
    assert administrator.post(f"{path}/reopen").status_code == 409
    assert administrator.post(f"{path}/explain", {"explanation": " "}).status_code == 422
