"""The database itself refuses to change or delete what the ledger says."""

from django.db import migrations

from lineaviva.kernel.unchanging import Unchanging

KEPT = Unchanging(
    tables=("carrier_ledger_event", "carrier_ledger_entry"),
    function="carrier_ledger_refuse",
    refusal="the ledger is never changed: correct it by another transaction",
)


def index_days(apps, schema_editor):
    """Entries arrive day by day: which pages hold a day's needs no index of every entry."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("CREATE INDEX carrier_ledger_entry_day ON carrier_ledger_entry USING brin (booked_on)")


def unindex_days(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS carrier_ledger_entry_day")


class Migration(migrations.Migration):
    dependencies = [("carrier_ledger", "0001_initial")]
    operations = [
        migrations.RunPython(KEPT.put, KEPT.take_away),
        migrations.RunPython(index_days, unindex_days),
    ]
