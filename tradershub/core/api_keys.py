"""API keys: shown once, kept as a hash, limited in scope and time."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from tradershub.core.audit import record
from tradershub.core.errors import BadInput
from tradershub.core.models import ApiKey
from tradershub.core.persons import may_log_in
from tradershub.core.step_up import Kind, demand

READ, WRITE, IMPORT = "read", "write", "import"
SCOPES = (READ, WRITE, IMPORT)
SEEN_EVERY = dt.timedelta(minutes=1)


@transaction.atomic
def create_key(
    *, owner: Any, name: str, scopes: Iterable[str], expires_at: dt.datetime | None = None
) -> tuple[ApiKey, str]:
    """A new key and its text, which cannot be shown again. One that may write needs a second factor.

    Raises BadInput for an unknown scope, StepUpNeeded.
    """
    wanted = sorted(set(scopes))
    if not wanted or not set(wanted) <= set(SCOPES):
        raise BadInput(f"Scopes were {wanted}; expected some of {list(SCOPES)}", param="scopes")
    if expires_at and expires_at <= timezone.now():
        raise BadInput(f"The key would expire at {expires_at}, which is past", param="expires_at")
    if WRITE in wanted:
        demand(owner, Kind.API_KEY)
    prefix, secret = secrets.token_hex(5), secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        owner=owner,
        name=name,
        prefix=prefix,
        hash=_hash(secret),
        scopes=wanted,
        expires_at=expires_at,
    )
    record("api_key.create", actor=owner, target=key, summary=name, owner=owner)
    return key, f"th_{prefix}_{secret}"


def key_of(text: str) -> ApiKey | None:
    """The valid key of that text; None for an unknown, revoked or expired one or of one who may not log in."""
    kind, _, rest = text.partition("_")
    prefix, _, secret = rest.partition("_")
    key = ApiKey.objects.select_related("owner").filter(prefix=prefix).first()
    matches = secrets.compare_digest(key.hash if key else "", _hash(secret))
    if kind != "th" or key is None or not matches or not _is_valid(key):
        return None
    _seen(key)
    return key


@transaction.atomic
def revoke_key(key: ApiKey, *, actor: Any) -> ApiKey:
    key.revoked_at = key.revoked_at or timezone.now()
    key.save(update_fields=["revoked_at"])
    record("api_key.revoke", actor=actor, target=key, summary=key.name, owner=key.owner)
    return key


def _is_valid(key: ApiKey) -> bool:
    expired = key.expires_at is not None and key.expires_at <= timezone.now()
    return key.revoked_at is None and not expired and may_log_in(key.owner)


def _seen(key: ApiKey) -> None:
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at > SEEN_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


def _hash(secret: str) -> str:
    """A random secret of 256 bits needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
