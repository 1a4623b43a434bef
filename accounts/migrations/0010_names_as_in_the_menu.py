from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0009_an_assumed_mode_is_remembered'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='brokerorder',
            options={'ordering': ['-placed_at', '-id'], 'verbose_name': 'order'},
        ),
        migrations.AlterModelOptions(
            name='filemapping',
            options={'verbose_name': 'saved mapping'},
        ),
        migrations.AlterModelOptions(
            name='statementimport',
            options={'ordering': ['-created_at', '-id'], 'verbose_name': 'import'},
        ),
    ]
