"""The second factor of a person: an authenticator app, and recovery codes for the day on which it is gone."""

from __future__ import annotations

import base64
import datetime as dt
import math
import secrets
from typing import Any
from urllib.parse import quote, urlencode

import structlog
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from tradershub.core import crypto
from tradershub.core.audit import record
from tradershub.core.errors import BadInput, Conflict, NotAllowed
from tradershub.core.models import Authenticator, Factor, RecoveryCodes
from tradershub.core.persons import is_administrator
from tradershub.core.step_up import Kind, demand

log = structlog.get_logger("tradershub.second_factor")
SECRET_BYTES = 20  # 160 bits, as RFC 4226 recommends
CODES, CODE_BYTES = 10, 10
DIGITS = 6
SET_UP_WITHIN = dt.timedelta(minutes=15)
MANY_WRONG = 5  # in a row, are worth an entry in the audit log
EXPECTED = (
    "Expected the six digits that your authenticator app shows now, or one of your recovery codes"
)
USED = "The code is wrong, or was used before: wait for the next one"


# -- Asked ---------------------------------------------------------------------------------------
def has_one(person: Any) -> bool:
    """Whether that person has an app that was proved to work."""
    return Authenticator.objects.filter(user=person.pk, confirmed=True).exists()


def codes_left(person: Any) -> int:
    row = RecoveryCodes.objects.filter(user=person.pk).first()
    return len(row.hashes) if row else 0


def why_not(person: Any, code: str) -> str:
    """Empty where the code is right, which uses it up; else why it is not, in a sentence.

    Must not run within a transaction of somebody else's: a refusal would take the count of wrong codes back.
    """
    typed = _tidied(code)
    if not typed:
        return EXPECTED
    with transaction.atomic(durable=True):
        factor = _factor_for(person, typed)
        if factor is None:
            return EXPECTED
        allowed, waiting = factor.verify_is_allowed()
        if not allowed:
            return _too_many(waiting["locked_until"])
        try:
            is_right = factor.verify_token(typed)
        except crypto.Unreadable as error:
            log.error("authenticator_unreadable", person=person.pk, why=str(error))
            return "The secret of your app cannot be read any more: use a recovery code"
        _note(factor, is_right)
    return "" if is_right else USED


def _tidied(code: str) -> str:
    """Without the spaces and hyphens that people see; "" for what can be no code."""
    typed = "".join(code.split()).replace("-", "").lower()
    return typed if typed.isascii() and typed.isalnum() and len(typed) <= 40 else ""


def _factor_for(person: Any, typed: str) -> Factor | None:
    """Six digits are of the app, all else is of the recovery codes: guessing at one does not shut the other."""
    is_of_app = len(typed) == DIGITS and typed.isdecimal()
    kind: type[Factor] = Authenticator if is_of_app else RecoveryCodes
    mine = kind.objects.select_for_update(of=("self",)).select_related("user")
    found: Factor | None = mine.filter(user=person.pk, confirmed=True).first()
    return found


def _too_many(until: dt.datetime) -> str:
    seconds = max(1, math.ceil((until - timezone.now()).total_seconds()))
    plural = "s" if seconds > 1 else ""
    wait = f"{seconds} second{plural}" if seconds < 120 else f"{math.ceil(seconds / 60)} minutes"
    return f"A wrong code was entered before: wait {wait}, then try again"


def _note(factor: Factor, is_right: bool) -> None:
    person = factor.user
    if isinstance(factor, RecoveryCodes) and is_right:
        record(
            "second_factor.recovery_code", actor=person, owner=person, target=person,
            summary=f"Used a recovery code, {len(factor.hashes)} left",
        )  # fmt: skip
    elif not is_right and factor.throttling_failure_count == MANY_WRONG:
        record(
            "second_factor.wrong_codes", actor=person, owner=person, target=person,
            summary=f"{MANY_WRONG} wrong codes in a row",
        )  # fmt: skip


# -- Set up --------------------------------------------------------------------------------------
@transaction.atomic
def begin(person: Any) -> Authenticator:
    """A new app that is not proved yet. In place of one that is, it needs that one."""
    if has_one(person):
        demand(person, Kind.FACTOR)
    Authenticator.objects.filter(user=person.pk, confirmed=False).delete()
    app = Authenticator(user_id=person.pk, name="Authenticator app", confirmed=False)
    app.seal(secrets.token_bytes(SECRET_BYTES))
    app.save()
    return app


