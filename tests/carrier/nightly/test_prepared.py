"""What PostgreSQL is told once for many batches, and what becomes of it where it is not kept."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection

from lineaviva.carrier.nightly import prepared
from lineaviva.carrier.subscriptions.models import Plan, Subscription
from tests.carrier.nightly import lines
from tests.carrier.nightly.lines import other_than, problems, rolled_back, state
from tests.carrier.nightly.worlds import mixed, statements, two_parts_due, work

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books")]


def expected() -> dict[str, Any]:
    with rolled_back():
        work(100)
        return state()


def left_on_the_server() -> int:
    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM pg_prepared_statements WHERE name LIKE 'night%%'")
        return int(cursor.fetchone()[0])


def test_a_batch_says_only_where_it_begins_and_ends() -> None:
    mixed()
    before = left_on_the_server()
    asked = statements(2)
    by_name = [sql for sql in asked if re.search(r"; EXECUTE night_\w+ \([^()]*\)$", sql)]
    told = [sql for sql in by_name if "PREPARE" in sql]
    if connection.vendor == "sqlite":
        assert by_name == []
        return
    assert len(told) >= 2
    assert len(by_name) > 2 * len(told)
    assert all(len(sql) < 400 for sql in by_name if sql not in told)
    assert left_on_the_server() == before


def test_behind_a_pooler_everything_is_said_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One gives its clients a number that is no server process's."""
    mixed()
    end = expected()
    monkeypatch.setattr(prepared, "_own_number", lambda raw: 1)
    asked = statements(2)
    assert [sql for sql in asked if "PREPARE" in sql or "EXECUTE" in sql] == []
    assert other_than(end) == {}
    assert problems() == []


@pytest.mark.parametrize("after", [1, 2, 5])
def test_a_server_that_does_not_know_it_any_more_is_told_in_full(after: int) -> None:
    mixed()
    end = expected()
    executed = 0

    def forgetting(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal executed
        if "; EXECUTE night_" in sql and "PREPARE" not in sql:
            executed += 1
            if executed == after:
                execute("DEALLOCATE ALL", None, False, context)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(forgetting):
        work(1)
    assert (executed > 0) == (connection.vendor == "postgresql")
    assert other_than(end) == {}
    assert problems() == []


def test_what_is_in_a_name_is_said_as_it_is() -> None:
    """Signs of our own in an offer's name are no places for values."""
    odd = lines.offer(key="{range} %(after0)s $1 100% 'x'")
    for pk in lines.in_part(0, 4):
        lines.plan(lines.line(credit=900, id=pk), odd)
    two_parts_due()
    work(1)
    assert set(Subscription.objects.values_list("credit_minor", flat=True)) == {101}
    assert set(Plan.objects.values_list("offering_id", "status")) == {(odd, "active")}
