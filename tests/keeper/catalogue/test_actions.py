"""Refreshing a catalogue, holding a price, using it once: real rows, a real carrier over HTTP."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from lineaviva.keeper.accounts.models import AuditEntry, User
from lineaviva.keeper.catalogue.actions import (
    catalogue_refresh,
    promotion_add,
    quote_make,
    quote_release,
    quote_use,
    sources_ensure,
)
from lineaviva.keeper.catalogue.models import CatalogueSource, Offering, Promotion, Quote
from lineaviva.keeper.catalogue.queries import offering_for, offerings_for
from lineaviva.keeper.lines.actions import line_remove
from lineaviva.keeper.lines.models import Line
from lineaviva.kernel import agenda
from lineaviva.kernel.clock import FrozenClock
from lineaviva.kernel.errors import Conflict, InvalidInput, LineavivaError, NotFound, Temporary
from tests import factories
from tests.conftest import NOON
from tests.keeper.catalogue.conftest import Carrier, discount, offering, plan
from tests.keeper.together import together

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def no_carriers(settings: Settings) -> None:
    settings.TMF_URLS = {}


@pytest.fixture
def line(now: datetime) -> Line:
    return factories.line(operator="tim", now=now)


@pytest.fixture
def anna(line: Line) -> User:
    return line.holder


def sold(external_id: str = "topup-5", *, price: int | None = 500, **fields: Any) -> Offering:
    """An offering that TIM's carrier lists."""
    plain = {
        "operator": "tim",
        "kind": "topup",
        "name": external_id,
        "source": "tmf620",
        "sellable": True,
        "extends": True,
    }
    row = {**plain, "external_id": external_id, "price_minor": price, **fields}
    return Offering.objects.create(key=f"{row['operator']}:{external_id}", **row)


def by_key(operator: str = "tim") -> dict[str, Offering]:
    return {row.external_id: row for row in Offering.objects.filter(operator=operator)}


# --- the rulebook alone -------------------------------------------------------------------------------------------


def test_the_rulebook_gives_offers_to_compare_and_none_to_sell(now: datetime) -> None:
    source = catalogue_refresh(operator="tim", now=now)

    rows = by_key()
    five = rows["topup-5"]
    assert (five.kind, five.price_minor, five.currency, five.extends) == ("topup", 500, "EUR", True)
    assert (five.source, five.source_date, five.sellable) == ("rulebook", "~2019-01", False)
    assert (rows["tim-base19"].price_minor, rows["tim-base19"].period_months) == (None, None)
    assert "tim-no-offer" not in rows  # a charge, not something that one can buy
    assert [row.sellable for row in rows.values()] == [False] * len(rows)
    assert (source.operator, source.read_at) == ("tim", now)


def test_twice_changes_nothing(now: datetime) -> None:
    catalogue_refresh(operator="tim", now=now)
    before = list(Offering.objects.order_by("pk").values())

    catalogue_refresh(operator="tim", now=now + MINUTE)

    assert list(Offering.objects.order_by("pk").values()) == before


def test_every_operator_of_the_rulebook_has_a_catalogue(now: datetime) -> None:
    from lineaviva import rulebook

    for operator in rulebook.slugs():
        catalogue_refresh(operator=operator, now=now)

    assert CatalogueSource.objects.count() == 18
    assert {row.operator for row in Offering.objects.all()} <= set(rulebook.slugs())


def test_an_operator_that_nobody_knows(now: datetime) -> None:
    with pytest.raises(NotFound) as refusal:
        catalogue_refresh(operator="nobody", now=now)

    assert refusal.value.code == "operator_unknown"
    assert (Offering.objects.count(), CatalogueSource.objects.count()) == (0, 0)


# --- with a carrier -----------------------------------------------------------------------------------------------


def test_what_the_carrier_lists_can_be_bought(carrier: Carrier, now: datetime) -> None:
    carrier.lists(offering("topup-5", price=5.5), plan("spark"))

    catalogue_refresh(operator="tim", now=now)

    rows = by_key()
    assert (rows["topup-5"].sellable, rows["topup-5"].price_minor, rows["topup-5"].source) == (True, 550, "tmf620")
    assert rows["topup-5"].source_date == "~2019-01"  # the rulebook's facts stay beside the carrier's price
    assert rows["topup-5"].extends is True
    assert (rows["spark"].sellable, rows["spark"].price_minor) == (True, 799)
    assert (rows["topup-10"].sellable, rows["topup-10"].source) == (False, "rulebook")


