import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("paypal", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="SavedPayer",
            fields=[
                ("id", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("status", models.CharField(default="PAYER_ACTION_REQUIRED", max_length=25)),
                ("customer", models.CharField(db_index=True, max_length=22)),
                ("token", models.CharField(blank=True, db_index=True, max_length=20)),
                ("forgotten", models.BooleanField(default=False)),
                ("description", models.CharField(blank=True, max_length=128)),
                ("locale", models.CharField(blank=True, max_length=10)),
                ("return_url", models.TextField()),
                ("cancel_url", models.TextField()),
                ("payer", models.CharField(blank=True, max_length=20)),
                ("created", models.BigIntegerField()),
            ],
        ),
        migrations.AddField(
            model_name="order",
            name="saved",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="orders",
                to="paypal.savedpayer",
            ),
        ),
        migrations.CreateModel(
            name="Dispute",
            fields=[
                ("id", models.CharField(max_length=30, primary_key=True, serialize=False)),
                ("amount", models.BigIntegerField()),
                ("reason", models.CharField(max_length=60)),
                ("status", models.CharField(max_length=30)),
                ("outcome", models.CharField(blank=True, max_length=30)),
                ("due", models.BigIntegerField()),
                ("created", models.BigIntegerField()),
                ("updated", models.BigIntegerField()),
                (
                    "capture",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="disputes", to="paypal.capture"
                    ),
                ),
            ],
        ),
    ]
