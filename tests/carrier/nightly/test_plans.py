"""How PostgreSQL goes about a batch: from row to row, however much of the part it takes the batch for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from lineaviva.carrier.subscriptions.models import Plan, Subscription
from tests.carrier.nightly import lines
from tests.carrier.nightly.lines import NIGHT, in_part
from tests.carrier.nightly.worlds import two_parts_due, work

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books")]
MANY = 40
TABLES = ("carrier_subscriptions_subscription_p0", "carrier_subscriptions_plan_p0")
Node = dict[str, Any]


def alike() -> None:
    """Lines of one case, all due on one day, as the server's statistics know; it takes them for a thousand times as
    many.
    """
    lines.offer()
    for pk in in_part(0, MANY):
        lines.plan(lines.line(credit=900, id=pk))
    two_parts_due()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {', '.join(TABLES)}")
            cursor.execute("UPDATE pg_class SET reltuples = reltuples * 1000 WHERE relname = ANY(%s)", [list(TABLES)])


def plans_of_a_night(batch: int) -> list[Node]:
    """How each batch of fees would be gone about, asked just before it is."""
    found: list[Node] = []

    def listen(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "EXECUTE night_" in sql and "PREPARE" not in sql:
            begin = sql.rindex("EXECUTE night_")
            with connection.connection.cursor() as cursor:
                cursor.execute(f"{sql[:begin]} EXPLAIN (FORMAT JSON) {sql[begin:]}")
                while cursor.nextset():
                    pass
                (answer,) = cursor.fetchone()
            found.append((answer if isinstance(answer, list) else json.loads(answer))[0]["Plan"])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(listen):
        work(batch)
    return found


def nodes(plan: Node) -> Iterator[Node]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def goes_through_all(node: Node) -> bool:
    """Whether it reads a table of lines or of plans without knowing which rows."""
    table = node.get("Relation Name", "")
    known = node["Node Type"] == "Tid Scan" or {"Index Cond", "Recheck Cond"} & set(node)
    return table.startswith("carrier_subscriptions") and node["Node Type"] != "ModifyTable" and not known


def test_no_batch_goes_through_the_whole_part() -> None:
    alike()
    found = plans_of_a_night(10)
    if connection.vendor == "postgresql":
        # The first batch has no beginning and is said in full, by the second the server is told; the last is empty.
        assert len(found) == 3
        reads = [node for plan in found for node in nodes(plan) if "Relation Name" in node]
        assert [node["Relation Name"] for node in reads if goes_through_all(node)] == []
        by_place = [node["Relation Name"] for node in reads if node["Node Type"] == "Tid Scan"]
        assert [by_place.count(name) for name in TABLES] == [len(found)] * 2
    assert set(Subscription.objects.values_list("credit_minor", flat=True)) == {101}
    assert set(Plan.objects.values_list("status", "due_on")) == {("active", NIGHT.replace(month=12))}
