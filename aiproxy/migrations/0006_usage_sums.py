import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

COUNTS = (
    'calls', 'timed_calls', 'latency_ms', 'first_token_calls', 'first_token_ms', 'input_tokens', 'output_tokens',
    'cached_tokens', 'reasoning_tokens', 'priced_calls', 'unpriced_calls', 'cost',
)

# The hour of a record, and its cost in 10^-10 US dollars.
SQLITE = "substr(at, 1, 13) || ':00:00'", 'CAST(ROUND(cost * 1e10) AS INTEGER)'
POSTGRES = "date_trunc('hour', at, 'UTC')", '(cost * 10000000000)::bigint'


def fill(apps, schema_editor):
    """Sums of the calls there already are: hours from the records, days from the hours, months from the days."""
    sqlite = schema_editor.connection.vendor == 'sqlite'
    hour, cost = SQLITE if sqlite else POSTGRES
    nothing = uuid.UUID(int=0).hex if sqlite else str(uuid.UUID(int=0))
    nothing = f"'{nothing}'" if sqlite else f"'{nothing}'::uuid"
    key = 'owner_id, span, start, integration_id, token_id, provider_id, model, outcome'
    into = f'INSERT INTO aiproxy_usagesum ({key}, {", ".join(COUNTS)}, last_at)'
    schema_editor.execute(f"""{into}
        SELECT owner_id, 'h', {hour}, COALESCE(integration_id, {nothing}), COALESCE(token_id, {nothing}),
            provider_id, model, outcome, COUNT(*), SUM(CASE WHEN attempts > 0 THEN 1 ELSE 0 END),
            SUM(CASE WHEN attempts > 0 THEN latency_ms ELSE 0 END), COUNT(first_token_ms),
            COALESCE(SUM(first_token_ms), 0), SUM(input_tokens), SUM(output_tokens), SUM(cached_tokens),
            SUM(reasoning_tokens), COUNT(cost),
            SUM(CASE WHEN cost IS NULL AND usage_source <> 'none' THEN 1 ELSE 0 END),
            COALESCE(SUM({cost}), 0), MAX(at)
        FROM aiproxy_usagerecord GROUP BY 1, 3, 4, 5, 6, 7, 8""")  # noqa: S608  # our own names
    for span, smaller in (('d', 'h'), ('m', 'd')):
        if sqlite:
            start = "substr(start, 1, 10) || ' 00:00:00'" if span == 'd' else "substr(start, 1, 7) || '-01 00:00:00'"
        else:
            start = f"date_trunc('{'day' if span == 'd' else 'month'}', start, 'UTC')"
        schema_editor.execute(f"""{into}
            SELECT owner_id, '{span}', {start}, integration_id, token_id, provider_id, model, outcome,
                {', '.join(f'SUM({name})' for name in COUNTS)}, MAX(last_at)
            FROM aiproxy_usagesum WHERE span = '{smaller}' GROUP BY 1, 3, 4, 5, 6, 7, 8""")  # noqa: S608  # our own names


class Migration(migrations.Migration):

    dependencies = [
        ('aiproxy', '0005_kept_answer'),
        ('integrations', '0005_policy'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PrunedUsage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('before', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='UsageSum',
            fields=[
                ('pk', models.CompositePrimaryKey('owner_id', 'span', 'start', 'integration_id', 'token_id', 'provider_id', 'model', 'outcome', blank=True, editable=False, primary_key=True, serialize=False)),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('span', models.CharField(max_length=1)),
                ('start', models.DateTimeField()),
                ('integration_id', models.UUIDField(default=uuid.UUID('00000000-0000-0000-0000-000000000000'))),
                ('token_id', models.UUIDField(default=uuid.UUID('00000000-0000-0000-0000-000000000000'))),
                ('provider_id', models.CharField(blank=True, max_length=64)),
                ('model', models.CharField(blank=True, max_length=200)),
                ('outcome', models.CharField(max_length=20)),
                ('calls', models.PositiveBigIntegerField(default=0)),
                ('timed_calls', models.PositiveBigIntegerField(default=0)),
                ('latency_ms', models.PositiveBigIntegerField(default=0)),
                ('first_token_calls', models.PositiveBigIntegerField(default=0)),
                ('first_token_ms', models.PositiveBigIntegerField(default=0)),
                ('input_tokens', models.PositiveBigIntegerField(default=0)),
                ('output_tokens', models.PositiveBigIntegerField(default=0)),
                ('cached_tokens', models.PositiveBigIntegerField(default=0)),
                ('reasoning_tokens', models.PositiveBigIntegerField(default=0)),
                ('priced_calls', models.PositiveBigIntegerField(default=0)),
                ('unpriced_calls', models.PositiveBigIntegerField(default=0)),
                ('cost', models.BigIntegerField(default=0)),
                ('last_at', models.DateTimeField()),
            ],
        ),
        migrations.RemoveIndex(
            model_name='usagerecord',
            name='usage_request_id',
        ),
        migrations.AlterField(
            model_name='usagerecord',
            name='integration',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='usage', to='integrations.integration'),
        ),
        migrations.AlterField(
            model_name='usagerecord',
            name='token',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='usage', to='integrations.accesstoken'),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
