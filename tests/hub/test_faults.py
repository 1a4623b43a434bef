"""What a person sees when something is refused, missing or broken: a page of the hub, no traceback."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.test import Client
from django.urls import path

from tradershub import urls

pytestmark = pytest.mark.django_db


def break_down(request):
    raise RuntimeError("a secret of the inside")


def read_form(request):
    return HttpResponse(request.POST["words"])


urlpatterns = [path("broken", break_down), path("form", read_form)]
handler400, handler500 = urls.handler400, urls.handler500


@pytest.fixture
def ada():
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("ada"))
    return client


def test_an_unknown_address_says_so_on_a_page_of_the_hub(ada):
    answer = ada.get("/nothing-here/")
    assert answer.status_code == 404
    assert "There is nothing here | TradersHub" in answer.content.decode()


def test_what_may_not_be_done_says_so_on_a_page_of_the_hub(ada):
    viewer = User.objects.create_user("vera", is_staff=True)
    ada.force_login(viewer)
    answer = ada.get("/auth/user/")
    assert answer.status_code == 403
    assert "This is not yours to do" in answer.content.decode()


def test_a_form_without_its_token_says_what_to_do():
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/login/", {"username": "ada", "password": "x"})
    assert answer.status_code == 403
    assert "go back, reload the page" in answer.content.decode()


def test_a_strange_host_is_refused_on_a_page_of_the_hub(client, settings):
    settings.ALLOWED_HOSTS = ["hub.example.com"]
    answer = client.get("/login/", HTTP_HOST="evil.example")
    assert answer.status_code == 400
    assert "makes no sense" in answer.content.decode()


@pytest.mark.urls("tests.hub.test_faults")
def test_a_fault_shows_no_traceback(ada):
    answer = ada.get("/broken")
    assert answer.status_code == 500
    assert "Something broke" in answer.content.decode()
    assert "secret" not in answer.content.decode()


@pytest.mark.urls("tests.hub.test_faults")
def test_a_fault_says_where_the_log_has_more(ada):
    answer = ada.get("/broken", headers={"X-Request-ID": "abc-1"})
    assert "abc-1" in answer.content.decode()


def test_a_fault_of_the_database_is_a_page_too(ada, monkeypatch):
    def is_down(self, *args, **kwargs):
        raise OperationalError("the database is down")

    monkeypatch.setattr(BaseDatabaseWrapper, "cursor", is_down)
    answer = ada.get("/reports/", headers={"X-Request-ID": "abc-2"})
    assert (answer.status_code, answer["X-Request-ID"]) == (500, "abc-2")
    assert "Something broke" in answer.content.decode()


@pytest.mark.urls("tests.hub.test_faults")
def test_a_form_that_is_too_large_says_what_is_taken(ada, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 2**20
    answer = ada.post("/form", {"words": "x" * 2**20})
    assert answer.status_code == 413
    assert "may hold 1 MB of text" in answer.content.decode()
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 3
    assert ada.post("/form", {str(n): "x" for n in range(9)}).status_code == 413


def test_the_page_of_a_fault_needs_neither_request_nor_database(django_assert_num_queries, ada):
    with django_assert_num_queries(0):
        assert "Something broke" in render_to_string("500.html")
