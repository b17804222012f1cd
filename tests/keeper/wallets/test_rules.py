"""PINs and guesses, without a database."""

from __future__ import annotations

import secrets
from datetime import date
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.wallets import rules

PIN = "1234567890123452"


def test_a_pin_has_sixteen_digits_that_prove_each_other() -> None:
    random = Random(1)
    pins = {rules.pin_make(random.choice) for _ in range(200)}
    assert len(pins) == 200
    assert {len(pin) for pin in pins} == {16}
    assert all(rules.pin_read(pin) == pin for pin in pins)
    assert rules.pin_read(rules.pin_make(secrets.choice)) != ""


@pytest.mark.parametrize(
    "typed",
    [
        PIN,
        "1234 5678 9012 3452",
        "1234-5678-9012-3452",
        " 1234\u00a05678\u20039012.3452 ",
        "１２３４ ５６７８ ９０１２ ３４５２",
        "1234–5678—9012·3452",
    ],
)
def test_a_pin_as_people_type_it(typed: str) -> None:
    assert rules.pin_read(typed) == PIN


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "1234",
        PIN[:-1],
        PIN + "2",
        "1234567890123453",
        "1234567890123542",
        "123456789012345٢",
        "abcd" * 4,
        "\x00" * 16,
    ],
    ids=["nothing", "short", "one less", "one more", "wrong", "swapped", "another script", "letters", "noughts"],
)
def test_what_is_no_pin(typed: str) -> None:
    assert rules.pin_read(typed) == ""


@given(st.text(max_size=60))
def test_whatever_is_typed_is_a_pin_or_nothing(text: str) -> None:
    pin = rules.pin_read(text)
    assert pin == "" or (len(pin) == 16 and pin.isascii() and pin.isdigit())


@given(st.integers(min_value=0, max_value=10**15 - 1), st.integers(min_value=0, max_value=15), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(number: int, place: int, by: int) -> None:
    digits = iter(f"{number:015d}")
    pin = rules.pin_make(lambda _choices: next(digits))
    wrong = pin[:place] + str((int(pin[place]) + by) % 10) + pin[place + 1 :]
    assert rules.pin_read(wrong) == ""


def test_a_pin_is_printed_in_groups() -> None:
    assert rules.pin_grouped(PIN) == "1234 5678 9012 3452"


def test_what_is_kept_of_a_pin_depends_on_the_key() -> None:
    kept = rules.pin_hash(PIN, "one")
    assert len(kept) == 64
    assert kept == rules.pin_hash(PIN, "one")
    assert len({kept, rules.pin_hash(PIN, "two"), rules.pin_hash("1234567890123460", "one")}) == 3


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:aaaa::1", "2001:0db8:0001:0002::/64"),
        ("2001:db8:1:2:bbbb:9::7", "2001:0db8:0001:0002::/64"),
        ("2001:db8:1:3::1", "2001:0db8:0001:0003::/64"),
        ("unknown", "unknown"),
    ],
)
def test_whom_a_guess_counts_for(address: str, counted: str) -> None:
    assert rules.guesser(address) == counted


@pytest.mark.parametrize(
    ("today", "over"), [(date(2027, 1, 30), False), (date(2027, 1, 31), False), (date(2027, 2, 1), True)]
)
def test_the_last_good_day_is_good(today: date, over: bool) -> None:
    assert rules.is_over(date(2027, 1, 31), today) is over


def test_a_voucher_is_good_for_two_years_unless_told_otherwise() -> None:
    assert rules.life_default(date(2026, 11, 22)) == date(2028, 11, 22)


def test_credits_are_told_apart_by_person_amount_and_reason() -> None:
    keys = {
        rules.credit_key(1, 500, "a"),
        rules.credit_key(2, 500, "a"),
        rules.credit_key(1, -500, "a"),
        rules.credit_key(1, 500, "b"),
    }
    assert len(keys) == 4
    assert rules.credit_key(1, 500, "a") in keys
    assert max(map(len, keys)) < 60
