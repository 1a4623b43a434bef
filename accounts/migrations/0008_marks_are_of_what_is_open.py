from django.db import migrations
from django.db.models import F


def name_the_lots(apps, schema_editor):
    marked = apps.get_model("accounts", "Position").objects.filter(mark_at__isnull=False)
    marked.update(mark_volume=F("open_volume"), mark_open_price=F("open_price"))


class Migration(migrations.Migration):
    """Until now a mark was taken as one of the lots that are open."""

    dependencies = [
        ("accounts", "0007_a_mark_is_of_some_lots"),
    ]

    operations = [
        migrations.RunPython(name_the_lots, migrations.RunPython.noop),
    ]
