"""The looks at a line (its state, what is due) and at an open reminder (hand it over)."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings

from lineaviva.keeper.lines.actions import RECKONED, line_reckon
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.lines.queries import line_deadlines
from lineaviva.keeper.reminders import rules
from lineaviva.keeper.reminders.actions import reminders_plan, verdict
from lineaviva.keeper.reminders.links import LIFE, renewal_link
from lineaviva.keeper.reminders.models import Reminder
from lineaviva.keeper.reminders.ports import Message, channel
from lineaviva.keeper.reminders.rules import Stage
from lineaviva.keeper.reminders.texts import Words, renewing_words, words
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import rome_date


@agenda.handler(Line)
def line_look(row: Line, now: datetime) -> agenda.Outcome:
    """Any line: bring its stored state up to the day, write the reminders that are due."""
    return agenda.settle(partial(_line_looked_at, now=now))


def _line_looked_at(row: Line, now: datetime) -> agenda.Outcome:
    if row.removed_at is not None:
        reminders_plan(line=row, now=now)
        return agenda.rest()
    before = [getattr(row, field) for field in RECKONED]
    dates = line_reckon(row, now)
    if [getattr(row, field) for field in RECKONED] != before:
        row.save(update_fields=[*RECKONED])
    reminders_plan(line=row, now=now)
    return agenda.again(rules.next_look(dates.ladder, now))


# EMAIL_TIMEOUT is for one answer of the SMTP server, and a message takes up to eight of them.
@agenda.handler(Reminder, states=(Reminder.State.OPEN,), lease=timedelta(minutes=3), outside=True)
def reminder_send(row: Reminder, now: datetime) -> agenda.Outcome:
    """An open reminder: send it if it still is the one to send. Killed after it, it goes again under one id."""
    line = Line.objects.select_related("holder").get(pk=row.line_id)
    state = verdict(row, line, now)
    if state == Reminder.State.SENT:
        channel(row.channel).send(message_of(row, line, now))
    return agenda.settle(partial(_reminder_done, state=state, now=now))


def _reminder_done(row: Reminder, state: Reminder.State, now: datetime) -> agenda.Outcome:
    sent_at = now if state == Reminder.State.SENT else None
    if row.state != Reminder.State.OPEN:  # closed while it was being sent
        return agenda.rest(sent_at=sent_at)
    return agenda.rest(state=state, sent_at=sent_at)


def _said(line: Line, stage: Stage, now: datetime) -> Words:
    today = rome_date(now)
    facts: dict[str, Any] = {"line": line, "dates": line_deadlines(line, today), "stage": stage, "today": today}
    language = line.holder.language
    if rules.renews_itself(line.renews_on, stage, today):
        return renewing_words(link=f"{settings.PUBLIC_URL}/lines/{line.pk}/auto/", language=language, **facts)
    link = settings.PUBLIC_URL + renewal_link(line=line, user=line.holder, now=now)
    return words(link=link, until=now + LIFE, language=language, **facts)


def message_of(row: Reminder, line: Line, now: datetime) -> Message:
    """The reminder as its holder gets it."""
    stage = Stage(row.deadline, row.deadline_on, row.stage)
    language = line.holder.language
    said = _said(line, stage, now)
    return Message(
        to=line.holder.email,
        subject=said.subject,
        text=said.text,
        html=said.html,
        language=language,
        message_id=rules.message_key(line_id=line.pk, stage=stage, channel=row.channel),
    )
