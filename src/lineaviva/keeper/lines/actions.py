"""Writes about lines. Each locks the line, so that two at once are one after the other."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime
from functools import partial
from typing import Any, TypedDict, Unpack

from django.db import IntegrityError, transaction

from lineaviva import rulebook
from lineaviva.keeper.accounts.actions import email_checked, user_get_or_create
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines import queries, rules
from lineaviva.keeper.lines.models import EventKind, Line, LineEvent, LineShare, SimType
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.eid import parse_eid
from lineaviva.kernel.errors import Conflict, InvalidInput, NotAllowed, NotFound
from lineaviva.kernel.iccid import parse_iccid
from lineaviva.kernel.mask import masked
from lineaviva.rulebook.deadlines import Deadlines

_SECRET_FIELDS = ("iccid", "eid")


class Changes(TypedDict, total=False):
    """What `line_change` can change; what is left out stays."""

    operator: str
    sim_type: str
    iccid: str
    eid: str
    label: str
    plan: str
    plan_expires_on: date | None
    auto_renew: bool
    last_topup: date | None


def line_register(
    *,
    holder: User,
    msisdn: str,
    operator: str,
    sim_type: str = "physical",
    iccid: str = "",
    eid: str = "",
    label: str = "",
    last_topup: date | None,
    plan: str = "",
    plan_expires_on: date | None = None,
    auto_renew: bool = False,
    by: User | None,
    now: datetime,
) -> Line:
    """A new line of `holder`. InvalidInput names the field; Conflict (line_exists) when they keep this number."""
    details = rules.details_checked(
        msisdn=msisdn,
        operator=operator,
        sim_type=sim_type,
        iccid=iccid,
        eid=eid,
        label=label,
        plan=plan,
        plan_expires_on=plan_expires_on,
        auto_renew=auto_renew,
    )
    if last_topup:
        rules.day_checked(last_topup, field="last_topup", latest=rome_date(now))
    try:
        with transaction.atomic():
            line = Line.objects.create(holder=holder, created_at=now, look_at=now, **asdict(details))
            _note(line, EventKind.REGISTERED, by=by, now=now)
            if last_topup:
                _tell(line, EventKind.TOPUP, last_topup, source="holder", by=by, now=now)
            _settle(line, now)
    except IntegrityError:
        raise Conflict("This number is on the list already.", code="line_exists", field="msisdn") from None
    return line


@transaction.atomic
def line_event_record(
    *,
    line: Line,
    kind: str,
    on: date,
    reference: str,
    by: User | None = None,
    amount_minor: int | None = None,
    detail: dict[str, Any] | None = None,
    extends: bool | None = None,
    now: datetime,
) -> LineEvent:
    """Write down what was seen to happen to the line, and reckon its dates again.

    The same line, kind and reference again gives the event that is there and changes nothing. `extends` is what the
    source itself knows about whether this moves the dates; None leaves it to the rulebook. A line that was removed
    meanwhile takes it too: what happened is true, and the line may be restored.
    """
    if kind not in EventKind.values:
        raise InvalidInput(f"{kind!r} is no kind of event.", code="kind_unknown", field="kind")
    locked = _locked(line, removed=True)
    event = next(iter(LineEvent.objects.filter(line=locked, kind=kind, reference=reference)), None)
    if event is None:
        event = LineEvent.objects.create(
            line=locked,
            kind=kind,
            reference=reference,
            on=on,
            recorded_at=now,
            recorded_by=by,
            amount_minor=amount_minor,
            extends=extends,
            detail=detail or {},
        )
        _settle(locked, now)
    _copy(locked, line)
    return event


@transaction.atomic
def line_tell(*, line: Line, kind: str, on: date, by: User | None, now: datetime) -> Line:
    """What the holder says happened (a top-up elsewhere, a call made). It is news or a correction.

    The last word of each kind counts; saying the same day again changes nothing.
    """
    if kind not in rules.EXTENDING_KINDS:
        raise InvalidInput(f"{kind!r} is no kind of event.", code="kind_unknown", field="kind")
    rules.day_checked(on, field="on", latest=rome_date(now))
    locked = _locked(line)
    _may_change(locked, by)
    if _tell(locked, EventKind(kind), on, source="holder", by=by, now=now):
        _settle(locked, now)
    _copy(locked, line)
    return locked


@transaction.atomic
def line_change(*, line: Line, by: User | None, now: datetime, **changes: Unpack[Changes]) -> Line:
    """Change details. Fields that already are so are left out of the history; an empty `last_topup` says nothing."""
    locked = _locked(line)
    _may_change(locked, by)
    topup = changes.pop("last_topup", None)
    before = _details(locked)
    after = asdict(rules.details_checked(**{**before, **changes}))
    if topup:
        rules.day_checked(topup, field="last_topup", latest=rome_date(now))
    differing = {field: value for field, value in after.items() if value != before[field]}
    if differing:
        for field, value in differing.items():
            setattr(locked, field, value)
        locked.save(update_fields=[*differing])
        _note(locked, EventKind.CHANGED, by=by, now=now, detail=change_detail(before, differing))
    told = topup is not None and _tell(locked, EventKind.TOPUP, topup, source="holder", by=by, now=now)
    if differing or told:
        _settle(locked, now)
    _copy(locked, line)
    return locked


@transaction.atomic
def line_esim_change(*, line: Line, iccid: str, eid: str, on: date, reference: str, now: datetime) -> Line:
    """Another eSIM profile is in use for the line, as whoever handed it out has seen.

    A number that cannot be one is left out: the holder could not change anything else of the line any more. Told again
    with other numbers under the same reference, only they change.
    """
    locked = _locked(line, removed=True)
    seen = (SimType.ESIM, rules.or_empty(parse_iccid, iccid), rules.or_empty(parse_eid, eid))
    if (locked.sim_type, locked.iccid, locked.eid) != seen:
        locked.sim_type, locked.iccid, locked.eid = seen
        locked.save(update_fields=["sim_type", "iccid", "eid"])
    line_event_record(line=locked, kind=EventKind.SIM_CHANGE, on=on, reference=reference, now=now)
    _copy(locked, line)
    return locked


@transaction.atomic
def line_plan_change(*, line: Line, plan: str, expires_on: date | None, now: datetime) -> Line:
    """The operator has put the line on another plan, or on the same one again; `expires_on` None: not known.

    A name that a holder could not have typed is left out, for the same reason.
    """
    locked = _locked(line, removed=True)
    locked.plan = rules.or_empty(partial(rules.text_checked, field="plan", longest=rules.PLAN_MAX), plan)
    locked.plan_expires_on = expires_on
    locked.save(update_fields=["plan", "plan_expires_on"])
    agenda.wake(locked, now)
    _copy(locked, line)
    return locked


@transaction.atomic
def line_remove(*, line: Line, by: User | None, now: datetime) -> Line:
    """Take the line off its holder's list. It keeps its history and can be put back; again changes nothing."""
    locked = _locked(line, removed=True)
    _may_change(locked, by)
    if locked.removed_at is None:
        locked.removed_at = now
        locked.save(update_fields=["removed_at"])
        _note(locked, EventKind.REMOVED, by=by, now=now)
        agenda.wake(locked, now)  # reminders that are open are cancelled when the line is looked at
    _copy(locked, line)
    return locked


