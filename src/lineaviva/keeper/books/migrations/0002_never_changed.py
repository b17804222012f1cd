"""The database itself refuses to change or delete what the books say."""

from django.db import migrations

from lineaviva.kernel.unchanging import Unchanging

KEPT = Unchanging(
    tables=("books_posting", "books_entry"),
    function="books_refuse",
    refusal="the books are never changed: correct them by another posting",
)


class Migration(migrations.Migration):
    dependencies = [("books", "0001_initial")]
    operations = [migrations.RunPython(KEPT.put, KEPT.take_away)]
