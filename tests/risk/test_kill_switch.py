"""Stop and release: row, file, command, button, API, and who may."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.notify import named
from risk import kill_switch
from risk.hooks import kill_switch_engaged
from risk.models import KillSwitch
from tests.factories import make_account, make_owner, make_strategy
from tradershub.core.errors import BadInput, NotAllowed
from tradershub.core.models import AuditEntry
from tradershub.reports.needs import what_needs
from tradershub.roles import set_up_groups
from trading.models import SignalSource

pytestmark = pytest.mark.django_db
REASON = "the news is over"


@pytest.fixture(autouse=True)
def data_folder(settings, tmp_path):
    settings.DATA_DIR = tmp_path


@pytest.fixture
def account():
    return make_account(owner=member("ada"))


def member(name: str, group: str = "Trader"):
    set_up_groups()
    person = make_owner(username=name, is_staff=True)
    person.groups.add(Group.objects.get(name=group))
    return person


def test_a_stop_holds_for_its_scope_and_raises_the_epoch(account):
    other = make_account(owner=account.owner)
    assert kill_switch.standing(account) == kill_switch.Standing(False, 0)
    scope = kill_switch.of_account(account)
    assert kill_switch.engage(scope, actor=account.owner, reason="news") == 1
    assert kill_switch.standing(account) == kill_switch.Standing(True, 1, "account", "news")
    assert not kill_switch.standing(other).engaged
    assert kill_switch.engage(scope, actor=account.owner) == 2
    kill_switch.release(scope, actor=account.owner, reason=REASON)
    assert kill_switch.standing(account) == kill_switch.Standing(False, 2)


@pytest.mark.parametrize("of", [kill_switch.of_strategy, kill_switch.of_source])
def test_strategies_and_sources_of_two_persons_are_two(account, of):
    stranger = make_account()
    kill_switch.engage(of(account.owner, "mr"), actor=account.owner)
    asked = {"strategy": "mr", "source": "mr"}
    assert kill_switch.standing(account, **asked).engaged
    assert not kill_switch.standing(account).engaged
    assert not kill_switch.standing(stranger, **asked).engaged


def test_both_are_in_the_audit_log_and_releasing_needs_a_reason(account):
    scope = kill_switch.of_owner(account.owner)
    kill_switch.engage(scope, actor=account.owner)
    with pytest.raises(BadInput, match="reason"):
        kill_switch.release(scope, actor=account.owner, reason="  ok  ")
    assert kill_switch.standing(account).engaged
    kill_switch.release(scope, actor=account.owner, reason=REASON)
    found = AuditEntry.objects.filter(owner_id=account.owner.pk).order_by("seq")
    assert [entry.action for entry in found] == ["kill_switch.engage", "kill_switch.release"]


def test_nobody_stops_or_releases_what_is_not_theirs(account):
    stranger = make_owner()
    for scope in (
        kill_switch.of_account(account),
        kill_switch.of_owner(account.owner),
        kill_switch.ALL,
    ):
        with pytest.raises(NotAllowed):
            kill_switch.engage(scope, actor=stranger)
        with pytest.raises(NotAllowed):
            kill_switch.release(scope, actor=stranger, reason=REASON)
    assert not KillSwitch.objects.filter(engaged=True).exists()
    kill_switch.engage(kill_switch.ALL, actor=member("root", "Administrator"))
    assert kill_switch.standing(account).engaged


def test_who_listens_hears_the_scope_and_cannot_prevent_the_stop(account):
    heard = []

    def listen(*, scope, epoch, **_):
        heard.append((scope, epoch))
        make_owner(username="half-done")
        raise RuntimeError("a listener that fails")

    kill_switch_engaged.connect(listen)
    try:
        kill_switch.engage(kill_switch.of_owner(account.owner), actor=account.owner)
    finally:
        kill_switch_engaged.disconnect(listen)
    assert heard == [(kill_switch.of_owner(account.owner), 1)]
    assert kill_switch.standing(account).engaged
    assert not type(account.owner).objects.filter(username="half-done").exists()


# -- The file ------------------------------------------------------------------------------------
def test_the_file_stops_everything(account):
    kill_switch.write_file("by hand")
    standing = kill_switch.standing(account)
    assert (standing.engaged, standing.scope) == (True, "file")


def test_a_file_that_cannot_be_looked_at_stops_too(account, monkeypatch):
    class Unreadable:
        def stat(self):
            raise PermissionError

    monkeypatch.setattr(kill_switch, "file_path", Unreadable)
    assert kill_switch.standing(account).engaged


# -- The command -----------------------------------------------------------------------------------
def run(*words: str) -> str:
    out = StringIO()
    call_command("kill_switch", *words, stdout=out)
    return out.getvalue()


def test_the_command_stops_all_with_the_file_and_takes_it_away(account):
    assert "Nothing is stopped" in run("status")
    assert "Stopped: everything" in run("on", "--reason", "flood")
    assert kill_switch.file_is_there()
    assert KillSwitch.objects.get(scope="all").engaged
    said = run("status")
    assert "by the file" in said and "flood" in said
    with pytest.raises(CommandError, match="reason"):
        run("off")
    assert "Released" in run("off", "--reason", "the water is gone")
    assert not kill_switch.standing(account).engaged


def test_the_command_says_its_answer_and_no_line_of_the_log(account, caplog):
    caplog.set_level("INFO")
    run("on", "--reason", "flood")
    assert caplog.records == []


def test_the_command_stops_one_account_or_one_person(account):
    run("on", "--account", str(account.pk))
    assert kill_switch.standing(account).scope == "account"
    run("on", "--owner", "ada")
    assert "owner" in run("status")
    for words in (
        ("--account", "99999"),
        ("--owner", "nobody"),
        ("--owner", "ada", "--account", "1"),
    ):
        with pytest.raises(CommandError):
            run("on", *words)


def test_the_command_stops_and_releases_a_strategy_and_a_source(account):
    make_strategy(account.owner, "mr")
    source = SignalSource.objects.create(name="charts", owner=account.owner)
    for option, key, words in (
        ("--strategy", "mr", "strategy mr"),
        ("--source", source.uid, "source charts"),
    ):
        assert words in run("on", option, key)
        assert not kill_switch.file_is_there()
        standing = kill_switch.standing(account, strategy="mr", source=source.uid)
        assert standing.engaged
        assert f"{words} of ada" in run("status")
        run("off", option, key, "--owner", "ada", "--reason", REASON)
        assert not kill_switch.standing(account, strategy="mr", source=source.uid).engaged
        with pytest.raises(CommandError, match="nobody has"):
            run("on", option, "nope")
        with pytest.raises(CommandError, match="There is no"):
            run("on", option, "nope", "--owner", "ada")
    with pytest.raises(CommandError, match="Expected one of"):
        run("on", "--strategy", "mr", "--source", source.uid)


def test_a_strategy_of_two_persons_takes_its_owner(account):
    for owner in (account.owner, make_owner(username="bob")):
        make_strategy(owner, "mr")
    with pytest.raises(CommandError, match="Expected --owner: several people have"):
        run("on", "--strategy", "mr")
    run("on", "--strategy", "mr", "--owner", "bob")
    assert not kill_switch.standing(account, strategy="mr").engaged


def test_the_file_stands_when_the_database_cannot_be_told(monkeypatch):
    from django.db import OperationalError

    def no_database(*_, **__):
        raise OperationalError("connection refused")

    monkeypatch.setattr(kill_switch, "engage", no_database)
    with pytest.raises(CommandError, match="stopped by the file"):
        run("on")
    assert kill_switch.file_is_there()


# -- The button and the API -----------------------------------------------------------------------
def browser(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_the_button_stops_all_of_the_persons_accounts_from_any_page(account):
    client = browser(account.owner)
    page = client.get("/reports/trades/").content.decode()
    assert 'action="/stop"' in page and "Recording only" in page
    answer = client.post("/stop", {"next": "/reports/trades/"}, follow=True)
    assert answer.redirect_chain == [("/reports/trades/", 302)]
    page = answer.content.decode()
    assert "trading-stopped" in page and 'action="/stop"' not in page
    assert kill_switch.standing(account).scope == "owner"
    assert not kill_switch.standing(make_account()).engaged
    assert client.post("/stop", {"next": "https://elsewhere.example/"}).url == "/reports/risk/"


def test_releasing_takes_a_reason(account):
    client = browser(account.owner)
    client.post("/stop")
    page = client.post("/release", {"reason": ""}, follow=True).content.decode()
    assert "Expected a reason" in page
    assert kill_switch.standing(account).engaged
    client.post("/release", {"reason": REASON})
    assert not kill_switch.standing(account).engaged


def test_the_page_names_each_stop_and_releases_it(account):
    client = browser(account.owner)
    for scope in (kill_switch.of_strategy(account.owner, "mr"), kill_switch.of_account(account)):
        kill_switch.engage(scope, actor=account.owner)
    page = client.get("/reports/risk/").content.decode()
    assert "Strategy mr, since" in page and "Stopped in part" in page
    assert all(need in page for need in ("strategy mr</option>", f"{named(account)}</option>"))
    row = KillSwitch.objects.get(scope="strategy")
    said = client.post("/release", {"switch": row.pk, "reason": REASON}, follow=True)
    assert "Released: strategy mr." in said.content.decode()
    assert not kill_switch.standing(make_account(owner=account.owner), strategy="mr").engaged
    assert kill_switch.standing(account).engaged

    others = KillSwitch.objects.get(scope="account")
    stranger = browser(member("bob"))
    for pk in (others.pk, "file", "x", 9999):
        stranger.post("/release", {"switch": pk, "reason": REASON})
    assert kill_switch.standing(account).engaged


def test_a_stop_of_something_alone_needs_the_person(account):
    kill_switch.engage(kill_switch.of_strategy(account.owner, "mr"), actor=account.owner)
    [need] = what_needs(account.owner, [])
    assert need.text.startswith("Stopped: strategy mr, by ada.")
    assert need.link == "/reports/risk/"


def test_neither_a_link_nor_a_viewer_nor_a_stranger_stops_anything(account):
    assert browser(account.owner).get("/stop").status_code == 405
    assert browser(member("viewer", "Viewer")).post("/stop").status_code == 403
    stranger = browser(member("bob"))
    stranger.post("/stop", {"scope": "account", "account": account.pk})
    stranger.post("/stop", {"scope": "all"})
    assert not kill_switch.standing(account).engaged


@pytest.mark.parametrize(("live", "word"), [(False, "Sandbox"), (True, "Live")])
def test_the_word_of_the_frame_follows(account, live, word):
    from brokers.models import Connection

    account.connection = Connection.objects.create(
        owner=account.owner, broker=account.broker, platform="manual", name="x", live=live
    )
    account.may_trade = True
    account.save()
    assert f"<span>{word}</span>" in browser(account.owner).get("/reports/trades/").content.decode()


def test_the_api_says_engages_and_releases(account):
    client = browser(account.owner)
    assert client.get("/api/v1/kill-switch").json()["engaged"] is False
    csrf = Client(enforce_csrf_checks=False)
    csrf.force_login(account.owner)
    from tradershub.core.api_keys import SCOPES, create_key

    _, key = create_key(owner=account.owner, name="x", scopes=SCOPES)
    program = Client(headers={"Authorization": f"Bearer {key}"})

    def post(path, **body):
        return program.post(f"/api/v1/kill-switch/{path}", body, content_type="application/json")

    make_strategy(account.owner, "mr")
    source = SignalSource.objects.create(name="charts", owner=account.owner)
    for scope, key in (("strategy", "mr"), ("source", source.uid)):
        refused = post("engage", scope=scope, key="nope")
        assert refused.status_code == 422 and key in refused.json()["error"]["message"]
        assert not KillSwitch.objects.filter(scope=scope).exists()
        assert post("engage", scope=scope, key=key).json()["scope"] == scope
        assert post("release", scope=scope, key="nope", reason=REASON).status_code == 422
        assert post("release", scope=scope, key=key, reason=REASON).json()["engaged"] is False
    gone = kill_switch.of_strategy(account.owner, "gone")
    kill_switch.engage(gone, actor=account.owner)
    body = {"scope": "strategy", "key": "gone", "reason": REASON}
    assert post("release", **body).json()["engaged"] is False
    assert post("engage", reason="news").json()["scope"] == "owner"
    assert post("engage", scope="account", account_id=make_account().pk).status_code == 404
    assert post("engage", scope="all").status_code == 403
    assert post("release").status_code == 422
    assert post("release", reason=REASON).json()["engaged"] is False
