"""Promotions as rows: half-open periods, the best one counts, and what the database does not take."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from lineaviva.carrier.catalogue.models import Promotion
from lineaviva.carrier.catalogue.queries import discount_now, offerings, promotions_listed
from lineaviva.sandbox.carriers.furniture import plan_put, promotion_put
from tests.conftest import NOON

pytestmark = pytest.mark.django_db


def promotion(key: str = "a", **facts: Any) -> Promotion:
    defaults = {
        "operator": "tim",
        "offering_id": "topup-10",
        "name": key,
        "off_minor": 100,
        "valid_from": NOON,
        "valid_until": NOON + timedelta(days=7),
    }
    return Promotion.objects.create(key=key, **{**defaults, **facts})


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param(NOON - timedelta(microseconds=1), 0, id="not yet"),
        pytest.param(NOON, 100, id="from its first instant"),
        pytest.param(NOON + timedelta(days=7, microseconds=-1), 100, id="to its last"),
        pytest.param(NOON + timedelta(days=7), 0, id="over"),
    ],
)
def test_a_period_is_half_open(at: datetime, expected: int) -> None:
    promotion()
    assert discount_now("tim", offerings("tim")["topup-10"], at) == expected


def test_the_best_one_counts_and_only_for_its_offering() -> None:
    promotion("small")
    promotion("large", off_minor=0, off_percent=25)
    promotion("elsewhere", offering_id="topup-20", off_minor=900)
    promotion("other operator", operator="vodafone", off_minor=900)
    assert discount_now("tim", offerings("tim")["topup-10"], NOON) == 250
    assert discount_now("tim", offerings("tim")["topup-5"], NOON) == 0


def test_what_is_to_come_is_listed_already() -> None:
    promotion("later", valid_from=NOON + timedelta(days=1))
    promotion("over", valid_from=NOON - timedelta(days=2), valid_until=NOON)
    assert [one.key for one in promotions_listed("tim", NOON)] == ["later"]


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"off_minor": 0}, id="takes nothing off"),
        pytest.param({"off_minor": 100, "off_percent": 10}, id="both"),
        pytest.param({"off_minor": 0, "off_percent": 101}, id="more than all"),
        pytest.param({"off_minor": -5}, id="a surcharge"),
        pytest.param({"valid_until": NOON}, id="no time"),
    ],
)
def test_what_is_no_promotion(facts: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        promotion(**facts)
    assert not Promotion.objects.exists()


def test_a_key_is_one_promotion_of_an_operator() -> None:
    promotion()
    promotion(operator="vodafone")
    with pytest.raises(IntegrityError), transaction.atomic():
        promotion()
    assert Promotion.objects.count() == 2


@pytest.mark.parametrize(
    ("operator", "offering"), [("tim", "topup-25"), ("vodafone", "topup-10"), ("windtre", "topup-25")]
)
def test_the_sandbox_adds_one_and_no_second(operator: str, offering: str) -> None:
    for _ in range(2):
        made = promotion_put(operator=operator, now=NOON)
    assert made is not None
    assert (made.offering_id, made.key, made.off_minor) == (offering, "sandbox-2026-11", 200)
    assert made.valid_from <= NOON < made.valid_until
    assert Promotion.objects.count() == 1
    # The next month has its own; the old one has not ended yet, and only the better of the two counts.
    promotion_put(operator=operator, now=NOON + timedelta(days=20))
    assert Promotion.objects.count() == 2
    assert discount_now(operator, offerings(operator)[offering], NOON + timedelta(days=20)) == 200


def test_the_sandbox_sells_a_plan_where_the_rulebook_knows_none_with_a_price() -> None:
    before = {operator: set(offerings(operator)) for operator in ("tim", "vodafone", "windtre")}
    for operator in before:
        for _ in range(2):
            plan_put(operator=operator)
    assert {operator: set(offerings(operator)) - known for operator, known in before.items()} == {
        "tim": set(),
        "vodafone": {"sandbox-20gb"},
        "windtre": set(),
    }
    made = offerings("vodafone")["sandbox-20gb"]
    assert (made.kind, made.name, made.price_minor, made.period_months) == ("plan", "Sandbox 20 GB", 799, 1)
