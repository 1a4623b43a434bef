"""Connections and platforms: opened, edited, switched, tested; the way from a connection to its adapter."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import structlog
from django.conf import settings as hub
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from brokers.adapters.base import Adapter, Line, Settings
from brokers.adapters.errors import Unavailable
from brokers.adapters.settings import (
    WrongSetting,
    described,
    from_plain,
    secret_names,
    to_plain,
)
from brokers.models import Broker, Connection, Platform
from brokers.platforms import PLATFORMS
from brokers.secrets import SecretsUnavailable, expected, place, seal, unsealed, variables
from brokers.sessions import open_session
from tradershub.core import net
from tradershub.core.audit import record
from tradershub.core.changes import changes_since, state_of
from tradershub.core.errors import BadInput, Conflict, NotAllowed
from tradershub.core.persons import is_administrator
from tradershub.core.prepared import first, prepared
from tradershub.core.step_up import Kind, demand
from tradershub.core.validation import cleaned

log = structlog.get_logger("brokers.connecting")
HERE = Connection.Store.DATABASE
LONGEST_SECRET = 4000
FIXED = ("owner", "platform", "broker")


# -- To the adapter ----------------------------------------------------------------------------
def open_adapter(connection: Connection, number: str) -> Adapter:
    """The adapter of that connection for the account of that number; whoever opens it closes its session.

    Whether orders may go there is for the caller to ask (`why_shut`). Raises Unavailable, naming what is
    missing, where the settings or secrets cannot be had: nothing was sent.
    """
    try:
        adapter_class: type[Adapter] = PLATFORMS.load(connection.platform)
        line = Line(
            settings=from_plain(adapter_class.settings, connection.settings),
            number=number,
            live=connection.live,
            secrets=unsealed(connection),
            client=net.kept_client,
        )
    except (KeyError, ImportError) as error:
        what = f"{connection.platform} cannot be used on this machine: {error}"
        raise Unavailable(what, code="platform") from error
    except WrongSetting as error:
        raise Unavailable(f"A setting is wrong. {error.message}", code="settings") from error
    except SecretsUnavailable as error:
        raise Unavailable(error.message, code="secrets") from error
    return adapter_class(line, open_session(connection, number))


def why_shut(
    connection: Connection, platform: Platform | None = None, *, closing: bool = False
) -> str:
    """Why nothing may be sent there now, in a sentence; empty where it may. platform: its row, where at hand.

    closing: of what cancels, closes or protects.
    """
    platform = platform or platform_row(connection.platform)
    if not platform.takes(closing=closing):
        but = " but for closings" if platform.closes_only else ""
        because = f": {platform.disabled_because}" if platform.disabled_because else ""
        return f"The platform {platform} is switched off{but}{because}"
    return "" if connection.enabled else f"The connection {connection.name} is switched off"


def condition(connection: Connection, platform: Platform | None = None) -> str:
    """How it is, in a word or three: Fault, Off, Works, Ready (set up, not asked yet), Not tested yet."""
    if connection.fault:
        return "Fault"
    if why_shut(connection, platform):
        return "Off"
    if connection.seen_at:
        return "Works"
    return "Ready" if connection.checked_at else "Not tested yet"


# -- Connections -------------------------------------------------------------------------------
@transaction.atomic
def open_connection(
    *,
    actor: Any,
    owner: Any,
    broker: Broker,
    platform: str,
    name: str,
    settings: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    store: str = HERE,
    reference: str = "",
    live: bool = False,
    expires_on: dt.date | None = None,
) -> Connection:
    """A new connection. Raises BadInput, Conflict where the broker is closed or must not be valued by it, and as
    `edit_connection`.
    """
    if not broker.is_open:
        raise Conflict(f"{broker} is closed: reopen it before you connect to it", param="broker")
    if platform not in PLATFORMS:
        known = ", ".join(PLATFORMS)
        raise BadInput(f'Expected one of {known}, found "{platform[:40]}"', param="platform")
    _check_venue(platform, broker)
    if _is_guarded(platform, live):
        demand(actor, Kind.CONNECTION)
    connection = Connection(
        owner=owner,
        broker=broker,
        platform=platform,
        name=name.strip(),
        live=live,
        settings=checked_settings(platform, settings or {}),
        expires_on=expires_on,
    )
    _put_secrets(connection, actor=actor, store=store, reference=reference, secrets=secrets or {})
    cleaned(connection).save()
    record(
        "connection.open",
        actor=actor,
        owner=owner,
        target=connection,
        summary=f"Opened {connection} at {broker}, {_kind(connection)}",
        details={"settings": _in_words(connection.settings), "kept": connection.store},
    )
    return connection


def _check_venue(platform: str, broker: Broker) -> None:
    """Raises Conflict where prices of its own would value accounts that exist elsewhere."""
    if not PLATFORMS.load(platform).own_venue:
        return
    if broker.connections.exists() or broker.accounts.exists():
        raise Conflict(
            f"{PLATFORMS.label(platform)} has prices of its own, which would value what is held at "
            f"{broker}: open it at a broker of its own",
            param="broker",
        )


@transaction.atomic
def edit_connection(
    connection: Connection,
    *,
    actor: Any,
    settings: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    store: str = "",
    reference: str | None = None,
    **changes: Any,
) -> Connection:
    """Change it; what is not given stays, secrets too. Platform, broker and owner are fixed.

    secrets: name -> text; an empty one stays as it is. With another store the secrets kept here are
    forgotten. Raises BadInput, and NotAllowed where another than an administrator refers to secrets
    outside the database: these are the machine's; StepUpNeeded where more than its name or last day changes.
    """
    connection = Connection.objects.select_for_update().get(pk=connection.pk)
    for name in FIXED:
        if name in changes and changes.pop(name) != getattr(connection, name):
            raise BadInput(f"The {name} of a connection is fixed: open another one", param=name)
    watched = [*changes, "store", "reference"]
    before = state_of(connection, watched) | {"settings": _in_words(connection.settings)}
    kept = _what_counts(connection)
    was_guarded = _is_guarded(connection.platform, connection.live)
    for name, value in changes.items():
        setattr(connection, name, value)
    if settings is not None:
        given = {**connection.settings, **settings}
        connection.settings = checked_settings(connection.platform, given)
    renewed = _put_secrets(
        connection,
        actor=actor,
        store=store or connection.store,
        reference=connection.reference if reference is None else reference,
        secrets=secrets or {},
    )
    is_guarded = was_guarded or _is_guarded(connection.platform, connection.live)
    if is_guarded and (renewed or kept != _what_counts(connection)):
        demand(actor, Kind.CONNECTION)
    cleaned(connection).save()
    after = changes_since({name: before[name] for name in watched}, connection)
    if before["settings"] != (now := _in_words(connection.settings)):
        after["settings"] = [before["settings"], now]
    record(
        "connection.edit",
        actor=actor,
        owner=connection.owner,
        target=connection,
        summary=f"Edited {connection}" + (f", new {', '.join(renewed)}" if renewed else ""),
        details=after,
    )
    return connection


@transaction.atomic
def switch_connection(connection: Connection, *, on: bool, actor: Any) -> Connection:
    """Let orders through, or none. Raises Conflict where it is so already, StepUpNeeded to let them through."""
    word = "on" if on else "off"
    if on and _is_guarded(connection.platform, connection.live):
        demand(actor, Kind.TRADING)
    changed = Connection.objects.filter(pk=connection.pk, enabled=not on).update(enabled=on)
    if not changed:
        raise Conflict(f"{connection} is switched {word} already")
    connection.refresh_from_db()
    record(
        f"connection.switch_{word}",
        actor=actor,
        owner=connection.owner,
        target=connection,
        summary=f"Switched {word} {connection}",
    )
    return connection


def check_may_delete(connection: Connection) -> None:
    """Raises Conflict, saying what hangs on it, where it cannot be deleted."""
    accounts = connection.accounts.count()
    if accounts:
        noun = "An account is" if accounts == 1 else f"{accounts} accounts are"
        raise Conflict(f"{noun} connected by {connection}: connect by another first")
    if connection.events.exists():
        raise Conflict(f"{connection} keeps the books of paper accounts, and stays")


@transaction.atomic
def delete_connection(connection: Connection, *, actor: Any) -> None:
    """Forget it with its secrets. Raises Conflict while accounts are connected by it, StepUpNeeded."""
    connection = Connection.objects.select_for_update().get(pk=connection.pk)
    check_may_delete(connection)
    if _is_guarded(connection.platform, connection.live):
        demand(actor, Kind.CONNECTION)
    record(
        "connection.delete",
        actor=actor,
        owner=connection.owner,
        target=connection,
        summary=f"Deleted {connection} and its secrets",
    )
    connection.delete()


def checked_settings(platform: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they are stored. Raises BadInput naming the first wrong one."""
    settings_class: type[Settings] = PLATFORMS.load(platform).settings
    known = {field.name: field.secret for field in described(settings_class)}
    for name in given:
        if known.get(name, True):
            why = "is a secret: expected it among the secrets" if name in known else "is no setting"
            raise BadInput(f'"{str(name)[:40]}" {why}', param="settings")
    try:
        return to_plain(from_plain(settings_class, given))
    except WrongSetting as error:
        raise BadInput(error.message, param=error.name or "settings") from error


