"""What the database takes as a plan of the operator's own, and as a change of one."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from lineaviva.carrier.catalogue.models import OfferChange, OwnPlan
from lineaviva.carrier.catalogue.queries import offerings

pytestmark = pytest.mark.django_db
PLAN = {"operator": "tim", "offering_id": "own", "name": "Own", "price_minor": 799, "period_months": 1}
CHANGE = {
    **{"operator": "tim", "offering_id": "own", "kind": "price", "price_minor": 899},
    **{"announced_on": date(2026, 11, 22), "from_on": date(2026, 12, 22)},
}


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"price_minor": 0}, id="for nothing"),
        pytest.param({"price_minor": -1}, id="for less than nothing"),
        pytest.param({"period_months": None}, id="without a period"),
        pytest.param({"period_days": 28}, id="with two periods"),
        pytest.param({"period_months": 0}, id="for no month"),
        pytest.param({"period_months": None, "period_days": 0}, id="for no day"),
    ],
)
def test_what_is_no_plan(facts: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        OwnPlan.objects.create(**{**PLAN, **facts})
    assert not OwnPlan.objects.exists()


def test_an_operators_own_plan_stands_beside_those_of_its_rulebook() -> None:
    before = set(offerings("tim"))
    OwnPlan.objects.create(**PLAN, data_mb=1000, minutes=-1)
    found = offerings("tim")
    assert set(found) == before | {"own"}
    assert (found["own"].price_minor, found["own"].period_months, found["own"].period_days) == (799, 1, None)
    assert found["own"].allowances == {"data_mb": 1000, "minutes": -1, "sms": None, "eu_roaming_mb": None}
    assert "own" not in offerings("vodafone")
    with pytest.raises(IntegrityError), transaction.atomic():
        OwnPlan.objects.create(**PLAN)


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param({"price_minor": None}, id="a price that is not said"),
        pytest.param({"price_minor": 0}, id="a price of nothing"),
        pytest.param({"kind": "withdrawn"}, id="an end with a price"),
        pytest.param({"from_on": date(2026, 11, 22)}, id="on the day on which it is announced"),
        pytest.param({"from_on": date(2026, 11, 21)}, id="before"),
        pytest.param({"kind": "other"}, id="of nothing"),
    ],
)
def test_what_is_no_change(facts: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        OfferChange.objects.create(**{**CHANGE, **facts})
    assert not OfferChange.objects.exists()


def test_a_change_of_one_kind_from_one_day_stands_once() -> None:
    OfferChange.objects.create(**CHANGE)
    OfferChange.objects.create(**{**CHANGE, "from_on": date(2026, 12, 23)})
    with pytest.raises(IntegrityError), transaction.atomic():
        OfferChange.objects.create(**{**CHANGE, "price_minor": 999})
    assert OfferChange.objects.count() == 2
