"""Tables sort, page, total and name their unknowns."""

from __future__ import annotations

from decimal import Decimal

from django.http import QueryDict

from tradershub.reports import tables
from tradershub.reports.table_view import TableView
from tradershub.reports.tables import Column, ListRows, Table, cell

D = Decimal
COLUMNS = [
    Column("name", "Name"),
    Column("net", "Net", tables.PNL, reason=lambda row: "No price"),
    Column("words", "Words", sort=None, shown=False),
]
ROWS = [
    {"name": "a", "net": D("-3"), "currency": "USD"},
    {"name": "b", "net": None, "currency": "USD"},
    {"name": "c", "net": D("1234.5"), "currency": "USD"},
]


def view(query: str = "", rows=ROWS, **more) -> TableView:
    table = Table("t", "Table", COLUMNS, ListRows(rows), **more)
    return TableView(table, QueryDict(query), [])


def names(found: TableView) -> list[str]:
    return [row[0].text for row in found.rows]


def test_unknown_values_come_last_in_both_directions():
    assert names(view("t.sort=net")) == ["a", "c", "b"]
    assert names(view("t.sort=-net")) == ["c", "a", "b"]


def test_a_column_that_does_not_exist_or_cannot_sort_leaves_the_tables_own_order():
    assert names(view("t.sort=-nothing", order="-name")) == ["c", "b", "a"]
    assert names(view("t.sort=words", order="-name")) == ["c", "b", "a"]


def test_pages_stay_within_the_rows():
    rows = [{"name": str(n), "net": D(n), "currency": "USD"} for n in range(60)]
    found = view("t.page=99&size=25", rows)
    assert (found.page, found.pages, len(found.rows)) == (3, 3, 10)
    assert view("t.page=-4&size=7", rows).size == tables.SIZE
    assert view("t.page=x", rows).page == 1


def test_an_unknown_value_is_a_dash_with_its_reason():
    found = cell(COLUMNS[1], ROWS[1])
    assert (found.text, found.title) == ("–", "No price")


def test_a_gain_has_its_sign_and_its_class():
    found = cell(COLUMNS[1], ROWS[2])
    assert found.text == "+1\u202f234.50" and found.css == "num gain"


def test_totals_stand_under_their_columns():
    found = view(totals=[{"label": "Total USD", "net": D("1231.5"), "currency": "USD"}])
    assert [one.text for one in found.totals[0]] == ["Total USD", "+1\u202f231.50"]


def test_a_heading_turns_the_order_and_goes_back_to_the_first_page():
    head = view("t.sort=net&t.page=2&period=year").headings[1]
    assert head.sorted == "ascending"
    assert head.address == "?period=year&t.sort=-net"
