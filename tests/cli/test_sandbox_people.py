"""The sandbox's people: made once, also where the carriers are not ready yet."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.core import mail

from lineaviva.cli import sandbox
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.catalogue import actions
from lineaviva.keeper.catalogue.actions import quote_make
from lineaviva.keeper.lines.models import LineEvent
from lineaviva.keeper.lines.queries import lines_for
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments import posting
from lineaviva.keeper.receipts.models import Receipt
from lineaviva.keeper.web import second_look
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import Temporary
from lineaviva.sandbox.world import CARRIERS
from tests.keeper.orders.factories import offering

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whose catalogue was asked for, by carriers that do not answer the first two times."""
    asked: list[str] = []

    def refresh(*, operator: str, now: datetime) -> None:
        asked.append(operator)
        if asked.count(operator) < 3:
            raise Temporary("no token could be fetched: ReadTimeout")

    monkeypatch.setattr(actions, "catalogue_refresh", refresh)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return asked


def test_carriers_that_are_not_ready_are_asked_again(asked: list[str], now: datetime) -> None:
    anna, clerk = sandbox.people_make(language="it", now=now)
    assert asked == [operator for operator in CARRIERS for _ in range(3)]
    assert (anna.email, clerk.email) == (sandbox.HOLDER, sandbox.CLERK)
    lines = {line.operator: line for line in lines_for(anna)}
    assert sorted(lines) == sorted(CARRIERS)
    assert {name: line.sim_type for name, line in lines.items()} == {
        "tim": "physical",
        "vodafone": "esim",
        "windtre": "physical",
    }


def test_their_last_topups_were_orders_here(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    monkeypatch.setattr(actions, "catalogue_refresh", lambda *, operator, now: offering(operator=operator, price=400))

    anna, _clerk = sandbox.people_make(language="it", now=now, renewed_before=True)

    on = {facts["operator"]: facts["last_topup"] for facts in sandbox.sandbox_lines(rome_date(now))}
    for line in lines_for(anna):
        order = ProductOrder.objects.get(line=line)
        assert (order.state, order.total_minor, order.look_at) == ("active", 400, None)
        topup = LineEvent.objects.get(line=line, kind="topup")
        assert (rome_date(order.placed_at), topup.on) == (on[line.operator], on[line.operator])
        receipt = Receipt.objects.get(order=order)
        assert (rome_date(receipt.issued_at), receipt.facts["msisdn"]) == (on[line.operator], line.msisdn)
    assert posting.disagreement() == []
    # Nothing of it is left to be done: no operator is asked, and the one mail reminds of the line that is close.
    agenda.run_due(now)
    assert set(Activation.objects.values_list("state", "sends")) == {("succeeded", 0)}
    subjects = [message.subject for message in mail.outbox]
    assert subjects == ["妈妈 · Mamma · TIM …4567: rinnova entro il 27 novembre 2026"]
    # A renewal takes its number's word.
    line = lines_for(anna)[0]
    quote = quote_make(line=line, offering=ProductOrder.objects.get(line=line).offering, by=anna, now=now)
    assert not second_look.needed(quote=quote, by=anna, said="", now=now)


def test_the_second_time_changes_and_asks_nothing(asked: list[str], now: datetime) -> None:
    first = sandbox.people_make(language="it", now=now)
    asked.clear()
    assert sandbox.people_make(language="it", now=now) == first
    assert asked == []
    assert lines_for(first[0]).count() == 3


def test_a_carrier_that_never_answers_is_said_so(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    def never(**_: Any) -> None:
        raise Temporary("away")

    monkeypatch.setattr(actions, "catalogue_refresh", never)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(Temporary):
        sandbox.people_make(language="it", now=now)
