from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User

from tradershub.roles import set_up_groups

pytestmark = pytest.mark.django_db


@pytest.fixture
def member():
    set_up_groups()

    def make(group):
        person = User.objects.create_user(group.lower())
        person.groups.add(Group.objects.get(name=group))
        return person

    return make


def test_migrate_makes_the_three_groups():
    names = {"Administrator", "Trader", "Viewer"}
    assert names <= set(Group.objects.values_list("name", flat=True))


def test_an_administrator_may_all_but_write_what_the_hub_writes(member):
    person = member("Administrator")
    assert person.has_perms(["auth.change_user", "brokers.change_broker", "core.view_auditentry"])
    assert not person.has_perm("core.delete_auditentry")


def test_a_trader_keeps_the_own_books_and_reads_what_is_shared(member):
    person = member("Trader")
    assert person.has_perms(["accounts.add_statementimport", "accounts.delete_filemapping"])
    assert person.has_perms(["brokers.view_broker", "core.add_apikey"])
    for shared in ("broker", "instrument", "symbolterms"):
        assert not person.has_perm(f"brokers.change_{shared}")
    assert not person.has_perm("auth.view_user")


def test_a_viewer_changes_nothing_but_the_own_preferences(member):
    person = member("Viewer")
    granted = person.get_all_permissions()
    assert "accounts.view_deal" in granted
    writing = {name for name in granted if ".view_" not in name}
    assert writing == {"core.add_preference", "core.change_preference"}


def test_each_table_of_the_apps_can_be_seen_by_a_viewer(member):
    person = member("Viewer")
    for label in ("accounts", "brokers"):
        for model in apps.get_app_config(label).get_models():
            assert person.has_perm(f"{label}.view_{model._meta.model_name}")


def test_a_permission_taken_from_the_table_is_taken_from_the_group(member):
    person = member("Viewer")
    Group.objects.get(name="Viewer").permissions.add(
        Group.objects.get(name="Administrator").permissions.get(codename="change_user")
    )
    set_up_groups()
    assert not User.objects.get(pk=person.pk).has_perm("auth.change_user")