def test_what_is_sold_stands_first(carrier: Carrier, now: datetime) -> None:
    carrier.lists(plan("spark"), offering("topup-20", price=20), offering("topup-10", price=10))

    catalogue_refresh(operator="tim", now=now)

    found = offerings_for("tim", now)
    assert [row.external_id for row in found[:4]] == ["topup-10", "topup-20", "spark", "topup-4"]
    assert {row.operator for row in found} == {"tim"}


def test_what_the_carrier_takes_off_its_list_is_withdrawn_and_kept(carrier: Carrier, now: datetime) -> None:
    carrier.lists(offering("topup-5"), plan("spark"))
    catalogue_refresh(operator="tim", now=now)
    carrier.lists()

    catalogue_refresh(operator="tim", now=now + MINUTE)

    rows = by_key()
    assert (rows["spark"].withdrawn_at, rows["spark"].sellable) == (now + MINUTE, False)
    # The rulebook still knows this one: for comparing only, at the rulebook's price.
    assert (rows["topup-5"].withdrawn_at, rows["topup-5"].sellable, rows["topup-5"].source) == (None, False, "rulebook")
    assert "spark" not in [row.external_id for row in offerings_for("tim", now + MINUTE)]


def test_what_was_withdrawn_comes_back_as_the_same_row(carrier: Carrier, now: datetime) -> None:
    carrier.lists(plan("spark"))
    catalogue_refresh(operator="tim", now=now)
    before = by_key()["spark"].pk
    carrier.lists()
    catalogue_refresh(operator="tim", now=now)
    carrier.lists(plan("spark", price=8.99))

    catalogue_refresh(operator="tim", now=now)

    row = by_key()["spark"]
    assert (row.pk, row.withdrawn_at, row.sellable, row.price_minor) == (before, None, True, 899)


def test_a_carrier_that_is_down_leaves_the_old_catalogue(carrier: Carrier, now: datetime) -> None:
    carrier.lists(offering("topup-5", price=5.5), plan("spark"))
    catalogue_refresh(operator="tim", now=now)
    before = list(Offering.objects.order_by("pk").values())
    carrier.answer = lambda path: (503, b"")

    with pytest.raises(Temporary):
        catalogue_refresh(operator="tim", now=now + MINUTE)

    assert list(Offering.objects.order_by("pk").values()) == before
    assert CatalogueSource.objects.get(operator="tim").read_at == now


def test_a_carrier_that_was_never_up_still_leaves_the_rulebook(carrier: Carrier, now: datetime) -> None:
    carrier.answer = lambda path: (503, b"")

    with pytest.raises(Temporary):
        catalogue_refresh(operator="tim", now=now)

    assert by_key()["topup-5"].sellable is False
    assert CatalogueSource.objects.get(operator="tim").read_at is None


def test_a_carrier_that_is_no_longer_ours_sells_nothing(carrier: Carrier, settings: Settings, now: datetime) -> None:
    carrier.lists(offering("topup-5"), plan("spark"))
    catalogue_refresh(operator="tim", now=now)
    settings.TMF_URLS = {}

    catalogue_refresh(operator="tim", now=now)

    assert Offering.objects.filter(sellable=True).count() == 0


def test_an_offering_is_in_the_catalogue_in_its_period_only(carrier: Carrier, now: datetime) -> None:
    period = {"startDateTime": "2026-12-01T00:00:00+01:00", "endDateTime": "2027-01-01T00:00:00+01:00"}
    carrier.lists(plan("xmas", validFor=period))
    catalogue_refresh(operator="tim", now=now)

    def listed(at: str) -> bool:
        return "xmas" in [row.external_id for row in offerings_for("tim", datetime.fromisoformat(at))]

    assert not listed("2026-11-30T23:59:59+01:00")
    assert listed("2026-12-01T00:00:00+01:00")
    assert listed("2026-12-31T23:59:59+01:00")
    assert not listed("2027-01-01T00:00:00+01:00")


