"""A line renews by itself from a PayPal account that its holder has saved, over real HTTP."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments import saving
from lineaviva.keeper.payments.models import PaymentAttempt
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.renewals.actions import auto_switch_on
from lineaviva.keeper.renewals.models import AutoRun
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import ROME
from lineaviva.kernel.money import Money
from lineaviva.sandbox import person
from tests import factories
from tests.keeper.orders import factories as orders
from tests.keeper.payments.conftest import Till, till

__all__ = ["till"]
pytestmark = pytest.mark.processes


class March:
    """Anna's line with its date at the end of March 2027, her PayPal account saved, and mornings and evenings."""

    def __init__(self, till: Till) -> None:
        self.till = till
        now = till.clock.now()
        self.anna = factories.anna(now=now)
        self.line = factories.line(label="Mamma", now=now)
        orders.offering()

    def at(self, day: int, hour: int) -> None:
        self.till.clock.move_to(datetime(2027, 3, day, hour, 1, tzinfo=ROME))
        self.till.bank.clock_at(self.till.clock.now())
        while agenda.run_due(self.till.clock.now()):
            pass

    def on(self, payer: str) -> None:
        self.at(15, 12)
        now = self.till.clock.now()
        method = saving.method_begin(holder=self.anna, provider="paypal", words="card-1", now=now)
        person.approve(method.redirect_url, payer=payer)
        self.till.after(timedelta(seconds=5))
        method.refresh_from_db()
        assert method.shown == "PayPal p…@example.org"
        terms: dict[str, Any] = {"line": self.line, "method": method, "by": self.anna, "words": "auto-1"}
        auto_switch_on(ceiling=Money(1000), lead_days=7, now=self.till.clock.now(), **terms)

    def pass_by(self) -> None:
        for day in range(16, 28):
            self.at(day, 9)
            self.at(day, 20)


def test_charged_once_on_its_day_and_renewed(till: Till, settings: Any) -> None:
    settings.GATEWAYS = {"pretend": "tests.keeper.renewals.conftest.Operator"}
    march = March(till)
    march.on("success")
    march.pass_by()
    run, order = AutoRun.objects.earliest("pk"), ProductOrder.objects.get()
    assert (run.state, run.deadline_on, order.state) == ("done", date(2027, 3, 31), "active")
    attempt = PaymentAttempt.objects.get()
    assert (attempt.provider, attempt.state, attempt.saved_id) == ("paypal", "succeeded", run.auto.method_id)
    [charge] = till.bank.money()["charges"]
    assert (charge["id"], charge["key"]) == (attempt.charge_ref, f"pay:{order.code}:1")
    assert disagreement() == []


@pytest.mark.parametrize(("payer", "reason"), [("asks_later", "not_confirmed"), ("taken_back", "card")])
def test_what_paypal_does_not_let_us_charge_is_for_its_holder(
    till: Till, settings: Any, payer: str, reason: str
) -> None:
    settings.GATEWAYS = {"pretend": "tests.keeper.renewals.conftest.Operator"}
    march = March(till)
    march.on(payer)
    march.pass_by()
    assert AutoRun.objects.earliest("pk").reason == reason
    assert till.bank.money()["charges"] == []
    assert ProductOrder.objects.filter(state="active").count() == 0
