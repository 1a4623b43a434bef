"""Which of the saved column mappings a file is read by."""

from __future__ import annotations

import uuid

import pytest

from accounts import imports
from accounts.models import StatementImport
from tests.accounts.tables import TABLE, reading_of_table, save_mapping, save_two_readings
from tests.factories import make_account, make_broker, make_owner
from tradershub.core.errors import Conflict

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return make_owner(username="ann")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def receive(path, owner, **more):
    [imported] = imports.receive(path, name=path.name, owner=owner, **more)
    return imported


def test_that_of_the_accounts_broker_is_taken(table, owner):
    for saved in save_two_readings(owner):
        account = make_account(owner=owner, broker=saved.broker, currency="USD")
        imported = receive(table, owner, account=account)
        assert (imported.state, imported.mapping) == ("preview", saved)


def test_that_of_the_broker_of_the_batch_is_taken(table, owner):
    _, net = save_two_readings(owner)
    batch = uuid.uuid4()
    StatementImport.objects.create(
        owner=owner, batch=batch, account=make_account(owner=owner, broker=net.broker)
    )
    assert receive(table, owner, batch=batch).mapping == net


def test_where_several_brokers_read_it_differently_a_person_is_asked(table, owner):
    gross, net = save_two_readings(owner)
    imported = receive(table, owner)
    assert imported.state == "needs_mapping"
    assert "say which broker the file is of" in imported.reason
    offered = [{"id": row.pk, "broker": row.broker.name} for row in (gross, net)]
    assert imported.preview["offered"] == offered
    read = imports.use_mapping(imported, net)
    assert (read.state, read.mapping, read.reason) == ("preview", net, "")
    with pytest.raises(Conflict):
        imports.use_mapping(read, gross)


def test_where_all_brokers_read_it_alike_nobody_is_asked(table, owner):
    for name in ("One", "Two"):
        save_mapping(owner, make_broker(name=name), reading_of_table())
    assert receive(table, owner).state == "preview"


def test_a_stranger_to_the_accounts_broker_is_used_where_no_other_fits(table, owner):
    saved = save_mapping(owner, make_broker(name="One"), reading_of_table())
    imported = receive(table, owner, account=make_account(owner=owner, currency="USD"))
    assert imported.mapping == saved


def test_columns_are_named_again_where_they_were_named_wrongly(table, owner):
    imported = imports.name_columns(receive(table, owner), reading_of_table())
    assert imported.state == "preview", imported.reason
    again = imports.name_again(imported)
    assert (again.state, again.mapping) == ("needs_mapping", None)
    assert again.preview["mapping"]["columns"]
    assert imports.name_columns(again, reading_of_table(profit_is="net")).state == "preview"


def test_a_person_is_asked_again_though_a_saved_mapping_fits(table, owner):
    saved = save_mapping(owner, make_broker(), reading_of_table())
    imported = receive(table, owner)
    assert imported.mapping == saved
    again = imports.name_again(imported)
    assert (again.state, again.mapping, again.preview["offered"]) == ("needs_mapping", None, [])
    assert receive(table, owner).mapping == saved


def test_a_table_refused_by_a_saved_mapping_is_named_again(table, owner):
    table.write_text(TABLE.replace("0.10,EURUSD", "none,EURUSD").replace("0.20", "none"))
    saved = save_mapping(owner, make_broker(), reading_of_table())
    imported = receive(table, owner)
    assert (imported.state, imported.mapping) == ("refused", saved)
    assert imports.name_again(imported).state == "needs_mapping"


def test_columns_that_are_booked_or_that_nobody_named_stay(table, owner):
    imported = imports.name_columns(receive(table, owner), reading_of_table())
    StatementImport.objects.update(state="booked")
    with pytest.raises(Conflict, match="its columns stay"):
        imports.name_again(imported)
    with pytest.raises(Conflict, match="Nobody named"):
        imports.name_again(receive(table, owner))
