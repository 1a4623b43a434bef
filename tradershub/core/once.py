"""A request sent twice does its work once: forms carry a token, programs an Idempotency-Key."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.db import transaction
from django.utils import timezone

from tradershub.core.errors import BadInput, Conflict, HubError
from tradershub.core.models import Submission

LONGEST = 64
KEPT = dt.timedelta(days=7)


def new_token() -> str:
    return uuid.uuid4().hex


def once(token: str, *, owner: Any, action: str, sent: Any, act: Callable[[], Any]) -> Any:
    """The row that `act` makes; for a token that this person sent before, the row it made then.

    sent: the values that came with the token. Without a token it acts every time. A refusal leaves the
    token free, as nothing was written but what such a one `keeps`. Raises Conflict for a token that stood for
    another action or other values, or whose row is gone.
    """
    with transaction.atomic():
        row = _once(token, owner=owner, action=action, sent=sent, act=act)
    if isinstance(row, HubError):
        raise row
    return row


def _once(token: str, *, owner: Any, action: str, sent: Any, act: Callable[[], Any]) -> Any:
    if not token:
        return _acted(act)
    if len(token) > LONGEST or not token.isprintable():
        raise BadInput(f"Expected an idempotency key of at most {LONGEST} printable characters")
    Submission.objects.filter(at__lt=timezone.now() - KEPT).delete()
    sent_hash = _hash(sent)
    claim, is_new = Submission.objects.get_or_create(
        owner=owner, token=token, defaults={"action": action, "sent_hash": sent_hash}
    )
    if not is_new:
        return _what_it_made(claim, action, sent_hash)
    row = _acted(act)
    if isinstance(row, HubError):
        claim.delete()
        return row
    claim.model, claim.row_id = row._meta.label_lower, row.pk
    claim.save(update_fields=["model", "row_id"])
    return row


def _acted(act: Callable[[], Any]) -> Any:
    """The row, or the refusal of which something was written that stays."""
    try:
        return act()
    except HubError as refusal:
        if not refusal.keeps:
            raise
        return refusal


def _hash(sent: Any) -> str:
    text = json.dumps(sent, sort_keys=True, default=lambda value: str(getattr(value, "pk", value)))
    return hashlib.sha256(text.encode()).hexdigest()


def _what_it_made(claim: Submission, action: str, sent_hash: str) -> Any:
    if claim.action != action:
        raise Conflict(
            f'This key was sent before, for "{claim.action}": expected a new one', code="key_reused"
        )
    # A claim of before the values were kept has none.
    if claim.sent_hash and claim.sent_hash != sent_hash:
        raise Conflict(
            f'This was sent before with other values, and "{action}" was carried out with those: '
            "expected the same values, or a new key",
            code="key_reused",
        )
    row = apps.get_model(claim.model)._default_manager.filter(pk=claim.row_id).first()
    if row is None:
        raise Conflict("This was sent before, and what it made is gone: send it anew")
    return row
