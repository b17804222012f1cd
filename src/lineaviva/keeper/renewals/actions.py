"""Writes of automatic renewals: switched on, changed, stopped by people. What happens by itself is in running.py.

Rows are locked in one order: the line before its automatic renewal is made; an automatic renewal before its runs; a run
before the line and what payments lock.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Min, Q

from lineaviva.keeper.accounts.actions import audit
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.accounts.queries import has_role
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.lines.queries import require_right
from lineaviva.keeper.orders.actions import order_cancel
from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.orders.queries import STAFF
from lineaviva.keeper.payments.errors import method_unknown, method_unusable
from lineaviva.keeper.payments.models import AttemptState, SavedMethod
from lineaviva.keeper.renewals import errors, rules
from lineaviva.keeper.renewals.models import AutoEvent, AutoMessage, AutoRenewal, AutoRun
from lineaviva.keeper.renewals.queries import is_charging
from lineaviva.keeper.renewals.saying import say
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.money import Money

# What was left out for these reasons is planned again when its holder changes something.
_REOPENED = ("over_ceiling", "card", "nothing_to_buy")
# Who stopped it knows it, or has no account any more.
_QUIET = ("link", "account_off")


@transaction.atomic
def auto_switch_on(
    *,
    line: Line,
    method: SavedMethod,
    by: User,
    ceiling: Money,
    words: str,
    lead_days: int = rules.LEAD_DAYS,
    choice: str = AutoRenewal.Choice.KEEPALIVE,
    now: datetime,
) -> AutoRenewal:
    """Renew `line` by itself from now on, by a saved card of `by`; the same once more is quiet.

    `words` names the version of our sentence that they agreed to. Raises NotFound (no right to pay for the line, not
    their card), InvalidInput (ceiling, lead_days, choice) and Conflict (auto_on, method_unusable).
    """
    line = agenda.locked(Line, line.pk)
    require_right(line, by, right="pay")
    terms = {**_terms(by, method, ceiling, lead_days), "choice": _choice(line, choice)}
    found = AutoRenewal.objects.filter(line=line, state=AutoRenewal.State.ON).first()
    if found is not None:
        if found.payer_id == by.pk and all(getattr(found, name) == value for name, value in terms.items()):
            return found
        raise errors.on_already()
    auto = AutoRenewal.objects.create(line=line, payer=by, words=words, on_at=now, look_at=now, **terms)
    note(auto, AutoEvent.Kind.ON, now, by=by, words=words, **_told(auto))
    agenda.wake(auto, now)
    return auto


def _terms(by: User, method: SavedMethod, ceiling: Money, lead_days: int) -> dict[str, Any]:
    method = SavedMethod.objects.get(pk=method.pk)
    if method.holder_id != by.pk:
        raise method_unknown()
    if method.state != SavedMethod.State.ACTIVE:
        raise method_unusable()
    if ceiling.minor <= 0 or ceiling.currency != "EUR":
        raise errors.ceiling_wrong()
    if not rules.SHORTEST_LEAD <= lead_days <= rules.LONGEST_LEAD:
        raise errors.lead_wrong()
    terms = {"method_id": method.pk, "ceiling_minor": ceiling.minor, "currency": ceiling.currency}
    return {**terms, "lead_days": lead_days}


def _choice(line: Line, choice: str | None) -> str:
    if choice not in AutoRenewal.Choice.values:
        raise errors.choice_wrong()
    if choice == AutoRenewal.Choice.PLAN and not line.plan:
        raise errors.no_plan()
    return str(choice)


def _told(auto: AutoRenewal) -> dict[str, Any]:
    ceiling = str(Money(auto.ceiling_minor, auto.currency))
    return {"ceiling": ceiling, "lead_days": auto.lead_days, "choice": str(auto.choice), "method": auto.method_id}


@transaction.atomic
def auto_change(
    *,
    auto: AutoRenewal,
    by: User,
    method: SavedMethod | None = None,
    ceiling: Money | None = None,
    lead_days: int | None = None,
    choice: str | None = None,
    now: datetime,
) -> AutoRenewal:
    """Another card, ceiling, lead or choice; what is None stays. What was left out for want of it is planned again.

    Raises NotAllowed (not their card), Conflict (auto_off, method_unusable) and what switching on raises.
    """
    auto = agenda.locked(AutoRenewal, auto.pk)
    if auto.state != AutoRenewal.State.ON:
        raise errors.is_off()
    if auto.payer_id != by.pk:
        raise errors.not_yours()
    terms = _terms(
        by,
        method or SavedMethod.objects.get(pk=auto.method_id),
        Money(auto.ceiling_minor, auto.currency) if ceiling is None else ceiling,
        auto.lead_days if lead_days is None else lead_days,
    )
    if choice not in {None, auto.choice}:
        terms["choice"] = _choice(Line.objects.get(pk=auto.line_id), choice)
    if all(getattr(auto, name) == value for name, value in terms.items()):
        return auto
    for name, value in terms.items():
        setattr(auto, name, value)
    auto.save(update_fields=list(terms))
    note(auto, AutoEvent.Kind.CHANGED, now, by=by, **_told(auto))
    for run in runs_locked(auto, AutoRun.State.SKIPPED):
        if run.reason in _REOPENED and run.deadline_on >= rome_date(now):
            move(run, AutoRun.State.PLANNED, now, reason="", finished_at=None, look_at=now)
    agenda.wake(auto, now)
    return auto


@transaction.atomic
def auto_stop(*, auto: AutoRenewal, by: User | None, reason: str = "", now: datetime) -> AutoRenewal:
    """Switch it off: what is planned, announced or only ordered is not charged any more. The second time is quiet.

    A charge that has begun is not called back: its run goes on to its end. Who pays hears of it, unless they did it
    themselves. `by` None: the owner at the command line, whoever has the signed link of a message, or the program.
    Raises NotAllowed for anybody but who pays, the line's holder and staff.
    """
    auto = agenda.locked(AutoRenewal, auto.pk)
    line = Line.objects.get(pk=auto.line_id)
    staff = by is not None and has_role(by, *STAFF)
    if by is not None and not staff and by.pk not in {auto.payer_id, line.holder_id}:
        raise errors.not_yours()
    if auto.state == AutoRenewal.State.OFF:
        return auto
    auto.state, auto.off_at, auto.off_reason, auto.look_at = AutoRenewal.State.OFF, now, reason[:40], None
    auto.save(update_fields=["state", "off_at", "off_reason", "look_at"])
    note(auto, AutoEvent.Kind.OFF, now, by=by, reason=reason[:40])
    for run in runs_locked(auto, AutoRun.State.PLANNED, AutoRun.State.ANNOUNCED):
        move(run, AutoRun.State.STOPPED, now)
    for run in runs_locked(auto, AutoRun.State.CHARGING):
        _call_back(run, now)
    line_told(auto)
    _tell(auto, by, reason, now)
    if staff:
        audit(actor=by, act="auto_stop", subject=f"auto:{auto.pk}", detail={"reason": reason[:40]}, now=now)
    return auto


def _call_back(run: AutoRun, now: datetime) -> None:
    """Close the order of a charge that was not begun: an attempt needs the order's lock, so there will be none."""
    order = agenda.locked(ProductOrder, run.order_id)
    begun = Q(number__gt=run.attempts_before, saved__isnull=False) | Q(state=AttemptState.OPEN)
    if order.state == OrderState.PLACED and not order.attempts.filter(begun).exists():
        order_cancel(order=order, by=None, now=now)
        agenda.wake(run, now)


