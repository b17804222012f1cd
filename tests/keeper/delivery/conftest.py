"""eSIM orders of Anna's by a clock that stands still, with an operator in this process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.catalogue.actions import quote_make
from lineaviva.keeper.catalogue.models import Offering
from lineaviva.keeper.delivery.actions import progress_record
from lineaviva.keeper.delivery.models import Delivery, DeliveryEvent, DeliveryMail
from lineaviva.keeper.delivery.rules import Point
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.actions import order_place
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import cash_confirm, payment_begin
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.payments.queries import money_balance
from lineaviva.kernel import agenda
from lineaviva.kernel.agenda.registry import registered
from lineaviva.kernel.clock import FrozenClock
from tests import factories
from tests.keeper.delivery import pretend
from tests.keeper.delivery.pretend import Server
from tests.keeper.orders import factories as orders

EID = "89049032123451234512345678901235"
OTHER_EID = "89033023000000000000000000000075"
_STEPS = ("lineaviva.keeper.activation.agenda.", "lineaviva.keeper.delivery.agenda.")


def plan(operator: str = "tim") -> Offering:
    """A plan on sale; asked again, the same one."""
    found, _ = Offering.objects.get_or_create(
        key=f"{operator}:plan-10",
        defaults={
            "operator": operator,
            "external_id": "plan-10",
            "kind": "plan",
            "name": "10 GB",
            "price_minor": 999,
            "period_months": 1,
            "extends": True,
            "sellable": True,
            "source": "rulebook",
        },
    )
    return found


class Way:
    """What happens in a delivery, in the words of its people."""

    def __init__(self, clock: FrozenClock, server: Server) -> None:
        self.clock, self.server = clock, server

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def esim(self, *, last_topup: date | None = date(2026, 11, 1), **facts: Any) -> Line:
        """Anna's eSIM of TIM, whose next date is a year away."""
        return factories.line(last_topup=last_topup, sim_type="esim", now=self.now, **facts)

    def paid(
        self, *, line: Line | None = None, kind: str = "plan", with_profile: bool = True, language: str = "it"
    ) -> ProductOrder:
        line = line or self.esim()
        offering = plan(line.operator) if kind == "plan" else orders.offering(operator=line.operator)
        quote = quote_make(line=line, offering=offering, by=line.holder, now=self.now)
        order = order_place(quote=quote, by=line.holder, language=language, with_profile=with_profile, now=self.now)
        payment_begin(order=order, provider="cash", now=self.now)
        return cash_confirm(code=order.code, clerk=factories.clerk(now=self.now), now=self.now)

    def look(self) -> int:
        """Let what is due of orders, activations and profiles happen, and of nothing else."""
        handlers = [one for one in registered() if one.name.startswith(_STEPS)]
        worker = agenda.Worker(handlers, threads=0)
        total = 0
        while stepped := worker.run_once(self.now):
            total += stepped
        return total

    def after(self, **by: float) -> int:
        self.clock.advance(timedelta(**by))
        return self.look()

    def released(self, **facts: Any) -> Delivery:
        """A profile that waits for its phone."""
        order = self.paid(**facts)
        self.look()
        return Delivery.objects.get(order=order)

    def installed(self, *, eid: str = EID, **facts: Any) -> Delivery:
        delivery = self.released(**facts)
        self.server.by_iccid(delivery.iccid).state = "installed"
        self.tell(delivery, Point.INSTALLATION, eid=eid)
        self.look()
        return again(delivery)

    def tell(self, delivery: Delivery, point: Point, *, ok: bool = True, **facts: Any) -> Delivery | None:
        """The operator's server tells."""
        facts = {"at": self.now, "now": self.now, "iccid": delivery.iccid, "operator": delivery.operator, **facts}
        return progress_record(point=point, ok=ok, **facts)


@pytest.fixture
def server(settings: Any) -> Server:
    settings.PROFILE_GATEWAYS = {"pretend": "tests.keeper.delivery.pretend.Gateway"}
    settings.GATEWAYS = {"operator": "tests.keeper.delivery.pretend.Operator"}
    return pretend.fresh()


@pytest.fixture
def reseller(settings: Any, server: Server) -> Server:
    settings.PROFILE_GATEWAYS = {"reseller": "tests.keeper.delivery.pretend.Reseller"}
    return server


@pytest.fixture
def way(clock: FrozenClock, db: None, server: Server) -> Iterator[Way]:
    yield Way(clock, server)
    assert money_balance().balanced
    assert disagreement() == []


def again(delivery: Delivery) -> Delivery:
    return Delivery.objects.select_related("line").get(pk=delivery.pk)


def activation(order: ProductOrder) -> Activation:
    return Activation.objects.get(order=order)


def states(order: ProductOrder) -> tuple[str, str, str]:
    """The order's state, its activation's, its own profile's."""
    order.refresh_from_db()
    found = Delivery.objects.filter(order=order).first()
    return order.state, activation(order).state, found.state if found else ""


def kinds(delivery: Delivery) -> list[str]:
    """What was written down about it, in the order of writing."""
    return list(DeliveryEvent.objects.filter(delivery=delivery).order_by("pk").values_list("kind", flat=True))


def mails(delivery: Delivery) -> list[tuple[str, str]]:
    return list(DeliveryMail.objects.filter(delivery=delivery).order_by("pk").values_list("kind", "state"))
