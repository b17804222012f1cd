"""An eSIM profile as its page shows it: how it stands, how to install it here, and what the reader may do."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from lineaviva import rulebook
from lineaviva.keeper.accounts.queries import has_role
from lineaviva.keeper.activation.queries import activation_of
from lineaviva.keeper.delivery.install import Install, install_of, qr_png
from lineaviva.keeper.delivery.links import install_link
from lineaviva.keeper.delivery.models import Delivery
from lineaviva.keeper.delivery.ports import gateway
from lineaviva.keeper.delivery.queries import activation_code, may_see_code, newest_of
from lineaviva.keeper.delivery.rules import hold_until, replaceable
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.lines.queries import line_deadlines
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.orders.queries import STAFF
from lineaviva.keeper.web import esim_rules as rules
from lineaviva.keeper.web.cards import operator_name
from lineaviva.keeper.web.device import Device
from lineaviva.keeper.web.grants import Payer
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.kernel.clock import rome_date
from lineaviva.rulebook.facts import CONFIDENCES, Redownload, Source
from lineaviva.rulebook.model import Care

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

# Subject and reason codes of SGP.22 (5.2.6) that a holder can do something about.
_FAILURES: Mapping[str, _StrPromise] = {
    "8.1/4.8": gettext_lazy("The phone has no room for another eSIM. Delete one there that you no longer use."),
    "8.1.1/3.8": gettext_lazy("The phone that asked for it is not the one it was made for."),
    "8.2.5/4.3": gettext_lazy("The operator does not give its eSIM to this kind of phone."),
    "8.2.7/2.2": gettext_lazy("The confirmation code was missing."),
    "8.2.7/3.8": gettext_lazy("The confirmation code was wrong."),
    "8.2.7/6.4": gettext_lazy("The confirmation code was wrong too often."),
    "8.8.5/3.8": gettext_lazy("The installation was stopped on the phone."),
    "8.8.5/4.10": gettext_lazy("Its time was over when the phone asked for it."),
    "8.8.5/6.4": gettext_lazy("It was downloaded too often."),
}


@dataclass(frozen=True)
class EsimPage:
    delivery: Delivery
    order: ProductOrder | None
    facts: rules.ProfileFacts
    device: Device
    reader: Payer
    now: datetime
    newest: Delivery | None
    held_until: datetime | None
    # What only the line's holder is shown; None for everybody else, and where nothing can be installed.
    activation: ActivationCode | None = field(default=None, repr=False)

    @property
    def line(self) -> Line:
        return self.delivery.line

    @property
    def code(self) -> str:
        return self.delivery.code

    @property
    def operator(self) -> str:
        return operator_name(self.delivery.operator)

    @property
    def care(self) -> Care:
        return rulebook.operator(self.delivery.operator).care

    @property
    def stage(self) -> rules.Stage:
        return rules.stage(self.facts)

    @property
    def tone(self) -> str:
        return rules.tone(self.facts)

    @property
    def icon(self) -> str:
        return rules.icon(self.facts)

    @property
    def steps(self) -> list[rules.Step]:
        return rules.steps(self.facts)

    @property
    def version(self) -> str:
        return rules.version(self.facts)

    @property
    def headline(self) -> str:
        return headline(self.facts)

    @property
    def is_plan(self) -> bool:
        return self.order is not None and self.order.offering.kind == "plan"

    # --- the ways to install it -----------------------------------------------------------------------------------

    @cached_property
    def install(self) -> Install | None:
        return install_of(self.activation, settings.INSTALL_LINK) if self.activation else None

    @property
    def qr(self) -> str:
        """A picture, not a drawing inside the page: a phone reads it when it is touched and held, or saved."""
        return f"data:image/png;base64,{b64encode(qr_png(self.activation)).decode()}" if self.activation else ""

    @property
    def address(self) -> str:
        """Opens this page in another browser of the same phone, where nobody is signed in."""
        return f"{settings.PUBLIC_URL}{install_link(delivery=self.delivery, user=self.reader.user, now=self.now)}"

    @property
    def phones(self) -> list[tuple[str, str]]:
        return [("iphone", "iPhone"), ("android", "Android"), ("other", _("Another phone"))]

    @property
    def switches(self) -> list[tuple[str, str, bool]]:
        """What the page can be shown for, and which of it this is."""
        kinds = [*self.phones, ("desk", _("A bigger screen"))]
        here = "desk" if self.device.kind == "ipad" else self.device.kind
        return [(kind, word, kind == here) for kind, word in kinds]

    # --- how often --------------------------------------------------------------------------------------------------

    @cached_property
    def reuse(self) -> Redownload | None:
        return rulebook.redownload(rulebook.operator(self.delivery.operator))

    @property
    def reuse_rule(self) -> str:
        """What a holder has to know before the first tap."""
        times = self.reuse.times if self.reuse else None
        if times is None:
            return _("Never delete it afterwards: take it that it can be installed only once.")
        if times == 1:
            return _("Never delete it afterwards: it can be installed only once.")
        return _("Never delete it afterwards to try again.")

    @property
    def reuse_word(self) -> str:
        times = self.reuse.times if self.reuse else None
        if times is None:
            return _("not known; take it as once")
        if times < 0:
            return _("as often as needed")
        if times == 1:
            return _("once")
        return ngettext("%(n)s time", "%(n)s times", times) % {"n": times}

    @property
    def reuse_source(self) -> Source | None:
        sources = self.reuse.sources if self.reuse else ()
        return max(sources, key=lambda one: CONFIDENCES.index(one.confidence), default=None)

    # --- what went wrong --------------------------------------------------------------------------------------------

    @property
    def what_happened(self) -> str:
        return {
            "failed": _(
                "The phone could not install this eSIM, and its code is used up. The SIM or eSIM that you had "
                "goes on working, and the number is safe."
            ),
            "refused": _(
                "The operator gives no eSIM for this line now. The SIM or eSIM that you had goes on working, "
                "and the number is safe."
            ),
            "expired": _("It was not installed in time. Nothing is lost: get a new one, it costs nothing."),
            "deleted": _("The eSIM was deleted on the phone. The number is still yours; it needs a new eSIM."),
        }.get(self.stage, "")

    @property
    def phone_said(self) -> str:
        """What is known of the last try, in the reader's words; empty where that helps nobody."""
        return str(_FAILURES.get(self.delivery.failure, ""))

    # --- what may be done -------------------------------------------------------------------------------------------

    @property
    def may_see_code(self) -> bool:
        return may_see_code(self.delivery, self.reader.user)

    @property
    def may_act(self) -> bool:
        return self.may_see_code or has_role(self.reader.user, *STAFF)

    @property
    def may_resend(self) -> bool:
        return self.may_act and self.stage in {"ready", "installing"}

    @property
    def may_say_installed(self) -> bool:
        return self.may_act and self.stage in {"ready", "installing"}

    @property
    def can_be_replaced(self) -> bool:
        if self.newest is not None or not self.may_act:
            return False
        one = self.delivery
        found = replaceable(one.state, downloaded_at=one.downloaded_at, readable=self.facts.has_code, now=self.now)
        return found == "yes"

    @property
    def may_replace(self) -> bool:
        """Whoever came by a message's link signs in first: a link that was passed on must not move a number."""
        return self.can_be_replaced and not self.reader.granted

    @property
    def may_transfer(self) -> bool:
        return self.may_replace and self.stage == "installed"

    @cached_property
    def new_reason(self) -> str:
        """Why a new one is asked for where this one did not come to anything: what works meanwhile goes on working."""
        working = Delivery.objects.filter(line=self.line, state="installed").exclude(phone="deleted")
        return "transfer" if working.exclude(pk=self.delivery.pk).exists() else "replacement"

    @property
    def offers_replacement_aside(self) -> bool:
        """Where the page's middle does not offer it already."""
        return self.stage == "installed"

    @property
    def back(self) -> str:
        if self.line.holder_id == self.reader.user.pk:
            return reverse("line", args=[self.line.pk])
        return reverse("order", args=[self.order.code]) if self.order else reverse("home")

    @property
    def back_word(self) -> str:
        if self.line.holder_id == self.reader.user.pk:
            return self.line.label or self.operator
        return _("Order") if self.order else _("Lines")


