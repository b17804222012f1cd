"""Opening numbers and counting their dates."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from lineaviva.carrier.subscriptions.actions import plan_start, subscription_extend, subscription_open
from lineaviva.carrier.subscriptions.models import Bucket, Subscription
from lineaviva.carrier.subscriptions.queries import operators
from lineaviva.kernel.errors import InvalidInput, NotFound

pytestmark = pytest.mark.django_db
NUMBER = "+393391234567"


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
    assert not Subscription.objects.exists()


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        pytest.param(date(2026, 11, 22), date(2026, 11, 22), id="later"),
        pytest.param(date(2026, 6, 1), date(2026, 6, 1), id="the same day"),
        pytest.param(date(2026, 5, 31), date(2026, 6, 1), id="earlier"),
    ],
)
def test_only_a_later_event_counts(on: date, expected: date, now: datetime) -> None:
    line, _ = subscription_open(operator="tim", msisdn=NUMBER, extended_on=date(2026, 6, 1), now=now)
    subscription_extend(subscription=line, on=on)
    line.refresh_from_db()
    assert line.extended_on == expected
    assert line.full_service_until == expected.replace(year=2027)


def test_a_plan_fills_the_buckets_that_are_known(now: datetime) -> None:
    line, _ = subscription_open(operator="tim", msisdn=NUMBER, now=now)
    plan = plan_start(
        subscription=line,
        offering_id="x",
        name="X",
        price_minor=999,
        period=(None, 30),
        allowances={"data": 1000, "voice": -1, "sms": None},
        now=now,
    )
    rows = Bucket.objects.order_by("usage_type").values_list("usage_type", "remaining", "valid_until")
    assert list(rows) == [("data", 1000, plan.ends_at), ("voice", None, plan.ends_at)]
