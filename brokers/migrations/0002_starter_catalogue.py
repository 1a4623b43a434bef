"""Fills the table of instruments once, where it is still empty of them; edits of a person stay."""

from django.db import migrations

from brokers.catalogue import instruments


def add(apps, schema_editor):
    Instrument = apps.get_model("brokers", "Instrument")
    for fields in instruments():
        Instrument.objects.get_or_create(symbol=fields["symbol"], defaults=fields)


class Migration(migrations.Migration):
    dependencies = [("brokers", "0001_initial")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
