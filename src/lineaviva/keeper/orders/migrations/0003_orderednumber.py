from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0002_productorder_with_profile"),
    ]

    operations = [
        migrations.CreateModel(
            name="OrderedNumber",
            fields=[
                ("msisdn", models.CharField(max_length=16, primary_key=True, serialize=False)),
            ],
        ),
    ]
