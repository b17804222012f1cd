"""The day's business while the night runs: 200 small transactions a second, each timed from when it should begin."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg

from bench.night.server import Place

RATE, THREADS = 200, 4


def load(place: Place, lines: int, *, seconds: float = 0, until: Callable[[], bool] | None = None) -> list[float]:
    """Milliseconds of each transaction, for so long or until something is so."""
    stop, start = threading.Event(), time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        running = [pool.submit(_one, place.url, lines, nth, start, stop) for nth in range(THREADS)]
        while not (until() if until else time.perf_counter() - start > seconds):
            time.sleep(0.05)
        stop.set()
        return [one for future in running for one in future.result()]


def _one(url: str, lines: int, nth: int, start: float, stop: threading.Event) -> list[float]:
    chance, found, turn = random.Random(nth), [], 0
    with psycopg.connect(url, autocommit=True) as connection:
        while not stop.is_set():
            due = start + (turn * THREADS + nth) / RATE
            time.sleep(max(0.0, due - time.perf_counter()))
            _top_up(connection, chance.randrange(1, lines + 1))
            found.append((time.perf_counter() - due) * 1000)
            turn += 1
    return found


def _top_up(connection: psycopg.Connection[tuple[int]], line: int) -> None:
    """What the product's top-up writes, without what it decides."""
    with connection.transaction():
        row = connection.execute(
            "SELECT last_number FROM carrier_subscriptions_subscription WHERE id = %s FOR UPDATE", [line]
        ).fetchone()
        number = (row[0] if row else 0) + 1
        connection.execute(
            "UPDATE carrier_subscriptions_subscription SET credit_minor = credit_minor + 500, last_number = %s "
            "WHERE id = %s",
            [number, line],
        )
        connection.execute(
            'INSERT INTO carrier_ledger_event (subscription_id, number, kind, origin, "on", at, offering_id, '
            "amount_minor) VALUES (%s, %s, 'adjusted', 'staff', CURRENT_DATE, now(), '', 500)",
            [line, number],
        )
        connection.execute(
            "INSERT INTO carrier_ledger_entry "
            "(subscription_id, number, leg, debited, credited, amount_minor, origin, booked_on) "
            "VALUES (%s, %s, 1, 'promotion', 'credit', 500, 'staff', CURRENT_DATE)",
            [line, number],
        )
