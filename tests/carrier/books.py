"""Fixtures and tools around books that must balance, cannot be changed, and are made to lie all the same."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

import pytest
from django.db import connection

from tests.carrier.nightly.lines import problems

_KEPT = import_module("lineaviva.carrier.ledger.migrations.0002_never_changed").KEPT


@pytest.fixture
def books(db: None) -> Iterator[None]:
    """After the test, the audits of all operators find nothing."""
    yield
    assert problems() == []


@pytest.fixture
def at_once(transactional_db: None) -> Iterator[None]:
    """Real transactions, for threads and processes. The ledger lets nobody empty it, the tests' clearing neither."""
    yield
    if connection.vendor == "sqlite":
        triggers_off()
        with connection.cursor() as cursor:
            for table in _KEPT.tables:
                cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
            for statement in _KEPT.triggers("sqlite"):
                cursor.execute(statement)


def triggers_off() -> None:
    """Let this transaction change what is never changed."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
            return
        for statement in _KEPT.no_triggers("sqlite"):
            cursor.execute(statement)


def tampered(sql: str, *params: int) -> None:
    """Change the books behind everybody's back."""
    triggers_off()
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