# --- promotions ---------------------------------------------------------------------------------------------------


def listed_with_discount(**fields: Any) -> dict[str, Any]:
    document = offering("topup-5")
    document["productOfferingPrice"].append(discount(**fields))
    return document


def test_a_carriers_discount_is_a_promotion_and_ends_when_it_is_no_longer_listed(
    carrier: Carrier, now: datetime
) -> None:
    carrier.lists(listed_with_discount(validFor=None))
    catalogue_refresh(operator="tim", now=now)
    promotion = Promotion.objects.get()
    assert (promotion.key, promotion.off_minor, promotion.source) == ("tim:topup-5:autumn", 100, "tmf620")
    assert (promotion.valid_from, promotion.valid_until) == (now, None)

    carrier.lists(offering("topup-5"))
    catalogue_refresh(operator="tim", now=now + MINUTE)

    promotion.refresh_from_db()
    assert promotion.valid_until == now + MINUTE


def test_a_discount_without_a_beginning_keeps_its_first_day(carrier: Carrier, now: datetime) -> None:
    carrier.lists(listed_with_discount(validFor=None))
    catalogue_refresh(operator="tim", now=now)

    catalogue_refresh(operator="tim", now=now + MINUTE)

    assert Promotion.objects.get().valid_from == now


def test_our_own_promotions_do_not_end_with_a_refresh(carrier: Carrier, now: datetime) -> None:
    mine = autumn(now)

    catalogue_refresh(operator="tim", now=now)

    mine.refresh_from_db()
    assert mine.valid_until == now + timedelta(days=1)


def autumn(now: datetime, **fields: Any) -> Promotion:
    plain = {"operator": "tim", "key": "autumn", "name": "Autumn", "off_minor": 100}
    return promotion_add(**{**plain, "now": now, "valid_from": now, "valid_until": now + timedelta(days=1), **fields})


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        pytest.param({"operator": "nobody"}, "operator_unknown", id="operator"),
        pytest.param({"off_minor": 0}, "promotion_off_invalid", id="takes nothing off"),
        pytest.param({"off_minor": -1}, "promotion_off_invalid", id="adds"),
        pytest.param({"off_percent": 101}, "promotion_off_invalid", id="more than all"),
        pytest.param({"valid_until": NOON}, "promotion_period_invalid", id="period"),
        pytest.param({"conditions": {"moon": "full"}}, "condition_unknown", id="condition"),
    ],
)
def test_a_promotion_that_makes_no_sense(fields: dict[str, Any], code: str, now: datetime) -> None:
    with pytest.raises(LineavivaError) as refusal:
        autumn(now, **fields)

    assert refusal.value.code == code
    assert Promotion.objects.count() == 0


def test_a_promotion_of_another_operators_offering(now: datetime) -> None:
    with pytest.raises(InvalidInput) as refusal:
        autumn(now, offering=sold("topup-9", operator="vodafone"))

    assert refusal.value.code == "offering_wrong_operator"
    assert Promotion.objects.count() == 0


def test_a_promotion_key_is_taken_once(now: datetime) -> None:
    autumn(now)

    with pytest.raises(Conflict) as refusal:
        autumn(now, off_minor=200)

    assert refusal.value.code == "promotion_exists"
    assert Promotion.objects.get().off_minor == 100
    entry = AuditEntry.objects.get(act="promotion_add")
    assert (entry.actor, entry.subject, entry.at) == (None, "promotion:tim:autumn", now)


# --- quotes -------------------------------------------------------------------------------------------------------


def test_a_quote_holds_the_price_for_half_an_hour(line: Line, anna: User, now: datetime) -> None:
    quote = quote_make(line=line, offering=sold(), by=anna, now=now)

    assert (quote.price_minor, quote.discount_minor, quote.total_minor, quote.currency) == (500, 0, 500, "EUR")
    assert (quote.line, quote.asked_by, quote.promotion) == (line, anna, None)
    assert (quote.created_at, quote.valid_until, quote.used_at) == (now, now + 30 * MINUTE, None)


