from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.money import Money

minors = st.integers(min_value=-(10**12), max_value=10**12)


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        pytest.param("12,50", 1250, id="comma"),
        pytest.param("12.50", 1250, id="point"),
        pytest.param("12", 1200, id="whole"),
        pytest.param("12,5", 1250, id="one decimal"),
        pytest.param(" 0.05 ", 5, id="spaces around"),
        pytest.param("-3,00", -300, id="minus"),
        pytest.param("+3,00", 300, id="plus"),
        pytest.param("1.234,50", 123450, id="Italian thousands"),
        pytest.param("1,234.50", 123450, id="English thousands"),
        pytest.param("-1.234.567,89", -123456789, id="millions"),
        pytest.param("１２．５０", 1250, id="full-width"),
        pytest.param("007", 700, id="leading zeros"),
    ],
)
def test_parse(text: str, minor: int) -> None:
    assert Money.parse(text) == Money(minor, "EUR")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "abc",
        "12,505",
        "12..5",
        "1,2,3",
        "1.234",
        "1,234",
        "€ 5",
        "5 €",
        "1e3",
        "--5",
        "nan",
        "1.23,45",
        "9" * 30,
    ],
)
def test_parse_refuses(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Money.parse(text, field="price")
    assert (refused.value.code, refused.value.field) == ("amount_invalid", "price")


def test_parse_counts_the_currency_s_own_decimals() -> None:
    assert Money.parse("500", "JPY") == Money(500, "JPY")
    with pytest.raises(InvalidInput, match="at most 0 decimals"):
        Money.parse("500.5", "JPY")


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "XXY"])
def test_a_currency_must_exist(currency: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Money(1, currency)
    assert refused.value.code == "currency_unknown"


@pytest.mark.parametrize("minor", [1.0, "1", True, Decimal(1), None])
def test_only_whole_minor_units(minor: object) -> None:
    with pytest.raises(TypeError):
        Money(minor)  # type: ignore[arg-type]  # the wrong type is what is tested


def test_arithmetic() -> None:
    five, two = Money(500), Money(200)
    assert five + two == Money(700)
    assert five - two == Money(300)
    assert two * 3 == 3 * two == Money(600)
    assert -two == Money(-200)
    assert abs(Money(-200)) == two
    assert sum([five, two], Money(0)) == Money(700)
    assert (two < five, two <= two, five > two, five >= five) == (True, True, True, True)
    assert sorted([five, two]) == [two, five]
    assert five.decimal == Decimal("5.00")
    assert len({five, Money(500), two}) == 2


def test_two_currencies_do_not_mix() -> None:
    euro, franc = Money(1, "EUR"), Money(1, "CHF")
    assert euro != franc
    for mixed in (lambda: euro + franc, lambda: euro - franc, lambda: euro < franc, lambda: euro >= franc):
        with pytest.raises(ValueError, match="EUR and CHF do not go together"):
            mixed()


@pytest.mark.parametrize("other", [1, 1.0, "1", None])
def test_money_and_something_else_do_not_mix(other: object) -> None:
    with pytest.raises(TypeError):
        Money(1) + other  # type: ignore[operator]  # the wrong type is what is tested


def test_no_share_without_a_rounding_rule() -> None:
    with pytest.raises(TypeError, match="whole numbers"):
        Money(100) * 0.5  # type: ignore[operator]  # the wrong type is what is tested


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh-hans", "€1,234.50"),
        ("zh-hant", "€1,234.50"),
        ("it", "1.234,50\xa0€"),
        ("en", "€1,234.50"),
        ("en-gb", "€1,234.50"),
        ("it-it", "1.234,50\xa0€"),
        ("xx", "€1,234.50"),
    ],
)
def test_format(language: str, text: str) -> None:
    assert Money(123450).format(language) == text


@pytest.mark.parametrize(
    ("money", "text"),
    [(Money(1250), "12.50 EUR"), (Money(-5), "-0.05 EUR"), (Money(0), "0.00 EUR"), (Money(500, "JPY"), "500 JPY")],
)
def test_str(money: Money, text: str) -> None:
    assert str(money) == text


@given(minors)
def test_what_is_written_is_read_back(minor: int) -> None:
    money = Money(minor)
    number = str(money).removesuffix(" EUR")
    assert Money.parse(number) == Money.parse(number.replace(".", ",")) == money


@given(minors, minors, st.integers(min_value=-1000, max_value=1000))
def test_adding_is_whole_number_adding(a: int, b: int, times: int) -> None:
    assert (Money(a) + Money(b)).minor == a + b
    assert Money(a) + Money(b) - Money(b) == Money(a)
    assert (Money(a) * times).minor == a * times
    assert (Money(a) < Money(b)) == (a < b)
