"""Reads about lines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache

from django.db.models import Case, CharField, F, OuterRef, Q, QuerySet, Subquery, Value, When

from lineaviva import rulebook
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines import rules
from lineaviva.keeper.lines.models import Line, LineEvent, LineShare
from lineaviva.kernel.errors import Conflict, NotFound
from lineaviva.kernel.phone import parse_msisdn
from lineaviva.rulebook.deadlines import Deadlines, deadlines


@lru_cache(maxsize=8192)
def deadlines_of(operator: str, extended_on: date | None, as_of: date) -> Deadlines:
    """The dates of any line of `operator` extended last on that day; many lines share them, so they are kept."""
    return deadlines(operator=rulebook.operator(operator), last_event=extended_on, as_of=as_of)


def line_deadlines(line: Line, as_of: date) -> Deadlines:
    """The three dates of the line with reasons and sources, as they stand on `as_of`; from the row, without a query."""
    return deadlines_of(line.operator, line.extended_on, as_of)


def lines_of(user: User) -> QuerySet[Line]:
    """The lines that `user` holds, soonest date first."""
    return _by_date(Line.objects.filter(holder=user, removed_at=None))


def lines_for(user: User) -> QuerySet[Line]:
    """The lines that `user` holds or has a right to, soonest date first; each has `my_right`: holder, read or pay."""
    shared = LineShare.objects.filter(user=user)
    found = Line.objects.filter(Q(holder=user) | Q(pk__in=shared.values("line")), removed_at=None)
    right = shared.filter(line=OuterRef("pk")).values("right")[:1]
    return _by_date(
        found.select_related("holder").annotate(
            my_right=Case(When(holder=user, then=Value("holder")), default=Subquery(right), output_field=CharField())
        )
    )


def _by_date(lines: QuerySet[Line]) -> QuerySet[Line]:
    return lines.order_by(F("next_deadline_on").asc(nulls_last=True), "pk")


def line_for(*, user: User, line_id: int, right: str = "read") -> Line:
    """The line, where `user` holds it or has at least `right` (read or pay). NotFound (line_unknown) otherwise."""
    try:
        line = Line.objects.select_related("holder").get(pk=line_id)
    except Line.DoesNotExist:
        raise _not_for_you() from None
    require_right(line, user, right=right)
    return line


def require_right(line: Line, user: User, *, right: str = "read") -> None:
    """NotFound (line_unknown) unless `user` holds the line or has at least `right`; notes `my_right` on it.

    The same as `lines_for` asks for many lines at once, in one short question at most.
    """
    mine = "holder" if line.holder_id == user.pk else _shared_right(line, user)
    if line.removed_at is not None or not mine or (right == "pay" and mine == "read"):
        raise _not_for_you()
    vars(line)["my_right"] = mine


def _shared_right(line: Line, user: User) -> str:
    share = LineShare.objects.filter(line=line.pk, user=user.pk).first()
    return share.right if share else ""


def _not_for_you() -> NotFound:
    return NotFound("There is no such line, or not for you.", code="line_unknown")


def line_by_number(msisdn: str, *, holder: User | None = None) -> Line:
    """The one line with this number, for the owner's command line.

    NotFound (line_unknown) when there is none; Conflict (line_ambiguous) when several holders keep it and `holder` is
    not given.
    """
    lines = Line.objects.filter(msisdn=parse_msisdn(msisdn), removed_at=None).select_related("holder")
    found = list(lines.filter(holder=holder) if holder else lines)
    if not found:
        raise NotFound("There is no line with this number.", code="line_unknown", field="msisdn")
    if len(found) > 1:
        raise Conflict("Several holders keep this number; say which one.", code="line_ambiguous", field="holder")
    return found[0]


def removed_line_by_number(msisdn: str, *, holder: User | None = None) -> Line:
    """The line with this number that was removed last. NotFound (line_unknown) when none was."""
    lines = Line.objects.filter(msisdn=parse_msisdn(msisdn)).exclude(removed_at=None).select_related("holder")
    found = (lines.filter(holder=holder) if holder else lines).order_by("-removed_at").first()
    if found is None:
        raise NotFound("No line with this number was removed.", code="line_unknown", field="msisdn")
    return found


def lines_due(*, within_days: int, as_of: date, user: User | None = None) -> list[Line]:
    """Lines whose next date comes within `within_days` of `as_of` (today or later), soonest first.

    The stored next_deadline_on only narrows the search: it never lies later than the true next date, so nothing is
    missed when the worker stood still. What is found too much is left out by reckoning again; the lines given back have
    their state and next_deadline_on as of that day.
    """
    lines = (lines_for(user) if user else Line.objects.filter(removed_at=None)).select_related("holder")
    horizon = as_of + timedelta(days=within_days)
    due: list[tuple[date, int, Line]] = []
    for line in lines.filter(next_deadline_on__lte=horizon):
        dates = line_deadlines(line, as_of)
        line.state, line.next_deadline_on = dates.state, dates.next_on
        if dates.next_on is not None and dates.next_on <= horizon:
            due.append((dates.next_on, line.pk, line))
    return [line for _, _, line in sorted(due, key=lambda found: found[:2])]


def history(line: Line) -> QuerySet[LineEvent]:
    """Everything that happened to the line, newest first, with who wrote it down."""
    return line.events.select_related("recorded_by").order_by("-on", "-pk")


def happened(line: Line) -> list[rules.Happened]:
    """The line's events in the order of recording, as the rules want them."""
    rows = line.events.order_by("pk").values_list("kind", "on", "reference", "extends")
    return [rules.Happened(*row) for row in rows]


def happened_by_line(line_ids: Sequence[int]) -> dict[int, list[rules.Happened]]:
    """The same for many lines, with one statement for every 5,000."""
    found: dict[int, list[rules.Happened]] = {}
    for start in range(0, len(line_ids), 5000):
        part = line_ids[start : start + 5000]
        rows = LineEvent.objects.filter(line_id__in=part, kind__in=rules.EXTENDING_KINDS).order_by("pk")
        for line_id, kind, on, reference, extends in rows.values_list("line_id", "kind", "on", "reference", "extends"):
            found.setdefault(line_id, []).append(rules.Happened(kind, on, reference, extends))
    return found


def last_topup(line: Line) -> date | None:
    return rules.last_topup(happened(line))


def shares_of(line: Line) -> QuerySet[LineShare]:
    return line.shares.select_related("user").order_by("user__email")
