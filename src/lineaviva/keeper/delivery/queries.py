"""Reads of eSIM profiles on their way."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.accounts.queries import has_role
from lineaviva.keeper.delivery import errors, rules
from lineaviva.keeper.delivery.models import Delivery, DeliveryState, Phone
from lineaviva.keeper.delivery.ports import gateway_for
from lineaviva.keeper.delivery.sealing import unseal
from lineaviva.keeper.lines.models import Line, LineShare, SimType
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.orders.queries import STAFF
from lineaviva.keeper.orders.rules import code_read
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.kernel.errors import InvalidInput


def deliveries() -> QuerySet[Delivery]:
    """All profiles with their line and its holder, newest first."""
    return Delivery.objects.select_related("line__holder", "order").order_by("-pk")


def deliveries_of(line: Line) -> QuerySet[Delivery]:
    """All profiles that were ever asked for this line, newest first."""
    return deliveries().filter(line=line)


def delivery_by_code(code: str) -> Delivery:
    """The profile with this code, as typed by a person. NotFound (delivery_unknown)."""
    found = deliveries().filter(code=code_read(code) or None).first()
    if found is None:
        raise errors.unknown()
    return found


def delivery_for(*, user: User, code: str) -> Delivery:
    """The profile with this code, for the line's holder, who may pay for the line, and staff.

    NotFound (delivery_unknown) for everybody else. To see its activation code is another right: `may_see_code`.
    """
    found = delivery_by_code(code)
    if not _may_see(found, user):
        raise errors.unknown()
    return found


def _may_see(delivery: Delivery, user: User) -> bool:
    if has_role(user, *STAFF) or delivery.line.holder_id == user.pk:
        return True
    return LineShare.objects.filter(line=delivery.line_id, user=user, right=LineShare.Right.PAY).exists()


def may_see_code(delivery: Delivery, user: User) -> bool:
    """Whoever has the activation code has the line: nobody but its holder."""
    return user.is_active and delivery.line.holder_id == user.pk


def delivery_of(order: ProductOrder) -> Delivery | None:
    """The profile that comes with this order: the newest that took its place, or None.

    An order that was paid while another profile for its line was on its way has none of its own and waits for that one.
    """
    own = deliveries().filter(order=order).first()
    if own is not None:
        return newest_of(own)
    return deliveries_of(order.line).first() if order.with_profile and order.paid_at else None


def newest_of(delivery: Delivery) -> Delivery:
    """The last of those that took this one's place, or itself."""
    while (after := deliveries().filter(replaces=delivery).first()) is not None:
        delivery = after
    return delivery


def activation_code(delivery: Delivery) -> ActivationCode | None:
    """What a phone downloads it by; None where it cannot be used (any more), or cannot be read under our key."""
    if delivery.state not in rules.USABLE:
        return None
    text = unseal(bytes(delivery.sealed_code), code_label(delivery))
    try:
        return ActivationCode.parse(text) if text else None
    except InvalidInput:
        return None


def code_label(delivery: Delivery) -> str:
    """Under which its activation code is sealed."""
    return f"activation code:{delivery.code}"


def matching_id_label(delivery: Delivery) -> str:
    return f"matching id:{delivery.code}"


def matching_id(delivery: Delivery) -> str:
    """Our half of the code; empty where it cannot be read under our key."""
    return unseal(bytes(delivery.sealed_matching_id), matching_id_label(delivery)) or ""


@dataclass(frozen=True)
class Choice:
    """Whether a renewal of a line can come with a new eSIM profile, and whether that is the better guess."""

    offered: bool
    default: bool


def profile_choice(line: Line) -> Choice:
    """For eSIM lines whose operator's profiles we reach; the better guess as long as none of ours is installed."""
    offered = line.sim_type == SimType.ESIM and gateway_for(line.operator) is not None
    if not offered:
        return Choice(offered=False, default=False)
    installed = Delivery.objects.filter(line=line, state=DeliveryState.INSTALLED).exclude(phone=Phone.DELETED)
    return Choice(offered=True, default=not installed.exists())