def _tell(auto: AutoRenewal, by: User | None, reason: str, now: datetime) -> None:
    """Whoever was told when they are charged hears that they are not; about their own link they need no message."""
    run = auto.runs.order_by("-pk").first()
    own = by is not None and by.pk == auto.payer_id
    if run is not None and not own and reason not in _QUIET:
        run.auto = auto
        say(run, AutoMessage.Kind.OFF, now, reason=reason if reason in errors.OFF else "", goes_on=is_charging(auto))


# --- for running.py too ---------------------------------------------------------------------------------------------


def runs_locked(auto: AutoRenewal, *states: str) -> list[AutoRun]:
    """Runs of an automatic renewal that is locked, in those states; locked until the transaction ends."""
    return list(AutoRun.objects.select_for_update().filter(auto=auto, state__in=states).order_by("pk"))


def move(run: AutoRun, target: str, now: datetime, **changes: Any) -> AutoRun:
    """Take a locked run to `target` and write `changes`. ValueError where it never gets there."""
    if not rules.moves(run.state, target):
        raise ValueError(f"an automatic renewal that is {run.state} does not become {target}")
    if target in rules.ENDED:
        changes = {"finished_at": now, "look_at": None, **changes}
    for name, value in {"state": target, **changes}.items():
        setattr(run, name, value)
    run.save(update_fields=["state", *changes])
    line_told(run.auto)
    return run


def line_told(auto: AutoRenewal) -> None:
    """Write on the line for which date it is renewed by itself: its reminders then ask nobody to do it.

    Once a charge was refused they ask again, although it is tried again: whoever is quicker renews it.
    """
    coming = AutoRun.objects.filter(auto__line=auto.line_id, auto__state=AutoRenewal.State.ON)
    coming = coming.exclude(state__in=rules.ENDED).exclude(Q(tried__gt=0) | Q(reason="not_confirmed"))
    on = coming.aggregate(first=Min("deadline_on"))["first"]
    differs = Q(renews_on__isnull=False) if on is None else ~Q(renews_on=on) | Q(renews_on__isnull=True)
    Line.objects.filter(differs, pk=auto.line_id).update(renews_on=on)


def note(
    auto: AutoRenewal, kind: str, now: datetime, *, run: AutoRun | None = None, by: User | None = None, **detail: Any
) -> AutoEvent:
    """Keep what happened."""
    return AutoEvent.objects.create(auto=auto, run=run, kind=kind, at=now, by=by, detail=detail)