def _put_secrets(
    connection: Connection, *, actor: Any, store: str, reference: str, secrets: Mapping[str, str]
) -> list[str]:
    """Set where its secrets lie, and keep those given; returns the names of these."""
    moved = (store, reference) != (connection.store, connection.reference)
    if moved and store != HERE and not is_administrator(actor):
        raise NotAllowed("Only an administrator refers to secrets outside the database")
    given = {
        name: _checked_secret(connection, name, text) for name, text in secrets.items() if text
    }
    if store != HERE:
        connection.store, connection.reference, connection.sealed = store, reference.strip(), ""
        if given:
            raise BadInput("Secrets are kept here or elsewhere, not both", param=next(iter(given)))
        _check_reference(connection)
        return []
    if reference:
        raise BadInput("Secrets that are kept here have no place elsewhere", param="reference")
    if given:
        connection.sealed = seal(connection, _kept(connection) | given)
    connection.store, connection.reference = HERE, ""
    return list(given)


def _kept(connection: Connection) -> dict[str, str]:
    """The secrets kept here so far; none where their key is lost, and what is given replaces them all."""
    if connection.store != HERE:
        return {}
    try:
        return unsealed(connection)
    except SecretsUnavailable as error:
        log.warning("secrets_unreadable", connection=connection.pk, why=error.message)
        return {}


