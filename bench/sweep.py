"""One day's lines out of millions, found and told; and how the foreground fares while a night runs.

    python bench/sweep.py [--lines 5000000] [--big] [--foreground 300000] [--json]

First: so many lines whose dates are spread over a year. The night of one day finds those whose legal notice is due and
queues it (an event a line); beside it, in the same run, plain SQL that finds the same ids, and plain SQL that does all
of it in one statement a part. `start_s` is what of `told_s` a night takes on which nothing is due, most of it reading
its modules. Second: a night over lines that are all due, by one worker a core less one, while 200 small transactions a
second (a top-up each: line locked, event, entry) are timed; the same load is timed without the night before. On
PostgreSQL.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench.night import build, foreground, measure, server  # noqa: E402 - the path comes first

NIGHT = date(2026, 11, 22)
TARGET, PATIENCE_MS = 0.7, 10.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=5_000_000)
    parser.add_argument("--big", action="store_true", help="25 million lines.")
    parser.add_argument("--foreground", type=int, default=300_000, help="Lines of the second part; 0 leaves it out.")
    parser.add_argument("--folder", type=Path, help="Where the database goes; a temporary folder if left out.")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lineaviva-bench-") as temporary:
        with server.database("postgres", asked.folder or Path(temporary)) as place:
            found = sweep(place, 25_000_000 if asked.big else asked.lines)
            if asked.foreground:
                found |= beside(place, asked.foreground)
    if asked.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:>28}: {value:,}" if isinstance(value, int | float) else f"{name:>28}: {value}")
    return 0 if found["kept"] else 1


def sweep(place: server.Place, many: int) -> dict[str, Any]:
    build.begin(place)
    build.quiet_lines(many, NIGHT)
    _, start = _ours(place, NIGHT - timedelta(days=1))
    ours, plain, ids = [], [], []
    # Three days of the year: each has its own lines, so that each finds fresh rows, and the median is taken.
    for nth in range(3):
        plain.append(_plain(NIGHT + timedelta(days=2 * nth)))
        ids.append(_ids(NIGHT + timedelta(days=2 * nth + 1)))
        ours.append(_ours(place, NIGHT + timedelta(days=2 * nth + 1)))
    rate, limit = (median(lines / seconds for lines, seconds in found) for found in (ours, plain))
    work = median(lines / max(seconds - start, 0.001) for lines, seconds in ours)
    return {
        "lines": many,
        "told_a_day": ours[0][0],
        "ids_s": round(median(seconds for _, seconds in ids), 3),
        "told_s": round(median(seconds for _, seconds in ours), 3),
        "start_s": round(start, 3),
        "plain_s": round(median(seconds for _, seconds in plain), 3),
        "told_per_s": round(rate),
        "plain_per_s": round(limit),
        "ratio": round(rate / limit, 3),
        "ratio_without_start": round(work / limit, 3),
        "kept": rate / limit >= TARGET,
    }


def _ours(place: server.Place, day: date) -> tuple[int, float]:
    summary = measure.night(place, day.isoformat(), 1, 0)
    return sum(one["lines"] for one in summary["outcomes"]), summary["seconds"]


def _plain(day: date) -> tuple[int, float]:
    """The day's lines told by one statement a part: nothing is decided, counted or leased."""
    from django.db import connection

    from lineaviva.carrier.ledger.models import Event
    from lineaviva.carrier.partitions import parts, table
    from lineaviva.carrier.subscriptions.models import Subscription

    start, told = time.perf_counter(), 0
    for part in parts():
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH due AS (UPDATE {table(Subscription, part)} SET last_number = last_number + 1,
                                    suspension_noticed_on = %(day)s, look_on = %(later)s
                              WHERE look_on <= %(day)s RETURNING id, last_number)
                INSERT INTO {table(Event, part)}
                       (subscription_id, number, kind, origin, "on", at, offering_id, amount_minor, until)
                SELECT id, last_number, 'suspension_notice', 'night', %(day)s, now(), '', 0, %(later)s FROM due
                """,  # noqa: S608 - names of ours
                {"day": day, "later": day + timedelta(days=35)},
            )
            told += cursor.rowcount
    return told, time.perf_counter() - start


def _ids(day: date) -> tuple[int, float]:
    """What it takes only to find them."""
    from lineaviva.carrier.subscriptions.models import Subscription

    start = time.perf_counter()
    found = list(Subscription.objects.filter(look_on__lte=day).values_list("pk", flat=True))
    return len(found), time.perf_counter() - start


def beside(place: server.Place, many: int) -> dict[str, Any]:
    build.begin(place)
    build.lines(many, NIGHT.isoformat())
    alone = foreground.load(place, many, seconds=5)
    argv = [sys.executable, "-m", "lineaviva.cli.main", "carrier", "nightly", "--as-of", NIGHT.isoformat(), "--json"]
    night = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    during = foreground.load(place, many, until=lambda: night.poll() is not None)
    summary = json.loads(night.communicate()[0])
    p99 = quantiles(during, n=100)[98]
    return {
        "foreground_p99_ms_alone": round(quantiles(alone, n=100)[98], 2),
        "foreground_p50_ms": round(median(during), 2),
        "foreground_p99_ms": round(p99, 2),
        "foreground_transactions": len(during),
        "night_lines_per_s": summary["lines_per_s"],
        "books_balanced": measure.audit(place),
        "foreground_kept": p99 < PATIENCE_MS,
    }


if __name__ == "__main__":
    sys.exit(main())
