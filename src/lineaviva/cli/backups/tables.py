"""Rows as JSON Lines and back: by the fields' own Python values, which are the same on every database."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.migrations.recorder import MigrationRecorder

Model = type[models.Model]

# Made again by every migration, or worth nothing after a restore.
DERIVED = {"contenttypes.contenttype", "auth.permission"}
LEFT_OUT = {"sessions.session"}
# Their triggers let nobody delete a row; who replaces everything replaces them as well.
NEVER_CHANGED = ("books.entry", "books.posting", "wallets.walletmovement")
LONGEST_LINE = 16 * 1024 * 1024
CHUNK = 2000


def backed_up() -> list[Model]:
    """Every table of this program that a backup holds, by label."""
    found = {
        model._meta.label_lower: model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and model._meta.label_lower not in LEFT_OUT
    }
    return [found[label] for label in sorted(found)]


def left_out() -> list[Model]:
    """Tables that a backup does not hold, and that a restore empties."""
    return [
        apps.get_model(label)
        for label in sorted(LEFT_OUT)
        if apps.is_installed(f"django.contrib.{label.split('.')[0]}")
    ]


def fields_of(model: Model) -> list[models.Field[Any, Any]]:
    return [field for field in model._meta.concrete_fields if not field.generated]


def columns_of(model: Model) -> list[str]:
    return [field.attname for field in fields_of(model)]


def migrations_applied() -> list[str]:
    """The migrations that made the database's tables, as app.name."""
    applied = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in applied)


def lines_of(model: Model) -> Iterator[bytes]:
    """Each row as one line of JSON, in the order of the primary key; read in pieces, never as a whole."""
    rows = model._base_manager.order_by("pk").values_list(*columns_of(model))
    for row in rows.iterator(chunk_size=CHUNK):
        yield json.dumps([_plain(value) for value in row], ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    return value


def row_of(model: Model, line: bytes) -> list[Any]:
    """The line's values as the database takes them. Raises ValueError where they do not fit the table."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("a line is no JSON") from None
    fields = fields_of(model)
    if not isinstance(values, list) or len(values) != len(fields):
        raise ValueError("a line has other columns than its table")
    return [_for_database(field, value) for field, value in zip(fields, values, strict=True)]


def _for_database(field: models.Field[Any, Any], value: Any) -> Any:
    try:
        if isinstance(field, models.BinaryField) and value is not None:
            value = base64.b64decode(value, validate=True)
        target = field.target_field if isinstance(field, models.ForeignKey) else field
        return field.get_db_prep_save(_python(target, value), connection)
    except (ValidationError, ValueError, TypeError, binascii.Error):
        raise ValueError(f"a value of {field.attname} is not what the column takes") from None


def _python(field: models.Field[Any, Any], value: Any) -> Any:
    if isinstance(field, models.JSONField):
        # None inside a column that must not be empty is JSON's own null.
        return models.Value(None, models.JSONField()) if value is None and not field.null else value
    if value is not None and isinstance(field, models.CharField | models.TextField) and not isinstance(value, str):
        raise TypeError(value)
    return field.to_python(value)
