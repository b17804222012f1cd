"""Writes of eSIM profiles on their way: begin, what the operator tells, what the holder says, replace, send again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.db import transaction

from lineaviva.keeper.accounts.actions import audit
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.accounts.queries import has_role
from lineaviva.keeper.delivery import errors, moves, queries, rules
from lineaviva.keeper.delivery.models import Delivery, DeliveryMail, DeliveryReason, DeliveryState, EventKind, MailKind
from lineaviva.keeper.delivery.moves import Family
from lineaviva.keeper.delivery.ports import Seen
from lineaviva.keeper.delivery.rules import Event, Point
from lineaviva.keeper.lines.models import Line, SimType
from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.orders.queries import STAFF
from lineaviva.kernel import agenda
from lineaviva.kernel.agenda import limits

# Three at once, then one every ten minutes.
RESENDS_PER_MINUTE, RESENDS_AT_ONCE = 0.1, 3


@transaction.atomic
def delivery_begin(*, order: ProductOrder, now: datetime) -> Delivery | None:
    """The profile of a paid order: a new one, due at once, or the one that is there; None where there is to be none.

    A line has one profile on its way at a time: an order that comes meanwhile waits for that one.
    """
    line = agenda.locked(Line, order.line_id)
    order = agenda.locked(ProductOrder, order.pk)
    own = Delivery.objects.filter(order=order).first()
    if own is not None or order.state != OrderState.PAID or not order.with_profile:
        return own
    waiting = Delivery.objects.filter(line=line, state__in=rules.OPEN).first()
    return waiting or moves.begin(line, order=order, replaces=None, reason=DeliveryReason.ORDER, now=now)


@transaction.atomic
def delivery_give_up(*, order: ProductOrder, now: datetime) -> list[Delivery]:
    """The operator refused the order: its profile is withdrawn, unless a phone has it. Returns what is withdrawn.

    Another order that waits for the same profile keeps it.
    """
    known = moves.family(order.line_id)
    shared = ProductOrder.objects.filter(
        line=order.line_id, with_profile=True, state__in=(OrderState.PAID, OrderState.ACTIVE), delivery=None
    )
    own = next((one for one in known.deliveries if one.order_id == order.pk), None)
    if own is None or shared.exclude(pk=order.pk).exists():
        return []
    chain = [own]
    while (after := known.after(chain[-1])) is not None:
        chain.append(after)
    handed_out = (DeliveryState.DOWNLOADED, DeliveryState.INSTALLED)
    return [one for one in chain if one.state not in handed_out and moves.withdraw(one, now=now)]


# --- sending --------------------------------------------------------------------------------------------------------


def delivery_sending(*, delivery: Delivery, gateway: str, now: datetime) -> bool:
    """Write down, before it is done, that the order goes out; committed when this returns.

    False where another worker was faster, or where it was withdrawn meanwhile: then nothing may be sent.
    """
    with transaction.atomic():
        row = agenda.locked(Delivery, delivery.pk)
        # The count of sends is what two workers with the same row compete for.
        if (row.state, row.sends) != (delivery.state, delivery.sends):
            return False
        changes: dict[str, Any] = {"gateway": gateway, "sends": row.sends + 1, "sent_at": now}
        if not queries.matching_id(row):
            # Sealed under another key: this database was brought here from elsewhere.
            changes["sealed_matching_id"] = moves.sealed_matching_id(row)
        moves.write(row, **changes)
    for name in changes:
        setattr(delivery, name, getattr(row, name))
    return True


def delivery_unsent(*, delivery: Delivery) -> None:
    """The order surely did not reach the other side: it waits again as it did before."""
    row = Delivery.objects.filter(pk=delivery.pk, sends=delivery.sends)
    row.filter(state=delivery.state, iccid="").update(sends=delivery.sends - 1)
    delivery.refresh_from_db()


# --- what is heard --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Report:
    """What was told of a profile, and when by the clock of whoever told."""

    point: Point
    ok: bool
    at: datetime
    eid: str = ""
    failure: str = ""

    @property
    def kind(self) -> str:
        return rules.kind_of(self.point, self.ok)

    @property
    def event(self) -> Event | None:
        return rules.event_of(self.point, self.ok, self.failure)

    @property
    def took_it(self) -> bool:
        """Whether it says that a phone has, or had, the profile."""
        return self.ok and self.point not in (Point.ELIGIBILITY, Point.CONFIRMATION)


@transaction.atomic
def progress_record(
    *,
    operator: str,
    iccid: str,
    point: Point,
    ok: bool,
    at: datetime,
    eid: str = "",
    failure: str = "",
    now: datetime,
) -> Delivery | None:
    """What the operator's server tells of a download, in any order, as often as it likes.

    `failure`: "subject/reason" as SGP.22 writes them. None where we know no such profile of this operator.
    """
    digits = iccid.rstrip("Ff")
    found = Delivery.objects.filter(iccid=digits, operator=operator).order_by("-pk").first() if digits else None
    if found is None:
        return None
    known = moves.family(found.line_id)
    delivery = known.member(found.pk)
    _hear(delivery, known, Report(point, ok, at, eid, failure), now)
    return delivery


_SEEN: dict[str, tuple[Point, bool]] = {
    "downloaded": (Point.DOWNLOAD, True),
    "installed": (Point.INSTALLATION, True),
    "enabled": (Point.ENABLED, True),
    "disabled": (Point.DISABLED, True),
    "deleted": (Point.DELETED, True),
    "failed": (Point.INSTALLATION, False),
}


@transaction.atomic
def seen_record(*, delivery: Delivery, seen: Seen, now: datetime) -> Delivery:
    """What a server that does not tell by itself answered when it was asked; what is no news changes nothing."""
    known = moves.family(delivery.line_id)
    row = known.member(delivery.pk)
    if seen.state not in _SEEN:
        return row
    report = Report(*_SEEN[seen.state], seen.at or now, seen.eid, seen.failure)
    event, phone = report.event, rules.PHONE.get(report.point, row.phone)
    if (event and rules.after(row.state, event)) or phone != row.phone:
        _hear(row, known, report, now)
    return row


def _hear(delivery: Delivery, known: Family, report: Report, now: datetime) -> None:
    detail = {"failure": report.failure} if report.failure else {}
    if not report.kind or not moves.note(delivery, report.kind, at=report.at, now=now, **detail):
        return
    at = rules.happened_at(report.at, created_at=delivery.created_at, now=now)
    new_eid = report.took_it and report.eid not in ("", delivery.eid)
    moves.write(delivery, **_facts(delivery, report, at, now))
    event = report.event
    if event == Event.INSTALL:
        installed = moves.install(delivery, known, at=at, now=now)
        if new_eid and not installed and known.line.iccid == delivery.iccid:
            moves.sim_follows(delivery, known.line, now)
        return
    if not report.ok and delivery.state in rules.OPEN:
        moves.write(delivery, failure=report.failure or "failed")
    target = rules.after(delivery.state, event) if event else None
    if target is not None:
        _move(delivery, target, now)


def _facts(delivery: Delivery, report: Report, at: datetime, now: datetime) -> dict[str, Any]:
    """The columns that say what was heard, whatever the state: a late report fills its gap."""
    if not report.took_it:
        return {}
    facts: dict[str, Any] = {"eid": report.eid} if report.eid else {}
    if report.point == Point.DOWNLOAD and delivery.downloaded_at is None:
        facts["downloaded_at"] = at
    # In the order of the other side's clock, whichever that is; but one that is ahead must not have the last word.
    told = min(report.at, now)
    if report.point in rules.PHONE and (delivery.phone_at is None or delivery.phone_at <= told):
        facts |= {"phone": rules.PHONE[report.point], "phone_at": told}
    if report.point == Point.ENABLED and (delivery.enabled_at is None or delivery.enabled_at > at):
        facts["enabled_at"] = at
    return facts


def _move(delivery: Delivery, target: str, now: datetime) -> None:
    if target == DeliveryState.DOWNLOADED:
        moves.write(delivery, state=target, failure="")
        agenda.wake(delivery, now)
        return
    moves.write(delivery, state=target, closed_at=now, look_at=None, stuck_reason="")
    moves.mails_drop(delivery)


# --- what people do -------------------------------------------------------------------------------------------------


@transaction.atomic
def delivery_say_installed(*, delivery: Delivery, by: User | None, now: datetime) -> Delivery:
    """The holder says that it is on the phone: that counts as the phone's own word, which may never come.

    Quiet for one that is installed already. Conflict (delivery_not_ready) where there is nothing to install.
    """
    known = moves.family(delivery.line_id)
    row = known.member(delivery.pk)
    _may_act(known.line, by)
    if row.state == DeliveryState.INSTALLED:
        return row
    if row.state == DeliveryState.ORDERED or not moves.install(row, known, at=now, now=now):
        raise errors.not_ready()
    moves.note(row, EventKind.HOLDER_SAYS, at=now, now=now)
    _audit(row, known.line, by, "delivery_say_installed", now)
    return row


@transaction.atomic
def delivery_replace(*, delivery: Delivery, reason: str, by: User | None, now: datetime) -> Delivery:
    """Another profile in the place of this one. The second click gives what the first one made.

    replacement: this one is lost, and is withdrawn at once. transfer: it stays in use until the new one is installed.
    Conflict where one is on its way, where another has its place already, and (status 429) after three in thirty days.
    """
    if reason not in (DeliveryReason.REPLACEMENT, DeliveryReason.TRANSFER):
        raise errors.reason_unknown(reason)
    known = moves.family(delivery.line_id)
    row = known.member(delivery.pk)
    _may_act(known.line, by)
    after = known.after(row)
    if after is not None:
        if after.state in rules.OPEN and after.reason == reason:
            return after
        raise errors.replaced()
    _may_replace(row, known, now)
    for other in known.deliveries:
        if rules.withdrawn_at_once(other.state, reason):
            moves.withdraw(other, now=now)
    made = moves.begin(known.line, order=None, replaces=row, reason=reason, now=now)
    _audit(made, known.line, by, "delivery_replace", now, reason=reason, replaces=row.code)
    return made


def _may_replace(row: Delivery, known: Family, now: datetime) -> None:
    readable = queries.activation_code(row) is not None
    may = rules.replaceable(row.state, downloaded_at=row.downloaded_at, readable=readable, now=now)
    if may == "gone":
        raise errors.withdrawn()
    if may == "on_its_way" or known.open not in (None, row):
        raise errors.on_its_way()
    if known.line.sim_type != SimType.ESIM:
        raise errors.no_esim()
    new = [one for one in known.deliveries if one.reason != DeliveryReason.ORDER and one.iccid]
    if sum(one.created_at > now - rules.NEW_WITHIN for one in new) >= rules.MOST_NEW:
        raise errors.replaced_too_often()


def delivery_resend(*, delivery: Delivery, by: User | None, now: datetime) -> DeliveryMail:
    """Send the way to install it to the line's holder once more; a sending that still waits is enough.

    Conflict (delivery_not_ready) where there is nothing to install, and (status 429) after three at once: then it is
    one every ten minutes.
    """
    _may_act(delivery.line, by)
    if queries.activation_code(delivery) is None:
        raise errors.not_ready()
    waiting = delivery.mails.filter(state="open", kind=MailKind.READY).first()
    if waiting is not None:
        return waiting
    bucket = f"delivery-resend:{delivery.pk}"
    wait = limits.take(bucket, per_minute=RESENDS_PER_MINUTE, burst=RESENDS_AT_ONCE, now=now)
    if wait > timedelta(0):
        raise errors.resent_too_often(ceil(wait / timedelta(minutes=1)))
    with transaction.atomic():
        row = agenda.locked(Delivery, delivery.pk)
        if row.state not in rules.USABLE:
            raise errors.not_ready()
        _audit(row, delivery.line, by, "delivery_resend", now)
        return moves.mail_write(row, MailKind.READY, now)


def _may_act(line: Line, by: User | None) -> None:
    """None is the owner at the command line."""
    if by is not None and by.pk != line.holder_id and not has_role(by, *STAFF):
        raise errors.not_yours()


def _audit(delivery: Delivery, line: Line, by: User | None, act: str, now: datetime, **detail: Any) -> None:
    if by is None or by.pk != line.holder_id:
        audit(actor=by, act=act, subject=f"delivery:{delivery.code}", detail=detail, now=now)
