"""A person with books is made inactive, not deleted."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from tests.factories import make_account, make_owner

pytestmark = pytest.mark.django_db
LIST = "admin:auth_user_changelist"


@pytest.fixture
def root(client):
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_a_person_with_accounts_is_kept_and_the_page_says_what_to_do(root):
    bob = make_owner(username="bob")
    make_account(owner=bob, name="Tokyo of bob")
    address = reverse("admin:auth_user_delete", args=[bob.pk])
    for send in (root.get, root.post):
        answer = send(address, {"post": "yes"}, follow=True)
        change = reverse("admin:auth_user_change", args=[bob.pk])
        assert answer.redirect_chain == [(change, 302)]
        page = answer.content.decode()
        assert "bob has accounts" in page and "take the tick from Active" in page
        assert "Tokyo" not in page  # nobody sees the accounts of another person
    assert User.objects.filter(pk=bob.pk).exists()


def test_of_the_selected_none_is_deleted_while_one_has_accounts(root):
    bob, eve = make_owner(username="bob"), make_owner(username="eve")
    make_account(owner=bob)
    chosen = {"action": "delete_selected", "_selected_action": [bob.pk, eve.pk], "post": "yes"}
    page = root.post(reverse(LIST), chosen, follow=True).content.decode()
    assert "bob has accounts" in page
    assert User.objects.filter(username__in=["bob", "eve"]).count() == 2


def test_a_person_without_accounts_is_deleted(root):
    eve, mallory = make_owner(username="eve"), make_owner(username="mallory")
    root.post(reverse("admin:auth_user_delete", args=[eve.pk]), {"post": "yes"})
    chosen = {"action": "delete_selected", "_selected_action": [mallory.pk], "post": "yes"}
    root.post(reverse(LIST), chosen)
    assert not User.objects.filter(username__in=["eve", "mallory"]).exists()


def test_who_may_not_delete_a_person_hears_nothing_of_their_accounts(client):
    bob = make_owner(username="bob")
    make_account(owner=bob)
    client.force_login(make_owner(username="eve", is_staff=True))
    assert client.get(reverse("admin:auth_user_delete", args=[bob.pk])).status_code == 403
