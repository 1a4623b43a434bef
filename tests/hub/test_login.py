from __future__ import annotations

import datetime as dt
from urllib.parse import urlencode

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from risk.models import KillSwitch
from tests.phone import Phone
from tradershub.core.clients import client_address
from tradershub.core.models import AuditEntry
from tradershub.lockout import in_words

pytestmark = pytest.mark.django_db
LOGIN = "/login/"
RIGHT, WRONG = "the right long password", "wrong"


@pytest.fixture
def ada():
    return User.objects.create_user("ada", password=RIGHT, is_staff=True)


def attempt(client, password, *, name="ada", address="192.0.2.1"):
    return client.post(LOGIN, {"username": name, "password": password}, REMOTE_ADDR=address)


def guess_until_locked(client):
    for _ in range(5):
        response = attempt(client, WRONG)
    return response


def test_the_right_password_opens(client, ada):
    assert attempt(client, RIGHT).status_code == 302


def test_the_fifth_wrong_password_locks_and_says_for_how_long(client, ada):
    response = guess_until_locked(client)
    assert response.status_code == 429
    assert 800 < int(response["Retry-After"]) <= 900
    assert b"15 more minutes" in response.content


def test_a_locked_name_stays_locked_even_with_the_right_password(client, ada):
    guess_until_locked(client)
    assert attempt(client, RIGHT).status_code == 429


def test_a_stranger_cannot_lock_the_owner_out_elsewhere(client, ada):
    for _ in range(20):
        attempt(client, WRONG)
    assert attempt(client, RIGHT, address="192.0.2.2").status_code == 302


def test_attempts_while_locked_do_not_move_the_hour_it_opens(client, ada):
    guess_until_locked(client)
    AccessAttempt.objects.update(attempt_time=timezone.now() - dt.timedelta(minutes=10))
    response = attempt(client, WRONG)
    assert int(response["Retry-After"]) <= 300
    AccessAttempt.objects.update(attempt_time=timezone.now() - dt.timedelta(minutes=16))
    assert attempt(client, RIGHT).status_code == 302


def let_the_lock_open():
    last = AccessAttempt.objects.latest("attempt_time").attempt_time
    AccessAttempt.objects.update(attempt_time=last - dt.timedelta(days=1))


def test_each_further_lock_is_twice_as_long_up_to_a_day(client, ada):
    minutes = []
    for _ in range(9):
        minutes.append(round(int(guess_until_locked(client)["Retry-After"]) / 60))
        let_the_lock_open()
    assert minutes == [15, 30, 60, 120, 240, 480, 960, 1440, 1440]


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "1 more minute"),
        (15, "15 more minutes"),
        (119, "119 more minutes"),
        (961, "17 more hours"),
    ],
)
def test_the_wait_is_told_in_words(minutes, words):
    assert in_words(dt.timedelta(minutes=minutes)) == words


def test_a_second_lock_holds_to_its_end(client, ada):
    guess_until_locked(client)
    let_the_lock_open()
    guess_until_locked(client)
    AccessAttempt.objects.update(attempt_time=timezone.now() - dt.timedelta(minutes=29))
    assert attempt(client, RIGHT).status_code == 429
    AccessAttempt.objects.update(attempt_time=timezone.now() - dt.timedelta(minutes=31))
    assert attempt(client, RIGHT).status_code == 302


def test_after_a_log_in_the_next_lock_is_as_short_as_the_first(client, ada):
    guess_until_locked(client)
    let_the_lock_open()
    attempt(client, RIGHT)
    client.post("/logout/")
    assert int(guess_until_locked(client)["Retry-After"]) <= 900


def test_guesses_at_a_closed_lock_neither_lengthen_it_nor_fill_the_audit_log(client, ada):
    guess_until_locked(client)
    for _ in range(7):
        response = attempt(client, WRONG)
    assert int(response["Retry-After"]) <= 900
    assert AuditEntry.objects.filter(action="login.locked").count() == 1


def test_the_command_opens_the_lock(client, ada):
    guess_until_locked(client)
    call_command("axes_reset")
    assert attempt(client, RIGHT).status_code == 302


def test_log_ins_and_locks_are_in_the_audit_log(client, ada):
    guess_until_locked(client)
    attempt(client, RIGHT, address="192.0.2.2")
    client.post("/logout/")
    actions = list(AuditEntry.objects.order_by("seq").values_list("action", "actor"))
    assert actions == [("login.locked", "ada"), ("login", "ada"), ("logout", "ada")]
    assert RIGHT not in str(list(AuditEntry.objects.values()))


