"""Writes about reminders: planned with the line locked, cancelled with the renewal, sent by the agenda."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from django.db import transaction
from django.db.models import Q

from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.lines.queries import line_deadlines
from lineaviva.keeper.reminders import rules
from lineaviva.keeper.reminders.models import Reminder
from lineaviva.keeper.reminders.ports import sending_channels
from lineaviva.keeper.reminders.rules import Stage
from lineaviva.kernel import agenda
from lineaviva.kernel.agenda.registry import registered
from lineaviva.kernel.clock import rome_date

APP = "app"  # the list inside the app: nothing is sent, the row stands there while it is open


@dataclass(slots=True)
class SendReport:
    """What a round of reminders did, or in a dry run would do: one Reminder each."""

    sent: list[Reminder] = field(default_factory=list)
    waiting: list[Reminder] = field(default_factory=list)
    dry_run: bool = False


@transaction.atomic
def reminders_plan(*, line: Line, now: datetime) -> list[Reminder]:
    """Write the stages that are due for the line, close those that no longer are; gives the rows newly opened.

    Of the stages that were due only the last is opened, the others are written as superseded. Stages of dates that the
    line no longer has are cancelled. Once more changes nothing.
    """
    locked = agenda.locked(Line, line.pk)
    dates = line_deadlines(locked, rome_date(now))
    nags = locked.removed_at is None and locked.holder.is_active
    ladder = dates.ladder if nags else ()
    stage = rules.due(ladder, now)
    older = rules.passed(ladder, since=rome_date(locked.created_at), now=now)
    rows = _rows_of(locked, ladder)
    _close_others(rows, ladder, stage)
    channels = [*sending_channels(), APP]
    known = {(row.deadline, row.deadline_on.isoformat(), row.stage, row.channel) for row in rows}
    missing = [
        _row(locked, old, channel, now, Reminder.State.SUPERSEDED)
        for old in older
        for channel in channels
        if _key(old, channel) not in known
    ]
    Reminder.objects.bulk_create(missing, ignore_conflicts=True)
    return [_opened(locked, stage, channel, now) for channel in channels if stage and _key(stage, channel) not in known]


def _rows_of(line: Line, ladder: rules.Ladder) -> list[Reminder]:
    """What is open, and what is there for the line's present dates.

    Locked in one order everywhere, so that a worker that settles several of them cannot block this.
    """
    wanted = Q(state=Reminder.State.OPEN) | Q(deadline_on__in=[on for _, on in ladder])
    return list(Reminder.objects.select_for_update().filter(wanted, line=line).order_by("pk"))


def _key(stage: Stage, channel: str) -> tuple[str, str, int, str]:
    return stage.deadline, stage.on.isoformat(), stage.days, channel


def _row(line: Line, stage: Stage, channel: str, now: datetime, state: Reminder.State) -> Reminder:
    return Reminder(
        line=line,
        deadline=stage.deadline,
        deadline_on=stage.on,
        stage=stage.days,
        channel=channel,
        state=state,
        created_at=now,
    )


def _opened(line: Line, stage: Stage, channel: str, now: datetime) -> Reminder:
    row = _row(line, stage, channel, now, Reminder.State.OPEN)
    if channel == APP:
        row.sent_at = now
    else:
        row.look_at = now
    row.save()
    return row


def _close_others(rows: list[Reminder], ladder: rules.Ladder, stage: Stage | None) -> None:
    """Open rows that are not the present stage: superseded where their date still stands, else cancelled."""
    for row in rows:
        if row.state != Reminder.State.OPEN:
            continue
        place = Stage(row.deadline, row.deadline_on, row.stage)
        if place != stage:
            stands = (row.deadline, row.deadline_on) in ladder
            _close(row, Reminder.State.SUPERSEDED if stands else Reminder.State.CANCELLED)


def _close(row: Reminder, state: Reminder.State) -> None:
    row.state, row.look_at, row.stuck_reason = state, None, ""
    row.save(update_fields=["state", "look_at", "stuck_reason"])


@transaction.atomic
def reminders_cancel(*, line: Line, now: datetime) -> int:
    """Cancel what is open for a line that was renewed, in the transaction of the renewal; gives how many there were.

    A message that a worker is handing over at this very moment still goes out.
    """
    rows = list(Reminder.objects.select_for_update().filter(line=line, state=Reminder.State.OPEN).order_by("pk"))
    for row in rows:
        _close(row, Reminder.State.CANCELLED)
    if rows:
        agenda.wake(line, now)  # its next stage is another one now
    return len(rows)


def send_due(*, now: datetime, dry_run: bool = False, threads: int = 0) -> SendReport:
    """Plan and send everything that is due at `now`, through the agenda: beside a worker nothing goes out twice.

    `threads`: messages handed over at once; 0 means one after the other, in this thread. `waiting` in the report are
    messages that could not go out yet, or that another worker has in hand. A dry run only says what it would send.
    """
    if dry_run:
        return SendReport(sent=list(_would_send(now)), dry_run=True)
    worker = agenda.Worker([each for each in registered() if each.model in (Line, Reminder)], threads=threads)
    while worker.run_once(now):
        pass
    rows = Reminder.objects.exclude(channel=APP).select_related("line__holder").order_by("pk")
    return SendReport(
        sent=list(rows.filter(state=Reminder.State.SENT, sent_at=now)),
        waiting=list(rows.filter(state=Reminder.State.OPEN)),
    )


def _would_send(now: datetime) -> Iterator[Reminder]:
    """Unsaved rows: what planning and sending at `now` would send."""
    lines = Line.objects.filter(removed_at=None, holder__is_active=True).exclude(extended_on=None)
    for part in _batched(lines.select_related("holder").order_by("pk").iterator(chunk_size=500), 500):
        done = Reminder.objects.filter(line__in=part).exclude(state=Reminder.State.OPEN)
        keys = set(done.values_list("line_id", "deadline", "deadline_on", "stage", "channel"))
        for line in part:
            stage = rules.due(line_deadlines(line, rome_date(now)).ladder, now)
            if stage is None:
                continue
            for channel in sending_channels():
                row = _row(line, stage, channel, now, Reminder.State.OPEN)
                if (line.pk, row.deadline, row.deadline_on, row.stage, channel) not in keys:
                    yield row


def _batched(items: Iterable[Line], size: int) -> Iterator[list[Line]]:
    """Lists of at most `size`, in order."""
    waiting = iter(items)
    while part := list(islice(waiting, size)):
        yield part


def verdict(row: Reminder, line: Line, now: datetime) -> Reminder.State:
    """What should become of an open row at `now`: SENT while it is still the line's present stage, or why it is not."""
    nags = line.removed_at is None and line.holder.is_active
    ladder = line_deadlines(line, rome_date(now)).ladder if nags else ()
    stage = rules.due(ladder, now)
    if stage == Stage(row.deadline, row.deadline_on, row.stage):
        return Reminder.State.SENT
    stands = (row.deadline, row.deadline_on) in ladder
    return Reminder.State.SUPERSEDED if stands else Reminder.State.CANCELLED
