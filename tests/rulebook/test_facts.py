"""The small values that facts are made of."""

from __future__ import annotations

from datetime import date

import pytest

from lineaviva.kernel.money import Money
from lineaviva.rulebook.deadlines import warning_period
from lineaviva.rulebook.facts import (
    Confidence,
    Denomination,
    Fact,
    Facts,
    Period,
    Recovery,
    Source,
    Text,
    Verdict,
)

EVENT = date(2025, 3, 31)


def source(confidence: Confidence = "low", name: str = "a") -> Source:
    return Source(id=name, url="https://example.org/", date="undated", kind="blog", confidence=confidence)


def months(count: int, days: int = 0, set_aside: str = "") -> Period:
    return Period(sources=(source(),), months=count, days=days, set_aside=set_aside)


NO_PHASE = Period(sources=(source(),), no_such_phase=True)
NO_LIMIT = Period(sources=(source(),), no_limit_stated=True)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ((), "low"),
        (("low",), "low"),
        (("low", "medium"), "medium"),
        (("medium", "low"), "medium"),
        (("low", "high", "medium"), "high"),
    ],
)
def test_confidence_of_a_fact(levels: tuple[Confidence, ...], expected: Confidence) -> None:
    assert Fact(sources=tuple(source(level) for level in levels)).confidence == expected


def test_facts_without_an_entry_are_false_and_say_why() -> None:
    unknown: Facts[Text] = Facts((), why_unknown="the page could not be read")
    assert not unknown
    assert (list(unknown), unknown.why_unknown) == ([], "the page could not be read")
    known = Facts([Text(text="a", sources=(source(),)), Text(text="b", sources=(source(),))])
    assert ([fact.text for fact in known], known.why_unknown) == (["a", "b"], "")


@pytest.mark.parametrize(("answer", "value"), [("yes", True), ("no", False), ("unknown", None)])
def test_a_verdict_has_three_values(answer: str, value: bool | None) -> None:
    verdicts = {name: Verdict(answer=name, sources=()) for name in ("yes", "no", "unknown")}
    assert verdicts[answer].value is value


@pytest.mark.parametrize(
    ("period", "event", "last_day"),
    [
        (months(12), EVENT, date(2026, 3, 31)),
        (months(11), EVENT, date(2026, 2, 28)),
        (months(13), EVENT, date(2026, 4, 30)),
        (months(12, 30), EVENT, date(2026, 4, 30)),
        (months(12), date(2024, 2, 29), date(2025, 2, 28)),
        (months(12, 30), date(2024, 2, 29), date(2025, 3, 30)),
        (months(24), date(2024, 2, 29), date(2026, 2, 28)),
        (months(48), date(2024, 2, 29), date(2028, 2, 29)),
        (NO_PHASE, EVENT, None),
        (NO_LIMIT, EVENT, None),
    ],
    ids=str,
)
def test_last_day_of_a_period(period: Period, event: date, last_day: date | None) -> None:
    assert period.last_day(event) == last_day


@pytest.mark.parametrize(
    ("count", "days", "last_day"),
    [(24, 0, date(2027, 3, 31)), (11, 90, date(2026, 5, 29)), (None, 0, None)],
)
def test_last_day_of_a_way_back(count: int | None, days: int, last_day: date | None) -> None:
    way = Recovery(way="phone", text="call", months=count, days=days, sources=(source(),))
    assert way.last_day(EVENT) == last_day


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([], None),
        ([0], 0),
        ([1, 0], 0),
        ([2, 0], 0),
        # Believed candidates only.
        ([3], None),
        ([3, 1], 1),
        # "No such phase" is the earliest that can be.
        ([1, 4], 4),
        # A stated limit is earlier than none.
        ([5, 1], 1),
        ([5], 5),
        ([5, 3], 5),
    ],
    ids=str,
)
def test_the_candidate_that_warns(candidates: list[int], chosen: int | None) -> None:
    periods = [months(12), months(13), months(12, 31), months(1, set_aside="an old page"), NO_PHASE, NO_LIMIT]
    found = warning_period(Facts(periods[index] for index in candidates), EVENT)
    assert found is (None if chosen is None else periods[chosen])


def test_which_candidate_warns_depends_on_the_day_of_the_event() -> None:
    by_month, by_days = months(13), months(12, 30)
    both = Facts([by_month, by_days])
    assert warning_period(both, date(2025, 1, 31)) is by_month
    assert warning_period(both, date(2025, 3, 15)) is by_days


def test_a_denomination_has_a_price() -> None:
    sold = Denomination(channel="shop", minor=1000, credit_minor=900, sources=(source(),))
    assert sold.price == Money(1000, "EUR")
