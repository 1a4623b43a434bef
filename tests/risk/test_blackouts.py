"""News blackouts: whom they bind, who may shorten them, and how they are entered and imported."""

from __future__ import annotations

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.utils import timezone

from risk import blackouts, gate
from risk.models import Blackout
from tests.admin.test_spreadsheets import CSV, errors_of, export, import_again, place
from tests.factories import make_owner
from tests.risk.orders import AT, Desk
from tests.risk.test_pages import browser, member, program
from tradershub.core.errors import BadInput, NotAllowed
from tradershub.core.models import AuditEntry

pytestmark = pytest.mark.django_db
REASON = "the event was called off"
HOUR = dt.timedelta(hours=1)
JSON = {"content_type": "application/json"}


@pytest.fixture
def desk():
    return Desk(owner=member("ada"))


def window(owner, *, at=AT, **fields):
    given = {"event": "Payrolls", "scope": "all", "starts_at": at - HOUR, "ends_at": at + HOUR}
    return Blackout(owner=owner, **{**given, **fields})


def running(owner, **fields):
    return blackouts.add_blackout(window(owner, at=timezone.now(), **fields), actor=owner or "hub")


def code_of(order, ask=gate.authorise):
    with transaction.atomic():
        verdict = ask(order)
    return verdict.refusal.code if verdict.refusal else ""


# -- Whom it binds --------------------------------------------------------------------------------
def test_it_binds_its_owner_or_everybody_while_it_runs(desk):
    kept = window(make_owner(username="eve"))
    kept.save()
    assert code_of(desk.order()) == ""
    for owner in (desk.owner, None):
        Blackout.objects.update(owner=owner)
        assert code_of(desk.order()) == "BLACKOUT"
    Blackout.objects.update(starts_at=AT, ends_at=AT + HOUR)
    assert code_of(desk.order()) == "BLACKOUT", "its first moment is in it"
    Blackout.objects.update(starts_at=AT - HOUR, ends_at=AT)
    assert code_of(desk.order()) == "", "its last is not"


def test_a_close_goes_and_an_order_that_waited_does_not(desk):
    waiting = desk.order()
    assert code_of(waiting) == ""
    position = desk.position()
    window(desk.owner, scope="currency", currency="EUR").save()
    assert code_of(waiting, gate.recheck) == "BLACKOUT"
    closing = desk.close(position_ref=position.ref)
    assert (code_of(closing), code_of(closing, gate.recheck)) == ("", "")


# -- Who may change it ----------------------------------------------------------------------------
def test_keeping_more_back_needs_nothing_and_less_a_reason(desk):
    made = running(desk.owner, scope="currency", currency="EUR")
    later = made.ends_at + HOUR
    longer = blackouts.edit_blackout(made, actor=desk.owner, ends_at=later)
    wider = blackouts.edit_blackout(longer, actor=desk.owner, scope="all", currency="")
    for less in (
        {"ends_at": later - HOUR},
        {"starts_at": timezone.now() + HOUR},
        {"scope": "currency", "currency": "EUR"},
    ):
        with pytest.raises(BadInput, match="reason"):
            blackouts.edit_blackout(wider, actor=desk.owner, **less)
    with pytest.raises(BadInput, match="reason"):
        blackouts.remove_blackout(wider, actor=desk.owner)
    blackouts.remove_blackout(wider, actor=desk.owner, reason=REASON)
    actions = AuditEntry.objects.order_by("seq").values_list("action", flat=True)
    verbs = ["add", "edit", "edit", "remove"]
    assert [a for a in actions if a.startswith("blackout")] == [f"blackout.{v}" for v in verbs]


def test_one_that_is_still_to_come_is_removed_without_a_reason(desk):
    made = running(desk.owner, starts_at=timezone.now() + HOUR / 2)
    blackouts.remove_blackout(made, actor=desk.owner)
    assert not Blackout.objects.exists()


def test_what_binds_everybody_is_an_administrators(desk):
    with pytest.raises(NotAllowed, match="administrator"):
        blackouts.add_blackout(window(None, at=timezone.now()), actor=desk.owner)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ends_at": AT - HOUR}, "end after the beginning"),
        ({"scope": "currency"}, "that it is about"),
        ({"currency": "EUR"}, "that it is about"),
        ({"scope": "instrument"}, "that it is about"),
        ({"scope": "currency", "currency": "euro"}, "currency"),
        ({}, "still to come"),
    ],
)
def test_a_window_that_makes_no_sense_is_refused(desk, wrong, said):
    with pytest.raises(BadInput, match=said):
        blackouts.add_blackout(window(desk.owner, **wrong), actor=desk.owner)


def test_the_database_itself_refuses_one_that_ends_before_it_begins(desk):
    with pytest.raises(IntegrityError), transaction.atomic():
        window(desk.owner, ends_at=AT - HOUR).save()


