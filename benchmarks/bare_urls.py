"""The hub's addresses, and beside them the least that a webhook could do: a check, a row, a wake-up."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.urls import path
from django.utils import timezone
from ninja import NinjaAPI, Status

from tradershub.core.queue import EXECUTION, enqueue
from tradershub.urls import urlpatterns as hub
from trading.models import Signal, SignalSource

bare = NinjaAPI(urls_namespace="bare", openapi_url=None)


@bare.post("/{uid}/{token}")
def take(request: HttpRequest, uid: str, token: str) -> Any:
    source = SignalSource.objects.get(uid=uid)
    if not hmac.compare_digest(hashlib.sha256(token.encode()).hexdigest(), source.hashes[0]):
        return Status(404, {})
    now, body = timezone.now(), request.body
    with transaction.atomic():
        row = Signal.objects.create(
            source=source,
            key=hashlib.sha256(body).hexdigest(),
            body=body.decode(),
            body_hash="",
            received_at=now,
            last_delivery_at=now,
            mode=source.mode,
            state=Signal.State.DRY,
        )
        enqueue("trading.tasks.run_signal", row.pk, cluster=EXECUTION, keep_result=False)
    return {"id": row.pk}


urlpatterns = [path("bare/", bare.urls), *hub]
