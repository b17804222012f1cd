"""TMF620: what an operator makes itself. As far as the conformance kit asks, and what it means to sell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lineaviva.carrier.catalogue.models import CatalogueResource, OfferChange, OwnPlan, Promotion
from lineaviva.carrier.catalogue.queries import offerings_on_sale
from lineaviva.carrier.hub.actions import listener_add
from lineaviva.carrier.hub.models import EventDelivery
from lineaviva.kernel.clock import FrozenClock
from tests.carrier.doors import CATALOGS, CATEGORY, OFFERING, PRICE, SPECIFICATION, Door
from tests.conftest import NOON
from tests.tmf_schemas import CATALOG, CATALOG_4_0, problems

HOST = "http://carrier.test"
KINDS = {
    "Catalog": CATALOGS,
    "Category": CATEGORY,
    "ProductOffering": OFFERING,
    "ProductOfferingPrice": PRICE,
    "ProductSpecification": SPECIFICATION,
}
MANDATORY = {"id", "href", "name", "lifecycleStatus", "lastUpdate"}
MONTHLY = {
    "priceType": "recurring",
    "recurringChargePeriod": "month",
    "recurringChargePeriodLength": 1,
    "price": {"taxIncludedAmount": {"unit": "EUR", "value": 7.99}},
}


def uses(**values: Any) -> list[dict[str, Any]]:
    return [{"name": name, "productSpecCharacteristicValue": [{"value": value}]} for name, value in values.items()]


def summer(**changes: Any) -> dict[str, Any]:
    """An offering that is to be sold."""
    plain = {
        "name": "Summer",
        "lifecycleStatus": "Active",
        "productOfferingPrice": [MONTHLY],
        "prodSpecCharValueUse": uses(data_mb=50_000, minutes=-1, extends=True),
    }
    return {**plain, **changes}


def priced(euros: Any, **changes: Any) -> list[dict[str, Any]]:
    return [{**MONTHLY, "price": {"taxIncludedAmount": {"unit": "EUR", "value": euros}}, **changes}]


def from_day(day: str) -> dict[str, Any]:
    return {"validFor": {"startDateTime": f"{day}T00:00:00+01:00"}}


def rows() -> tuple[int, int, int]:
    return CatalogueResource.objects.count(), OwnPlan.objects.count(), OfferChange.objects.count()


def make(door: Door, path: str = OFFERING, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = door.post(path, body or summer())
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


def prices(offering: dict[str, Any]) -> list[tuple[str, float, str, str]]:
    return [
        (
            one["priceType"],
            one["price"]["taxIncludedAmount"]["value"],
            one.get("validFor", {}).get("startDateTime", ""),
            one.get("validFor", {}).get("endDateTime", ""),
        )
        for one in offering["productOfferingPrice"]
    ]


# --- what the kit does --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_made_read_changed_and_deleted(door: Door, kind: str, clock: FrozenClock) -> None:
    path = KINDS[kind]
    answer = door.post(path, {"name": "A name"})
    assert answer.status_code == 201
    made = answer.json()
    for file in (CATALOG, CATALOG_4_0):
        assert problems(file, kind, made) == []
    assert MANDATORY <= set(made)
    assert (made["lifecycleStatus"], made["lastUpdate"], made["@type"]) == ("In Design", "2026-11-22T11:00:00Z", kind)
    assert answer.headers["Location"] == made["href"] == f"{HOST}{path}/{made['id']}"
    one = made["href"].removeprefix(HOST)
    assert door.get(one).json() == made

    for name in ("id", "name", "lifecycleStatus", "lastUpdate"):
        assert made in door.get(path, **{name: made[name]}).json(), name
        assert set(door.get(one, fields=name).json()) == {"id", "href", "@type", name}

    clock.advance(timedelta(minutes=1))
    patched = door.patch(one, {"name": "Renamed"})
    assert (patched.status_code, patched.json()["name"]) == (200, "Renamed")
    assert patched.json()["lastUpdate"] == "2026-11-22T11:01:00Z"
    assert {**patched.json(), "name": "A name", "lastUpdate": made["lastUpdate"]} == made
    assert door.get(one).json() == patched.json()

    gone = door.delete(one)
    assert (gone.status_code, gone.content) == (204, b"")
    for answer in (door.get(one), door.delete(one), door.patch(one, {"name": "x"})):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("kind", KINDS)
def test_everything_that_is_listed_has_what_the_kit_asks_for(door: Door, kind: str) -> None:
    make(door, KINDS[kind], {"name": "A name"})
    make(door)
    for resource in door.get(KINDS[kind]).json():
        assert MANDATORY <= set(resource), resource["id"]
        if kind == "ProductOffering":
            assert isinstance(resource["productSpecification"], dict)
        if kind == "ProductOfferingPrice":
            assert isinstance(resource["priceType"], str)
        for file in (CATALOG, *([] if kind == "ProductOffering" else [CATALOG_4_0])):
            assert problems(file, kind, resource) == []


def test_the_kits_own_bodies(door: Door) -> None:
    reference = {
        "id": "9881",
        "href": "https://mycsp.com:8080/tmf-api/productCatalogManagement/v4/productSpecification/9881",
        "version": "1.1",
        "name": "Robotics999",
        "@referredType": "DeviceSpecification",
    }
    offering = make(door, OFFERING, {"name": "aProductOffering", "productSpecification": reference})
    assert offering["productSpecification"] == reference
    price = make(door, PRICE, {"name": "Recurring Charge", "isBundle": False, "priceType": "recurring"})
    assert (price["priceType"], price["isBundle"]) == ("recurring", False)


def addresses(found: Any) -> set[str]:
    if isinstance(found, dict):
        own = {found["href"]} if str(found.get("href", "")).startswith(HOST) else set()
        return own.union(*map(addresses, found.values()))
    return set().union(*map(addresses, found)) if isinstance(found, list) else set()


def test_every_address_leads_somewhere(door: Door) -> None:
    offering = make(door)
    door.patch(f"{OFFERING}/{offering['id']}", {"productOfferingPrice": priced(8.99)})
    Promotion.objects.create(
        operator="tim",
        key="autumn",
        offering_id=offering["id"],
        name="Autumn",
        off_percent=10,
        valid_from=NOON,
        valid_until=NOON + timedelta(days=1),
    )
    found = set().union(*(addresses(door.get(path).json()) for path in KINDS.values()))
    assert len(found) > 30
    for address in found:
        answer = door.get(address.removeprefix(HOST))
        assert (answer.status_code, answer.json()["href"]) == (200, address)


# --- bodies -------------------------------------------------------------------------------------------------------

FULL = {
    "name": "  Everything  ",
    "description": "d",
    "version": "2.1",
    "isBundle": True,
    "bundledProductOffering": [{"id": "x", "bundledProductOfferingOption": {"numberRelOfferDefault": 1}}],
    "agreement": [{"id": "1", "href": "https://shop.test/1", "name": "n", "@referredType": "Agreement"}],
    "attachment": [{"url": "https://shop.test/a.png", "mimeType": "image/png", "size": {"amount": 5, "units": "kB"}}],
    "channel": [{"id": "web"}],
    "marketSegment": [{"id": "young"}],
    "place": [{"id": "IT"}],
    "category": [{"id": "new", "version": "1"}],
    "prodSpecCharValueUse": [
        {
            "name": "colour",
            "minCardinality": 0,
            "maxCardinality": 1,
            "productSpecCharacteristicValue": [
                {"isDefault": True, "value": {"deep": [1, 2.5, None, "x"]}, "valueFrom": -3, "valueTo": 3}
            ],
        }
    ],
    "productOfferingPrice": [
        {
            "name": "p",
            "priceType": "recurring",
            "price": {"taxRate": 22.0, "dutyFreeAmount": {"unit": "EUR", "value": 1.5}},
            "priceAlteration": [
                {"priceType": "discount", "price": {"percentage": 10}, "applicationDuration": {"amount": 1}}
            ],
        }
    ],
    "productOfferingRelationship": [{"id": "x", "relationshipType": "dependency", "role": "r"}],
    "productOfferingTerm": [{"name": "t", "duration": {"amount": 24, "units": "month"}}],
    "resourceCandidate": {"id": "1"},
    "serviceCandidate": {"id": "1"},
    "serviceLevelAgreement": {"id": "1"},
    "validFor": {"startDateTime": "2026-01-01T00:00", "endDateTime": "2027-01-01T00:00:00+01:00"},
    "@schemaLocation": "https://shop.test/schema.json",
    "@baseType": "ProductOffering",
    "@type": "SpecialOffering",
    "someOther": {"is": "ignored"},
}


def test_everything_may_be_said_and_is_shown_again(door: Door) -> None:
    made = make(door, OFFERING, FULL)
    assert problems(CATALOG, "ProductOffering", made) == []
    assert made["name"] == "Everything"
    assert made["validFor"] == {"startDateTime": "2025-12-31T23:00:00Z", "endDateTime": "2026-12-31T23:00:00Z"}
    assert "someOther" not in made
    for name in FULL.keys() - {"name", "validFor", "someOther", "productOfferingPrice"}:
        assert made[name] == FULL[name], name
    assert made["isSellable"] is False


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "name: Field required"),
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "x", "lifecycleStatus": ""}, "lifecycleStatus"),
        ({"name": "x", "lifecycleStatus": {}}, "lifecycleStatus"),
        ({"name": "x", "validFor": {"startDateTime": "soon"}}, "validFor.startDateTime"),
        ({"name": "x", "validFor": {"startDateTime": 5}}, "validFor.startDateTime"),
        ({"name": "x", "validFor": {"startDateTime": "0001-01-01T00:00:00Z"}}, "validFor.startDateTime"),
        ({"name": "x", "validFor": {"startDateTime": "9999-12-31T23:59:59-12:00"}}, "validFor.startDateTime"),
        (
            {
                "name": "x",
                "validFor": {"startDateTime": "2026-02-01T00:00:00Z", "endDateTime": "2026-02-01T00:00:00Z"},
            },
            "end after",
        ),
        ({"name": "x", "@schemaLocation": "no address"}, "@schemaLocation"),
    ],
    ids=str,
)
def test_what_is_refused_is_not_made(door: Door, kind: str, body: dict[str, Any], says: str) -> None:
    answer = door.post(KINDS[kind], body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
    assert says in answer.json()["reason"]
    assert problems(CATALOG, "Error", answer.json()) == []
    assert rows() == (0, 0, 0)


@pytest.mark.parametrize(
    ("kind", "body", "where"),
    [
        ("Catalog", {"relatedParty": [{"id": "1"}]}, "relatedParty.0.@referredType"),
        ("Catalog", {"category": [{"name": "n"}]}, "category.0.id"),
        ("Category", {"isRoot": "perhaps"}, "isRoot"),
        ("ProductOffering", {"isBundle": True}, "bundledProductOffering"),
        ("ProductOfferingPrice", {"isBundle": True}, "bundledPopRelationship"),
        ("ProductSpecification", {"isBundle": True, "bundledProductSpecification": []}, "bundledProductSpecification"),
        ("ProductOffering", {"productOfferingTerm": [{"duration": {"amount": 1.5}}]}, "productOfferingTerm.0.duration"),
        ("ProductOfferingPrice", {"price": {"unit": "euro", "value": 1}}, "price.unit"),
        ("ProductOfferingPrice", {"percentage": "x"}, "percentage"),
        ("ProductSpecification", {"targetProductSchema": {"@type": "x"}}, "targetProductSchema.@schemaLocation"),
    ],
)
def test_what_each_asks_for(door: Door, kind: str, body: dict[str, Any], where: str) -> None:
    answer = door.post(KINDS[kind], {"name": "x", **body})
    assert answer.status_code == 400
    assert where in answer.json()["message"]
    assert rows() == (0, 0, 0)


def test_a_number_beyond_all_numbers_is_no_json(door: Door) -> None:
    answer = door.post(OFFERING, '{"name": "x", "prodSpecCharValueUse": [{"name": "n", "v": 1e999}]}')
    assert (answer.status_code, answer.json()["code"]) == (400, "not_json")


# --- patches ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content_type", ["application/json", "application/merge-patch+json"])
def test_a_patch_merges(door: Door, content_type: str) -> None:
    made = make(door, SPECIFICATION, {"name": "x", "brand": "b", "validFor": {"startDateTime": "2026-01-01T00:00:00Z"}})
    answer = door.patch(
        f"{SPECIFICATION}/{made['id']}",
        {"brand": None, "version": "2", "validFor": {"endDateTime": "2027-01-01T00:00:00Z"}},
        content_type,
    )
    found = answer.json()
    assert (answer.status_code, "brand" in found, found["version"]) == (200, False, "2")
    assert found["validFor"] == {"startDateTime": "2026-01-01T00:00:00Z", "endDateTime": "2027-01-01T00:00:00Z"}


def test_what_was_read_may_be_sent_back(door: Door) -> None:
    for kind, path in KINDS.items():
        made = make(door, path, summer() if kind == "ProductOffering" else {"name": "x"})
        answer = door.patch(f"{path}/{made['id']}", made)
        assert (answer.status_code, answer.json()) == (200, made)
    assert OfferChange.objects.count() == 0


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ({"id": "other"}, "not_patchable"),
        ({"href": "https://evil.test/"}, "not_patchable"),
        ({"lastUpdate": "2020-01-01T00:00:00Z"}, "not_patchable"),
        ({"@type": "Other"}, "not_patchable"),
        ({"id": None}, "not_patchable"),
        ({"name": None}, "invalid_input"),
        ({"name": ""}, "invalid_input"),
        ({"validFor": 5}, "invalid_input"),
    ],
    ids=str,
)
def test_patches_that_are_refused_change_nothing(door: Door, patch: dict[str, Any], code: str) -> None:
    made = make(door, SPECIFICATION, {"name": "x"})
    answer = door.patch(f"{SPECIFICATION}/{made['id']}", patch)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert door.get(f"{SPECIFICATION}/{made['id']}").json() == made


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json-patch+json", "[]", 415),
        ("text/plain", "{}", 415),
        ("application/json", "[]", 400),
        ("application/json", "null", 400),
        ("application/json", "{", 400),
        ("application/json", " ", 400),
        ("", "{}", 415),
    ],
)
def test_bodies_that_are_no_patch(door: Door, content_type: str, body: str, status: int) -> None:
    made = make(door, SPECIFICATION, {"name": "x"})
    assert door.patch(f"{SPECIFICATION}/{made['id']}", body, content_type).status_code == status


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        (CATALOGS, "prepaid"),
        (CATEGORY, "plan"),
        (SPECIFICATION, "prepaid-plan"),
        (OFFERING, "topup-5"),
        (OFFERING, "tim-base-e-chat"),
        (PRICE, "topup-5-price"),
        (PRICE, "tim-base-e-chat-price"),
    ],
)
def test_what_follows_from_the_rulebook_is_not_changed(door: Door, path: str, identity: str) -> None:
    before = door.get(f"{path}/{identity}").json()
    for answer in (door.patch(f"{path}/{identity}", {"name": "Mine"}), door.delete(f"{path}/{identity}")):
        assert (answer.status_code, answer.json()["code"]) == (409, "derived")
    assert door.get(f"{path}/{identity}").json() == before
    assert rows() == (0, 0, 0)


@pytest.mark.parametrize("path", KINDS.values())
def test_to_write_needs_its_scope(door: Door, path: str) -> None:
    reader = Door(client_id="reader", scopes=("catalog.read",))
    made = make(door, path, {"name": "x"})
    one = f"{path}/{made['id']}"
    for answer in (reader.post(path, {"name": "y"}), reader.patch(one, {"name": "y"}), reader.delete(one)):
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert door.get(one).json() == made
    assert rows() == (1, 0, 0)


def test_another_operators_is_not_there(door: Door, settings: Any) -> None:
    settings.CARRIER_OPERATOR = ""
    tim, vodafone = Door("tim"), Door("vodafone")
    for path in KINDS.values():
        made = make(tim, path, summer() if path == OFFERING else {"name": "Ours"})
        one = f"{path}/{made['id']}"
        for answer in (vodafone.get(one), vodafone.patch(one, {"name": "x"}), vodafone.delete(one)):
            assert answer.status_code == 404
        assert made["id"] not in {found["id"] for found in vodafone.get(path).json()}
        assert tim.get(one).json() == made


@pytest.mark.parametrize("path", ["importJob", "exportJob"])
def test_jobs_are_not_there(door: Door, path: str) -> None:
    base = OFFERING.rpartition("/")[0]
    assert door.get(f"{base}/{path}").status_code == 404
    assert door.post(f"{base}/{path}", {"url": "https://shop.test"}).status_code == 404


# --- selling ------------------------------------------------------------------------------------------------------


def test_an_offering_with_a_price_a_period_and_allowances_is_sold(door: Door, now: datetime) -> None:
    made = make(door)
    found = offerings_on_sale("tim", now)[made["id"]]
    assert (found.name, found.price_minor, found.period_months, found.period_days, found.extends) == (
        "Summer", 799, 1, None, True,
    )  # fmt: skip
    assert found.allowances == {"data_mb": 50_000, "minutes": -1, "sms": None, "eu_roaming_mb": None}
    assert (made["isSellable"], [one["id"] for one in made["category"]]) == (True, ["plan"])
    assert prices(made) == [("recurring", 7.99, "", "")]
    assert problems(CATALOG, "ProductOffering", made) == []
    assert made["id"] in {one["id"] for one in door.get(f"{CATEGORY}/plan").json()["productOffering"]}
    price = door.get(f"{PRICE}/{made['id']}-price").json()
    assert (price["price"], price["recurringChargePeriodType"]) == ({"unit": "EUR", "value": 7.99}, "month")


@pytest.mark.parametrize(
    ("period", "length", "months", "days"),
    [
        ("month", 1, 1, None),
        ("Monthly", None, 1, None),
        ("month", 12, 12, None),
        ("year", 1, 12, None),
        ("day", 30, None, 30),
        ("weeks", 4, None, 28),
    ],
)
def test_periods(
    door: Door, now: datetime, period: str, length: int | None, months: int | None, days: int | None
) -> None:
    price = priced(5, recurringChargePeriod=period, recurringChargePeriodLength=length)
    made = make(door, OFFERING, summer(productOfferingPrice=price))
    found = offerings_on_sale("tim", now)[made["id"]]
    assert (found.period_months, found.period_days) == (months, days)


def test_a_price_may_be_a_reference(door: Door, now: datetime) -> None:
    price = make(
        door,
        PRICE,
        {
            "name": "p",
            "priceType": "recurring",
            "recurringChargePeriodType": "month",
            "price": {"unit": "EUR", "value": 4.5},
        },
    )
    made = make(door, OFFERING, summer(productOfferingPrice=[{"id": price["id"]}]))
    assert offerings_on_sale("tim", now)[made["id"]].price_minor == 450
    one = f"{PRICE}/{price['id']}"
    before = rows()
    for answer in (door.patch(one, {"price": {"value": 5}}), door.delete(one), door.patch(one, {"priceType": "x"})):
        assert (answer.status_code, answer.json()["code"]) == (409, "price_in_use")
    assert door.patch(one, {"name": "Renamed"}).status_code == 200
    assert (rows(), offerings_on_sale("tim", now)[made["id"]].price_minor) == (before, 450)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"lifecycleStatus": "In Design"}, id="not launched"),
        pytest.param({"lifecycleStatus": "Retired"}, id="retired"),
        pytest.param({"isSellable": False}, id="not to be sold"),
        pytest.param({"productOfferingPrice": []}, id="no price"),
        pytest.param({"isBundle": True, "bundledProductOffering": [{"id": "x"}]}, id="a bundle"),
    ],
)
def test_what_is_not_to_be_sold_is_not(door: Door, now: datetime, changes: dict[str, Any]) -> None:
    made = make(door, OFFERING, summer(**changes))
    assert made["isSellable"] is False
    assert (made["id"] in offerings_on_sale("tim", now), OwnPlan.objects.count()) == (False, 0)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"productOfferingPrice": priced(0)}, "offering_not_sellable", id="for nothing"),
        pytest.param({"productOfferingPrice": priced(-1)}, "offering_not_sellable", id="below zero"),
        pytest.param({"productOfferingPrice": priced(7.999)}, "offering_not_sellable", id="part of a cent"),
        pytest.param({"productOfferingPrice": priced(1e9)}, "offering_not_sellable", id="beyond all prices"),
        pytest.param({"productOfferingPrice": priced(None)}, "offering_not_sellable", id="no amount"),
        pytest.param(
            {"productOfferingPrice": [{**MONTHLY, "price": {"taxIncludedAmount": {"unit": "USD", "value": 5}}}]},
            "offering_not_sellable",
            id="dollars",
        ),
        pytest.param({"productOfferingPrice": priced(5, priceType="oneTime")}, "offering_not_sellable", id="once"),
        pytest.param(
            {"productOfferingPrice": priced(5, recurringChargePeriod="moon")}, "offering_not_sellable", id="no period"
        ),
        pytest.param(
            {"productOfferingPrice": priced(5, recurringChargePeriodLength=0)}, "offering_not_sellable", id="no length"
        ),
        pytest.param(
            {"productOfferingPrice": priced(5, recurringChargePeriodLength=121)}, "offering_not_sellable", id="for ever"
        ),
        pytest.param({"productOfferingPrice": [MONTHLY, MONTHLY]}, "offering_not_sellable", id="two prices"),
        pytest.param({"productOfferingPrice": [{"id": "none"}]}, "offering_not_sellable", id="no such price"),
        pytest.param(
            {"productOfferingPrice": priced(5, **from_day("2027-01-01"))}, "offering_not_sellable", id="a later price"
        ),
        pytest.param(
            {"productOfferingPrice": [MONTHLY, {"priceType": "discount", "price": {"percentage": 5}}]},
            "offering_not_sellable",
            id="a discount",
        ),
        pytest.param({"prodSpecCharValueUse": uses(data_mb="much")}, "offering_not_sellable", id="much data"),
        pytest.param({"prodSpecCharValueUse": uses(minutes=-2)}, "offering_not_sellable", id="less than nothing"),
        pytest.param({"prodSpecCharValueUse": uses(sms=1.5)}, "offering_not_sellable", id="half a message"),
        pytest.param({"prodSpecCharValueUse": uses(sms=True)}, "offering_not_sellable", id="a boolean"),
        pytest.param({"prodSpecCharValueUse": uses(extends="yes")}, "offering_not_sellable", id="a word"),
        pytest.param({"prodSpecCharValueUse": uses(renewal_policy="generous")}, "policy_unknown", id="no such policy"),
    ],
)
def test_what_cannot_be_sold_is_not_put_on_sale(door: Door, changes: dict[str, Any], code: str) -> None:
    answer = door.post(OFFERING, summer(**changes))
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert rows() == (0, 0, 0)
    draft = make(door, OFFERING, summer(**changes, lifecycleStatus="In Test"))
    before = rows()
    answer = door.patch(f"{OFFERING}/{draft['id']}", {"lifecycleStatus": "Launched"})
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert (door.get(f"{OFFERING}/{draft['id']}").json(), rows()) == (draft, before)


def test_a_draft_is_launched_retired_and_launched_again(door: Door, now: datetime) -> None:
    made = make(door, OFFERING, summer(lifecycleStatus="In Design"))
    one = f"{OFFERING}/{made['id']}"
    for status, sold in (("Launched", True), ("Retired", False), ("Active", True)):
        found = door.patch(one, {"lifecycleStatus": status}).json()
        assert (found["lifecycleStatus"], found["isSellable"]) == (status, sold)
        assert (made["id"] in offerings_on_sale("tim", now)) is sold
    assert rows() == (1, 1, 0)


def test_it_is_sold_in_its_window(door: Door, clock: FrozenClock) -> None:
    window = {"startDateTime": "2026-12-01T00:00:00+01:00", "endDateTime": "2026-12-02T00:00:00+01:00"}
    made = make(door, OFFERING, summer(validFor=window))
    seen = []
    for instant in ("2026-11-30T22:59:59", "2026-11-30T23:00:00", "2026-12-01T22:59:59", "2026-12-01T23:00:00"):
        clock.move_to(datetime.fromisoformat(instant).replace(tzinfo=UTC))
        seen.append(door.get(f"{OFFERING}/{made['id']}").json()["isSellable"])
    assert seen == [False, True, True, False]


# --- another price ------------------------------------------------------------------------------------------------


def test_another_price_is_announced_and_never_silently_changed(door: Door, clock: FrozenClock) -> None:
    made = make(door)
    one = f"{OFFERING}/{made['id']}"
    answer = door.patch(one, {"productOfferingPrice": priced(8.99)})
    assert answer.status_code == 200
    assert prices(answer.json()) == [
        ("recurring", 7.99, "", "2026-12-21T23:00:00Z"), ("recurring", 8.99, "2026-12-21T23:00:00Z", ""),
    ]  # fmt: skip
    assert problems(CATALOG, "ProductOffering", answer.json()) == []
    (announced,) = OfferChange.objects.all()
    assert (announced.kind, announced.price_minor, str(announced.from_on)) == ("price", 899, "2026-12-22")
    assert OwnPlan.objects.get().price_minor == 799
    assert offerings_on_sale("tim", clock.now())[made["id"]].price_minor == 799
    assert door.patch(one, {"productOfferingPrice": priced(8.99)}).status_code == 200
    assert door.patch(one, {"description": "Sunny"}).json()["description"] == "Sunny"
    assert OfferChange.objects.count() == 1
    clock.move_to(datetime(2026, 12, 22, 12, tzinfo=UTC))
    found = door.get(one).json()
    assert prices(found) == [("recurring", 8.99, "", "")]
    assert offerings_on_sale("tim", clock.now())[made["id"]].price_minor == 899
    assert door.patch(one, {"description": "Still"}).status_code == 200
    assert door.patch(one, door.get(one).json()).status_code == 200
    assert (door.patch(one, found).status_code, door.patch(one, found).json()["code"]) == (400, "not_patchable")
    assert OfferChange.objects.count() == 1


def test_its_day_may_be_named(door: Door) -> None:
    made = make(door)
    one = f"{OFFERING}/{made['id']}"
    later = priced(9.99, **from_day("2027-03-01"))
    found = door.patch(one, {"productOfferingPrice": [*made["productOfferingPrice"], *later]}).json()
    assert prices(found)[1] == ("recurring", 9.99, "2027-02-28T23:00:00Z", "")
    assert door.patch(one, found).json() == found
    assert door.patch(one, {"productOfferingPrice": later}).json() == found
    assert OfferChange.objects.count() == 1


@pytest.mark.parametrize(
    ("patch", "status", "code"),
    [
        pytest.param(priced(9, **from_day("2026-12-21")), 400, "notice_too_short", id="29 days"),
        pytest.param([*priced(7.99), *priced(9, **from_day("2026-11-23"))], 400, "notice_too_short", id="tomorrow"),
        pytest.param([*priced(6.99), *priced(9, **from_day("2027-01-01"))], 400, "invalid_input", id="two others"),
        pytest.param(priced(0), 400, "offering_not_sellable", id="for nothing"),
        pytest.param(priced(9, recurringChargePeriodLength=3), 409, "terms_fixed", id="another period"),
        pytest.param(
            [*priced(7.99), *priced(9, recurringChargePeriod="day", **from_day("2027-01-01"))],
            400,
            "offering_not_sellable",
            id="another period later",
        ),
    ],
)
def test_prices_that_are_not_announced(door: Door, patch: Any, status: int, code: str) -> None:
    made = make(door)
    before = rows()
    answer = door.patch(f"{OFFERING}/{made['id']}", {"name": "Other", "productOfferingPrice": patch})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert door.get(f"{OFFERING}/{made['id']}").json() == made
    assert rows() == before


@pytest.mark.parametrize(
    "patch",
    [
        {"prodSpecCharValueUse": uses(data_mb=10, minutes=-1, extends=True)},
        {"prodSpecCharValueUse": None},
        {"prodSpecCharValueUse": uses(data_mb=50_000, minutes=-1, extends=False)},
    ],
)
def test_what_was_promised_does_not_change(door: Door, patch: dict[str, Any]) -> None:
    made = make(door)
    answer = door.patch(f"{OFFERING}/{made['id']}", patch)
    assert (answer.status_code, answer.json()["code"]) == (409, "terms_fixed")
    assert door.get(f"{OFFERING}/{made['id']}").json() == made


def test_the_price_of_what_is_retired_is_nobodys(door: Door) -> None:
    made = make(door)
    one = f"{OFFERING}/{made['id']}"
    answer = door.patch(one, {"lifecycleStatus": "Retired", "productOfferingPrice": priced(9)})
    assert (answer.status_code, answer.json()["code"]) == (409, "terms_fixed")
    assert door.get(one).json() == made


def test_a_patch_of_the_price_itself_announces_too(door: Door) -> None:
    made = make(door)
    price = f"{PRICE}/{made['id']}-price"
    answer = door.patch(price, {"price": {"value": 8.5}, **from_day("2027-01-01")})
    assert (answer.status_code, answer.json()["price"]["value"]) == (200, 7.99)
    assert answer.json()["validFor"] == {"endDateTime": "2026-12-31T23:00:00Z"}
    later = door.get(f"{price}-2027-01-01").json()
    assert (later["price"]["value"], later["validFor"]) == (8.5, {"startDateTime": "2026-12-31T23:00:00Z"})
    assert prices(door.get(f"{OFFERING}/{made['id']}").json())[1][:2] == ("recurring", 8.5)
    before = rows()
    for patch, status in (({"name": "x"}, 400), ({"priceType": "oneTime"}, 400), ({"price": {"value": 0}}, 400)):
        assert door.patch(price, patch).status_code == status
    assert door.delete(price).status_code == 409
    assert rows() == before


# --- its end ------------------------------------------------------------------------------------------------------


def test_its_end_is_announced(door: Door, clock: FrozenClock) -> None:
    made, other = make(door), make(door)
    one = f"{OFFERING}/{made['id']}"
    relation = [{"id": other["id"], "relationshipType": "replacedBy"}]
    found = door.patch(one, {"lifecycleStatus": "Obsolete", "productOfferingRelationship": relation}).json()
    assert (found["lifecycleStatus"], found["isSellable"]) == ("Obsolete", False)
    assert found["validFor"] == {"endDateTime": "2026-12-21T23:00:00Z"}
    (announced,) = OfferChange.objects.all()
    assert (announced.kind, str(announced.from_on), announced.replaced_by) == (
        "withdrawn", "2026-12-22", other["id"],
    )  # fmt: skip
    assert door.patch(one, {"description": "over"}).status_code == 200
    answer = door.patch(one, {"lifecycleStatus": "Active"})
    assert (answer.status_code, answer.json()["code"]) == (409, "terms_fixed")
    assert OfferChange.objects.count() == 1


@pytest.mark.parametrize(("day", "status"), [("2026-12-21", 400), ("2026-12-22", 200), ("2027-06-01", 200)])
def test_the_day_of_its_end_may_be_named(door: Door, day: str, status: int) -> None:
    made = make(door)
    window = {"endDateTime": f"{day}T00:00:00+01:00"}
    answer = door.patch(f"{OFFERING}/{made['id']}", {"lifecycleStatus": "Obsolete", "validFor": window})
    assert answer.status_code == status
    assert [str(one.from_on) for one in OfferChange.objects.all()] == ([day] if status == 200 else [])
    if status == 400:
        assert door.get(f"{OFFERING}/{made['id']}").json() == made


def test_what_was_sold_is_not_deleted(door: Door) -> None:
    made = make(door)
    door.patch(f"{OFFERING}/{made['id']}", {"lifecycleStatus": "Retired"})
    answer = door.delete(f"{OFFERING}/{made['id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "offering_was_sold")
    assert rows() == (1, 1, 0)


# --- who is told --------------------------------------------------------------------------------------------------


def told() -> list[tuple[str, dict[str, Any]]]:
    return [(row.body["eventType"], row.body["event"]) for row in EventDelivery.objects.order_by("pk")]


@pytest.mark.parametrize("kind", KINDS)
def test_listeners_are_told(door: Door, now: datetime, kind: str) -> None:
    door.token()
    listener_add(
        client_id="partner",
        operator="tim",
        api="catalog",
        callback="https://shop.test/",
        query="",
        now=now,
    )
    path, name = KINDS[kind], kind[0].lower() + kind[1:]
    made = make(door, path, {"name": "x"})
    one = f"{path}/{made['id']}"
    renamed = door.patch(one, {"name": "y"}).json()
    launched = door.patch(one, {"lifecycleStatus": "In Test"}).json()
    door.patch(one, {"name": ""})
    door.post(path, {})
    door.delete(one)
    assert told() == [
        (f"{kind}CreateEvent", {name: made}),
        (f"{kind}AttributeValueChangeEvent", {name: renamed}),
        (f"{kind}StateChangeEvent", {name: launched}),
        (f"{kind}DeleteEvent", {name: launched}),
    ]
    for row in EventDelivery.objects.all():
        assert problems(CATALOG, row.body["eventType"], row.body) == []


def test_what_was_refused_is_not_told(door: Door, now: datetime) -> None:
    made = make(door)
    listener_add(client_id="partner", operator="tim", api="catalog", callback="https://shop.test/", query="", now=now)
    assert door.delete(f"{OFFERING}/{made['id']}").status_code == 409
    assert told() == []