def test_a_held_price_outlives_a_change(line: Line, anna: User, now: datetime) -> None:
    row = sold()
    quote = quote_make(line=line, offering=row, by=anna, now=now)

    Offering.objects.update(price_minor=900)

    quote.refresh_from_db()
    assert quote.total_minor == 500
    assert quote_make(line=line, offering=row, by=anna, now=now).total_minor == 900


def test_the_best_promotion_is_applied(line: Line, anna: User, now: datetime) -> None:
    row = sold()
    autumn(now)
    autumn(now, key="winter", name="Winter", off_minor=0, off_percent=30)
    autumn(now, key="other", offering=sold("topup-10", price=1000), off_minor=400)

    quote = quote_make(line=line, offering=row, by=anna, now=now)

    assert quote.promotion is not None
    assert (quote.promotion.name, quote.discount_minor, quote.total_minor) == ("Winter", 150, 350)


@pytest.mark.parametrize(
    ("conditions", "sim_type", "off"),
    [
        ({"sim_type": "esim"}, "esim", 100),
        ({"sim_type": "esim"}, "physical", 0),
        ({"minimum_minor": 500}, "physical", 100),
        ({"minimum_minor": 501}, "physical", 0),
    ],
)
def test_conditions_are_looked_at(conditions: dict[str, Any], sim_type: str, off: int, now: datetime) -> None:
    line = factories.line(operator="tim", now=now, sim_type=sim_type)
    autumn(now, conditions=conditions)

    assert quote_make(line=line, offering=sold(), by=line.holder, now=now).discount_minor == off


REFUSALS = [
    pytest.param({"sellable": False}, "offering_not_sellable", id="not sold here"),
    pytest.param({"price": None}, "offering_price_unknown", id="price not known"),
    pytest.param({"operator": "vodafone"}, "offering_wrong_operator", id="another operator's"),
    pytest.param({"withdrawn_at": "now"}, "offering_withdrawn", id="withdrawn"),
    pytest.param({"valid_until": "now"}, "offering_withdrawn", id="over at this instant"),
    pytest.param({"valid_from": "later"}, "offering_withdrawn", id="not begun"),
]


@pytest.mark.parametrize(("fields", "code"), REFUSALS)
def test_what_is_not_quoted(fields: dict[str, Any], code: str, line: Line, now: datetime) -> None:
    instants = {"now": now, "later": now + MINUTE}
    given: dict[str, Any] = {name: instants.get(value, value) for name, value in fields.items()}
    row = sold(**given)

    with pytest.raises(LineavivaError) as refusal:
        quote_make(line=line, offering=row, by=line.holder, now=now)

    assert refusal.value.code == code
    assert Quote.objects.count() == 0


def test_a_removed_line_is_not_quoted(line: Line, anna: User, now: datetime) -> None:
    row = sold()
    line_remove(line=line, by=anna, now=now)

    with pytest.raises(Conflict) as refusal:
        quote_make(line=line, offering=row, by=anna, now=now)

    assert refusal.value.code == "line_removed"
    assert Quote.objects.count() == 0


def test_a_lost_number_is_not_topped_up_for_a_stranger(now: datetime) -> None:
    line = factories.line(operator="tim", last_topup=date(2024, 10, 31), now=now)

    with pytest.raises(Conflict) as refusal:
        quote_make(line=line, offering=sold(), by=line.holder, now=now)

    assert refusal.value.code == "line_lost"
    assert Quote.objects.count() == 0


# --- using a quote ------------------------------------------------------------------------------------------------


def test_a_quote_is_used_once_and_quietly_twice(line: Line, anna: User, now: datetime) -> None:
    quote = quote_make(line=line, offering=sold(), by=anna, now=now)

    assert quote_use(quote=quote, now=now + MINUTE).used_at == now + MINUTE
    assert quote_use(quote=quote, now=now + 40 * MINUTE).used_at == now + MINUTE


@pytest.mark.parametrize(("after", "fine"), [(30 * MINUTE - timedelta(microseconds=1), True), (30 * MINUTE, False)])
def test_a_quote_ends(after: timedelta, fine: bool, line: Line, anna: User, now: datetime) -> None:
    quote = quote_make(line=line, offering=sold(), by=anna, now=now)

    if fine:
        assert quote_use(quote=quote, now=now + after).used_at == now + after
        return
    with pytest.raises(Conflict) as refusal:
        quote_use(quote=quote, now=now + after)
    assert refusal.value.code == "quote_expired"
    quote.refresh_from_db()
    assert quote.used_at is None


