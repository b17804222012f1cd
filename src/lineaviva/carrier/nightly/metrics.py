"""What the nightly run says to those who watch. All of it stands in a few rows: no line is counted for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time

from django.db.models import Sum

from lineaviva.carrier.nightly.models import Count, Run, Shard
from lineaviva.carrier.nightly.queries import first_due, first_undone
from lineaviva.carrier.nightly.runs import last_rate, last_run
from lineaviva.carrier.nightly.shards import shards_waiting
from lineaviva.carrier.partitions import parts
from lineaviva.kernel.agenda.metrics import Figure, single, source
from lineaviva.kernel.clock import ROME, rome_date


@source
def night_figures(now: datetime) -> Iterator[Figure]:
    yield single(
        "lineaviva_night_lag_seconds",
        "Time since the beginning of the earliest night that is not done; 0 when today's is.",
        _lag_seconds(now),
    )
    yield _parts(now)
    run = last_run()
    yield from _last_night(run)
    yield from _speed(run)


def _lag_seconds(now: datetime) -> float:
    today = rome_date(now)
    if Shard.objects.exists():
        undone = first_undone(today)
    else:
        undone = min((day for day in map(first_due, parts()) if day and day <= today), default=None)
    return (now - datetime.combine(undone, time.min, ROME)).total_seconds() if undone else 0.0


def _parts(now: datetime) -> Figure:
    waiting, every = shards_waiting(rome_date(now)), Shard.objects.count()
    found = {"done": every - waiting.held - waiting.free, "held": waiting.held, "free": waiting.free}
    values = [([state], float(many)) for state, many in found.items()]
    help = "Parts of the lines: done through today's night, being worked on, left for anybody."
    return Figure("lineaviva_night_parts", help, values, ["state"])


def _last_night(run: Run | None) -> Iterator[Figure]:
    counts = Count.objects.filter(part__in=parts(), day=run.as_of) if run else Count.objects.none()
    rows = list(counts.values_list("operator", "outcome").annotate(Sum("lines")).order_by("operator", "outcome"))
    yield single("lineaviva_night_due_lines", "Lines to be done when the last run began.", run.due if run else 0)
    yield Figure(
        "lineaviva_night_lines",
        "Lines that the last night dealt with so far, by how that ended.",
        [((operator, outcome), float(lines)) for operator, outcome, lines in rows],
        ["operator", "outcome"],
    )
    stuck = sum(lines for _operator, outcome, lines in rows if outcome == "stuck")
    yield single("lineaviva_night_stuck_lines", "Lines that the last night could not deal with.", stuck)


def _speed(run: Run | None) -> Iterator[Figure]:
    rate = last_rate()
    began = run.began_at.timestamp() if run else 0.0
    ended = run.ended_at.timestamp() if run and run.ended_at else 0.0
    yield single("lineaviva_night_began_timestamp_seconds", "When the last run began.", began)
    yield single("lineaviva_night_ended_timestamp_seconds", "When it ended; 0: it goes on, or was killed.", ended)
    yield single("lineaviva_night_seconds", "How long the last run with work took.", rate.seconds if rate else 0.0)
    per_second = rate.lines / max(rate.seconds, 0.001) if rate else 0.0
    yield single("lineaviva_night_lines_per_second", "Lines a second of the last run with work.", per_second)
