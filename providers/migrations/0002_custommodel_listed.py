from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('providers', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='custommodel',
            name='listed',
            field=models.BooleanField(default=False),
        ),
    ]
