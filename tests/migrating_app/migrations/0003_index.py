from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("migrating_app", "0002_debt")]
    operations = [AddIndexConcurrently("hot", models.Index(fields=["debt"], name="hot_debt"))]
