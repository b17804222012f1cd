from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("migrating_app", "0001_initial")]
    operations = [migrations.AddField("hot", "debt", models.BigIntegerField(default=0))]