def line_restore(*, line: Line, by: User | None, now: datetime) -> Line:
    """Undo a removal. Conflict (line_exists) when the holder added the number again meanwhile."""
    try:
        with transaction.atomic():
            locked = _locked(line, removed=True)
            _may_change(locked, by)
            if locked.removed_at is not None:
                locked.removed_at = None
                locked.save(update_fields=["removed_at"])
                _note(locked, EventKind.RESTORED, by=by, now=now)
                _settle(locked, now)
    except IntegrityError:
        raise Conflict("This number was added again meanwhile.", code="line_exists", field="msisdn") from None
    _copy(locked, line)
    return locked


@transaction.atomic
def line_share(*, line: Line, with_email: str, right: str, by: User | None, now: datetime) -> LineShare:
    """Let another account see the line (read) or pay for it too (pay); an unknown address gets an account.

    Sharing again changes the right. Only the holder, or the owner at the command line (`by` None), may share.
    """
    if right not in rules.RIGHTS:
        raise InvalidInput(f"{right!r} is neither read nor pay.", code="right_unknown", field="right")
    address = email_checked(with_email, field="with_email")
    locked = _locked(line)
    _may_change(locked, by)
    other = user_get_or_create(email=address, language=locked.holder.language, now=now)
    if other.pk == locked.holder_id:
        raise InvalidInput("The holder has every right already.", code="share_with_self", field="with_email")
    share, fresh = LineShare.objects.get_or_create(line=locked, user=other, defaults={"right": right})
    if fresh or share.right != right:
        share.right = right
        share.save(update_fields=["right"])
        _note(locked, EventKind.SHARED, by=by, now=now, detail={"with": other.email, "right": right})
    return share


