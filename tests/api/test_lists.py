"""Lists of the API: filters of closed sets, cursors, and each row of terms by its own address."""

from __future__ import annotations

import pytest

from accounts.models import StatementFile, StatementImport
from tests.factories import make_account, make_symbol

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("deals", "kind"),
        ("orders", "state"),
        ("breaks", "state"),
        ("imports", "state"),
        ("accounts", "status"),
        ("brokers", "status"),
        ("instruments", "category"),
    ],
)
def test_a_value_that_no_row_can_have_is_refused(administrator, path, name):
    error = administrator.get(path, **{name: "zzz"}).json()["error"]
    assert (error["type"], error["param"]) == ("BadInput", name)
    assert 'found "zzz"' in error["message"]


def test_a_fate_that_no_line_can_have_is_refused(administrator):
    file = StatementFile.objects.create(owner=administrator.user, sha256="0" * 64, size=1)
    made = StatementImport.objects.create(owner=administrator.user, file=file, file_name="a")
    answer = administrator.get(f"imports/{made.pk}/lines", fate="zzz")
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "fate")


def test_a_cursor_belongs_to_its_list(administrator):
    cursor = administrator.get("instruments", limit=1).json()["next"]
    assert administrator.get("instruments", cursor=cursor).status_code == 200
    answer = administrator.get("brokers", cursor=cursor)
    assert (answer.status_code, answer.json()["error"]["param"]) == (422, "cursor")


def test_terms_are_read_one_by_one(administrator):
    account = make_account(owner=administrator.user)
    symbol = make_symbol(account)
    for path, terms, address in (
        (f"accounts/{account.pk}/terms", {"leverage": 30}, "account-terms"),
        (f"symbols/{symbol.pk}/terms", {"contract_size": "1", "tick_size": "0.1"}, "terms"),
    ):
        made = administrator.post(path, {"valid_from": "2020-01-01", **terms}).json()
        assert administrator.get(f"{address}/{made['id']}").json() == made
        assert administrator.get(f"{address}/{made['id'] + 1000}").status_code == 404
