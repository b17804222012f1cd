from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('lines', '0002_line_by_number'),
    ]

    operations = [
        migrations.AddField(
            model_name='line',
            name='renews_on',
            field=models.DateField(blank=True, null=True),
        ),
    ]
