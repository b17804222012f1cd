"""A reference decides once: two at once, one that failed, books that are compared with orders."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from lineaviva.carrier.catalogue.rules import topup_id
from lineaviva.carrier.ledger.models import Event
from lineaviva.carrier.orders.actions import service_order_perform
from lineaviva.carrier.orders.models import ServiceOrder
from lineaviva.carrier.orders.ports import Strict, screening
from lineaviva.carrier.orders.queries import books_audit, credited, order_by_reference
from lineaviva.carrier.orders.rules import Ask, Refusal
from lineaviva.carrier.subscriptions.actions import subscription_open
from lineaviva.carrier.subscriptions.models import Plan, Subscription
from lineaviva.kernel.errors import Conflict
from tests.keeper.together import together

pytestmark = pytest.mark.django_db
NUMBER = "+393391234567"
TOPUP = Ask("tim", "partner", "LV-1", "topup", NUMBER, "topup-10", 1000)
PLAN = Ask("tim", "partner", "LV-2", "plan", NUMBER, "tim-base-e-chat")


class Suspicious(Strict):
    def refusal(self, ask: Ask) -> Refusal | None:
        return Refusal("refused", "Not today.")


class Open(Strict):
    def opens(self, ask: Ask) -> bool:
        return True


@pytest.fixture
def line(now: datetime) -> Subscription:
    return subscription_open(operator="tim", msisdn=NUMBER, now=now)[0]


def test_screening_is_what_the_settings_name(settings: Any) -> None:
    settings.CARRIER_SCREENING = "lineaviva.carrier.orders.ports.Strict"
    assert isinstance(screening(), Strict)


def test_an_operators_own_no_is_kept(line: Subscription, now: datetime) -> None:
    refused = service_order_perform(ask=TOPUP, screening=Suspicious(), now=now)
    assert (refused.status, refused.code, refused.reason) == ("failed", "refused", "Not today.")
    # The operator has changed its mind, but this reference was decided.
    again = service_order_perform(ask=TOPUP, screening=Strict(), now=now)
    assert (again.pk, again.status) == (refused.pk, "failed")
    line.refresh_from_db()
    assert line.credit_minor == 0
    assert books_audit("tim").problems == []


def test_a_done_reference_stays_done_whatever_became_of_the_line(line: Subscription, now: datetime) -> None:
    done = service_order_perform(ask=TOPUP, screening=Strict(), now=now)
    Subscription.objects.update(status="closed")
    again = service_order_perform(ask=TOPUP, screening=Suspicious(), now=now)
    assert (again.pk, again.status) == (done.pk, "completed")
    line.refresh_from_db()
    assert line.credit_minor == 1000


def test_an_unknown_number_is_opened_where_the_screening_says_so(now: datetime) -> None:
    done = service_order_perform(ask=TOPUP, screening=Open(), now=now)
    assert done.status == "completed"
    assert Subscription.objects.get().credit_minor == 1000


def test_references_are_the_requesters_own(line: Subscription, now: datetime) -> None:
    for requester in ("partner", "other"):
        service_order_perform(ask=replace(TOPUP, requester=requester), screening=Strict(), now=now)
    line.refresh_from_db()
    assert line.credit_minor == 2000
    assert credited("tim")["LV-1"] == {"times": 2, "minor": 2000, "discount_minor": 0}
    assert order_by_reference(operator="tim", requester="partner", reference=None) is None


@pytest.mark.parametrize(
    "changes",
    [{"amount_minor": 2000, "offering_id": "topup-20"}, {"kind": "plan"}, {"msisdn": "+393391234568"}],
    ids=["amount", "kind", "line"],
)
def test_a_reference_is_for_one_thing(line: Subscription, now: datetime, changes: dict[str, Any]) -> None:
    service_order_perform(ask=TOPUP, screening=Strict(), now=now)
    with pytest.raises(Conflict) as refusal:
        service_order_perform(ask=replace(TOPUP, **changes), screening=Strict(), now=now)
    assert refusal.value.code == "reference_reused"
    assert ServiceOrder.objects.count() == 1


def test_a_copy_that_was_faster_is_answered(line: Subscription, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other copy commits between our look for the reference and our row: the unique reference stops us."""
    first = service_order_perform(ask=TOPUP, screening=Strict(), now=now)
    looks = iter([True])
    monkeypatch.setattr(
        "lineaviva.carrier.orders.actions.order_by_reference",
        lambda **by: None if next(looks, False) else order_by_reference(**by),
    )
    second = service_order_perform(ask=TOPUP, screening=Strict(), now=now)
    assert second.pk == first.pk
    line.refresh_from_db()
    assert line.credit_minor == 1000
    assert books_audit("tim").problems == []


