"""The writes that several acts on a profile share, each in the transaction of its caller.

Rows are locked in one order: the line, its profiles, the activations that wait for them. (An activation on its way to
the operator is locked before its line; one that is held never is.) The agenda locks the profiles of a batch before it
writes them, and no line after them: in one batch there is never more than one profile of a line.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from django.db import IntegrityError, transaction

from lineaviva.keeper.activation.actions import activation_release
from lineaviva.keeper.activation.models import Activation, ActivationState
from lineaviva.keeper.delivery import rules
from lineaviva.keeper.delivery.models import (
    Delivery,
    DeliveryEvent,
    DeliveryMail,
    DeliveryReason,
    DeliveryState,
    EventKind,
    MailKind,
)
from lineaviva.keeper.delivery.queries import matching_id_label
from lineaviva.keeper.delivery.sealing import seal
from lineaviva.keeper.lines.actions import line_esim_change
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.orders.rules import code_make
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.mask import scrubbed

_CODE_TRIES = 20


@dataclass
class Family:
    """A line, locked, with all its profiles, locked too, oldest first."""

    line: Line
    deliveries: list[Delivery]

    def member(self, pk: int) -> Delivery:
        return next(one for one in self.deliveries if one.pk == pk)

    def after(self, delivery: Delivery) -> Delivery | None:
        """What took its place."""
        return next((one for one in self.deliveries if one.replaces_id == delivery.pk), None)

    @property
    def open(self) -> Delivery | None:
        return next((one for one in self.deliveries if one.state in rules.OPEN), None)


def family(line_id: int) -> Family:
    """Lock the line and its profiles, until the transaction ends."""
    line = agenda.locked(Line, line_id)
    return Family(line, list(Delivery.objects.select_for_update().filter(line=line).order_by("pk")))


def note(delivery: Delivery, kind: str, *, at: datetime, now: datetime, **detail: Any) -> bool:
    """Write down what happened. False where the same was told before."""
    _, made = DeliveryEvent.objects.get_or_create(
        delivery=delivery, kind=kind, at=at, defaults={"recorded_at": now, "detail": detail}
    )
    return made


def write(delivery: Delivery, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(delivery, name, value)
    if changes:
        delivery.save(update_fields=[*changes])


def _call_id() -> str:
    """A new one that a person finds whole in a log: with many digits in a row it would be masked as a number is."""
    return next(one for one in (str(uuid.uuid4()) for _ in count()) if scrubbed(one) == one)


def begin(line: Line, *, order: ProductOrder | None, replaces: Delivery | None, reason: str, now: datetime) -> Delivery:
    """A new profile for the line, to be ordered at once; all that is needed to order it twice as one is in the row."""
    for _ in range(_CODE_TRIES):
        code = code_make(secrets.choice)
        delivery = Delivery(
            code=code,
            line=line,
            order=order,
            replaces=replaces,
            reason=reason,
            operator=line.operator,
            call_id=_call_id(),
            created_at=now,
            look_at=now,
        )
        delivery.sealed_matching_id = sealed_matching_id(delivery)
        try:
            with transaction.atomic():
                delivery.save()
        except IntegrityError:
            if not Delivery.objects.filter(code=code).exists():
                raise
        else:
            return delivery
    raise RuntimeError(f"no free delivery code in {_CODE_TRIES} tries")


def sealed_matching_id(delivery: Delivery) -> bytes:
    """A new one."""
    return seal(rules.matching_id_make(secrets.choice), matching_id_label(delivery))


def install(delivery: Delivery, known: Family, *, at: datetime, now: datetime) -> bool:
    """It is on a phone: the line has another SIM now, what waited for it goes on, what it replaces is withdrawn.

    False, and nothing written, where its state does not allow that.
    """
    target = rules.after(delivery.state, rules.Event.INSTALL)
    if target is None:
        return False
    write(delivery, state=target, installed_at=at, closed_at=None, failure="", look_at=None, stuck_reason="")
    sim_follows(delivery, known.line, now)
    held = Activation.objects.select_for_update(of=("self",)).filter(
        order__line=known.line.pk, state=ActivationState.HELD
    )
    for activation in held.order_by("pk"):
        activation_release(activation=activation, now=now)
    for other in known.deliveries:
        if other.pk != delivery.pk and other.state not in rules.OPEN:
            withdraw(other, now=now)
    mails_drop(delivery)
    return True


def sim_follows(delivery: Delivery, line: Line, now: datetime) -> None:
    """The line's ICCID and EID become those of its profile."""
    # Of a new phone nobody may have told the EID: then that of the old one is none of this line's any more.
    eid = delivery.eid or (line.eid if delivery.reason == DeliveryReason.ORDER else "")
    line_esim_change(
        line=line,
        iccid=delivery.iccid or line.iccid,
        eid=eid,
        on=rome_date(delivery.installed_at or now),
        reference=f"delivery:{delivery.code}",
        now=now,
    )


def withdraw(delivery: Delivery, *, now: datetime) -> bool:
    """Have the operator take it back, by the profile's next step. False where there is nothing to take back (any more).

    What was never asked for is gone at once.
    """
    unasked = delivery.state == DeliveryState.WAITING and not delivery.sends
    never_was = delivery.state == DeliveryState.REFUSED and not delivery.iccid
    target = rules.after(delivery.state, rules.Event.DISCARD if unasked else rules.Event.WITHDRAW)
    if target is None or never_was:
        return False
    write(delivery, state=target, closed_at=now, stuck_reason="", **({"look_at": None} if unasked else {}))
    note(delivery, EventKind.WITHDRAWN if unasked else EventKind.WITHDRAWING, at=now, now=now)
    mails_drop(delivery)
    if not unasked:
        agenda.wake(delivery, now)
    return True


def mail_write(delivery: Delivery, kind: MailKind, now: datetime) -> DeliveryMail:
    """A message to the line's holder; one of its kind that waits to be sent is enough."""
    mail, _made = DeliveryMail.objects.get_or_create(
        delivery=delivery,
        kind=kind,
        state="open",
        defaults={"to": delivery.line.holder.email, "created_at": now, "look_at": now},
    )
    return mail


def mails_drop(delivery: Delivery) -> None:
    DeliveryMail.objects.filter(delivery=delivery, state="open").update(state="dropped", look_at=None)