@transaction.atomic
def line_unshare(*, line: Line, with_email: str, by: User | None, now: datetime) -> None:
    """Take a right back; the person who has it may give it up too. NotFound (share_unknown) when there is none."""
    address = email_checked(with_email, field="with_email")
    locked = _locked(line)
    if by is None or by.email != address:
        _may_change(locked, by)
    gone, _ = LineShare.objects.filter(line=locked, user__email=address).delete()
    if not gone:
        raise NotFound("The line is not shared with this address.", code="share_unknown", field="with_email")
    _note(locked, EventKind.UNSHARED, by=by, now=now, detail={"with": address})


def line_reckon(line: Line, now: datetime) -> Deadlines:
    """Put extended_on, state and next_deadline_on right on the instance, from events and rulebook; saves nothing."""
    operator = rulebook.operator(line.operator)
    line.extended_on = rules.extended_on(queries.happened(line), operator.extends)
    dates = queries.line_deadlines(line, rome_date(now))
    line.state = dates.state
    line.next_deadline_on = dates.next_on
    return dates


RECKONED = ("extended_on", "state", "next_deadline_on")


def change_detail(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The history's note of a change, field -> [old, new]; identities keep only their last four digits."""
    return {field: [_plain(field, before[field]), _plain(field, value)] for field, value in after.items()}


def _plain(field: str, value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return masked(value) if field in _SECRET_FIELDS and value else value


def _locked(line: Line, *, removed: bool = False) -> Line:
    """The row, locked. NotFound (line_unknown) when it was removed and the caller did not ask for such."""
    try:
        found = agenda.locked(Line, line.pk)
    except Line.DoesNotExist:
        raise _unknown() from None
    if found.removed_at is not None and not removed:
        raise _unknown()
    return found


def _unknown() -> NotFound:
    return NotFound("There is no such line.", code="line_unknown")


def _may_change(line: Line, by: User | None) -> None:
    if by is not None and by.pk != line.holder_id and by.role != "operations":
        raise NotAllowed("Only its holder may change a line.", code="not_holder")


def _details(line: Line) -> dict[str, Any]:
    return {field: getattr(line, field) for field in rules.Details.__dataclass_fields__}


def _note(
    line: Line, kind: EventKind, *, by: User | None, now: datetime, detail: dict[str, Any] | None = None
) -> LineEvent:
    """An event that moves no date. The caller holds the line's lock, so that the count makes a reference of its own."""
    number = LineEvent.objects.filter(line=line, kind=kind).count() + 1
    return LineEvent.objects.create(
        line=line,
        kind=kind,
        on=rome_date(now),
        recorded_at=now,
        recorded_by=by,
        reference=f"note:{number}",
        extends=False,
        detail=detail or {},
    )


def _tell(line: Line, kind: EventKind, on: date, *, source: str, by: User | None, now: datetime) -> bool:
    """Write a telling down, unless it says what the last one of its kind said. The caller holds the line's lock."""
    told = [event for event in queries.happened(line) if event.kind == kind and rules.is_told(event.reference)]
    if told and told[-1].on == on:
        return False
    LineEvent.objects.create(
        line=line,
        kind=kind,
        on=on,
        recorded_at=now,
        recorded_by=by,
        reference=f"{source}:{len(told) + 1}",
    )
    return True


def _settle(line: Line, now: datetime) -> None:
    """Keep the dates that follow from the events, and have the line looked at: its reminders depend on them."""
    line_reckon(line, now)
    line.save(update_fields=[*RECKONED])
    agenda.wake(line, now)


def _copy(locked: Line, line: Line) -> None:
    """Bring the caller's instance up to the row, so that what it shows next is true."""
    if locked is not line:
        for field in line._meta.concrete_fields:
            setattr(line, field.attname, getattr(locked, field.attname))
