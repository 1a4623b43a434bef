from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='statementimport',
            name='state',
            field=models.CharField(choices=[('received', 'Waiting to be read'), ('reading', 'Being read'), ('needs_mapping', 'Columns to be named'), ('preview', 'Ready to book'), ('refused', 'Refused'), ('cancelled', 'Cancelled'), ('confirmed', 'Waiting to be booked'), ('booking', 'Being booked'), ('booked', 'Booked'), ('undone', 'Undone'), ('failed', 'Failed')], default='received', max_length=15),
        ),
    ]
