"""The PostgreSQL server that the tests run on."""

from __future__ import annotations

from django.conf import settings
from django.db import connection


def server_address(database: str = "postgres") -> str:
    """The address of a database there; empty where the tests run on SQLite."""
    if connection.vendor == "sqlite":
        return ""
    place = settings.DATABASES["default"]
    secret = f":{place['PASSWORD']}" if place["PASSWORD"] else ""
    host = f"{place['HOST']}:{place['PORT'] or 5432}"
    return f"postgres://{place['USER']}{secret}@{host}/{database}"
