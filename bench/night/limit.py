"""The limit: the same tables, batches and commits, and SQL that only asks whether the credit covers the price.

It writes what a night has to write: credit, plan with its new period and buckets, one event (receipt and notice) a
line, one entry a charge, the life of lines that move on. It knows no policy, promotion, changed price or second plan.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

BATCH = {"postgres": 1000, "sqlite": 20_000}
NEXT, LATER = "2026-12-22", "2027-05-22"
_RANGE = "p.due_on = '{night}' AND p.subscription_id > {low}"
_DUE = """
    SELECT p.subscription_id, p.number, p.offering_id, p.price_minor, s.last_number,
           s.credit_minor >= p.price_minor AS ok
      FROM {plan} p JOIN {subscription} s ON s.id = p.subscription_id
     WHERE {range} AND p.subscription_id <= {high}
"""
_APPLY = (
    """
    UPDATE {subscription} AS s SET last_number = s.last_number + 1,
           credit_minor = s.credit_minor - CASE WHEN d.ok THEN d.price_minor ELSE 0 END
      FROM {due} d WHERE s.id = d.subscription_id
    """,
    """
    UPDATE {plan} AS p SET data_left = 50000, voice_left = -1, sms_left = 200,
           status = CASE WHEN d.ok THEN 'active' ELSE 'asleep' END,
           paid_until = CASE WHEN d.ok THEN {date}'{next}' ELSE p.paid_until END,
           due_on = CASE WHEN d.ok THEN {date}'{next}' ELSE {date}'{later}' END
      FROM {due} d WHERE p.subscription_id = d.subscription_id AND p.number = d.number
    """,
    """
    INSERT INTO {event} (subscription_id, number, kind, origin, "on", at, plan_number, offering_id, amount_minor, until)
    SELECT subscription_id, last_number + 1, CASE WHEN ok THEN 'renewed' ELSE 'asleep' END, 'night', {date}'{night}',
           '2026-11-22 02:00:00', number, offering_id, CASE WHEN ok THEN price_minor ELSE 0 END, {date}'{next}'
      FROM {due}
    """,
    """
    INSERT INTO {entry} (subscription_id, number, leg, debited, credited, amount_minor, origin, booked_on)
    SELECT subscription_id, last_number + 1, 1, 'credit', 'revenue', price_minor, 'night', {date}'{night}'
      FROM {due} WHERE ok
    """,
)
_LIFE = (
    """
    INSERT INTO {event} (subscription_id, number, kind, origin, "on", at, offering_id, amount_minor)
    SELECT id, last_number + 1, 'receive_only', 'night', {date}'{night}', '2026-11-22 02:00:00', '', 0
      FROM {subscription} WHERE look_on = '{night}'
    """,
    "UPDATE {subscription} SET last_number = last_number + 1, phase = 'receive_only', look_on = '{later}' "
    "WHERE look_on = '{night}'",
)


def night(day: str, batch: int, workers: int) -> tuple[int, float]:
    """Lines done, and the seconds that it took."""
    from lineaviva.carrier.partitions import parts

    start = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        done = sum(pool.map(lambda part: _part(part, day, batch), parts()))
    return done, time.perf_counter() - start


def _part(part: int, day: str, batch: int) -> int:
    from django.db import connection, transaction

    from lineaviva.carrier.ledger.models import Entry, Event
    from lineaviva.carrier.partitions import table
    from lineaviva.carrier.subscriptions.models import Plan, Subscription

    postgres = connection.vendor == "postgresql"
    names = {
        **{"plan": table(Plan, part), "subscription": table(Subscription, part)},
        **{"event": table(Event, part), "entry": table(Entry, part)},
        **{"night": day, "next": NEXT, "later": LATER, "date": "DATE " if postgres else ""},
    }
    done, low = 0, 0
    with connection.cursor() as cursor:
        run = _at_once if postgres else _one_by_one
        with transaction.atomic():
            for text in _LIFE:
                cursor.execute(text.format(**names))
                done = cursor.rowcount
        while (high := _last(cursor, names, low, batch)) is not None:
            with transaction.atomic():
                done += run(cursor, {**names, "low": low, "high": high})
            low = high
    connection.close()
    return done


def _last(cursor: Any, names: dict[str, Any], low: int, batch: int) -> int | None:
    where = _RANGE.format(**names, low=low)
    for order, rest in (("", f"OFFSET {batch - 1}"), ("DESC", "")):
        cursor.execute(
            f"SELECT p.subscription_id FROM {names['plan']} p WHERE {where} "  # noqa: S608 - names of ours
            f"ORDER BY p.due_on {order}, p.subscription_id {order}, p.number {order} LIMIT 1 {rest}"
        )
        if found := cursor.fetchone():
            return int(found[0])
    return None


def _at_once(cursor: Any, names: dict[str, Any]) -> int:
    due = _DUE.format(range=_RANGE.format(**names), **names)
    parts = ", ".join(f"a{place} AS ({text.format(due='due', **names)})" for place, text in enumerate(_APPLY))
    cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
    cursor.execute(f"WITH due AS MATERIALIZED ({due}), {parts} SELECT COUNT(*) FROM due")  # noqa: S608 - names and texts of ours
    return int(cursor.fetchone()[0])


def _one_by_one(cursor: Any, names: dict[str, Any]) -> int:
    cursor.execute("DROP TABLE IF EXISTS temp.due")
    cursor.execute(f"CREATE TEMP TABLE due AS {_DUE.format(range=_RANGE.format(**names), **names)}")
    for text in _APPLY:
        cursor.execute(text.format(due="temp.due", **names))
    cursor.execute("SELECT COUNT(*) FROM temp.due")
    return int(cursor.fetchone()[0])
