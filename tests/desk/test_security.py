"""The page on which a person sets up a second factor."""

from __future__ import annotations

import base64
import re
import time

import pytest
from django.test import Client
from django_otp.oath import TOTP

from tests.factories import make_owner
from tests.phone import Phone
from tradershub.core import second_factor
from tradershub.core.models import AuditEntry, Authenticator

pytestmark = [pytest.mark.django_db, pytest.mark.second_factor]
PASSWORD = "a-long-password"
CODE = re.compile(r"[a-z2-7]{4}(?:-[a-z2-7]{4}){3}")


@pytest.fixture
def ada():
    return make_owner(username="ada", is_staff=True)


@pytest.fixture
def browser(ada):
    client = Client()
    client.force_login(ada)
    return client


def app_of(page):
    """What a phone shows that has scanned the page."""
    secret = re.search(r'secret-text">(\w+)<', page.content.decode())[1]
    clock = TOTP(base64.b32decode(secret))
    clock.time = time.time()
    return f"{clock.token():06}"


def test_from_nothing_to_an_app_and_ten_codes(browser, ada):
    assert b"You have no second factor" in browser.get("/security/").content
    page = browser.post("/security/begin", follow=True)
    assert b"<svg" in page.content and page["Cache-Control"].count("no-store")
    elsewhere = Client()
    elsewhere.force_login(ada)
    proof = {"code": app_of(page), "password": PASSWORD}
    codes = CODE.findall(browser.post("/security/app", proof).content.decode())
    assert len(set(codes)) == 10 and second_factor.has_one(ada)
    assert elsewhere.get("/security/").status_code == 302, "other sessions end"
    again = browser.get("/security/")
    assert b"10 of 10 are left" in again.content and not CODE.search(again.content.decode())
    assert browser.get("/security/app").status_code == 302, "its secret is not shown again"
    assert AuditEntry.objects.filter(action="second_factor.set_up", owner_id=ada.pk).count() == 1


def test_an_open_session_without_the_password_sets_nothing_up(browser, ada):
    page = browser.post("/security/begin", follow=True)
    answer = browser.post("/security/app", {"code": app_of(page), "password": "guessed"})
    assert b"not your password" in answer.content and not second_factor.has_one(ada)
    answer = browser.post("/security/app", {"code": "000000", "password": PASSWORD})
    assert b"The code is wrong" in answer.content and not second_factor.has_one(ada)


def test_an_app_holds_until_the_one_in_its_place_is_proved(browser, ada):
    phone = Phone(ada)
    asked = browser.post("/security/begin")
    sent = {"step_up_kept": asked.context["kept"], "step_up_code": phone.code()}
    page = browser.post("/security/begin", sent, follow=True)
    assert second_factor.why_not(ada, phone.another()) == ""
    browser.post("/security/app", {"code": app_of(page), "password": PASSWORD})
    assert Authenticator.objects.get(user=ada).secret != phone.app.secret
    assert second_factor.why_not(ada, phone.recovery[0]) != "", "the old codes are void"


def test_the_admin_shows_no_secret_of_it(browser, ada):
    ada.is_superuser = True
    ada.save()
    Phone(ada)
    for address in ("/", f"/auth/user/{ada.pk}/change/", "/core/"):
        text = browser.get(address, follow=True).content.decode()
        assert Authenticator.objects.get().sealed not in text
    assert "/core/authenticator/" not in browser.get("/core/").content.decode()
