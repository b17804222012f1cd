"""Pure: on which day which reminder is due.

The ladder stands 60, 30, 14, 7, 3, 1 and 0 days before the next of a line's three dates. Only that next date nags: the
later ones are named in the same message. Once the first date has passed, the line is in trouble already and there is a
message every day, each about the date that comes next, as long as the line can still be saved. Where nobody knows
until when that is, they go on for OPEN_END_DAYS after the last date that is known; then the list alone says so.

A stage is due from nine in the morning in Rome. Of several that are due only the last is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from lineaviva.kernel.calendar import end_of
from lineaviva.kernel.clock import ROME, rome_date

RUNGS = (60, 30, 14, 7, 3, 1, 0)
NINE = time(9)
OPEN_END_DAYS = 30
# A line is looked at at least this often: the rulebook may have learned something since.
LONGEST_REST = timedelta(days=30)

Ladder = Sequence[tuple[str, date]]


@dataclass(frozen=True, slots=True)
class Stage:
    """One rung: `days` before the last day `on` of what `deadline` ends; below zero, days after it."""

    deadline: str
    on: date
    days: int

    @property
    def day(self) -> date:
        return self.on - timedelta(days=self.days)

    @property
    def at(self) -> datetime:
        """The instant from which it is due, in UTC."""
        return nine(self.day)


def nine(day: date) -> datetime:
    """Nine in the morning in Rome on `day`, in UTC."""
    return datetime.combine(day, NINE, ROME).astimezone(UTC)


def reminding_day(now: datetime) -> date:
    """The last day on which it is nine o'clock already."""
    local = now.astimezone(ROME)
    return local.date() if local.time() >= NINE else local.date() - timedelta(days=1)


def stage_on(ladder: Ladder, day: date) -> Stage | None:
    """The stage that falls on exactly this day. `ladder` is (what ends, its last day) in order of time."""
    for place, (deadline, on) in enumerate(ladder):
        if on >= day:
            days = (on - day).days
            return Stage(deadline, on, days) if place > 0 or days in RUNGS else None
    if not _open_ended(ladder):
        return None
    deadline, on = ladder[-1]
    days = (on - day).days
    return Stage(deadline, on, days) if -days <= OPEN_END_DAYS else None


def due(ladder: Ladder, now: datetime) -> Stage | None:
    """The one stage that may be sent at `now`: the last that came due, if it speaks of a date that still matters."""
    stage = _last_by(ladder, reminding_day(now))
    if stage and stage.days >= 0 and stage.on < rome_date(now):
        return None  # between midnight and nine: that date is over, and the next stage has not come
    return stage


def _last_by(ladder: Ladder, day: date) -> Stage | None:
    if not ladder:
        return None
    deadline, on = ladder[0]
    left = (on - day).days
    if left < 0:
        return stage_on(ladder, day)
    rung = min((rung for rung in RUNGS if rung >= left), default=None)
    return None if rung is None else Stage(deadline, on, rung)


def passed(ladder: Ladder, *, since: date, now: datetime) -> list[Stage]:
    """The stages that came due by `now` and are not to be sent any more, oldest first.

    Once the first date has passed, only those count that came due from `since`, the day from which the line is watched.
    """
    if not ladder:
        return []
    day = reminding_day(now)
    present = due(ladder, now)
    _, first_on = ladder[0]
    start = first_on - timedelta(days=RUNGS[0])
    if first_on < day:
        start = max(start, since)
    return [stage for stage in _stages(ladder, start, day) if stage != present]


def _stages(ladder: Ladder, start: date, end: date) -> Iterator[Stage]:
    """The stages from `start` to `end`, both days included."""
    end = min(end, ladder[-1][1] + timedelta(days=OPEN_END_DAYS))
    for number in range((end - start).days + 1):
        stage = stage_on(ladder, start + timedelta(days=number))
        if stage is not None:
            yield stage


def renews_itself(renews_on: date | None, stage: Stage, today: date) -> bool:
    """Whether the line is renewed by itself, for a date that is still to come, before what the stage speaks of."""
    return renews_on is not None and today <= renews_on <= stage.on


def next_look(ladder: Ladder, now: datetime) -> datetime:
    """When the line must be looked at again: at its next stage, when its next date is over, or after a month's rest."""
    day = reminding_day(now)
    looks = [now + LONGEST_REST]
    for number in range(1, LONGEST_REST.days + 1):
        stage = stage_on(ladder, day + timedelta(days=number)) if ladder else None
        if stage is not None:
            looks.append(stage.at)
            break
    looks += [over for _, on in ladder if (over := end_of(on)) > now]
    return min(looks)


def _open_ended(ladder: Ladder) -> bool:
    return bool(ladder) and ladder[-1][0] != "lost"


def message_key(*, line_id: int, stage: Stage, channel: str) -> str:
    """What one reminder is called outside, always the same however often it must be sent."""
    return f"reminder.{line_id}.{stage.deadline}.{stage.on.isoformat()}.{stage.days}.{channel}"
