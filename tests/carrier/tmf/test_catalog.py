"""TMF620: offerings and prices, by the published schemas (4.1, and 4.0 for prices)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lineaviva import rulebook
from lineaviva.carrier.catalogue.models import Promotion
from lineaviva.kernel.clock import FrozenClock
from tests.carrier.doors import OFFERING, PRICE, Door
from tests.conftest import NOON
from tests.tmf_schemas import CATALOG, CATALOG_4_0, problems


@pytest.fixture
def promotion(door: Door) -> Promotion:
    return Promotion.objects.create(
        operator="tim",
        key="autumn",
        offering_id="topup-10",
        name="Autumn",
        off_percent=10,
        valid_from=NOON - timedelta(days=1),
        valid_until=NOON + timedelta(days=1),
    )


@pytest.mark.parametrize("slug", rulebook.slugs())
def test_every_operators_catalogue_conforms(door: Door, settings: Any, slug: str) -> None:
    settings.CARRIER_OPERATOR = slug
    for resource in door.get(OFFERING).json():
        assert problems(CATALOG, "ProductOffering", resource) == []
    for resource in door.get(PRICE).json():
        assert problems(CATALOG, "ProductOfferingPrice", resource) == []
        assert problems(CATALOG_4_0, "ProductOfferingPrice", resource) == []


def test_topups_by_denomination_and_a_plan(door: Door) -> None:
    answer = door.get(OFFERING)
    found = {one["id"]: one for one in answer.json()}
    assert list(found) == [
        *(f"topup-{euros}" for euros in (4, 5, 6, 10, 12, 17, 20, 22, 25, 30, 50, 100)), "tim-base-e-chat",
    ]  # fmt: skip
    assert answer.headers["X-Total-Count"] == "13"
    topup, plan = found["topup-12"], found["tim-base-e-chat"]
    assert topup["productOfferingPrice"][0]["price"] == {"taxIncludedAmount": {"unit": "EUR", "value": 12.0}}
    assert (topup["category"][0]["id"], plan["category"][0]["id"]) == ("topup", "plan")
    price = plan["productOfferingPrice"][0]
    assert (price["priceType"], price["recurringChargePeriod"], price["recurringChargePeriodLength"]) == (
        "recurring", "month", 1,
    )  # fmt: skip
    assert plan["prodSpecCharValueUse"][-1]["name"] == "extends"
    assert plan["prodSpecCharValueUse"][-1]["productSpecCharacteristicValue"] == [{"isDefault": True, "value": True}]


def test_allowances_that_are_known(door: Door, settings: Any) -> None:
    settings.CARRIER_OPERATOR = "spusu"
    plan = door.get(f"{OFFERING}/spusu-1").json()
    values = {use["name"]: use["productSpecCharacteristicValue"][0]["value"] for use in plan["prodSpecCharValueUse"]}
    assert {name: values[name] for name in ("data_mb", "minutes", "sms")} == {
        "data_mb": 1000, "minutes": 100, "sms": 100,
    }  # fmt: skip
    assert "eu_roaming_mb" not in values


def test_a_promotion_is_a_discount_with_its_period(door: Door, promotion: Promotion) -> None:
    resource = door.get(f"{OFFERING}/topup-10").json()
    assert problems(CATALOG, "ProductOffering", resource) == []
    base, discount = resource["productOfferingPrice"]
    assert (base["priceType"], discount["priceType"]) == ("oneTime", "discount")
    assert discount["price"] == {"percentage": 10.0}
    assert discount["validFor"] == {
        "startDateTime": "2026-11-21T11:00:00Z", "endDateTime": "2026-11-23T11:00:00Z",
    }  # fmt: skip
    price = door.get(discount["href"].removeprefix("http://carrier.test")).json()
    assert problems(CATALOG, "ProductOfferingPrice", price) == []
    assert (price["percentage"], price["priceType"]) == (10.0, "discount")


def test_a_promotion_that_is_over_is_not_listed(door: Door, promotion: Promotion, clock: FrozenClock) -> None:
    clock.move_to(NOON + timedelta(days=1))
    assert len(door.get(f"{OFFERING}/topup-10").json()["productOfferingPrice"]) == 1
    assert door.get(PRICE, priceType="discount").json() == []


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        pytest.param({"id": "topup-5"}, ["topup-5"], id="by id"),
        pytest.param({"category.id": "plan"}, ["tim-base-e-chat"], id="through a list"),
        pytest.param({"category.id": "plan", "isSellable": "true"}, ["tim-base-e-chat"], id="a boolean"),
        pytest.param({"productOfferingPrice.price.taxIncludedAmount.value": "30.0"}, ["topup-30"], id="a number"),
        pytest.param({"lifecycleStatus": "Retired"}, [], id="none"),
        pytest.param({"no.such.attribute": "1"}, [], id="no such attribute"),
        pytest.param({"offset": "11", "limit": "1"}, ["topup-100"], id="a page"),
        pytest.param({"offset": "99"}, [], id="beyond the end"),
    ],
)
def test_filters_and_pages(door: Door, filters: dict[str, str], expected: list[str]) -> None:
    assert [one["id"] for one in door.get(OFFERING, **filters).json()] == expected


def test_the_keepers_reader_understands_it(door: Door, promotion: Promotion) -> None:
    """The other half of the wire: what the keeper makes of the catalogue."""
    import json
    from decimal import Decimal

    from lineaviva.keeper.catalogue.tmf.documents import listing

    documents = json.loads(door.get(OFFERING).content, parse_float=Decimal)
    found = listing("tim", documents, {}, now=NOON)
    drafts = {draft.external_id: draft for draft in found.offerings}
    assert (drafts["topup-4"].kind, drafts["topup-4"].price_minor, drafts["topup-4"].extends) == ("topup", 400, True)
    plan = drafts["tim-base-e-chat"]
    assert (plan.kind, plan.price_minor, plan.period_months, plan.sellable) == ("plan", 200, 1, True)
    (told,) = found.promotions
    assert (told.external_id, told.off_percent, told.valid_from) == ("topup-10", 10, promotion.valid_from)
