import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("provider", "0003_saved_cards"),
    ]

    operations = [
        migrations.CreateModel(
            name="Dispute",
            fields=[
                ("id", models.CharField(max_length=60, primary_key=True, serialize=False)),
                ("amount", models.BigIntegerField()),
                ("reason", models.CharField(max_length=60)),
                ("status", models.CharField(max_length=30)),
                ("taken", models.BigIntegerField(default=0)),
                ("returned", models.BigIntegerField(default=0)),
                ("due", models.BigIntegerField()),
                ("created", models.BigIntegerField()),
                (
                    "charge",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="dispute", to="provider.charge"
                    ),
                ),
            ],
        ),
    ]
