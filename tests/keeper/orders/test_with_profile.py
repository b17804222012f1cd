"""Orders of eSIM lines that come with a new profile."""

from __future__ import annotations

from datetime import datetime

import pytest

from lineaviva.keeper.activation.actions import activation_begin
from lineaviva.keeper.catalogue.models import Quote
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.orders.actions import order_pay, order_place
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.kernel.errors import Conflict
from tests import factories
from tests.keeper.orders.factories import quote
from tests.keeper.together import together


def esim(now: datetime) -> Line:
    return factories.line(sim_type="esim", now=now)


def place(made: Quote, now: datetime, *, with_profile: bool) -> ProductOrder:
    return order_place(quote=made, by=made.line.holder, language="it", with_profile=with_profile, now=now)


@pytest.mark.django_db
def test_nobody_gets_a_profile_who_did_not_ask_for_one(now: datetime) -> None:
    made = quote(line=esim(now), now=now)
    order = order_place(quote=made, by=made.line.holder, language="it", now=now)
    assert ProductOrder.objects.get(pk=order.pk).with_profile is False


@pytest.mark.django_db
def test_a_profile_is_for_an_esim_only_and_a_refusal_places_nothing(now: datetime) -> None:
    made = quote(line=factories.line(now=now), now=now)
    with pytest.raises(Conflict, match="Only an eSIM line") as refusal:
        place(made, now, with_profile=True)
    assert (refusal.value.code, refusal.value.status) == ("line_no_esim", 409)
    assert not ProductOrder.objects.exists()
    assert place(made, now, with_profile=False).with_profile is False


@pytest.mark.django_db
@pytest.mark.parametrize("another_tab", [False, True], ids=["the same quote", "another quote"])
@pytest.mark.parametrize(("first", "then"), [(False, True), (True, False), (True, True)])
def test_until_it_is_paid_the_last_wish_counts(now: datetime, first: bool, then: bool, another_tab: bool) -> None:
    line = esim(now)
    made = quote(line=line, now=now)
    order = place(made, now, with_profile=first)
    found = place(quote(line=line, now=now) if another_tab else made, now, with_profile=then)
    assert (found.pk, found.with_profile) == (order.pk, then)
    assert ProductOrder.objects.get().with_profile is then


@pytest.mark.django_db
@pytest.mark.parametrize("first", [False, True])
def test_what_was_paid_for_stays_as_it_was(now: datetime, first: bool) -> None:
    made = quote(line=esim(now), now=now)
    order_pay(order=place(made, now, with_profile=first), now=now)
    assert place(made, now, with_profile=not first).with_profile is first
    assert ProductOrder.objects.get().with_profile is first


@pytest.mark.django_db
@pytest.mark.parametrize(("with_profile", "state"), [(False, "waiting"), (True, "held")])
def test_its_activation_is_held(now: datetime, with_profile: bool, state: str) -> None:
    order = order_pay(order=place(quote(line=esim(now), now=now), now, with_profile=with_profile), now=now)
    begun = [activation_begin(order=order, now=now) for _ in range(2)]
    assert begun[0] is not None
    assert begun == [begun[0], begun[0]]
    assert (begun[0].state, begun[0].look_at, begun[0].reference) == (state, now, f"LV-{order.code}")


@pytest.mark.django_db(transaction=True)
@pytest.mark.processes
def test_a_wish_and_a_payment_at_once_leave_what_was_paid_for(now: datetime) -> None:
    made = quote(line=esim(now), now=now)
    order = place(made, now, with_profile=False)
    acts = [lambda: place(made, now, with_profile=True), lambda: order_pay(order=order, now=now)]
    together(2, lambda: acts.pop()())
    found = ProductOrder.objects.get()
    before = found.with_profile
    assert found.state == "paid"
    place(made, now, with_profile=not before)
    assert ProductOrder.objects.get().with_profile is before
