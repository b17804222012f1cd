"""Change, what people hand over, and cash that was counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.till import rules
from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.money import Money


@pytest.mark.parametrize(
    ("total", "handed", "back"), [(500, 500, 0), (500, 2000, 1500), (1799, 1800, 1), (500, 50000, 49500), (0, 0, 0)]
)
def test_the_change(total: int, handed: int, back: int) -> None:
    assert rules.change(Money(total), Money(handed)) == Money(back)


@given(st.integers(0, 100_000), st.integers(0, 49_999))
def test_price_and_change_are_what_was_given(total: int, more: int) -> None:
    handed = Money(total + more)
    assert rules.change(Money(total), handed) + Money(total) == handed


@pytest.mark.parametrize(
    ("handed", "code"),
    [(499, "given_too_little"), (0, "given_too_little"), (-500, "given_too_little"), (50_500, "given_too_much")],
)
def test_what_nobody_hands_over(handed: int, code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        rules.change(Money(500), Money(handed))
    assert (refusal.value.code, refusal.value.field) == (code, "given")


@pytest.mark.parametrize(
    ("total", "amounts"),
    [
        (500, [1000, 2000, 5000]),
        (999, [1000, 2000, 5000]),
        (1000, [2000, 5000, 10000]),
        (1230, [1500, 2000, 5000]),
        (9999, [10000]),
        (1, [500, 1000, 2000]),
        (0, []),
    ],
)
def test_what_is_handed_over_most(total: int, amounts: list[int]) -> None:
    assert rules.handy(total) == amounts


def test_notes_and_coins() -> None:
    assert rules.counted({}) == Money(0)
    assert rules.counted({5000: 2, 2000: 4, 50: 9, 1: 3}) == Money(18_453)
    assert rules.counted(dict.fromkeys(rules.PIECES, 1)) == Money(88_888)


@pytest.mark.parametrize("pieces", [{300: 1}, {0: 1}, {500: -1}, {500: 100_000}, {-500: 1}])
def test_no_such_notes_and_coins(pieces: dict[int, int]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        rules.counted(pieces)
    assert (refusal.value.code, refusal.value.field) == ("pieces_invalid", "counted")
