"""Reads about reminders."""

from __future__ import annotations

from django.db.models import QuerySet

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.lines.queries import lines_for
from lineaviva.keeper.reminders.actions import APP
from lineaviva.keeper.reminders.models import Reminder


def reminders_shown(user: User) -> QuerySet[Reminder]:
    """The list inside the app: what stands open for the lines that `user` may see, soonest date first."""
    rows = Reminder.objects.filter(channel=APP, state=Reminder.State.OPEN, line__in=lines_for(user).values("pk"))
    return rows.select_related("line", "line__holder").order_by("deadline_on", "pk")


def reminders_of(line: Line) -> QuerySet[Reminder]:
    """Every reminder of a line, newest first, also those that were never sent."""
    return Reminder.objects.filter(line=line).order_by("-created_at", "-pk")
