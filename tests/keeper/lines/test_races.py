"""Two at once: whatever both do, the line ends as if one had come after the other."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.actions import (
    line_change,
    line_event_record,
    line_register,
    line_remove,
    line_share,
    line_tell,
)
from lineaviva.keeper.lines.models import Line, LineEvent, LineShare
from lineaviva.keeper.lines.sheet.actions import lines_import
from lineaviva.keeper.reminders.actions import reminders_plan
from lineaviva.keeper.reminders.models import Reminder
from lineaviva.kernel.errors import Conflict
from tests import factories
from tests.keeper.together import together

pytestmark = pytest.mark.django_db(transaction=True)
TIMES = 6


def test_the_same_number_is_registered_once(now: datetime) -> None:
    anna = factories.holder()
    answers = together(
        TIMES,
        lambda: line_register(
            holder=anna, msisdn="3471234567", operator="tim", last_topup=date(2026, 3, 31), by=anna, now=now
        ),
    )
    assert sum(isinstance(answer, Conflict) for answer in answers) == TIMES - 1
    assert Line.objects.count() == 1
    assert LineEvent.objects.count() == 2


def test_the_same_event_is_written_once(now: datetime) -> None:
    line = factories.line(last_topup=date(2025, 12, 1))
    together(
        TIMES,
        lambda: line_event_record(
            line=Line.objects.get(pk=line.pk), kind="topup", on=date(2026, 11, 22), reference="order:A", now=now
        ),
    )
    assert line.events.filter(reference="order:A").count() == 1
    line.refresh_from_db()
    assert line.next_deadline_on == date(2027, 11, 22)


def test_notes_and_tellings_each_get_a_number_of_their_own(now: datetime) -> None:
    line = factories.line(last_topup=None)
    labels = iter(f"label {number}" for number in range(TIMES))
    days = iter(date(2026, 11, number + 1) for number in range(TIMES))

    def act() -> None:
        line_change(line=Line.objects.get(pk=line.pk), by=None, now=now, label=next(labels))
        line_tell(line=Line.objects.get(pk=line.pk), kind="topup", on=next(days), by=None, now=now)

    together(TIMES, act)
    assert line.events.filter(kind="changed").count() == TIMES
    told = line.events.filter(kind="topup").order_by("pk")
    assert [event.reference for event in told] == [f"holder:{number + 1}" for number in range(TIMES)]
    last = told.last()
    assert last is not None
    line.refresh_from_db()
    assert line.extended_on == last.on


def test_removed_and_shared_once(now: datetime) -> None:
    line = factories.line()
    together(
        TIMES,
        lambda: line_share(line=line, with_email="bo@example.org", right="pay", by=None, now=now),
    )
    assert LineShare.objects.count() == 1
    assert User.objects.filter(email="bo@example.org").count() == 1
    together(TIMES, lambda: line_remove(line=Line.objects.get(pk=line.pk), by=None, now=now))
    assert line.events.filter(kind="removed").count() == 1


def test_two_imports_of_one_file(now: datetime) -> None:
    rows = "".join(f"347{number:07d},tim,h{number % 7}@example.org,2026-03-31\n" for number in range(1, 301))
    data = f"msisdn,operator,holder_email,last_topup\n{rows}".encode()
    answers = together(3, lambda: lines_import(data=data, by=None, now=now, dry_run=False))
    # Each either did it, found it done, or was told to try again.
    assert all(isinstance(answer, Conflict) or answer.applied for answer in answers)
    assert Line.objects.count() == 300
    assert LineEvent.objects.count() == 600
    again = lines_import(data=data, by=None, now=now, dry_run=False)
    assert again.count("unchanged") == 300


def test_one_stage_is_planned_once(now: datetime) -> None:
    line = factories.line(last_topup=date(2025, 12, 1))
    together(TIMES, lambda: reminders_plan(line=line, now=now))
    assert sorted(Reminder.objects.filter(state="open").values_list("channel", "stage")) == [("app", 14), ("email", 14)]
    assert Reminder.objects.count() == 2 * 3
