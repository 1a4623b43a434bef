"""Jobs of the batch cluster: load by id, call a service."""

from __future__ import annotations

from accounts import imports
from accounts.models import StatementImport


def read_statement(import_id: int) -> str:
    """Read a received file and show what would become of it."""
    return imports.read(StatementImport.objects.get(pk=import_id)).state


def book_statement(import_id: int) -> str:
    """Book a confirmed file."""
    return imports.book(StatementImport.objects.get(pk=import_id)).state