def begun(person: Any) -> Authenticator | None:
    """The app that was begun just now and waits for its first code."""
    since = timezone.now() - SET_UP_WITHIN
    mine = Authenticator.objects.filter(user=person.pk, confirmed=False, created_at__gt=since)
    return mine.first()


def finish(person: Any, code: str) -> list[str]:
    """Take the app as proved; returns new recovery codes, which cannot be shown again.

    Raises Conflict where none was begun, BadInput for a wrong code.
    """
    if begun(person) is None:
        raise Conflict("Nothing was begun, or too long ago: begin again")
    typed = _tidied(code)
    with transaction.atomic(durable=True):
        app = Authenticator.objects.select_for_update().get(user=person.pk, confirmed=False)
        allowed, waiting = app.verify_is_allowed()
        is_right = len(typed) == DIGITS and typed.isdecimal() and app.verify_token(typed)
        if is_right:
            Authenticator.objects.filter(user=person.pk, confirmed=True).delete()
            app.confirmed = True
            app.save(update_fields=["confirmed"])
            codes = _new_codes(person)
            _told("second_factor.set_up", person, actor=person)
    if not is_right:
        why = USED if allowed else _too_many(waiting["locked_until"])
        raise BadInput(why, param="code")
    return codes


@transaction.atomic
def renew_codes(person: Any) -> list[str]:
    """Ten new recovery codes, which cannot be shown again; the old ones are void."""
    if not has_one(person):
        raise Conflict("Set up an authenticator app first: it brings its recovery codes")
    demand(person, Kind.FACTOR)
    codes = _new_codes(person)
    _told("second_factor.renew_codes", person, actor=person)
    return codes


@transaction.atomic
def remove(person: Any) -> None:
    """Without a second factor a person logs in with the password alone, and loosens nothing any more."""
    if not has_one(person):
        raise Conflict("There is no authenticator app to remove")
    demand(person, Kind.FACTOR)
    _forget(person)
    _told("second_factor.remove", person, actor=person)


@transaction.atomic
def reset(person: Any, *, actor: Any, reason: str) -> None:
    """Take another person's second factor away, who has lost it; ends their sessions.

    Raises NotAllowed, BadInput without a reason, Conflict where there is none.
    """
    if hasattr(actor, "pk") and not is_administrator(actor):
        raise NotAllowed("Only an administrator resets the second factor of another person")
    if not reason.strip():
        raise BadInput("Expected a reason", param="reason")
    if not has_one(person) and not codes_left(person):
        raise Conflict(f"{person} has no second factor")
    demand(actor, Kind.FACTOR)
    _forget(person)
    end_sessions(person)
    _told("second_factor.reset", person, actor=actor, summary=reason.strip())


def _forget(person: Any) -> None:
    Authenticator.objects.filter(user=person.pk).delete()
    RecoveryCodes.objects.filter(user=person.pk).delete()


def _new_codes(person: Any) -> list[str]:
    codes = [_readable(secrets.token_bytes(CODE_BYTES)) for _ in range(CODES)]
    hashes = [RecoveryCodes.hash_of(_tidied(code)) for code in codes]
    fresh = {"hashes": hashes, "throttling_failure_count": 0, "name": "Recovery codes"}
    RecoveryCodes.objects.update_or_create(user_id=person.pk, defaults=fresh)
    return codes


def _readable(data: bytes) -> str:
    """As "k3xq-7m2p-a5rt-yb6n": there is no 0, 1, 8 or 9 that could be meant for a letter."""
    text = base64.b32encode(data).decode("ascii").lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _told(action: str, person: Any, *, actor: Any, summary: str = "") -> None:
    record(action, actor=actor, owner=person, target=person, summary=summary)


# -- For the app ---------------------------------------------------------------------------------
def secret_text(app: Authenticator) -> str:
    """The secret as apps take it by hand."""
    return base64.b32encode(app.secret).decode("ascii")


def address_of(app: Authenticator) -> str:
    """What the QR code says (github.com/google/google-authenticator/wiki/Key-Uri-Format)."""
    name = quote(f"TradersHub:{app.user.get_username()}")
    asked = {"secret": secret_text(app), "issuer": "TradersHub", "digits": DIGITS, "period": 30}
    return f"otpauth://totp/{name}?{urlencode(asked)}"


def end_sessions(person: Any, *, but: str = "") -> None:
    """Log that person out everywhere, but in the session of that key."""
    for session in Session.objects.filter(expire_date__gt=timezone.now()).exclude(session_key=but):
        if session.get_decoded().get("_auth_user_id") == str(person.pk):
            session.delete()
