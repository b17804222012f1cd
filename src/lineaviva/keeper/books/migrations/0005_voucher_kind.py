from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("books", "0004_differences"),
    ]

    operations = [
        # Only what Python knows: no database changes its table for it, so the triggers stay.
        migrations.AlterField(
            model_name="posting",
            name="kind",
            field=models.CharField(
                choices=[
                    ("payment", "Payment"),
                    ("sale", "Sale"),
                    ("refund", "Refund"),
                    ("fee", "Fee"),
                    ("payout", "Payout"),
                    ("dispute", "Dispute"),
                    ("voucher", "Voucher"),
                    ("correction", "Correction"),
                ],
                max_length=10,
            ),
        ),
    ]
