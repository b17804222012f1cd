from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("activation", "0002_alter_activation_state"),
    ]

    operations = [
        migrations.AddField(
            model_name="activation",
            name="charged_minor",
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="activation",
            name="charged_currency",
            field=models.CharField(blank=True, db_default="", default="", max_length=3),
        ),
    ]
