from django.db import migrations

import tradershub.core.fields


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_leverage_has_a_limit"),
    ]

    operations = [
        migrations.AddField(
            model_name="position",
            name="mark_open_price",
            field=tradershub.core.fields.PriceField(
                blank=True, help_text="Opening that the mark is of", null=True
            ),
        ),
        migrations.AddField(
            model_name="position",
            name="mark_volume",
            field=tradershub.core.fields.LotsField(
                blank=True, help_text="Lots that the mark is of", null=True
            ),
        ),
    ]