def test_killed_before_the_commit_nothing_was_done(
    line: Subscription, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ServiceOrder, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            service_order_perform(ask=TOPUP, screening=Strict(), now=now)
    line.refresh_from_db()
    assert (line.credit_minor, ServiceOrder.objects.count()) == (0, 0)
    assert books_audit("tim").accounts == {}
    assert service_order_perform(ask=TOPUP, screening=Strict(), now=now).status == "completed"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"status": "completed", "code": ""}, id="done without an event"),
        pytest.param({"status": "failed", "code": ""}, id="refused without a reason"),
    ],
)
def test_the_database_takes_no_order_that_is_neither(now: datetime, changes: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ServiceOrder.objects.create(
            operator="tim",
            requester="partner",
            kind="topup",
            msisdn=NUMBER,
            offering_id="x",
            received_at=now,
            **changes,
        )
    assert not ServiceOrder.objects.exists()


def test_the_audit_compares_orders_with_their_events(line: Subscription, now: datetime) -> None:
    order = service_order_perform(ask=TOPUP, screening=Strict(), now=now)
    ServiceOrder.objects.update(price_minor=999)
    unequal = f"order {order.pk}: 999 cents were sold, its event is missing or says 1000"
    assert books_audit("tim").problems == [unequal]
    ServiceOrder.objects.update(price_minor=1000, plan_number=7)
    assert books_audit("tim").problems == []  # a plan there is not: the row is all that tells
    ServiceOrder.objects.update(plan_number=None, event_number=2)
    orphan = f"event 1 of subscription {line.pk} belongs to no order"
    missing = f"order {order.pk}: 1000 cents were sold, its event is missing or says -1"
    assert books_audit("tim").problems == [missing, orphan]
    ServiceOrder.objects.all().delete()
    assert books_audit("tim").problems == [orphan]


def test_a_plan_order_without_its_plan_is_found(line: Subscription, now: datetime) -> None:
    order = service_order_perform(ask=PLAN, screening=Strict(), now=now)
    assert books_audit("tim").problems == []
    Plan.objects.all().delete()
    assert books_audit("tim").problems == [f"order {order.pk}: a plan order has a plan, a top-up has none"]


# --- what cannot be bought ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"amount_minor": -1000, "offering_id": topup_id(-1000)}, "amount_not_sold", id="below zero"),
        pytest.param({"amount_minor": 0, "offering_id": topup_id(0)}, "amount_not_sold", id="nothing"),
        pytest.param({"amount_minor": 1, "offering_id": topup_id(1)}, "amount_not_sold", id="a cent"),
        pytest.param({"amount_minor": 10**18, "offering_id": topup_id(10**18)}, "amount_not_sold", id="a fortune"),
        pytest.param({"amount_minor": -1000}, "amount_not_sold", id="below zero, called ten euros"),
        pytest.param({"amount_minor": 2000}, "amount_not_sold", id="twenty, called ten"),
        pytest.param({"kind": "plan", "amount_minor": None}, "offering_unknown", id="a top-up as a plan"),
        pytest.param({"kind": "plan", "offering_id": "tim-nothing"}, "offering_unknown", id="no such plan"),
        pytest.param({"kind": "plan", "offering_id": ""}, "offering_unknown", id="no name"),
        pytest.param({"operator": "vodafone"}, "line_unknown", id="another operator's number"),
        pytest.param({"msisdn": "+393391234568"}, "line_unknown", id="nobody's number"),
    ],
)
def test_what_is_refused_changes_nothing(line: Subscription, now: datetime, changes: dict[str, Any], code: str) -> None:
    order = service_order_perform(ask=replace(TOPUP, **changes), screening=Strict(), now=now)
    assert (order.status, order.code, order.event_number, order.price_minor) == ("failed", code, None, 0)
    line.refresh_from_db()
    assert (line.credit_minor, line.last_number, Event.objects.count(), Plan.objects.count()) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"status": "suspended"}, "line_suspended"),
        ({"status": "closed"}, "line_closed"),
        ({"phase": "off"}, "line_off"),
        ({"phase": "free"}, "line_off"),
    ],
)
def test_a_line_for_which_nothing_is_sold(line: Subscription, now: datetime, facts: dict[str, str], code: str) -> None:
    Subscription.objects.update(**facts)
    order = service_order_perform(ask=TOPUP, screening=Strict(), now=now)
    assert (order.status, order.code) == ("failed", code)
    assert Event.objects.count() == 0


def test_two_who_send_it_at_once_buy_it_once(at_once: None, now: datetime) -> None:
    line, _ = subscription_open(operator="tim", msisdn=NUMBER, now=now)
    done = together(4, lambda: service_order_perform(ask=TOPUP, screening=Strict(), now=now))
    assert len({order.pk for order in done}) == 1
    line.refresh_from_db()
    assert (line.credit_minor, line.last_number) == (1000, 1)
    assert books_audit("tim").problems == []


def test_top_ups_of_one_line_at_once_are_all_counted(at_once: None, now: datetime) -> None:
    line, _ = subscription_open(operator="tim", msisdn=NUMBER, now=now)
    references = iter("abcdef")
    together(
        6, lambda: service_order_perform(ask=replace(TOPUP, reference=next(references)), screening=Strict(), now=now)
    )
    line.refresh_from_db()
    assert (line.credit_minor, line.last_number) == (6000, 6)
    assert books_audit("tim").problems == []
