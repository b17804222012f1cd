"""Hot tables are spread by line: on PostgreSQL each is hash-partitioned by the line's id, all by the same number.

So a line's rows stand in partitions of one number, a worker of the nightly run has one number to itself, and every key
begins with what a distributed PostgreSQL would spread the table by. SQLite has one table and so one part.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, migrations
from django.db.models import Model

# Not a setting: it is what the tables are made of. Sixteen parts of a hundred million lines are six million each.
PARTS = 16
EVERY = -1  # in place of a part's number: the whole table


class CreatePartitionedModel(migrations.CreateModel):
    """CreateModel; on PostgreSQL the table is partitioned by `partition_by`, with room on its pages for updates."""

    serialization_expand_args = [*migrations.CreateModel.serialization_expand_args]

    def __init__(self, name: str, fields: Any, partition_by: str, fillfactor: int = 100, **rest: Any) -> None:
        self.partition_by, self.fillfactor = partition_by, fillfactor
        super().__init__(name, fields, **rest)

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        plain = schema_editor.sql_create_table
        schema_editor.sql_create_table = f"{plain} PARTITION BY HASH ({self.partition_by})"
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            schema_editor.sql_create_table = plain
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        for part in range(PARTS):
            schema_editor.execute(
                f"CREATE TABLE {table}_p{part} PARTITION OF {table} "
                f"FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {part}) WITH (fillfactor={self.fillfactor})"
            )


def parts() -> list[int]:
    """The numbers of the parts that this database's hot tables have."""
    return list(range(PARTS)) if connection.vendor == "postgresql" else [0]


def table(model: type[Model], part: int) -> str:
    """The table that holds the model's rows of that part, or the whole one."""
    name = model._meta.db_table
    return f"{name}_p{part}" if connection.vendor == "postgresql" and part != EVERY else name
