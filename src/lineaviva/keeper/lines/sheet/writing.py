"""A plan's writes, in bulk: the number of statements does not grow with every row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from itertools import islice
from typing import Any

from django.db.models import Count, Max

from lineaviva import rulebook
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines import queries, rules
from lineaviva.keeper.lines.actions import RECKONED, change_detail
from lineaviva.keeper.lines.models import EventKind, Line, LineEvent
from lineaviva.keeper.lines.sheet import bulk
from lineaviva.keeper.lines.sheet.planning import Planned, Progress
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import rome_date

BATCH = 2000
DETAILS = tuple(rules.Details.__dataclass_fields__)
_CHANGEABLE = [name for name in DETAILS if name != "msisdn"]


class Writer:
    """Writes one plan in the caller's transaction; `by` and `now` go into every event."""

    def __init__(self, *, by: User | None, now: datetime, progress: Progress | None = None) -> None:
        self._by = by
        self._now = now
        self._today = rome_date(now)
        self._progress = progress

    # --- new lines --------------------------------------------------------------------------------------------------

    def add(self, rows: list[Planned], holders: Mapping[str, User]) -> None:
        """New lines with their first events."""
        before = Line.objects.aggregate(Max("pk"))["pk__max"] or 0
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            bulk.insert(Line, [self._new(row, holders[row.email].pk) for row in part])
            ids = _ids_after(before, [holders[row.email].pk for row in part])
            bulk.insert(LineEvent, self._first_events(part, holders, ids))
            before = max(ids.values())
            if self._progress:
                self._progress(start + len(part), len(rows))
        if rows:
            agenda.announce()

    def _new(self, row: Planned, holder_id: int) -> bulk.Row:
        said = {change.field: change.new for change in row.changes}
        topup = said.pop("last_topup", None)
        extended_on = topup if topup and rulebook.operator(said["operator"]).extends("topup") else None
        return {
            **said,
            **self._reckoned(said["operator"], extended_on),
            "holder_id": holder_id,
            "msisdn": row.msisdn,
            "created_at": self._now,
            "look_at": self._now,
        }

    def _first_events(
        self, part: list[Planned], holders: Mapping[str, User], ids: Mapping[tuple[int, str], int]
    ) -> list[bulk.Row]:
        events: list[bulk.Row] = []
        for row in part:
            line_id = ids[holders[row.email].pk, row.msisdn]
            events.append(self._event(line_id, EventKind.REGISTERED, self._today, "note:1", extends=False))
            topup = next((change.new for change in row.changes if change.field == "last_topup"), None)
            if topup:
                events.append(self._event(line_id, EventKind.TOPUP, topup, "import:1"))
        return events

    # --- changed lines ----------------------------------------------------------------------------------------------

    def change(
        self,
        rows: list[Planned],
        lines: Mapping[tuple[str, str], Line],
        happened: Mapping[int, list[rules.Happened]],
    ) -> None:
        """Changes to lines that are there and locked, with their history."""
        todo = iter(rows)
        while part := list(islice(todo, BATCH)):
            changed = [lines[row.email, row.msisdn] for row in part]
            noted = _notes_of(changed)
            events: list[bulk.Row] = []
            for row, line in zip(part, changed, strict=True):
                events.extend(self._apply(row, line, happened.get(line.pk, []), noted.get(line.pk, 0)))
            names = [*_CHANGEABLE, *RECKONED]
            bulk.update(
                Line, names, [{"pk": line.pk, **{name: getattr(line, name) for name in names}} for line in changed]
            )
            bulk.insert(LineEvent, events)
            agenda.wake(Line.objects.filter(pk__in=[line.pk for line in changed]), self._now)

    def _apply(self, row: Planned, line: Line, happened: list[rules.Happened], noted: int) -> list[bulk.Row]:
        """Put the new values on the instance, and give the events that tell of it."""
        new = {change.field: change.new for change in row.changes}
        topup = new.pop("last_topup", None)
        events: list[bulk.Row] = []
        if new:
            detail = change_detail({field: getattr(line, field) for field in new}, new)
            for field, value in new.items():
                setattr(line, field, value)
            reference = f"note:{noted + 1}"
            events.append(self._event(line.pk, EventKind.CHANGED, self._today, reference, extends=False, detail=detail))
        if topup:
            told = sum(event.kind == "topup" and rules.is_told(event.reference) for event in happened)
            reference = f"import:{told + 1}"
            events.append(self._event(line.pk, EventKind.TOPUP, topup, reference))
            happened = [*happened, rules.Happened("topup", topup, reference, None)]
        extended_on = rules.extended_on(happened, rulebook.operator(line.operator).extends)
        for field, value in self._reckoned(line.operator, extended_on).items():
            setattr(line, field, value)
        return events

    # --- both -------------------------------------------------------------------------------------------------------

    def _reckoned(self, operator: str, extended_on: date | None) -> dict[str, Any]:
        dates = queries.deadlines_of(operator, extended_on, self._today)
        return {"extended_on": extended_on, "state": dates.state, "next_deadline_on": dates.next_on}

    def _event(self, line_id: int, kind: EventKind, on: date, reference: str, **more: Any) -> bulk.Row:
        return {
            "line_id": line_id,
            "kind": str(kind),
            "on": on,
            "recorded_at": self._now,
            "recorded_by_id": self._by.pk if self._by else None,
            "reference": reference,
            **more,
        }


def _ids_after(before: int, holders: list[int]) -> dict[tuple[int, str], int]:
    """Ids of the lines just inserted. Others' new lines may be among them; the caller looks up its own."""
    lines = Line.objects.filter(pk__gt=before, holder_id__in=set(holders), removed_at=None)
    return {(holder_id, msisdn): pk for pk, holder_id, msisdn in lines.values_list("pk", "holder_id", "msisdn")}


def _notes_of(lines: list[Line]) -> dict[int, int]:
    counted = LineEvent.objects.filter(line__in=lines, kind=EventKind.CHANGED).values_list("line_id")
    return dict(counted.annotate(Count("pk")))
