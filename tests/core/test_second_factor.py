"""The app and the recovery codes: what they take, once, and what guessing costs."""

from __future__ import annotations

import datetime as dt
import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.test import Client
from django.utils import timezone

from tests.factories import make_owner
from tests.phone import SECRET, Phone
from tradershub.core import crypto, second_factor
from tradershub.core.models import AuditEntry, Authenticator, RecoveryCodes
from tradershub.core.second_factor import EXPECTED, USED, why_not
from tradershub.core.step_up import Kind, Proof, StepUpNeeded, demand

pytestmark = [pytest.mark.django_db, pytest.mark.second_factor]


@pytest.fixture
def ada():
    return make_owner(username="ada", is_staff=True)


@pytest.fixture
def phone(ada):
    return Phone(ada)


def let_wait(kind: type[models.Model], *, seconds: int) -> None:
    row = kind.objects.get()
    at = row.throttling_failure_timestamp - dt.timedelta(seconds=seconds)
    kind.objects.update(throttling_failure_timestamp=at)


# -- Codes ---------------------------------------------------------------------------------------
def test_the_code_of_now_is_taken_once(ada, phone):
    code = phone.code()
    assert why_not(ada, f"{code[:3]} {code[3:]}") == ""
    assert why_not(ada, code) == USED


def test_a_phone_may_be_half_a_minute_late_and_no_more(ada, phone):
    assert why_not(ada, phone.code(seconds_ago=60)) == USED
    let_wait(Authenticator, seconds=2)
    assert why_not(ada, phone.code(seconds_ago=30)) == ""


def test_each_recovery_code_is_taken_once_and_told(ada, phone):
    first, second, *_ = phone.recovery
    assert why_not(ada, f" {first.upper()} ") == ""
    assert second_factor.codes_left(ada) == 9
    assert why_not(ada, first) == USED
    let_wait(RecoveryCodes, seconds=2)
    assert why_not(ada, second.replace("-", "")) == ""
    told = AuditEntry.objects.filter(action="second_factor.recovery_code", owner_id=ada.pk)
    assert [entry.summary for entry in told] == [
        "Used a recovery code, 8 left", "Used a recovery code, 9 left",
    ]  # fmt: skip


@pytest.mark.parametrize("code", ["", " ", "12345", "1234567", "12345٣", "x" * 500, "\x00", "🔑"])
def test_what_is_no_code_is_refused_in_words(ada, phone, code):
    assert why_not(ada, code) in (EXPECTED, USED)


def test_without_a_second_factor_no_code_is_right(ada):
    assert why_not(ada, "123456") == EXPECTED


def test_each_wrong_code_makes_the_next_wait_twice_as_long(ada, phone):
    assert why_not(ada, phone.wrong()) == USED
    assert "wait 1 second," in why_not(ada, phone.code())
    let_wait(Authenticator, seconds=2)
    assert why_not(ada, phone.wrong()) == USED
    assert "wait 2 seconds" in why_not(ada, phone.code())
    Authenticator.objects.update(throttling_failure_count=15)
    let_wait(Authenticator, seconds=2**15)
    why_not(ada, phone.wrong())
    assert "wait 18 minutes" in why_not(ada, phone.code())
    let_wait(Authenticator, seconds=1025)
    assert why_not(ada, phone.code()) == ""


def test_guessing_at_the_app_does_not_shut_the_recovery_codes(ada, phone):
    why_not(ada, phone.wrong())
    assert why_not(ada, phone.recovery[0]) == ""


def test_many_wrong_codes_are_in_the_audit_log_once(ada, phone):
    for _ in range(7):
        why_not(ada, phone.wrong())
        let_wait(Authenticator, seconds=4000)
    assert AuditEntry.objects.filter(action="second_factor.wrong_codes").count() == 1


# -- Kept ----------------------------------------------------------------------------------------
def test_nothing_readable_is_kept(ada, phone):
    kept = str(list(Authenticator.objects.values())) + str(list(RecoveryCodes.objects.values()))
    assert SECRET.hex() not in kept and SECRET.decode() not in kept
    assert not any(code in kept or code.replace("-", "") in kept for code in phone.recovery)


def test_a_secret_moved_to_another_person_proves_nothing(ada, phone):
    Authenticator.objects.update(user=make_owner())
    with pytest.raises(crypto.Unreadable):
        _ = Authenticator.objects.get().secret


def test_a_lost_field_key_leaves_the_recovery_codes(ada, phone, settings):
    settings.FIELD_KEYS = ["A" * 43 + "="]
    assert "use a recovery code" in why_not(ada, phone.code())
    assert why_not(ada, phone.recovery[0]) == ""


# -- Set up, reset -------------------------------------------------------------------------------
def with_code(person, phone):
    person.proof = Proof(is_given=True)
    return person


