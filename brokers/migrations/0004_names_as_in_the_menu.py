from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('brokers', '0003_earlier_zones'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='fxrate',
            options={'ordering': ['-day', 'currency'], 'verbose_name': 'reference rate'},
        ),
        migrations.AlterModelOptions(
            name='symbolterms',
            options={'ordering': ['symbol', '-valid_from'], 'verbose_name': 'contract terms', 'verbose_name_plural': 'contract terms'},
        ),
    ]