# -- Pages and API --------------------------------------------------------------------------------
FORM = {
    "event": "Payrolls",
    "starts_at_1": "00:00",
    "ends_at_0": "2099-01-01",
    "ends_at_1": "00:00",
}


def test_the_form_adds_lengthens_and_asks_for_a_reason_to_shorten(desk):
    client = browser(desk.owner)
    about = {**FORM, "scope": "currency", "currency": "USD", "starts_at_0": "2026-01-01"}
    client.post("/risk/blackout/add/", {**about, "for_everybody": "on"})
    assert not Blackout.objects.exists(), "that is an administrator's"
    client.post("/risk/blackout/add/", about)
    made = Blackout.objects.get()
    assert (made.owner, made.about) == (desk.owner, "USD")
    address, shorter = f"/risk/blackout/{made.pk}/change/", {**about, "ends_at_0": "2098-01-01"}
    page = client.post(address, shorter)
    assert "reason" in page.context["adminform"].form.errors
    assert client.get(f"/risk/blackout/{made.pk}/delete/").status_code == 403
    assert client.post(address, {**shorter, "reason": REASON}).status_code == 302
    made.refresh_from_db()
    assert made.ends_at.year == 2098


def test_only_administrators_change_what_binds_everybody(desk):
    made = running(None)
    client = browser(desk.owner)
    assert b"everybody" in client.get("/risk/blackout/").content
    assert client.post(f"/risk/blackout/{made.pk}/change/", FORM).status_code == 403
    answer = program(desk.owner).post(
        f"/api/v1/blackouts/{made.pk}/remove", {"reason": REASON}, **JSON
    )
    assert answer.status_code == 403
    assert Blackout.objects.exists()


def test_the_api_adds_lists_and_removes(desk):
    api = program(desk.owner)
    body = {
        "event": "Rate decision", "scope": "instrument", "instrument_id": desk.instrument.pk,
        "starts_at": "2098-01-01T12:00:00Z", "ends_at": "2098-01-01T13:00:00Z",
    }  # fmt: skip
    made = api.post("/api/v1/blackouts", body, **JSON).json()
    assert api.get("/api/v1/blackouts?scope=instrument").json()["data"] == [made]
    assert (made["for_everybody"], made["ends_at"]) == (False, "2098-01-01T13:00:00.000000Z")
    backwards = api.post("/api/v1/blackouts", {**body, "ends_at": body["starts_at"]}, **JSON)
    assert "end after the beginning" in backwards.json()["error"]["message"]
    assert api.post(f"/api/v1/blackouts/{made['id']}/remove", {}, **JSON).status_code == 204
    assert not Blackout.objects.exists()


# -- A calendar as a table ------------------------------------------------------------------------
HEADINGS = "event,starts_at,ends_at,scope,currency,instrument,for_everybody"


def table(*rows):
    return "\n".join([HEADINGS, *rows]).encode()


def refused_import(client, data):
    body = {"import_file": SimpleUploadedFile("t.csv", data), "format": CSV, "resource": "0"}
    result = client.post(place(Blackout, "import"), body).context["result"]
    return " ".join(errors_of(result) + [str(row.error) for row in result.invalid_rows])


def test_a_calendar_is_imported_and_may_be_imported_again(desk):
    client = browser(desk.owner)
    calendar = table(
        "Payrolls,2098-01-01 13:00,2098-01-01 14:00,currency,USD,,",
        "Stock check,2098-01-02 13:00,2098-01-02 14:00,instrument,,EURUSD,no",
        "Long ago,2020-01-01 13:00,2020-01-01 14:00,all,,,",
    )
    for _ in range(2):
        import_again(client, Blackout, CSV, calendar)
    assert sorted(str(w) for w in Blackout.objects.filter(owner=desk.owner)) == [
        "Payrolls, USD, 2098-01-01 13:00 UTC",
        "Stock check, EURUSD, 2098-01-02 13:00 UTC",
    ]
    import_again(client, Blackout, CSV, export(client, Blackout, CSV))
    assert Blackout.objects.count() == 2


def test_an_import_loosens_nothing_and_binds_nobody_else(desk):
    made = running(desk.owner, starts_at=timezone.now().replace(microsecond=0) - HOUR)
    start = f"{made.starts_at:%Y-%m-%d %H:%M:%S}"
    end = f"{timezone.now() + HOUR / 2:%Y-%m-%d %H:%M:%S}"
    client = browser(desk.owner)
    shorter = table(f"Payrolls,{start},{end},all,,,")
    assert "by its own form, with a reason" in refused_import(client, shorter)
    others = table("Payrolls,2098-01-01 13:00,2098-01-01 14:00,all,,,yes")
    assert "Only an administrator" in refused_import(client, others)
    assert Blackout.objects.get().ends_at == made.ends_at
    import_again(browser(User.objects.create_superuser("root")), Blackout, CSV, others)
    assert Blackout.objects.filter(owner=None).count() == 1