def _checked_secret(connection: Connection, name: str, text: Any) -> str:
    """The secret without spaces around it. Raises BadInput, never with the secret."""
    if name not in (known := expected(connection)):
        wanted = ", ".join(known) or "none"
        raise BadInput(f'"{str(name)[:40]}" is no secret of it: expected {wanted}', param="secrets")
    if not isinstance(text, str) or len(text) > LONGEST_SECRET or "\x00" in text:
        limit = f"a text of at most {LONGEST_SECRET} characters"
        raise BadInput(f"{name}: expected {limit}", param=name)
    return text.strip()


def _check_reference(connection: Connection) -> None:
    """Raises BadInput for a reference that cannot be meant; what it leads to is read when it is needed."""
    if not connection.reference:
        raise BadInput("Expected where the secrets are", param="reference")
    checks = {Connection.Store.ENVIRONMENT: variables, Connection.Store.FILE: place}
    try:
        checks.get(connection.store, bool)(connection)
    except SecretsUnavailable as error:
        raise BadInput(error.message, param="reference") from error


def _is_guarded(platform: str, live: bool) -> bool:
    """Whether a second factor stands before it: there are secrets, or real money."""
    return live or bool(secret_names(PLATFORMS.load(platform).settings))


def _what_counts(connection: Connection) -> tuple[Any, ...]:
    """What decides where orders go and with whose rights."""
    return (connection.live, connection.settings, connection.store, connection.reference)


def _kind(connection: Connection) -> str:
    return "real money" if connection.live else "no real money"


def _in_words(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(settings.items()))


def expiring(connection: Connection, *, today: dt.date) -> bool:
    """Whether its key or token has ended or will soon."""
    ahead = dt.timedelta(days=hub.EXPIRY_WARNING_DAYS)
    return connection.expires_on is not None and connection.expires_on <= today + ahead


# -- Platforms ---------------------------------------------------------------------------------
def platform_row(key: str) -> Platform:
    """The platform's row, made where nobody asked for it before."""
    return first(_platforms(key)) or Platform.objects.get_or_create(key=key)[0]


@prepared
def _platforms(key: str) -> QuerySet[Platform]:
    return Platform.objects.filter(key=key)


def all_platforms() -> list[Platform]:
    """The row of each platform, in the order of the table."""
    known = {row.key: row for row in Platform.objects.all()}
    return [known.get(key) or platform_row(key) for key in PLATFORMS]


@transaction.atomic
def switch_platform(platform: Platform, *, on: bool, actor: Any, reason: str = "") -> Platform:
    """Let orders through to it, or none at all, closings neither.

    Raises Conflict where it is so already, StepUpNeeded to let them through.
    """
    word = "on" if on else "off"
    if on and _is_guarded(platform.key, live=False):
        demand(actor, Kind.TRADING)
    since = None if on else timezone.now()
    other = Q(enabled=not on) if on else Q(enabled=True) | Q(closes_only=True)
    changed = Platform.objects.filter(other, pk=platform.pk).update(
        enabled=on,
        closes_only=False,
        errors_in_row=0,
        disabled_at=since,
        disabled_because="" if on else reason[:300],
    )
    if not changed:
        raise Conflict(f"{platform} is switched {word} already")
    platform.refresh_from_db()
    record(
        f"platform.switch_{word}",
        actor=actor,
        target=platform,
        summary=f"Switched {word} {platform}" + (f": {reason}" if reason else ""),
    )
    return platform


def note_error(key: str, reason: str) -> bool:
    """Count an error of that platform; the last allowed in a row lets only closings out until a person acts.

    Returns whether this one did. reason: one sentence without secrets.
    """
    row = platform_row(key)
    Platform.objects.filter(pk=row.pk).update(errors_in_row=F("errors_in_row") + 1)
    row.refresh_from_db()
    if not row.enabled or row.errors_in_row < hub.PLATFORM_ERRORS_IN_ROW:
        return False
    why = f"{row.errors_in_row} errors in a row, the last: {reason}"
    with transaction.atomic():
        changed = Platform.objects.filter(pk=row.pk, enabled=True).update(
            enabled=False,
            closes_only=True,
            disabled_at=timezone.now(),
            disabled_because=why[:300],
        )
        if changed:
            record(
                "platform.switch_off",
                actor="errors in a row",
                target=row,
                summary=f"Switched off {row} but for closings: {why}",
            )
    return bool(changed)


def note_success(key: str) -> None:
    """Forget the errors counted so far."""
    if platform_row(key).errors_in_row:
        Platform.objects.filter(key=key, errors_in_row__gt=0).update(errors_in_row=0)
