"""From a TOML document to an operator: every kind of fact, known and unknown."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from lineaviva import rulebook
from lineaviva.kernel.money import Money
from lineaviva.rulebook import checking
from lineaviva.rulebook.model import Operator
from lineaviva.rulebook.reading import cents
from tests.rulebook.conftest import SAMPLE


@pytest.fixture
def operator(sample: Operator) -> Operator:
    return sample


def test_the_sample_keeps_the_schema(tmp_path: Any) -> None:
    path = tmp_path / "sample.toml"
    path.write_text(SAMPLE, encoding="utf-8")
    assert checking.check([path], today=date(2026, 11, 22)) == []


def test_what_names_it(operator: Operator) -> None:
    assert (operator.slug, operator.name, operator.colour) == ("sample", "Sample", "#123456")
    assert operator.collected_on == date(2026, 11, 22)
    assert [operator.display_name(code) for code in ("it", "zh-hans", "zh-hant", "xx")] == [
        "Esempio",
        "样例",
        "範例",
        "Sample",
    ]


def test_sources_are_those_of_the_file(operator: Operator) -> None:
    period = operator.validity.full_service[0]
    assert [source.id for source in period.sources] == ["one", "two"]
    second = period.sources[1]
    assert (second.url, second.date, second.kind, second.confidence, second.note) == (
        "http://example.org/two",
        "undated",
        "forum",
        "low",
        "second hand",
    )
    assert (period.note, period.confidence) == ("read twice", "high")


def test_periods(operator: Operator) -> None:
    full, none = operator.validity.full_service[0], operator.validity.receive_only[0]
    assert (full.months, full.days, full.text, full.set_aside) == (12, 5, "a year", "")
    assert (none.months, none.no_such_phase, none.no_limit_stated) == (None, True, False)
    assert operator.validity.number_kept == ()


def test_dates_of_the_sample(operator: Operator) -> None:
    found = rulebook.deadlines.deadlines(operator=operator, last_event=date(2025, 3, 31), as_of=date(2026, 4, 6))
    assert found.full_service_until == date(2026, 4, 5)
    assert (found.state, found.receive_only_until, found.number_kept_until) == ("unknown", None, None)
    assert [reason.code for reason in found.why] == [
        "counted_from",
        "full_service_days",
        "no_such_phase",
        "number_kept_unknown",
        "law_number",
    ]


def test_what_extends(operator: Operator) -> None:
    assert [operator.extends(kind) for kind in rulebook.EVENT_KINDS] == [True, False, None, None, None]
    assert operator.validity.extends["topup"].note == "always"
    assert operator.validity.extends["use"].sources == ()


def test_amounts(operator: Operator) -> None:
    sold = [
        (one.channel, one.name, one.minor, one.credit_minor, one.up_to_minor, one.step_minor)
        for one in operator.denominations
    ]
    assert sold == [
        ("shop", "Plus", 500, 400, None, None),
        ("shop", "Plus", 1050, 950, None, None),
        ("online", "", 600, 600, 5000, 200),
    ]
    assert operator.topup.fee.why_unknown == "nobody says"


def test_where_sources_disagree_the_larger_topup_is_the_one_that_surely_extends(operator: Operator) -> None:
    """Any amount: 6 EUR is the least that is sold with full credit. The other source names 7.50 EUR."""
    assert operator.smallest_extending_topup == Money(750, "EUR")


def test_an_offer(operator: Operator) -> None:
    plan = operator.offers[0]
    assert (plan.price, plan.period_months, plan.monthly_drain) == (Money(399, "EUR"), None, Money(0, "EUR"))
    assert (plan.data_mb, plan.minutes, plan.sms, plan.eu_roaming_mb) == (-1, None, 0, 512)
    assert (plan.calls_to_china, plan.activation_cost) == ("0.01 EUR a minute", Money(1000, "EUR"))
    assert (plan.on_sale, plan.extends, plan.per_use) == ("yes", False, {})


def test_the_rest(operator: Operator) -> None:
    late = operator.late_renewal[0]
    assert (late.charge, late.charge_text, late.days, late.then) == (None, "", None, "blocked")
    assert [(one.reach, one.text) for one in operator.channels.short_codes] == [("*1#", "")]
    assert [one.value for one in operator.esim.offered] == [False]
    assert [(one.amount, one.text) for one in operator.esim.price] == [(Money(0, "EUR"), "free")]
    assert [(risk.on, risk.act) for risk in operator.risks] == [(date(2026, 12, 31), "leave")]
    assert [(word.italian, word.meaning) for word in operator.words] == [("fine", "end")]
    assert (operator.care.italy, operator.care.abroad, operator.network) == ((), (), ())


@pytest.mark.parametrize(
    ("euros", "expected"), [("0.00", 0), ("0.05", 5), ("3.99", 399), ("10.50", 1050), ("200.00", 20000)]
)
def test_euros_to_cents(euros: str, expected: int) -> None:
    assert cents(euros) == expected
