from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0004_saved_methods"),
    ]

    operations = [
        migrations.CreateModel(
            name="PayerCard",
            fields=[
                ("fingerprint", models.CharField(max_length=64, primary_key=True, serialize=False)),
            ],
        ),
        migrations.AddField(
            model_name="paymentattempt",
            name="card_fingerprint",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddField(
            model_name="savedmethod",
            name="card_fingerprint",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddIndex(
            model_name="paymentattempt",
            index=models.Index(
                condition=models.Q(("card_fingerprint", ""), _negated=True),
                fields=["card_fingerprint", "created_at"],
                name="attempt_by_card",
            ),
        ),
    ]
