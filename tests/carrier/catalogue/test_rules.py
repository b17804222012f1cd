"""Offerings from the rulebook, and what a promotion takes off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lineaviva import rulebook
from lineaviva.carrier.catalogue.rules import discount, offerings, topup_id
from lineaviva.keeper.catalogue.rules import topup_id as keepers_topup_id
from lineaviva.rulebook.facts import Denomination, Facts


@pytest.mark.parametrize(
    ("minor", "identity"), [(500, "topup-5"), (499, "topup-4.99"), (10, "topup-0.10"), (10000, "topup-100")]
)
def test_topup_ids_are_the_keepers(minor: int, identity: str) -> None:
    assert topup_id(minor) == keepers_topup_id(minor) == identity


def sold(*denominations: Denomination) -> list[str]:
    tim = rulebook.operator("tim")
    only = replace(tim, topup=replace(tim.topup, denominations=Facts(denominations)))
    return [one.id for one in offerings(only).values() if one.kind == "topup"]


def cut(minor: int, credit: int | None = None, up_to: int | None = None, step: int | None = None) -> Denomination:
    return Denomination(
        channel="online", minor=minor, credit_minor=minor if credit is None else credit,
        up_to_minor=up_to, step_minor=step, sources=(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cuts", "expected"),
    [
        pytest.param([cut(1000), cut(500), cut(500)], ["topup-5", "topup-10"], id="each amount once, in order"),
        pytest.param([cut(500, credit=400), cut(600)], ["topup-6"], id="not those that reach the credit in part"),
        pytest.param([cut(500, up_to=1500, step=500)], ["topup-5", "topup-10", "topup-15"], id="a range by steps"),
        pytest.param([cut(500, up_to=50000, step=1)], ["topup-5"], id="not a range by the cent"),
        pytest.param([], [], id="none"),
    ],
)
def test_denominations(cuts: list[Denomination], expected: list[str]) -> None:
    assert sold(*cuts) == expected


def test_what_is_withdrawn_or_has_no_price_is_not_sold() -> None:
    tim = rulebook.operator("tim")
    plans = [one.id for one in offerings(tim).values() if one.kind == "plan"]
    assert plans == ["tim-base-e-chat"]
    assert {offer.id for offer in tim.offers} > set(plans)


def test_every_operator_has_a_catalogue() -> None:
    for operator in rulebook.operators():
        for offering in offerings(operator).values():
            assert offering.price_minor > 0
            assert len(offering.id) <= 60


@pytest.mark.parametrize(
    ("price", "off", "percent", "expected"),
    [
        (1000, 200, 0, 200),
        (1000, 0, 15, 150),
        (1000, 0, 100, 1000),
        (100, 200, 0, 100),
        (999, 0, 50, 500),
        (1, 0, 49, 0),
    ],
)
def test_discounts(price: int, off: int, percent: int, expected: int) -> None:
    assert discount(price, off, percent) == expected
