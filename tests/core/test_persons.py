from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from tests.factories import make_owner
from tradershub.core import audit
from tradershub.core.api_keys import create_key, key_of
from tradershub.core.models import Heartbeat
from tradershub.core.persons import ADMINISTRATOR, TRADER, is_administrator
from tradershub.roles import set_up_groups

pytestmark = pytest.mark.django_db


@pytest.fixture
def member():
    set_up_groups()

    def make(group):
        person = make_owner(username=group.lower(), is_staff=True)
        person.groups.add(Group.objects.get(name=group))
        return person

    return make


@pytest.fixture
def entry_of_the_hub():
    audit.record("rates.load", actor="schedule", target="core.Heartbeat 1", summary="By itself")


def browser(person):
    client = Client()
    client.force_login(person)
    return client


def test_the_group_and_superusers_are_administrators_while_they_may_log_in(member):
    person, root = member(ADMINISTRATOR), User.objects.create_superuser("root")
    assert is_administrator(person) and is_administrator(root)
    assert not is_administrator(member(TRADER))
    person.is_staff = False
    root.is_active = False
    assert not is_administrator(person) and not is_administrator(root)


@pytest.mark.parametrize(("group", "count"), [(ADMINISTRATOR, 1), (TRADER, 0)])
def test_the_hubs_own_entries_are_for_the_group_everywhere(member, entry_of_the_hub, group, count):
    person = member(group)
    shown = browser(person).get("/api/v1/audit", {"action": "rates.load"}).json()["data"]
    page = browser(person).get("/reports/audit/", {"period": "all"}).content.decode()
    assert len(shown) == count
    assert page.count("By itself") == count
    assert audit.entries_about(Heartbeat, "1", reader=person).count() == count


def test_an_administrator_makes_nobody_a_superuser(member):
    person, other = member(ADMINISTRATOR), member(TRADER)
    fields = {"username": "trader", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    fields |= {"last_login_0": "2000-01-01", "last_login_1": "00:00", "first_name": "Tom"}
    answer = browser(person).post(f"/auth/user/{other.pk}/change/", fields)
    other.refresh_from_db()
    assert answer.status_code == 302
    assert (other.first_name, other.is_superuser, other.last_login) == ("Tom", False, None)


@pytest.mark.parametrize("page", ["change", "password", "delete"])
def test_an_administrator_takes_over_no_superuser(member, page):
    person = member(ADMINISTRATOR)
    root = User.objects.create_superuser("root", password="a long one of its own")
    fields = {"username": "root", "password1": "another long one", "password2": "another long one"}
    answer = browser(person).post(f"/auth/user/{root.pk}/{page}/", fields | {"post": "yes"})
    assert answer.status_code == 403
    assert User.objects.get(username="root").check_password("a long one of its own")


def test_a_superuser_makes_others(member):
    other, root = member(TRADER), User.objects.create_superuser("root")
    fields = {"username": "trader", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    browser(root).post(f"/auth/user/{other.pk}/change/", fields)
    other.refresh_from_db()
    assert other.is_superuser


def test_who_is_no_longer_staff_is_shut_out_with_keys_and_sessions(member):
    person = member(TRADER)
    _, text = create_key(owner=person, name="robot", scopes=["read", "write"])
    client = browser(person)
    assert key_of(text) and client.get("/api/v1/preferences").status_code == 200
    person.is_staff = False
    person.save()
    assert key_of(text) is None
    assert client.get("/api/v1/preferences").status_code == 401
