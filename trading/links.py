"""Whether a connection answers: kept on its row for its page, and told when it changes."""

from __future__ import annotations

import structlog
from django.utils import timezone

from brokers.models import Connection
from trading import telling

log = structlog.get_logger("trading.links")


def note_fault(connection: Connection, words: str) -> None:
    """Keep why the connection does not answer, for its page and the dashboard."""
    mine = Connection.objects.filter(pk=connection.pk)
    if mine.exclude(fault=words[:300]).update(fault=words[:300]):
        log.warning("connection_dead", connection=connection.pk, name=connection.name, why=words)
    # Also where a person's test has noted a fault before, which told nobody.
    telling.link_dead(connection, words, since=mine.values_list("seen_at", flat=True).first())


def note_answer(connection: Connection) -> None:
    mine = Connection.objects.filter(pk=connection.pk)
    if mine.exclude(fault="").update(fault=""):
        telling.link_back(connection)
        log.info("connection_answers", connection=connection.pk, name=connection.name)
    mine.update(seen_at=timezone.now())
