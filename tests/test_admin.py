"""Every admin page opens, for an administrator, with and without rows."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.urls import reverse

from tradershub.roles import set_up_groups

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator(client):
    user = User.objects.create_superuser("root", password="correct horse battery")
    client.force_login(user)
    return client


@pytest.mark.parametrize("model", list(admin.site._registry), ids=lambda m: m._meta.label)
def test_list_and_add_page_open(administrator, model):
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    assert administrator.get(reverse(f"{name}_changelist"), follow=True).status_code == 200
    assert administrator.get(reverse(f"{name}_add"), follow=True).status_code in (200, 403)


def test_before_a_group_is_deleted_its_permissions_are_not_listed_one_by_one(administrator):
    set_up_groups()
    group = Group.objects.get(name="Viewer")
    page = administrator.get(reverse("admin:auth_group_delete", args=[group.pk])).content.decode()
    assert "Viewer" in page
    assert "relationship" not in page