def test_an_app_is_of_use_once_its_first_code_is_right(ada):
    app = second_factor.begin(ada)
    assert not second_factor.has_one(ada)
    with pytest.raises(second_factor.BadInput):
        second_factor.finish(ada, "12345")
    assert "secret=" + second_factor.secret_text(app) in second_factor.address_of(app)


def test_what_was_begun_long_ago_is_begun_again(ada):
    second_factor.begin(ada)
    Authenticator.objects.update(created_at=timezone.now() - dt.timedelta(minutes=16))
    with pytest.raises(second_factor.Conflict, match="begin again"):
        second_factor.finish(ada, "123456")


@pytest.mark.parametrize("change", ["begin", "renew_codes", "remove"])
def test_a_change_of_it_needs_the_old_one(ada, phone, change):
    before = list(Authenticator.objects.values()), list(RecoveryCodes.objects.values())
    with pytest.raises(StepUpNeeded):
        getattr(second_factor, change)(ada)
    assert before == (list(Authenticator.objects.values()), list(RecoveryCodes.objects.values()))
    getattr(second_factor, change)(with_code(ada, phone))


def test_new_codes_make_the_old_ones_void(ada, phone):
    new = second_factor.renew_codes(with_code(ada, phone))
    assert len(set(new)) == 10
    assert why_not(ada, phone.recovery[0]) == USED


def test_an_administrator_resets_it_with_a_code_of_their_own(ada, phone):
    boss = make_owner(is_staff=True, is_superuser=True)
    browser = Client()
    browser.force_login(ada)
    with pytest.raises(StepUpNeeded):
        second_factor.reset(ada, actor=boss, reason="Seen in person")
    with pytest.raises(second_factor.NotAllowed):
        second_factor.reset(ada, actor=make_owner(is_staff=True), reason="Seen in person")
    second_factor.reset(ada, actor=with_code(boss, None), reason="Seen in person")
    assert not second_factor.has_one(ada) and second_factor.codes_left(ada) == 0
    assert browser.get("/security/").status_code == 302
    entry = AuditEntry.objects.get(action="second_factor.reset")
    assert (entry.actor, entry.owner_id, entry.summary) == (str(boss), ada.pk, "Seen in person")


def test_whoever_runs_the_hub_resets_it_by_command(ada, phone):
    said = io.StringIO()
    call_command("reset_second_factor", "ada", "--reason", "Phone in the lake", stdout=said)
    assert "no second factor" in said.getvalue() and not second_factor.has_one(ada)
    for name in ("ada", "nobody"):
        with pytest.raises(CommandError):
            call_command("reset_second_factor", name, "--reason", "x", stdout=said)


# -- What a proof is for -------------------------------------------------------------------------
def test_one_code_opens_live_orders_on_one_account_for_five_minutes(ada):
    one, other, session = make_owner(), make_owner(), {}
    ada.proof = Proof(is_given=True, session=session)
    demand(ada, Kind.ORDER, one)
    ada.proof = Proof(session=session)
    demand(ada, Kind.ORDER, one)
    for kind, about in ((Kind.ORDER, other), (Kind.SIGNAL, one), (Kind.LOOSEN, None)):
        with pytest.raises(StepUpNeeded):
            demand(ada, kind, about)
    ada.proof = Proof(session={})
    with pytest.raises(StepUpNeeded):
        demand(ada, Kind.ORDER, one)


@pytest.mark.parametrize(("minutes", "is_open"), [(4, True), (6, False), (-1, False)])
def test_five_minutes_are_five_minutes(ada, minutes, is_open):
    session = {}
    ada.proof = Proof(is_given=True, session=session)
    demand(ada, Kind.ORDER, ada)
    then = timezone.now() - dt.timedelta(minutes=minutes)
    session["step_up"] = dict.fromkeys(session["step_up"], then.isoformat())
    ada.proof = Proof(session=session)
    if is_open:
        demand(ada, Kind.ORDER, ada)
        return
    with pytest.raises(StepUpNeeded):
        demand(ada, Kind.ORDER, ada)


def test_all_else_takes_one_code_each(ada):
    session = {}
    for kind in set(Kind) - {Kind.ORDER, Kind.SIGNAL}:
        ada.proof = Proof(is_given=True, session=session)
        demand(ada, kind)
        ada.proof = Proof(session=session)
        with pytest.raises(StepUpNeeded):
            demand(ada, kind)


def test_a_person_without_a_proof_is_refused_and_a_program_is_not_asked(ada):
    with pytest.raises(StepUpNeeded):
        demand(ada, Kind.RELEASE)
    demand("a command", Kind.RELEASE)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_with_the_same_code_one_is_let_through(ada, phone):
    """On SQLite transactions begin with the write lock: there is nothing to race for."""
    code, together = phone.code(), threading.Barrier(4)

    def prove() -> str:
        together.wait()
        try:
            return why_not(ada, code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: prove(), range(4)))
    assert answers.count("") == 1