# -- The second step -----------------------------------------------------------------------------
@pytest.fixture
def phone(ada):
    return Phone(ada)


def enter(client, code):
    return client.post("/login/code", {"code": code})


def is_in(client):
    return client.get("/security/").status_code == 200


def test_the_password_alone_does_not_open_where_there_is_a_second_factor(client, ada, phone):
    answer = client.post("/login/?next=/security/", {"username": "ada", "password": RIGHT})
    assert answer["Location"] == "/login/code" and not is_in(client)
    assert client.get("/api/v1/accounts").status_code == 401
    assert not AuditEntry.objects.filter(action="login").exists()
    answer = enter(client, phone.code())
    assert answer["Location"] == "/security/" and is_in(client)
    assert AuditEntry.objects.filter(action="login").count() == 1


def test_a_recovery_code_opens_too_and_once(client, ada, phone):
    attempt(client, RIGHT)
    assert enter(client, phone.recovery[0]).status_code == 302 and is_in(client)
    client.post("/logout/")
    attempt(client, RIGHT)
    assert enter(client, phone.recovery[0]).status_code == 403 and not is_in(client)


def test_guessing_the_code_is_slowed_down_and_told(client, ada, phone):
    attempt(client, RIGHT)
    assert b"The code is wrong" in enter(client, phone.wrong()).content
    assert b"A wrong code was entered before: wait 1 second" in enter(client, phone.code()).content
    assert not is_in(client)


def test_a_code_without_a_password_opens_nothing(client, ada, phone):
    assert enter(client, phone.code())["Location"] == "/login/"
    attempt(client, WRONG)
    assert enter(client, phone.code())["Location"] == "/login/"
    assert not is_in(client)


@pytest.mark.parametrize("change", ["later", "other password", "shut out"])
def test_a_password_is_not_remembered_for_ever(client, ada, phone, monkeypatch, change):
    attempt(client, RIGHT)
    if change == "later":
        later = timezone.now() + dt.timedelta(minutes=11)
        monkeypatch.setattr("tradershub.login.timezone.now", lambda: later)
    elif change == "other password":
        ada.set_password("another long password")
    else:
        ada.is_active = False
    ada.save()
    assert enter(client, phone.code())["Location"] == "/login/"
    assert not is_in(client)


def test_the_log_in_leads_to_no_foreign_page(client, ada, phone):
    client.post("/login/?next=https://evil.example/", {"username": "ada", "password": RIGHT})
    assert enter(client, phone.code())["Location"] == "/"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9", "198.51.100.1"),
        (2, "203.0.113.9", "127.0.0.1"),
        (1, "garbage", "127.0.0.1"),
        (1, "2001:DB8::1", "2001:db8::1"),
        (1, None, "127.0.0.1"),
    ],
)
def test_only_our_own_proxies_are_believed(rf, settings, proxies, forwarded, address):
    settings.PROXY_COUNT = proxies
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert client_address(rf.get("/", headers=headers)) == address


def test_a_guesser_behind_the_proxy_locks_only_himself(client, ada, settings):
    settings.PROXY_COUNT = 1
    wrong = {"username": "ada", "password": WRONG}
    for number in range(5):
        claim = f"198.51.100.{number}, 203.0.113.9"
        response = client.post(LOGIN, wrong, headers={"X-Forwarded-For": claim})
    assert response.status_code == 429
    right = {"username": "ada", "password": RIGHT}
    response = client.post(LOGIN, right, headers={"X-Forwarded-For": "203.0.113.10"})
    assert response.status_code == 302


@pytest.mark.parametrize("path", ["/login/", "/health/live", "/no/such/page", "/"])
def test_every_answer_carries_the_policy(client, ada, path):
    policy = client.get(path)["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert "unsafe-inline" not in scripts


@pytest.mark.parametrize(
    ("came_from", "given", "to"),
    [
        ("http://testserver/orders/?state=working", {}, "/orders/?state=working"),
        ("http://elsewhere.example/orders/", {}, "/"),
        ("", {}, "/"),
        ("http://testserver/stop", {"step_up_kept": "x"}, "/"),
    ],
)
def test_an_act_after_the_session_has_ended_is_not_done_and_says_so(
    client, ada, came_from, given, to
):
    response = client.post("/stop", given, headers={"referer": came_from}, follow=True)
    assert response.redirect_chain == [(f"/login/?{urlencode({'next': to}, safe='/')}", 302)]
    assert "nothing was done" in response.content.decode()
    assert not KillSwitch.objects.exists()
