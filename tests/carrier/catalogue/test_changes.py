"""What is on sale changes by announcement, and nobody is told too late."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from lineaviva import rulebook
from lineaviva.carrier.catalogue import rules
from lineaviva.carrier.catalogue.actions import (
    MOST_OF_A_KIND,
    offer_change_announce,
    resource_change,
    resource_create,
    resource_delete,
    resource_locked,
)
from lineaviva.carrier.catalogue.models import CatalogueResource, OfferChange, OwnPlan
from lineaviva.carrier.catalogue.queries import offerings, offerings_on_sale
from lineaviva.carrier.catalogue.rules import PlanTerms
from lineaviva.kernel.errors import Conflict, LineavivaError, NotFound

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 22)
FIRST = date(2026, 12, 22)
TERMS = PlanTerms("Summer", 799, 1, None, extends=True, data_mb=50_000, minutes=-1, sms=200)
DAY = timedelta(days=1)


def make(now: datetime, terms: PlanTerms | None = TERMS, operator: str = "tim") -> CatalogueResource:
    return resource_create(
        operator=operator,
        kind="productOffering",
        body={"name": "Summer"},
        lifecycle_status="Active",
        terms=terms,
        now=now,
    )


def change(row: CatalogueResource, terms: PlanTerms | None, now: datetime) -> CatalogueResource:
    return resource_change(row=row, body=row.body, lifecycle_status="Active", terms=terms, now=now)


def announce(now: datetime, **facts: Any) -> OfferChange:
    plain = {"operator": "tim", "offering_id": "tim-base-e-chat", "kind": "price", "price_minor": 300}
    return offer_change_announce(**{**plain, **facts, "now": now})


# --- plans of one's own -------------------------------------------------------------------------------------------


def test_a_plan_of_ones_own_is_sold(now: datetime) -> None:
    row = make(now)
    found = offerings_on_sale("tim", now)[row.key]
    assert (found.kind, found.name, found.price_minor, found.period_months, found.extends) == (
        "plan", "Summer", 799, 1, True,
    )  # fmt: skip
    assert found.allowances == {"data_mb": 50_000, "minutes": -1, "sms": 200, "eu_roaming_mb": None}
    assert row.key not in offerings("vodafone")


def test_what_has_no_terms_is_not_sold(now: datetime) -> None:
    assert make(now, None).key not in offerings("tim")


@pytest.mark.parametrize(
    ("at", "sold"),
    [(timedelta(0), False), (DAY, True), (3 * DAY - timedelta(microseconds=1), True), (3 * DAY, False)],
)
def test_it_is_sold_in_its_window_and_known_for_ever(now: datetime, at: timedelta, sold: bool) -> None:
    row = make(now, replace(TERMS, sold_from=now + DAY, sold_until=now + 3 * DAY))
    assert (row.key in offerings_on_sale("tim", now + at)) is sold
    assert row.key in offerings("tim")


def test_what_was_retired_is_not_sold_and_comes_back(now: datetime) -> None:
    row = make(now)
    change(row, None, now + DAY)
    assert row.key in offerings_on_sale("tim", now + DAY - timedelta(microseconds=1))
    assert row.key not in offerings_on_sale("tim", now + DAY)
    assert row.key in offerings("tim")
    change(row, None, now + 5 * DAY)
    assert OwnPlan.objects.get().sold_until == now + DAY
    change(row, TERMS, now + 6 * DAY)
    assert row.key in offerings_on_sale("tim", now + 6 * DAY)


@pytest.mark.parametrize(
    "promised",
    [
        {"period_months": 3},
        {"period_months": None, "period_days": 30},
        {"extends": False},
        {"data_mb": 10},
        {"minutes": None},
        {"sms": 0},
        {"renewal_policy": "base19"},
    ],
    ids=str,
)
def test_what_was_promised_does_not_change(now: datetime, promised: dict[str, Any]) -> None:
    row = make(now)
    before = OwnPlan.objects.values().get()
    with pytest.raises(Conflict) as refusal:
        change(row, replace(TERMS, **promised), now)
    assert (refusal.value.code, next(iter(promised)) in refusal.value.message) == ("terms_fixed", True)
    assert OwnPlan.objects.values().get() == before


def test_its_name_may_change_and_its_price_not_by_this_way(now: datetime) -> None:
    row = make(now)
    change(row, replace(TERMS, name="Sunny", price_minor=999), now)
    assert (OwnPlan.objects.get().name, OwnPlan.objects.get().price_minor) == ("Sunny", 799)


def test_what_was_sold_is_not_deleted(now: datetime) -> None:
    row, draft = make(now), make(now, None)
    change(row, None, now)
    with pytest.raises(Conflict) as refusal:
        resource_delete(row=row)
    assert refusal.value.code == "offering_was_sold"
    resource_delete(row=draft)
    assert [one.key for one in CatalogueResource.objects.all()] == [row.key]


def test_ids_are_never_given_twice(now: datetime) -> None:
    keys = {make(now, None).key for _ in range(20)}
    assert len(keys) == 20
    assert all(key.startswith("summer-") for key in keys)


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("Summer 50 GB!", "summer-50-gb-"),
        ("Città più", "citta-piu-"),
        ("夏天", "resource-"),
        ("--", "resource-"),
        ("x" * 120, "x" * 30 + "-"),
    ],
)
def test_ids_say_what_they_are(name: str, begins: str) -> None:
    assert rules.key_made(name).startswith(begins)
    assert len(rules.key_made(name)) == len(begins) + 8


def test_a_catalogue_is_not_without_end(now: datetime) -> None:
    CatalogueResource.objects.bulk_create(
        CatalogueResource(
            operator="tim", kind="category", key=str(n), body={}, lifecycle_status="Active", last_update=now
        )
        for n in range(MOST_OF_A_KIND)
    )
    with pytest.raises(Conflict) as refusal:
        resource_create(
            operator="tim", kind="category", body={"name": "x"}, lifecycle_status="Active", terms=None, now=now
        )
    assert refusal.value.code == "catalogue_full"
    make(now)


def test_another_operators_resource_is_not_there(now: datetime) -> None:
    row = make(now, operator="vodafone")
    with pytest.raises(NotFound):
        resource_locked(operator="tim", kind="productOffering", key=row.key)


# --- announcements ------------------------------------------------------------------------------------------------


def test_the_law_says_thirty_days() -> None:
    assert rulebook.legal().change_notice_days == 30


def test_another_price_is_announced_and_counts_from_its_day(now: datetime) -> None:
    found = announce(now)
    assert (found.announced_on, found.from_on, found.price_minor) == (TODAY, FIRST, 300)
    evening = datetime.fromisoformat("2026-12-21T23:59:59+01:00")
    assert offerings_on_sale("tim", evening)["tim-base-e-chat"].price_minor == 200
    assert offerings_on_sale("tim", evening + timedelta(seconds=1))["tim-base-e-chat"].price_minor == 300
    assert offerings("tim")["tim-base-e-chat"].price_minor == 200


def test_the_last_one_that_has_begun_counts(now: datetime) -> None:
    announce(now, price_minor=300)
    announce(now, price_minor=250, from_on=date(2027, 3, 1))
    announce(now, price_minor=400, from_on=date(2027, 2, 1))
    prices = [
        offerings_on_sale("tim", datetime.fromisoformat(f"{day}T12:00:00+01:00"))["tim-base-e-chat"].price_minor
        for day in ("2026-12-21", "2026-12-22", "2027-02-01", "2027-03-01")
    ]
    assert prices == [200, 300, 400, 250]


def test_an_end_is_announced_with_what_follows(now: datetime) -> None:
    row = make(now)
    found = announce(now, kind="withdrawn", price_minor=None, replaced_by=row.key)
    assert (found.kind, found.price_minor, found.replaced_by) == ("withdrawn", None, row.key)
    assert "tim-base-e-chat" in offerings_on_sale("tim", now)
    later = now + 30 * DAY
    assert "tim-base-e-chat" not in offerings_on_sale("tim", later)
    assert "tim-base-e-chat" in offerings("tim")


def test_the_same_again_changes_nothing(now: datetime) -> None:
    first = announce(now)
    assert announce(now + 3 * DAY) == first
    assert announce(now, from_on=FIRST) == first
    assert OfferChange.objects.count() == 1


@pytest.mark.parametrize(
    ("facts", "code", "field"),
    [
        pytest.param({"offering_id": "nothing"}, "offering_unknown", "offering_id", id="no such offering"),
        pytest.param({"operator": "vodafone"}, "offering_unknown", "offering_id", id="another operator's"),
        pytest.param({"from_on": date(2026, 12, 21)}, "notice_too_short", "from_on", id="29 days"),
        pytest.param({"from_on": TODAY}, "notice_too_short", "from_on", id="at once"),
        pytest.param({"from_on": date(2020, 1, 1)}, "notice_too_short", "from_on", id="long ago"),
        pytest.param({"price_minor": None}, "price_invalid", "price_minor", id="no price"),
        pytest.param({"price_minor": 0}, "price_invalid", "price_minor", id="for nothing"),
        pytest.param({"price_minor": -5}, "price_invalid", "price_minor", id="below zero"),
        pytest.param({"kind": "withdrawn"}, "price_invalid", "price_minor", id="an end with a price"),
        pytest.param(
            {"kind": "withdrawn", "price_minor": None, "replaced_by": "nothing"},
            "offering_unknown",
            "replaced_by",
            id="nothing follows",
        ),
    ],
)
def test_what_is_not_announced(now: datetime, facts: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(LineavivaError) as refusal:
        announce(now, **facts)
    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert OfferChange.objects.count() == 0


def test_two_prices_for_one_day_are_none(now: datetime) -> None:
    announce(now)
    with pytest.raises(Conflict) as refusal:
        announce(now, price_minor=500)
    assert refusal.value.code == "change_announced"
    assert OfferChange.objects.get().price_minor == 300


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "price", "price_minor": None},
        {"kind": "withdrawn", "price_minor": 5},
        {"kind": "price", "price_minor": 5, "replaced_by": "x"},
        {"kind": "other", "price_minor": None},
        {"kind": "price", "price_minor": 5, "from_on": TODAY},
    ],
)
def test_the_database_takes_no_change_that_says_nothing(wrong: dict[str, Any]) -> None:
    plain = {"operator": "tim", "offering_id": "x", "announced_on": TODAY, "from_on": FIRST}
    with pytest.raises(IntegrityError), transaction.atomic():
        OfferChange.objects.create(**{**plain, **wrong})
