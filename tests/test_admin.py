"""Every admin page opens, for an administrator, with and without rows."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import reverse

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
