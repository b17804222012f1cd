"""The chart, what moves what, and which instants a month has; pure."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.books import rules
from lineaviva.kernel.errors import InvalidInput
from lineaviva.kernel.money import Money

NAMES = ["provider:stripe", "till:cash", "wallet:17", "sales:single_stage", "fees:paypal", "bank", "held", "losses"]
NAMES += ["vouchers", "given_away", "breakage", "owner"]


@pytest.mark.parametrize("account", [*NAMES, "difference"])
def test_what_the_chart_has(account: str) -> None:
    assert rules.known(account)


@pytest.mark.parametrize(
    "account", ["", "Bank", "provider:", "provider", "sales:VAT", "till:a b", "held ", "bank:1", "income", "fees:x\n"]
)
def test_what_it_does_not_have(account: str) -> None:
    assert not rules.known(account)


@pytest.mark.parametrize(("provider", "place"), [("cash", "till:cash"), ("stripe", "provider:stripe")])
def test_where_money_lies(provider: str, place: str) -> None:
    assert rules.place(provider) == place
    assert rules.known(place)


@given(st.integers(-(10**12), 10**12))
def test_what_moves_adds_up_to_nothing(minor: int) -> None:
    entries = rules.moved(Money(minor), debit="bank", credit="held")
    assert entries == {"bank": Money(minor), "held": Money(-minor)}
    assert rules.sums(entries) == {"EUR": 0}


def test_each_currency_adds_up_by_itself() -> None:
    entries = {"bank": Money(5), "held": Money(-5), "losses": Money(7, "USD"), "difference": Money(-6, "USD")}
    assert rules.sums(entries) == {"EUR": 0, "USD": 1}


@pytest.mark.parametrize(
    ("gross", "rate", "contained"),
    [
        (1220, "22", 220),
        (1000, "22", 180),
        (1, "22", 0),
        (3, "22", 1),
        (-1000, "22", -180),
        (0, "22", 0),
        (1040, "4", 40),
    ],
)
def test_the_vat_in_a_price(gross: int, rate: str, contained: int) -> None:
    assert rules.vat_contained(Money(gross), Decimal(rate)) == Money(contained)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-11", datetime(2026, 10, 31, 23, tzinfo=UTC), datetime(2026, 11, 30, 23, tzinfo=UTC)),
        ("2026-12", datetime(2026, 11, 30, 23, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC)),
        # The clocks go back in October: its last night is an hour longer.
        (" 2026-10 ", datetime(2026, 9, 30, 22, tzinfo=UTC), datetime(2026, 10, 31, 23, tzinfo=UTC)),
    ],
)
def test_a_month_begins_and_ends_at_midnight_in_rome(text: str, start: datetime, end: datetime) -> None:
    assert rules.month_read(text) == (start, end)


def test_a_year_is_its_months() -> None:
    assert rules.year_read(2026) == (rules.month_read("2026-01")[0], rules.month_read("2026-12")[1])


@pytest.mark.parametrize(
    "text", ["", "2026", "2026-13", "2026-00", "11-2026", "2026-1", "2026-11-01", "1999-12", "9001-01"]
)
def test_what_is_no_month(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        rules.month_read(text)
    assert (refused.value.code, refused.value.field) == ("month_invalid", "month")


@pytest.mark.parametrize("year", [-1, 0, 1999, 9001])
def test_what_is_no_year(year: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        rules.year_read(year)
    assert refused.value.code == "year_invalid"
