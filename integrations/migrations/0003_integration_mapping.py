from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("integrations", "0002_integration_rate_limit")]

    operations = [
        migrations.AddField(
            model_name="integration",
            name="mapping",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
