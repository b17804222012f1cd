"""How often an eSIM code may be used: what the book says, and what a holder can rely on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from lineaviva import rulebook
from lineaviva.rulebook import Redownload, checking, redownload
from lineaviva.rulebook.facts import Facts, Source
from lineaviva.rulebook.model import Operator
from lineaviva.rulebook.page import say
from lineaviva.rulebook.reading import operator_from
from tests.rulebook.conftest import Changed, Command

TODAY = date(2026, 11, 23)
Change = Callable[..., Changed]
SURE = Source("sure", "https://example.org/a", "2026-01", "official", "high")
HEARD = Source("heard", "https://example.org/b", "undated", "forum", "low")


@pytest.mark.parametrize(
    ("slug", "times", "sources"),
    [
        pytest.param("tim", -1, ("tuttoandroid-2023",), id="TIM: no limit"),
        pytest.param("coopvoce", -1, ("dday-2023", "tuttoandroid-2023"), id="CoopVoce: no limit"),
        pytest.param("fastweb", 6, ("dday-2023", "tuttoandroid-2023"), id="Fastweb: six times"),
        pytest.param("windtre", 100, ("mondomobileweb-2023-09",), id="WindTre: a hundred times, since 2023"),
    ],
)
def test_what_the_book_says(slug: str, times: int, sources: tuple[str, ...]) -> None:
    found = redownload(rulebook.operator(slug))
    assert found is not None
    assert (found.times, tuple(source.id for source in found.sources)) == (times, sources)


def test_that_no_limit_is_stated_is_not_that_there_is_none() -> None:
    """iliad's source only says that it read of no limit."""
    iliad = rulebook.operator("iliad")
    assert [one.text[:15] for one in iliad.esim.redownload] == ["no stated limit"]
    assert redownload(iliad) is None


def test_where_nobody_says_anything_nothing_is_said() -> None:
    known = {"tim", "coopvoce", "fastweb", "windtre"}
    assert {one.slug for one in rulebook.operators() if redownload(one)} == known


def fact(times: int | None, *sources: Source) -> Redownload:
    return Redownload(text=f"{times} times", times=times, sources=sources or (HEARD,))


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        pytest.param([], None, id="nothing known"),
        pytest.param([fact(None)], None, id="words without a number"),
        pytest.param([fact(None), fact(6)], fact(6), id="the number beside the words"),
        pytest.param([fact(100), fact(1), fact(6)], fact(1), id="the fewest times"),
        pytest.param([fact(-1), fact(1000)], fact(1000), id="without limit is the most, though it is written -1"),
        pytest.param([fact(-1)], fact(-1), id="without limit alone"),
        pytest.param([fact(6, HEARD), fact(6, SURE)], fact(6, SURE), id="of equals the one with the best source"),
        pytest.param([fact(100, SURE), fact(1, HEARD)], fact(1, HEARD), id="care comes before confidence"),
    ],
)
def test_the_most_careful_candidate(
    sample: Operator, candidates: list[Redownload], expected: Redownload | None
) -> None:
    operator = replace(sample, esim=replace(sample.esim, redownload=Facts(candidates)))
    assert redownload(operator) == expected


@pytest.mark.parametrize(
    ("times", "one_time", "unlimited"), [(1, True, False), (6, False, False), (-1, False, True), (None, False, False)]
)
def test_once_or_without_limit(times: int | None, one_time: bool, unlimited: bool) -> None:
    assert (fact(times).one_time, fact(times).unlimited) == (one_time, unlimited)


def test_the_sample_is_read_to_the_number(sample: Operator) -> None:
    assert [(one.text, one.times) for one in sample.esim.redownload] == [
        ("six times", 6),
        ("as often as one likes", -1),
    ]


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (6, "as told (times: 6)"),
        (-1, "as told (times: without limit)"),
        (None, "as told"),
    ],
)
def test_a_fact_in_words(times: int | None, said: str) -> None:
    assert say(Redownload(text="as told", times=times, sources=(SURE,))) == said


@pytest.mark.parametrize("times", ["0", "-1", "1001", "6.5", "true", '"often"', '"unknown"', "[6]"])
def test_a_number_of_times_that_is_none(changed: Change, times: str) -> None:
    file = changed("times = 6", f"times = {times}", slug="fastweb")
    assert [str(one) for one in checking.check([file.path], today=TODAY)] == [
        f"{file.path}:{file.line_of('times =')}: esim.redownload[1].times is {times}; "
        'it must be a whole number from 1 to 1000 or "unlimited".'
    ]


@pytest.mark.parametrize(("times", "read"), [("1", 1), ("1000", 1000), ('"unlimited"', -1)])
def test_a_number_of_times_that_is_one(changed: Change, times: str, read: int) -> None:
    file = changed("times = 6", f"times = {times}", slug="fastweb")
    assert checking.check([file.path], today=TODAY) == []
    found = redownload(operator_from(checking.checked(file.path), rulebook.legal()))
    assert found is not None
    assert found.times == read


def test_a_wrong_number_of_times_does_not_pass_the_command(changed: Change, lineaviva: Command) -> None:
    file = changed("times = 6", "times = 0", slug="fastweb")
    ran = lineaviva("rulebook", "check", str(file.path))
    assert ran.code == 1
    assert f"{file.path}:{file.line_of('times =')}: esim.redownload[1].times" in ran.out + ran.err
