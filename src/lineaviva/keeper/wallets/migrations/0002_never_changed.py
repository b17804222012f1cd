"""The database itself refuses to change or delete what moved a balance."""

from django.db import migrations

from lineaviva.kernel.unchanging import Unchanging

KEPT = Unchanging(
    tables=("wallets_walletmovement",),
    function="wallets_refuse",
    refusal="what moved a balance is never changed: move it back by another movement",
)


class Migration(migrations.Migration):
    dependencies = [("wallets", "0001_initial")]
    operations = [migrations.RunPython(KEPT.put, KEPT.take_away)]
