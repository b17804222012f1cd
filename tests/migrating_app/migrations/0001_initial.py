from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            name="Hot",
            fields=[
                ("id", models.BigAutoField(primary_key=True)),
                ("credit", models.BigIntegerField(default=0)),
            ],
        ),
    ]
