"""The story of an order is never rewritten: the database itself refuses it."""

from django.db import migrations

from tradershub.core.append_only import protect, unprotect

TABLES = ("trading_orderevent", "trading_ordercheck")


def protect_them(apps, editor):
    for table in TABLES:
        protect(editor.connection, table)


def unprotect_them(apps, editor):
    for table in TABLES:
        unprotect(editor.connection, table)


class Migration(migrations.Migration):
    dependencies = [("trading", "0002_orders")]

    operations = [migrations.RunPython(protect_them, unprotect_them)]
