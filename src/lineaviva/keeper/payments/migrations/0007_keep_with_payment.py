from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('payments', '0006_disputes'),
    ]

    operations = [
        migrations.AlterField(
            model_name='savedmethod',
            name='state',
            field=models.CharField(choices=[('asked', 'To be saved with a payment'), ('opened', 'Being saved'), ('active', 'Saved'), ('broken', 'Does not work any more'), ('removing', 'Being removed'), ('removed', 'Removed'), ('given_up', 'Not saved')], default='opened', max_length=10),
        ),
    ]
