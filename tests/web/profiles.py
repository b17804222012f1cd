"""eSIM lines whose profiles come from a server inside the process, and the ways they can go; by the real actions."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.catalogue.actions import quote_make
from lineaviva.keeper.catalogue.models import Offering
from lineaviva.keeper.delivery.actions import delivery_replace, progress_record
from lineaviva.keeper.delivery.models import Delivery
from lineaviva.keeper.delivery.ports import Cancelled, Ordered, ProfileRequest, Released, Seen
from lineaviva.keeper.delivery.rules import Point
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.actions import order_place
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import cash_confirm, payment_begin
from lineaviva.kernel import agenda
from lineaviva.kernel.activation_code import ActivationCode
from lineaviva.kernel.errors import Permanent, Temporary
from tests import factories

HOST = "smdp.example.it"
EID = "89049032000001000000012345678901"


class Profiles:
    """A way to an operator's profiles that never leaves the process, and does what the test told it."""

    name, follows, idempotent = "profiles", True, True
    # What it answers: "ok", "slow" (nothing yet), "refuses".
    mood = "ok"
    confirmation = False
    given: list[str] = []

    @classmethod
    def behave(cls) -> type[Profiles]:
        cls.follows, cls.mood, cls.confirmation, cls.given = True, "ok", False, []
        return cls

    def serves(self, operator: str) -> bool:
        return operator == "tim"

    def order(self, request: ProfileRequest) -> Ordered:
        if self.mood == "slow":
            raise Temporary("no answer")
        if self.mood == "refuses":
            raise Permanent("none left", code="8.2.5/3.7")
        if request.reference not in Profiles.given:
            Profiles.given.append(request.reference)
        return Ordered(iccid=f"8939010000000000{Profiles.given.index(request.reference):03d}")

    def release(self, request: ProfileRequest, iccid: str) -> Released:
        code = ActivationCode(HOST, request.matching_id, needs_confirmation=Profiles.confirmation)
        return Released(code)

    def cancel(self, request: ProfileRequest, iccid: str) -> Cancelled:
        return "cancelled"

    def look(self, request: ProfileRequest, iccid: str) -> Seen | None:
        return None


def use(settings: Any) -> type[Profiles]:
    settings.PROFILE_GATEWAYS = {"profiles": "tests.web.profiles.Profiles"}
    settings.ESIM_WAIT_HOURS = 24
    settings.INSTALL_LINK = ""
    return Profiles.behave()


def plan() -> Offering:
    found, _ = Offering.objects.get_or_create(
        key="tim:giga",
        defaults={
            "operator": "tim",
            "external_id": "giga",
            "kind": "plan",
            "name": "Giga 100",
            "price_minor": 999,
            "period_months": 1,
            "allowances": {"data_mb": 102400, "minutes": -1},
            "sellable": True,
            "source": "tmf620",
        },
    )
    return found


def line(holder: User, now: datetime, *, label: str = "Uni", last_topup: date = date(2026, 3, 31)) -> Line:
    return factories.line(holder=holder, sim_type="esim", label=label, last_topup=last_topup, now=now)


def order(line: Line, now: datetime, *, offering: Offering | None = None) -> ProductOrder:
    """Of a plan that comes with a profile, paid in cash."""
    quote = quote_make(line=line, offering=offering or plan(), by=line.holder, now=now)
    made = order_place(quote=quote, by=line.holder, language=line.holder.language, with_profile=True, now=now)
    payment_begin(order=made, provider="cash", now=now)
    return cash_confirm(code=made.code, clerk=factories.clerk(language="en"), now=now)


def pay(order: ProductOrder, now: datetime) -> None:
    """In cash, for an order that already waits for it, and let the server make what it can."""
    cash_confirm(code=order.code, clerk=factories.clerk(language="en"), now=now)
    agenda.run_due(now)


def delivered(line: Line, now: datetime, *, offering: Offering | None = None) -> Delivery:
    """The profile of a paid order, as far as the server made it."""
    paid = order(line, now, offering=offering)
    agenda.run_due(now)
    return Delivery.objects.select_related("line__holder", "order").get(order=paid)


def told(delivery: Delivery, point: Point, now: datetime, *, ok: bool = True, failure: str = "") -> Delivery:
    """What the server told of it."""
    progress_record(
        operator=delivery.operator,
        iccid=delivery.iccid,
        point=point,
        ok=ok,
        at=now,
        eid=EID if ok else "",
        failure=failure,
        now=now,
    )
    return again(delivery)


def again(delivery: Delivery) -> Delivery:
    return Delivery.objects.select_related("line__holder", "order").get(pk=delivery.pk)


def installed(delivery: Delivery, now: datetime, *, enabled: bool = True) -> Delivery:
    told(delivery, Point.DOWNLOAD, now)
    told(delivery, Point.INSTALLATION, now + timedelta(seconds=1))
    if enabled:
        told(delivery, Point.ENABLED, now + timedelta(seconds=2))
    return again(delivery)


STATES = (
    "making",
    "ready",
    "follows_not",
    "downloaded",
    "installed",
    "enabled",
    "disabled",
    "deleted",
    "failed",
    "refused",
    "expired",
    "unreadable",
    "replaced",
    "withdrawn",
)


def at(state: str, line: Line, now: datetime) -> Delivery:
    """A profile for this line that has come as far as `state`, one of STATES."""
    Profiles.behave()
    Profiles.mood = {"making": "slow", "refused": "refuses"}.get(state, "ok")
    Profiles.follows = state != "follows_not"
    delivery = delivered(line, now)
    minute = timedelta(minutes=1)
    if state == "downloaded":
        return told(delivery, Point.DOWNLOAD, now + minute)
    if state in {"installed", "enabled", "disabled", "deleted"}:
        installed(delivery, now + minute, enabled=state != "installed")
    if state in {"disabled", "deleted"}:
        told(delivery, Point.DISABLED if state == "disabled" else Point.DELETED, now + 2 * minute)
    if state == "failed":
        told(delivery, Point.DOWNLOAD, now + minute)
        told(delivery, Point.INSTALLATION, now + 2 * minute, ok=False, failure="8.1/4.8")
    if state == "expired":
        Delivery.objects.filter(pk=delivery.pk).update(expires_at=now, look_at=now)
        agenda.run_due(now)
    if state == "unreadable":
        Delivery.objects.filter(pk=delivery.pk).update(sealed_code=b"sealed under another key than ours")
    if state == "withdrawn":
        Delivery.objects.filter(pk=delivery.pk).update(state="withdrawn", look_at=None)
    if state == "replaced":
        told(delivery, Point.INSTALLATION, now, ok=False)
        delivery_replace(delivery=delivery, reason="replacement", by=line.holder, now=now)
        agenda.run_due(now)
    return again(delivery)
