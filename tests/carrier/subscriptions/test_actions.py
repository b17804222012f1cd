"""Opening numbers, counting their dates, starting plans; a number that is free again is somebody else's."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from lineaviva.carrier.subscriptions.actions import plan_start, subscription_extend, subscription_open
from lineaviva.carrier.subscriptions.models import Number, Plan, Subscription
from lineaviva.carrier.subscriptions.queries import operators, plans_of, subscription_for_update, subscription_of
from lineaviva.kernel.errors import InvalidInput, NotFound
from tests.keeper.together import together

pytestmark = pytest.mark.django_db
NUMBER = "+393391234567"
TODAY = date(2026, 11, 22)


def opened(now: datetime, **facts: date) -> Subscription:
    return subscription_open(operator="tim", msisdn=NUMBER, now=now, **facts)[0]


def test_a_number_is_opened_once(now: datetime) -> None:
    line, is_new = subscription_open(operator="vodafone", msisdn="339 123 4567", extended_on=date(2025, 3, 31), now=now)
    again, is_new_again = subscription_open(operator="vodafone", msisdn=NUMBER, extended_on=date(2026, 1, 1), now=now)
    assert (is_new, is_new_again) == (True, False)
    assert (again.pk, again.msisdn, again.extended_on) == (line.pk, NUMBER, date(2025, 3, 31))
    assert (line.full_service_until, line.receive_only_until) == (date(2026, 2, 28), date(2026, 3, 31))
    # The same number at another operator is another line.
    assert subscription_open(operator="tim", msisdn=NUMBER, now=now)[1] is True
    assert operators() == ["tim", "vodafone"]


@pytest.mark.parametrize(
    ("operator", "msisdn", "day", "error"),
    [
        pytest.param("tim", "12", None, InvalidInput, id="no number"),
        pytest.param("sip", NUMBER, None, NotFound, id="no operator"),
        pytest.param("tim", NUMBER, date(2026, 11, 23), InvalidInput, id="a day to come"),
    ],
)
def test_what_cannot_be_opened(
    operator: str, msisdn: str, day: date | None, error: type[Exception], now: datetime
) -> None:
    with pytest.raises(error):
        subscription_open(operator=operator, msisdn=msisdn, extended_on=day, now=now)
    assert (Subscription.objects.count(), Number.objects.count()) == (0, 0)


def test_a_free_number_is_a_new_line_of_whoever_takes_it_next(now: datetime) -> None:
    first = opened(now)
    Subscription.objects.filter(pk=first.pk).update(status="closed", phase="free", credit_minor=0)
    Number.objects.update(subscription_id=None)
    assert subscription_of(operator="tim", msisdn=NUMBER) is None
    second, is_new = subscription_open(operator="tim", msisdn=NUMBER, now=now)
    assert is_new
    assert second.pk != first.pk
    assert (second.status, second.phase, second.last_number) == ("active", "unknown", 0)
    found = subscription_of(operator="tim", msisdn=NUMBER)
    assert found is not None
    assert found.pk == second.pk
    assert (Number.objects.count(), Subscription.objects.count()) == (1, 2)


def test_opened_by_many_at_once_it_is_one_line(at_once: None, now: datetime) -> None:
    found = together(6, lambda: subscription_open(operator="tim", msisdn=NUMBER, now=now))
    assert sorted(is_new for _, is_new in found) == [False] * 5 + [True]
    assert len({line.pk for line, _ in found}) == 1
    assert (Number.objects.count(), Subscription.objects.count()) == (1, 1)


def test_a_free_number_taken_by_many_at_once_is_one_line(at_once: None, now: datetime) -> None:
    first = opened(now)
    Number.objects.update(subscription_id=None)
    found = together(6, lambda: subscription_open(operator="tim", msisdn=NUMBER, now=now))
    assert sorted(is_new for _, is_new in found) == [False] * 5 + [True]
    assert {line.pk for line, _ in found} != {first.pk}
    assert (Number.objects.count(), Subscription.objects.count()) == (1, 2)


def test_a_number_stands_once(now: datetime) -> None:
    opened(now)
    with pytest.raises(IntegrityError), transaction.atomic():
        Number.objects.create(operator="tim", msisdn=NUMBER)


def test_a_line_to_be_changed_is_that_of_the_number(now: datetime) -> None:
    line = opened(now)
    with transaction.atomic():
        found = subscription_for_update(operator="tim", msisdn=NUMBER)
        assert found is not None
        assert found.pk == line.pk
        assert subscription_for_update(operator="vodafone", msisdn=NUMBER) is None


# --- dates ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        pytest.param(date(2026, 11, 22), date(2026, 11, 22), id="later"),
        pytest.param(date(2026, 6, 1), date(2026, 6, 1), id="the same day"),
        pytest.param(date(2026, 5, 31), date(2026, 6, 1), id="earlier"),
    ],
)
def test_only_a_later_event_counts(on: date, expected: date, now: datetime) -> None:
    line = opened(now, extended_on=date(2026, 6, 1))
    subscription_extend(subscription=line, on=on)
    line.refresh_from_db()
    assert line.extended_on == expected
    assert line.full_service_until == expected.replace(year=2027)


@pytest.mark.parametrize(
    ("extended_on", "phase", "look_on"),
    [
        # TIM: twelve months of service, one of receiving, eleven until the number is gone.
        pytest.param(date(2026, 11, 22), "full_service", date(2027, 10, 19), id="today"),
        pytest.param(date(2025, 11, 22), "full_service", date(2026, 10, 19), id="its last day; notice was missed"),
        pytest.param(date(2025, 11, 21), "receive_only", date(2026, 12, 22), id="its first day of receiving"),
        pytest.param(date(2025, 6, 1), "off", None, id="off"),
        pytest.param(date(2023, 6, 1), "off", None, id="for years: nobody was told yet"),
    ],
)
def test_a_line_that_is_taken_over_stands_where_its_dates_say(
    extended_on: date, phase: str, look_on: date | None, now: datetime
) -> None:
    line = opened(now, extended_on=extended_on)
    line.refresh_from_db()
    assert line.phase == phase
    if look_on:
        assert line.look_on == look_on
    assert (line.suspension_noticed_on, line.loss_noticed_on) == (None, None)


def test_an_extension_takes_the_line_back_and_its_notices_too(now: datetime) -> None:
    line = opened(now, extended_on=date(2025, 11, 1))
    Subscription.objects.update(suspension_noticed_on=date(2026, 10, 1), loss_noticed_on=date(2026, 11, 1))
    line.refresh_from_db()
    assert line.phase == "receive_only"
    subscription_extend(subscription=line, on=TODAY)
    line.refresh_from_db()
    assert (line.phase, line.full_service_until) == ("full_service", date(2027, 11, 22))
    assert (line.suspension_noticed_on, line.loss_noticed_on, line.look_on) == (None, None, date(2027, 10, 19))


# --- plans ----------------------------------------------------------------------------------------------------------


def started(line: Subscription, number: int, **facts: object) -> Plan:
    usual: dict[str, object] = {
        "offering_id": "x",
        "name": "X",
        "price_minor": 999,
        "period": (1, None),
        "allowances": {"data": 1000, "voice": -1, "sms": None},
        "today": TODAY,
    }
    plan = plan_start(subscription=line, number=number, **{**usual, **facts})  # type: ignore[arg-type]
    return Plan.objects.get(pk=plan.pk)


def test_a_plan_begins_today_with_the_buckets_that_are_known(now: datetime) -> None:
    plan = started(opened(now), 1)
    assert (plan.started_on, plan.paid_until, plan.due_on) == (TODAY, date(2026, 12, 22), date(2026, 12, 22))
    assert (plan.anchor_day, plan.late_days, plan.status, plan.auto_renew) == (22, 0, "active", False)
    assert (plan.data_left, plan.voice_left, plan.sms_left) == (1000, -1, None)


@pytest.mark.parametrize(
    ("facts", "paid_until", "due_on"),
    [
        pytest.param({"period": (None, 30)}, date(2026, 12, 22), date(2026, 12, 22), id="30 days"),
        pytest.param({"period": (None, None)}, None, None, id="no end: never due"),
        pytest.param(
            {"auto_renew": True, "first_attempt_days": 2}, date(2026, 12, 22), date(2026, 12, 20), id="tried ahead"
        ),
        pytest.param({"first_attempt_days": 2}, date(2026, 12, 22), date(2026, 12, 22), id="not renewed: at its end"),
        pytest.param(
            {"period": (None, 1), "auto_renew": True, "first_attempt_days": 2},
            date(2026, 11, 23),
            date(2026, 11, 23),
            id="a day: not tried on the day that it is bought",
        ),
        pytest.param({"today": date(2027, 1, 31)}, date(2027, 2, 28), date(2027, 2, 28), id="31 January"),
    ],
)
def test_periods_of_plans(
    facts: dict[str, object], paid_until: date | None, due_on: date | None, now: datetime
) -> None:
    plan = started(opened(now), 1, **facts)
    assert (plan.paid_until, plan.due_on) == (paid_until, due_on)


def test_bought_early_it_goes_on_after_the_present_period(now: datetime) -> None:
    line = opened(now)
    started(line, 1)
    second = started(line, 2, today=date(2026, 12, 1))
    third = started(line, 3, today=date(2026, 12, 2))
    assert (second.started_on, second.paid_until) == (date(2026, 12, 22), date(2027, 1, 22))
    assert (third.started_on, third.paid_until) == (date(2027, 1, 22), date(2027, 2, 22))
    assert [plan.number for plan in plans_of(line)] == [1, 2, 3]


@pytest.mark.parametrize(
    "changes",
    [{"offering_id": "y"}, {"status": "ended"}, {"paid_until": date(2026, 11, 30)}],
    ids=["another plan's", "one that ended", "one that is over"],
)
def test_it_does_not_wait_for(changes: dict[str, object], now: datetime) -> None:
    line = opened(now)
    started(line, 1)
    Plan.objects.update(**changes)
    assert started(line, 2, today=date(2026, 12, 1)).started_on == date(2026, 12, 1)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"promo_minor": 399}, id="a promotion without end"),
        pytest.param({"promo_until": TODAY}, id="an end without promotion"),
        pytest.param({"promo_minor": 1000, "promo_until": TODAY}, id="a promotion above the price"),
        pytest.param({"promo_minor": -1, "promo_until": TODAY}, id="a promotion below nothing"),
        pytest.param({"price_minor": -1}, id="a price below nothing"),
        pytest.param({"paid_until": None}, id="due without an end"),
    ],
)
def test_what_is_no_plan(changes: dict[str, object], now: datetime) -> None:
    started(opened(now), 1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Plan.objects.update(**changes)


@pytest.mark.parametrize("column", ["credit_minor", "debt_minor"])
@pytest.mark.parametrize("value", [-1, 10**17 + 1], ids=["below nothing", "more than there is"])
def test_what_is_no_money_of_a_line(column: str, value: int, now: datetime) -> None:
    opened(now)
    with pytest.raises(IntegrityError), transaction.atomic():
        Subscription.objects.update(**{column: value})


def test_a_plan_bought_again_while_it_renews_by_itself_is_renewed_once(now: datetime) -> None:
    line = opened(now)
    facts: dict[str, Any] = {
        **{"offering_id": "tim-x", "name": "X", "price_minor": 500, "period": (1, None), "allowances": {}},
        "today": TODAY,
    }
    plan_start(subscription=line, number=1, **facts, auto_renew=True, first_attempt_days=2)
    plan_start(subscription=line, number=2, **facts)
    assert list(Plan.objects.order_by("number").values_list("auto_renew", "started_on", "paid_until", "due_on")) == [
        (False, date(2026, 11, 22), date(2026, 12, 22), date(2026, 12, 22)),
        (True, date(2026, 12, 22), date(2027, 1, 22), date(2027, 1, 22)),
    ]
