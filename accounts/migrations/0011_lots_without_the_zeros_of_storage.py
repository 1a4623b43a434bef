import re

from django.db import migrations

LOTS = re.compile(r"(\d+)(\.\d*?)0*(?= lots|$)")


def shorten(apps, schema_editor):
    for row in apps.get_model("accounts", "Break").objects.filter(kind="position"):
        row.cause = LOTS.sub(lambda found: found[1] + found[2].rstrip("."), row.cause)
        row.save(update_fields=["cause"])


class Migration(migrations.Migration):
    """A Break is known again by its words: what was explained stays so."""

    dependencies = [
        ("accounts", "0010_names_as_in_the_menu"),
    ]

    operations = [
        migrations.RunPython(shorten, migrations.RunPython.noop),
    ]
