"""Database triggers that refuse to change or delete the rows of an append-only table."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

AUDIT_TABLE = "core_auditentry"

POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME;
END $$
"""
POSTGRESQL_TRIGGER = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""
SQLITE_TRIGGER = """
CREATE TRIGGER {table}_no_{event} BEFORE {event} ON {table}
BEGIN SELECT RAISE(ABORT, 'rows of {table} are never changed or deleted'); END
"""


def protect(connection: BaseDatabaseWrapper, table: str = AUDIT_TABLE) -> None:
    """Make the database itself refuse UPDATE and DELETE on the table."""
    if connection.vendor == "postgresql":
        statements = [POSTGRESQL_FUNCTION, POSTGRESQL_TRIGGER.format(table=table)]
    else:
        statements = [
            SQLITE_TRIGGER.format(table=table, event=event) for event in ("update", "delete")
        ]
    _execute(connection, statements)


def unprotect(connection: BaseDatabaseWrapper, table: str = AUDIT_TABLE) -> None:
    """The reverse of `protect`; also does nothing quietly where there is no protection."""
    if connection.vendor == "postgresql":
        statements = [f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}"]
    else:
        statements = [
            f"DROP TRIGGER IF EXISTS {table}_no_{event}" for event in ("update", "delete")
        ]
    _execute(connection, statements)


def _execute(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
