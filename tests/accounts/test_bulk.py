"""Many rows at once go in as they are."""

import datetime as dt
import json
from decimal import Decimal as D

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import bulk
from accounts.models import DayFigures, Position, StatementImport, StatementLine
from accounts.statements.importer import LINE_COLUMNS
from tests.factories import make_account, make_symbol

pytestmark = pytest.mark.django_db

AT = dt.datetime(2026, 3, 2, 9, 0, 0, 123456, tzinfo=dt.UTC)
TEXTS = (
    "", "plain", r"\N", r"\.", r"a\tb", "a\tb", "a\nb", "a\r\nb", "back\\", "\\\\", "ö ß 日本 😀", "\xa0", "'\"",
    "NULL", "\x01",
)  # fmt: skip


def test_texts_come_back_as_they_went_in():
    account = make_account()
    imported = StatementImport.objects.create(
        owner=account.owner, account=account, file_name="a", sha256="0"
    )
    rows = [
        (imported.pk, n, text, "booked", text, text, json.dumps({"said": text}), None)
        for n, text in enumerate(TEXTS)
    ]
    with transaction.atomic():
        bulk.insert(StatementLine, LINE_COLUMNS, rows)
    found = StatementLine.objects.order_by("row")
    assert [line.reason for line in found] == list(TEXTS)
    assert [line.key for line in found] == list(TEXTS)
    assert [line.section for line in found] == list(TEXTS)
    assert [line.values["said"] for line in found] == list(TEXTS)
    assert {line.deal_id for line in found} == {None}


@pytest.mark.parametrize("value", ["0.0000000001", "1000000000000000"])
def test_a_figure_that_would_not_be_kept_exactly_is_refused(value):
    account = make_account()
    columns = ("account_id", "day", "symbol_id", "profit")
    with pytest.raises(ValidationError), transaction.atomic():
        bulk.insert(DayFigures, columns, [(account.pk, dt.date(2024, 3, 5), None, D(value))])


def test_columns_of_rows_that_are_there_are_set_exactly():
    account = make_account()
    symbol = make_symbol(account)
    given = {"account": account, "symbol": symbol, "side": "buy", "opened_at": AT}
    many = Position.objects.bulk_create(
        Position(ref=str(n), volume=1, open_volume=1, **given) for n in range(3)
    )
    columns = ("mark_price", "stop_loss", "mark_at", "mark_source")
    exact = D("1.123456789")
    with transaction.atomic():
        bulk.change(Position, columns, [(exact, None, AT, TEXTS[-3], row.pk) for row in many[:2]])
    found = list(Position.objects.order_by("pk").values_list(*columns))
    assert found == [(exact, None, AT, TEXTS[-3])] * 2 + [(None, None, None, "")]
