"""What an order may become, and codes that survive a counter, a telephone and a paper slip."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.orders import rules
from lineaviva.keeper.orders.models import OrderState
from tests.conftest import NOON

# state -> what each target means there; written out by hand, so that the table under test cannot agree with itself.
MEANING = {
    "placed": {
        "paid": "go",
        "expired": "go",
        "cancelled": "go",
        "active": "never",
        "failed": "never",
        "refunded": "never",
    },
    "paid": {
        "paid": "already",
        "active": "go",
        "failed": "go",
        "refunded": "never",
        "expired": "never",
        "cancelled": "never",
    },
    "active": {"paid": "already", "active": "already", "failed": "never", "refunded": "never", "expired": "never"},
    "failed": {"paid": "already", "failed": "already", "refunded": "go", "active": "never", "cancelled": "never"},
    "refunded": {"paid": "already", "failed": "already", "refunded": "already", "active": "never", "expired": "never"},
    "expired": {"expired": "already", "paid": "never", "cancelled": "never", "active": "never"},
    "cancelled": {"cancelled": "already", "paid": "never", "expired": "never", "refunded": "never"},
}


@pytest.mark.parametrize(
    ("state", "target", "meaning"),
    [(state, target, meaning) for state, row in MEANING.items() for target, meaning in row.items()],
)
def test_a_transition_is_made_was_made_or_is_never_made(state: str, target: str, meaning: str) -> None:
    assert rules.move(state, target) == meaning


def test_the_table_has_every_state_and_no_other() -> None:
    assert set(rules.TRANSITIONS) == set(OrderState.values)
    assert set().union(*rules.TRANSITIONS.values()) <= set(OrderState.values)


def test_no_state_comes_back() -> None:
    for one, other in product(OrderState.values, repeat=2):
        assert one == other or not (rules.move(one, other) == "go" and rules.move(other, one) == "go")


def test_an_order_waits_two_days_for_its_money() -> None:
    assert rules.expires_at(NOON) == NOON + timedelta(hours=48)


# Characters that are taken for one another: on paper, or when read aloud in one of the three languages.
CONFUSED = {
    "on paper: round": "0OQDC",
    "on paper: strokes": "1I7TJ",
    "on paper: two": "2Z",
    "on paper: three": "3E",
    "on paper: four": "4AY",
    "on paper: five": "5S",
    "on paper: six": "6G9",
    "on paper: eight": "8B",
    "on paper: cups": "UVW",
    "on paper: hills": "MN",
    "English: the e letters": "BCDEGPTVZ",
    "English: eight": "8AH",
    "English: jay, kay": "JK",
    "English: ef, ess, ex": "FSX",
    "English: five, nine": "59",
    "English and Chinese: you": "QU",
    "Italian: effe, esse": "FS",
    "Italian: emme, enne": "MN",
    "Italian and English: the same sound for another letter": "EI",
    "Italian and English: a": "AE",
    "Chinese: yi, qi": "17",
    "Chinese: liu, jiu": "69",
    "Chinese: er": "2R",
    "Chinese: l and r": "LR",
    "Chinese: n and l": "NL",
    "Chinese: si": "4C",
}


@pytest.mark.parametrize("group", CONFUSED.values(), ids=CONFUSED.keys())
def test_of_each_confusable_group_at_most_one_is_in_the_alphabet(group: str) -> None:
    assert len(set(group) & set(rules.ALPHABET)) <= 1


@given(st.integers())
def test_a_code_is_eight_characters_of_the_alphabet_and_no_number(seed: int) -> None:
    code = rules.code_make(random.Random(seed).choice)
    assert len(code) == 8
    assert set(code) <= set(rules.ALPHABET)
    assert code[0] in rules.LETTERS
    assert code[4] in rules.LETTERS
    assert rules.code_read(code) == code


@given(st.integers(), st.sampled_from([" ", "-", "–", ".", "_", ""]), st.booleans())
def test_a_code_is_read_as_people_type_it(seed: int, separator: str, lower: bool) -> None:
    code = rules.code_make(random.Random(seed).choice)
    typed = f" {code[:4]}{separator}{code[4:]} "
    assert rules.code_read(typed.lower() if lower else typed) == code


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("K2M7F5PW", "K2M7F5PW"),
        ("k2m7-f5pw", "K2M7F5PW"),
        ("KZM7-FSPW", "K2M7F5PW"),
        ("KEN7 FGPB", "K3M7F6P8"),
        ("", ""),
        ("K2M7F5P", ""),
        ("K2M7F5PWW", ""),
        ("K2M7F5P1", ""),
        ("K2M7F5P0", ""),
        ("K2M7F5P\x00", ""),
        ("订单号码没有的", ""),
    ],
    ids=[
        "as printed",
        "small with a dash",
        "2 and 5 as letters",
        "E N G B",
        "empty",
        "short",
        "long",
        "1",
        "0",
        "nul",
        "Chinese",
    ],
)
def test_what_is_typed_and_what_is_read(typed: str, read: str) -> None:
    assert rules.code_read(typed) == read


def test_a_code_is_printed_in_two_groups() -> None:
    assert rules.code_grouped("K2M7F5PW") == "K2M7-F5PW"
