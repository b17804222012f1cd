"""What a night does to lines, told to those who listen to the inventory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from lineaviva.carrier.hub.actions import listener_remove
from lineaviva.carrier.hub.models import Desk, EventDelivery, LineNews, Listener
from lineaviva.carrier.ledger.models import Kind
from lineaviva.carrier.subscriptions.models import Plan, Subscription
from lineaviva.carrier.tmf.agenda import AT_ONCE, OF_LINE, OF_PLAN
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import FrozenClock
from tests.carrier.books import books as books
from tests.carrier.hub.conftest import Ears
from tests.carrier.nightly import lines
from tests.carrier.nightly.lines import NIGHT, at, day, night, outcomes
from tests.tmf_schemas import INVENTORY, problems

Listen = Callable[..., Listener]
MINUTE = timedelta(minutes=1)
TOLD_AT = at(NIGHT) + 30 * MINUTE


@pytest.fixture(autouse=True)
def _at_night(clock: FrozenClock, books: None) -> None:
    clock.move_to(at(NIGHT))


def told(ears: Ears) -> list[tuple[str, str, str]]:
    """Event, product and its status, in the order in which they were heard."""
    agenda.run_due(TOLD_AT)
    products = [(one["eventType"], one["event"]["product"]) for one in ears.events]
    return sorted((kind, product["id"], product["status"]) for kind, product in products)


def renewing(operator: str = "tim", credit: int = 5000) -> Subscription:
    line = lines.line(operator, credit=credit)
    lines.plan(line, f"{operator}-base")
    return line


def test_a_renewal_and_one_that_was_not_paid(listen: Listen, ears: Ears) -> None:
    listen(api="inventory")
    lines.offer("tim")
    paid, poor = renewing(), renewing(credit=100)
    assert outcomes(night()) == {"tim asleep": 1, "tim renewed": 1}
    assert LineNews.objects.count() == 2
    plans = {plan.subscription_id: f"plan-{plan.subscription_id}-{plan.number}" for plan in Plan.objects.all()}
    assert told(ears) == sorted(
        [
            ("ProductAttributeValueChangeEvent", plans[paid.pk], "active"),
            ("ProductStateChangeEvent", plans[poor.pk], "suspended"),
        ]
    )
    for event in ears.events:
        assert problems(INVENTORY, event["eventType"], event) == []
    assert LineNews.objects.count() == 0


@pytest.mark.parametrize(
    ("facts", "event", "status"),
    [
        pytest.param(
            {"full_service_until": day(-1), "receive_only_until": day(29), "suspension_noticed_on": day(-40)},
            "ProductAttributeValueChangeEvent",
            "active",
            id="receives only",
        ),
        pytest.param(
            {"full_service_until": day(-31), "receive_only_until": day(-1), "phase": "receive_only"},
            "ProductStateChangeEvent",
            "suspended",
            id="off",
        ),
        pytest.param(
            {
                "phase": "off",
                "full_service_until": day(-400),
                "receive_only_until": day(-370),
                "number_kept_until": day(-1),
                "loss_noticed_on": day(-40),
            },
            "ProductStateChangeEvent",
            "terminated",
            id="its number is free",
        ),
    ],
)
def test_a_line_that_moves_on(listen: Listen, ears: Ears, facts: dict[str, Any], event: str, status: str) -> None:
    listen(api="inventory")
    line = lines.line("tim", look_on=NIGHT, **facts)
    night()
    assert told(ears) == [(event, f"line-{line.pk}", status)]


def test_a_notice_changes_nothing_that_is_shown(listen: Listen, ears: Ears) -> None:
    listen(api="inventory")
    lines.line("tim", look_on=NIGHT, full_service_until=day(34))
    assert outcomes(night()) == {"tim suspension_notice": 1}
    assert told(ears) == []
    assert LineNews.objects.count() == 0


def test_where_nobody_listens_nothing_is_kept(listen: Listen) -> None:
    listen(api="catalog")
    lines.offer("tim")
    renewing()
    assert outcomes(night()) == {"tim renewed": 1}
    assert (LineNews.objects.count(), Desk.objects.count()) == (0, 0)


def test_nobody_hears_of_another_operators_lines(listen: Listen, ears: Ears) -> None:
    listen(api="inventory", operator="vodafone")
    lines.offer("tim")
    lines.offer("vodafone")
    renewing("tim")
    mine = renewing("vodafone")
    night()
    assert [product for _, product, _ in told(ears)] == [
        f"plan-{mine.pk}-{Plan.objects.get(subscription_id=mine.pk).number}"
    ]


def test_whoever_asks_for_one_event_hears_that(listen: Listen, ears: Ears) -> None:
    listen(api="inventory", query="eventType=ProductStateChangeEvent")
    lines.offer("tim")
    renewing()
    poor = renewing(credit=100)
    night()
    assert [(kind, status) for kind, _, status in told(ears)] == [("ProductStateChangeEvent", "suspended")]
    assert poor.pk in {int(one["event"]["product"]["billingAccount"]["id"]) for one in ears.events}


def test_the_night_again_tells_nothing_twice(listen: Listen, ears: Ears) -> None:
    listen(api="inventory")
    lines.offer("tim")
    renewing()
    night()
    night()
    assert len(told(ears)) == 1
    night()
    assert len(told(ears)) == 1


def test_more_than_is_told_at_once(listen: Listen) -> None:
    listener = listen(api="inventory")
    lines.offer("tim")
    line = renewing()
    night()
    (news,) = LineNews.objects.all()
    again = [LineNews(operator="tim", subscription_id=line.pk, number=news.number) for _ in range(AT_ONCE)]
    LineNews.objects.bulk_create(again)
    agenda.run_due(TOLD_AT)
    assert (LineNews.objects.count(), EventDelivery.objects.filter(listener=listener).count()) == (0, AT_ONCE + 1)


def test_when_the_last_has_gone_the_desk_closes_and_opens_again_without_old_news(listen: Listen, ears: Ears) -> None:
    listener = listen(api="inventory")
    listener_remove(client_id="tim-shop", api="inventory", listener_id=listener.pk)
    lines.offer("tim")
    renewing()
    night()
    assert LineNews.objects.count() == 1
    assert told(ears) == []
    assert (LineNews.objects.count(), Desk.objects.get().look_at) == (0, None)
    renewing()
    night(day(1))
    assert LineNews.objects.count() == 0
    LineNews.objects.create(operator="tim", subscription_id=1, number=1)
    listen(api="inventory")
    assert LineNews.objects.count() == 0
    assert Desk.objects.get().look_at is not None


def test_it_is_looked_for_once_a_minute(listen: Listen) -> None:
    listen(api="inventory")
    agenda.run_due(TOLD_AT)
    assert Desk.objects.get().look_at == TOLD_AT + MINUTE


def test_all_that_a_night_does_is_told_or_left_out_on_purpose() -> None:
    silent = {Kind.STUCK, Kind.SUSPENSION_NOTICE, Kind.LOSS_NOTICE, Kind.CHANGE_NOTICE}
    by_day = {
        Kind.OPENED,
        Kind.TOPUP,
        Kind.PLAN,
        Kind.DEBT_PAID,
        Kind.CREDIT_OUT,
        Kind.CREDIT_IN,
        Kind.ADJUSTED,
        Kind.CHANGED,
    }
    assert {*OF_PLAN, *OF_LINE} | silent | by_day == set(Kind)
