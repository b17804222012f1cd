"""Many rows in few statements, past the ORM, whose work for each field costs ten times what the database does.

Only for rows whose values are checked already: no defaults are computed, no signals sent, no field validated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Field, Model

Row = dict[str, Any]


def insert(model: type[Model], rows: Sequence[Row]) -> None:
    """Insert rows given by attribute name; what a row leaves out has the model's default."""
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    adapted = _adapter()
    blank = [adapted(field.get_default()) for field in fields]
    place = {field.attname: number for number, field in enumerate(fields)}
    columns = ", ".join(_quoted(field.column) for field in fields)
    table = _quoted(model._meta.db_table)
    records = (_record(blank, place, row, adapted) for row in rows)
    _INSERT[connection.vendor](f"{table} ({columns})", records, len(fields))


def update(model: type[Model], names: Sequence[str], rows: Iterable[Row]) -> None:
    """Write the attributes `names` of rows that are there; each row also has its `pk`. The caller holds their locks."""
    sets = ", ".join(f"{_column(model, name)} = %s" for name in names)
    key = _quoted(model._meta.pk.column)
    adapted = _adapter()
    values = [[*(adapted(row[name]) for name in names), row["pk"]] for row in rows]
    with connection.cursor() as cursor:
        # S608 here and below: the names are our own models', quoted; every value is a parameter.
        cursor.executemany(f"UPDATE {_quoted(model._meta.db_table)} SET {sets} WHERE {key} = %s", values)  # noqa: S608


def _record(blank: list[Any], place: dict[str, int], row: Row, adapted: Callable[[Any], Any]) -> list[Any]:
    record = blank.copy()
    for name, value in row.items():
        record[place[name]] = adapted(value)
    return record


def _adapter() -> Callable[[Any], Any]:
    """What turns a value into one that this database's driver takes. Days and instants repeat, so they are kept."""
    operations = connection.ops
    instant, day = cache(operations.adapt_datetimefield_value), cache(operations.adapt_datefield_value)

    def adapted(value: Any) -> Any:
        if isinstance(value, date):
            return instant(value) if isinstance(value, datetime) else day(value)
        return json.dumps(value) if isinstance(value, dict) else value

    return adapted


def _quoted(name: str | None) -> str:
    return connection.ops.quote_name(name or "")


def _column(model: type[Model], name: str) -> str:
    field = model._meta.get_field(name)
    if not isinstance(field, Field):
        raise TypeError(f"{name} is no column")
    return _quoted(field.column)


def _insert_sqlite(target: str, records: Iterable[list[Any]], width: int) -> None:
    marks = ", ".join(["%s"] * width)
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {target} VALUES ({marks})", list(records))  # noqa: S608


def _insert_postgresql(target: str, records: Iterable[list[Any]], width: int) -> None:
    # Django lets psycopg's own errors through here, unless it is asked not to.
    with connection.wrap_database_errors, connection.cursor() as cursor:
        with cursor.copy(f"COPY {target} FROM STDIN") as copy:
            for record in records:
                copy.write_row(record)


_INSERT: dict[str, Callable[[str, Iterable[list[Any]], int], None]] = {
    "sqlite": _insert_sqlite,
    "postgresql": _insert_postgresql,
}