def test_a_promotion_for_one_time_counts_with_the_order_not_with_the_quote(
    line: Line, anna: User, now: datetime
) -> None:
    row = sold()
    autumn(now, conditions={"once_per_line": True})
    first = quote_make(line=line, offering=row, by=anna, now=now)
    second = quote_make(line=line, offering=row, by=anna, now=now)
    assert (first.discount_minor, second.discount_minor) == (100, 100)

    quote_use(quote=first, now=now)

    with pytest.raises(Conflict) as refusal:
        quote_use(quote=second, now=now)
    assert refusal.value.code == "promotion_used"
    assert quote_make(line=line, offering=row, by=anna, now=now).discount_minor == 0
    other = factories.line(holder=anna, operator="tim", now=now)
    assert quote_make(line=other, offering=row, by=anna, now=now).discount_minor == 100


def test_an_order_that_came_to_nothing_gives_the_promotion_back(line: Line, anna: User, now: datetime) -> None:
    row = sold()
    autumn(now, conditions={"once_per_line": True})
    quote = quote_use(quote=quote_make(line=line, offering=row, by=anna, now=now), now=now)

    quote_release(quote=quote)

    assert quote_make(line=line, offering=row, by=anna, now=now).discount_minor == 100


@pytest.mark.django_db(transaction=True)
def test_two_orders_at_once_share_a_promotion_for_one_time(now: datetime) -> None:
    line = factories.line(operator="tim", now=now)
    row = sold()
    autumn(now, conditions={"once_per_line": True})
    quotes = [quote_make(line=line, offering=row, by=line.holder, now=now) for _ in range(4)]

    answers = together(4, lambda: quote_use(quote=quotes.pop(), now=now))

    refused = [answer.code for answer in answers if isinstance(answer, Conflict)]
    assert refused == ["promotion_used"] * 3
    assert Quote.objects.filter(used_at=now).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_refreshes_at_once_write_one_catalogue(carrier: Carrier, now: datetime) -> None:
    carrier.lists(listed_with_discount(), plan("spark"))

    together(4, lambda: catalogue_refresh(operator="tim", now=now))

    keys = list(Offering.objects.values_list("key", flat=True))
    assert len(keys) == len(set(keys))
    assert Offering.objects.filter(sellable=True).count() == 2
    assert (Promotion.objects.count(), CatalogueSource.objects.count()) == (1, 1)


# --- the agenda ---------------------------------------------------------------------------------------------------


def test_each_catalogue_is_read_again_after_six_hours(carrier: Carrier, clock: FrozenClock) -> None:
    carrier.lists(offering("topup-5"))
    assert sources_ensure(now=clock.now()) == 18
    assert sources_ensure(now=clock.now()) == 0

    agenda.run_due(clock.now())
    assert len(carrier.asked) == 1
    assert set(CatalogueSource.objects.values_list("look_at", flat=True)) == {clock.now() + timedelta(hours=6)}

    clock.advance(timedelta(hours=6))
    agenda.run_due(clock.now())
    assert len(carrier.asked) == 2


def test_a_carrier_that_is_down_is_asked_again_sooner_and_sells_on(carrier: Carrier, clock: FrozenClock) -> None:
    carrier.lists(offering("topup-5"))
    sources_ensure(now=clock.now())
    agenda.run_due(clock.now())
    carrier.answer = lambda path: (503, b"")

    clock.advance(timedelta(hours=6))
    agenda.run_due(clock.now())

    source = CatalogueSource.objects.get(operator="tim")
    assert clock.now() < (source.look_at or clock.now()) < clock.now() + timedelta(hours=6)
    assert source.stuck_reason == ""
    assert offering_for(operator="tim", external_id="topup-5", now=clock.now()).sellable is True

    carrier.answer = lambda path: None
    clock.advance(timedelta(hours=6))
    agenda.run_due(clock.now())
    assert CatalogueSource.objects.get(operator="tim").read_at == clock.now()
