from django.db import migrations


class Migration(migrations.Migration):
    """The progress of an import lives in the cache: its columns said nothing that the state does not."""

    dependencies = [
        ('accounts', '0002_cancelled_imports'),
    ]

    operations = [
        migrations.RemoveField(model_name='statementimport', name='progress'),
        migrations.RemoveField(model_name='statementimport', name='progress_total'),
    ]
