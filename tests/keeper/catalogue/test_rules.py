"""The catalogue's pure decisions: merging, promotions, costs, needs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.catalogue import rules
from lineaviva.keeper.catalogue.rules import Draft, Need, Terms
from lineaviva.kernel.errors import InvalidInput

NOW = datetime(2026, 11, 22, 11, tzinfo=UTC)
HOUR = timedelta(hours=1)


def terms(**fields: Any) -> Terms:
    return Terms(
        **{"key": "tim:autumn", "valid_from": NOW - HOUR, "valid_until": NOW + HOUR, "off_minor": 100, **fields}
    )


@pytest.mark.parametrize(
    ("minor", "expected"), [(500, "topup-5"), (499, "topup-4.99"), (10_000, "topup-100"), (5, "topup-0.05")]
)
def test_the_id_of_a_topup(minor: int, expected: str) -> None:
    assert rules.topup_id(minor) == expected


# --- merging ------------------------------------------------------------------------------------------------------

BOOK = Draft(
    operator="tim",
    external_id="spark",
    kind="plan",
    name="Spark",
    source="rulebook",
    price_minor=200,
    period_months=1,
    allowances={"minutes": 50, "sms": 10},
    extends=True,
    source_url="https://example.org/spark",
    source_date="2021-05",
    note="the default",
)


def carrier(**fields: Any) -> Draft:
    plain = {"operator": "tim", "external_id": "spark", "kind": "plan", "name": "TIM Spark", "source": "tmf620"}
    return Draft(**{**plain, "sellable": True, "price_minor": 250, **fields})


def test_the_carriers_price_wins_and_the_facts_stay() -> None:
    (merged,) = rules.merge([BOOK], [carrier(allowances={"minutes": 100})]).values()

    assert (merged.price_minor, merged.name, merged.source, merged.sellable) == (250, "TIM Spark", "tmf620", True)
    assert merged.allowances == {"minutes": 100, "sms": 10}
    assert (merged.period_months, merged.extends) == (1, True)
    assert (merged.source_url, merged.source_date, merged.note) == (BOOK.source_url, "2021-05", "the default")


def test_a_price_that_the_carrier_does_not_tell_is_not_taken_from_the_rulebook() -> None:
    (merged,) = rules.merge([BOOK], [carrier(price_minor=None)]).values()

    assert merged.price_minor is None  # what is sold at an unknown price is not sold at an old one


def test_the_carriers_period_replaces_the_rulebooks_as_a_whole() -> None:
    (merged,) = rules.merge([BOOK], [carrier(period_days=28, extends=False)]).values()

    assert (merged.period_months, merged.period_days, merged.extends) == (None, 28, False)


def test_what_only_one_of_them_knows_stands_alone() -> None:
    other = carrier(external_id="topup-5", kind="topup")

    assert rules.merge([BOOK], [other]) == {"tim:spark": BOOK, "tim:topup-5": other}


# --- promotions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, True, id="no conditions"),
        pytest.param({"valid_from": NOW}, True, id="begins at this instant"),
        pytest.param({"valid_from": NOW + timedelta(microseconds=1)}, False, id="not begun"),
        pytest.param({"valid_until": NOW}, False, id="over at this instant"),
        pytest.param({"valid_until": NOW + timedelta(microseconds=1)}, True, id="its last instant"),
        pytest.param({"valid_until": None}, True, id="no end"),
        pytest.param({"conditions": {"minimum_minor": 1000}}, True, id="price is the minimum"),
        pytest.param({"conditions": {"minimum_minor": 1001}}, False, id="price below the minimum"),
        pytest.param({"conditions": {"sim_type": "esim"}}, True, id="the SIM type asked for"),
        pytest.param({"conditions": {"sim_type": "physical"}}, False, id="another SIM type"),
        pytest.param({"conditions": {"once_per_line": True}}, True, id="once, not used"),
        pytest.param({"conditions": {"once_per_line": True}, "used_on_line": True}, False, id="once, used"),
        pytest.param({"conditions": {"once_per_line": False}, "used_on_line": True}, True, id="any number of times"),
        pytest.param({"conditions": {"sim_type": "esim", "minimum_minor": 2000}}, False, id="one of two holds"),
        pytest.param({"conditions": {"full_moon": True}}, False, id="a condition that is not known"),
    ],
)
def test_when_a_promotion_applies(fields: dict[str, Any], expected: bool) -> None:
    assert rules.applies(terms(**fields), price_minor=1000, sim_type="esim", now=NOW) is expected


@pytest.mark.parametrize(
    ("off_minor", "off_percent", "price", "expected"),
    [
        pytest.param(100, 0, 500, 100, id="an amount"),
        pytest.param(900, 0, 500, 500, id="never more than the price"),
        pytest.param(0, 10, 500, 50, id="a percentage"),
        pytest.param(0, 10, 495, 50, id="half a cent rounds up"),
        pytest.param(0, 10, 494, 49, id="less than half rounds down"),
        pytest.param(0, 100, 499, 499, id="everything"),
        pytest.param(100, 50, 500, 350, id="both"),
    ],
)
def test_what_a_promotion_takes_off(off_minor: int, off_percent: int, price: int, expected: int) -> None:
    assert rules.discount(terms(off_minor=off_minor, off_percent=off_percent), price) == expected


def test_of_several_the_holder_gets_the_best() -> None:
    found = [
        terms(key="a", off_minor=100),
        terms(key="b", off_minor=0, off_percent=30),
        terms(key="c", off_minor=400, valid_until=NOW),
    ]

    best, off = rules.best(found, price_minor=1000, sim_type="esim", now=NOW)

    assert best is not None
    assert (best.key, off) == ("b", 300)


def test_two_equal_ones_are_told_apart_by_key() -> None:
    best, off = rules.best([terms(key="b"), terms(key="a")], price_minor=1000, sim_type="esim", now=NOW)

    assert best is not None
    assert (best.key, off) == ("a", 100)


def test_a_promotion_that_takes_nothing_off_is_none() -> None:
    assert rules.best([terms(off_minor=0)], price_minor=1000, sim_type="esim", now=NOW) == (None, 0)


_instants = st.integers(-100, 100).map(lambda hours: NOW + hours * HOUR)
_promotions = st.builds(
    Terms,
    key=st.text("abc", min_size=1, max_size=3),
    valid_from=_instants,
    valid_until=st.none() | _instants,
    off_minor=st.integers(0, 10_000),
    off_percent=st.integers(0, 100),
    conditions=st.fixed_dictionaries(
        {},
        optional={
            "minimum_minor": st.integers(0, 10_000),
            "sim_type": st.sampled_from(["esim", "physical"]),
            "once_per_line": st.booleans(),
            "unheard_of": st.just(1),
        },
    ),
    used_on_line=st.booleans(),
)


@given(st.lists(_promotions, max_size=6), st.integers(0, 20_000))
def test_a_quote_is_never_below_zero_nor_above_the_price(promotions: list[Terms], price: int) -> None:
    best, off = rules.best(promotions, price_minor=price, sim_type="esim", now=NOW)

    assert 0 <= off <= price
    assert (best is None) == (off == 0)


@given(st.lists(_promotions, max_size=6), _promotions, st.integers(0, 20_000))
def test_one_more_promotion_never_makes_it_dearer(promotions: list[Terms], one: Terms, price: int) -> None:
    _, before = rules.best(promotions, price_minor=price, sim_type="esim", now=NOW)
    _, after = rules.best([*promotions, one], price_minor=price, sim_type="esim", now=NOW)

    assert after >= before


@given(st.lists(_promotions, max_size=6), st.integers(0, 20_000))
def test_the_best_one_applies_and_none_takes_more(promotions: list[Terms], price: int) -> None:
    best, off = rules.best(promotions, price_minor=price, sim_type="esim", now=NOW)
    applying = [one for one in promotions if rules.applies(one, price_minor=price, sim_type="esim", now=NOW)]

    assert best is None or best in applying
    assert off == max((rules.discount(one, price) for one in applying), default=0)


# --- costs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "months", "days", "month", "year"),
    [
        pytest.param(499, 1, None, 499, 5988, id="monthly"),
        pytest.param(1000, 3, None, 333, 4000, id="quarterly, a third of a cent lost"),
        pytest.param(500, 12, None, 42, 500, id="once a year, rounded half up"),
        pytest.param(500, 11, None, 45, 545, id="every eleven months"),
        pytest.param(799, None, 28, 868, 10416, id="every 28 days is more than a month's price"),
        pytest.param(None, 1, None, None, None, id="price not known"),
        pytest.param(500, None, None, None, None, id="period not known"),
    ],
)
def test_costs(price: int | None, months: int | None, days: int | None, month: int | None, year: int | None) -> None:
    assert rules.per_month(price, months, days) == month
    assert rules.per_year(price, months, days) == year


# --- needs --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["data_mb=5000"], Need(data_mb=5000)),
        (["data_mb=5000,minutes=100", "sms=10"], Need(data_mb=5000, minutes=100, sms=10)),
        (["calls_to_china"], Need(calls_to_china=True)),
        (["calls_to_china=no", "eu_roaming_mb=7"], Need(eu_roaming_mb=7)),
        (["", " , "], Need()),
    ],
)
def test_a_need_is_read(parts: list[str], expected: Need) -> None:
    assert Need.parse(parts) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("gigabytes=5", "need_unknown"),
        ("data_mb", "need_invalid"),
        ("data_mb=many", "need_invalid"),
        ("minutes=-1", "need_invalid"),
        ("sms=1.5", "need_invalid"),
        ("sms=٣", "need_invalid"),
        ("minutes=" + "9" * 10, "need_invalid"),
        ("calls_to_china=maybe", "need_invalid"),
    ],
)
def test_a_need_that_cannot_be_read(text: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        Need.parse([text])

    assert (refusal.value.code, refusal.value.field) == (code, "need")


@pytest.mark.parametrize(
    ("allowances", "met", "fits"),
    [
        pytest.param({"data_mb": 5000, "minutes": 100}, [True, True], True, id="just enough"),
        pytest.param({"data_mb": -1, "minutes": -1}, [True, True], True, id="without limit"),
        pytest.param({"data_mb": 4999, "minutes": 100}, [False, True], False, id="a megabyte short"),
        pytest.param({"minutes": 100}, [None, True], None, id="not known is not met and not missed"),
        pytest.param({"minutes": 99}, [None, False], False, id="missed, whatever the unknown is"),
        pytest.param({"data_mb": 0, "minutes": 0}, [False, False], False, id="none"),
    ],
)
def test_judging_an_offering(allowances: dict[str, Any], met: list[bool | None], fits: bool | None) -> None:
    criteria = rules.judge(Need(data_mb=5000, minutes=100), allowances)

    assert [criterion.name for criterion in criteria] == ["data_mb", "minutes"]
    assert [criterion.met for criterion in criteria] == met
    assert rules.fits(criteria) is fits


@pytest.mark.parametrize(("offered", "met"), [({"en": "60 minutes"}, True), (False, False), (None, None), ({}, False)])
def test_calls_to_china(offered: Any, met: bool | None) -> None:
    (criterion,) = rules.judge(Need(calls_to_china=True), {"calls_to_china": offered})

    assert criterion.met is met


def test_no_need_fits_everything() -> None:
    assert rules.fits(rules.judge(Need(), {})) is True