def headline(facts: rules.ProfileFacts) -> str:
    """What is true of the profile now, in a few words."""
    stage = rules.stage(facts)
    if stage in {"ready", "installing"} and not facts.has_code:
        return _("The code of this eSIM is lost")
    if stage == "installed":
        return {
            "enabled": _("Your eSIM is on"),
            "disabled": _("Installed, but switched off on the phone"),
        }.get(facts.phone, _("Your eSIM is installed"))
    return {
        "making": _("Your eSIM is being made"),
        "ready": _("Your eSIM is ready to install"),
        "installing": _("The phone is installing your eSIM"),
        "deleted": _("The eSIM was deleted on the phone"),
        "failed": _("The eSIM could not be installed"),
        "refused": _("The operator gave no eSIM"),
        "expired": _("Not installed in time"),
        "replaced": pgettext("eSIM", "No longer valid"),
    }[stage]


def page_of(delivery: Delivery, *, reader: Payer, device: Device, now: datetime) -> EsimPage:
    """The profile with all that the page shows of it to this reader."""
    order = order_of(delivery)
    code = activation_code(delivery)
    return EsimPage(
        delivery=delivery,
        order=order,
        facts=_facts(delivery, order, has_code=code is not None),
        device=device,
        reader=reader,
        now=now,
        newest=_newer(delivery),
        held_until=_held_until(order, now),
        activation=code if may_see_code(delivery, reader.user) else None,
    )


def order_of(delivery: Delivery) -> ProductOrder | None:
    """The renewal that began the chain of profiles in which this one stands."""
    while delivery.order is None and delivery.replaces is not None:
        delivery = delivery.replaces
    return delivery.order


def _newer(delivery: Delivery) -> Delivery | None:
    """The last of those that took this one's place; None where this is the last."""
    newest = newest_of(delivery)
    return newest if newest.pk != delivery.pk else None


def _held_until(order: ProductOrder | None, now: datetime) -> datetime | None:
    """Until when the plan waits for the phone at most; None where it does not wait."""
    if order is None or order.state != "paid" or order.paid_at is None:
        return None
    activation = activation_of(order)
    if activation is not None and activation.state != "held":
        return None
    dates = line_deadlines(order.line, rome_date(now))
    until = hold_until(order.paid_at, dates.next_on, settings.ESIM_WAIT_HOURS)
    return until if until > now else None


def _facts(delivery: Delivery, order: ProductOrder | None, *, has_code: bool) -> rules.ProfileFacts:
    return rules.ProfileFacts(
        state=delivery.state,
        phone=delivery.phone,
        created_at=delivery.created_at,
        released_at=delivery.released_at,
        downloaded_at=delivery.downloaded_at,
        installed_at=delivery.installed_at,
        enabled_at=delivery.enabled_at,
        order_state=order.state if order else "",
        active_at=order.active_at if order else None,
        follows=_follows(delivery.gateway),
        has_code=has_code,
        stuck=bool(delivery.stuck_reason),
    )


def _follows(name: str) -> bool:
    """Whether its server tells us by itself; believed of one that is not chosen yet."""
    return name not in settings.PROFILE_GATEWAYS or gateway(name).follows
