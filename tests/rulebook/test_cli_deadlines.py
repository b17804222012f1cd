"""`lineaviva deadlines` as people and programs call it."""

from __future__ import annotations

import pytest

from lineaviva.kernel.clock import FrozenClock
from tests.rulebook.conftest import Command

pytestmark = pytest.mark.usefixtures("clock")


@pytest.mark.parametrize(
    ("operator", "as_of", "expected"),
    [
        (
            "tim",
            "2026-04-10",
            {
                "full_service_until": "2026-03-31",
                "receive_only_until": "2026-04-30",
                "number_kept_until": "2027-03-31",
                "state": "receive_only",
                "days_left": 20,
                "next_on": "2026-04-30",
                "next_kind": "off",
                "reasons": {},
            },
        ),
        (
            "vodafone",
            "2026-02-28",
            {
                "full_service_until": "2026-02-28",
                "receive_only_until": "2026-03-31",
                "state": "full_service",
                "days_left": 0,
                "next_on": "2026-02-28",
                "next_kind": "limited",
            },
        ),
        (
            "iliad",
            "2026-04-01",
            {
                "receive_only_until": None,
                "state": "off_recoverable",
                "days_left": 364,
                "reasons": {
                    "receive_only_until": "iliad has no receive-only phase: the line is off when full service ends."
                },
            },
        ),
        (
            "optima",
            "2026-04-01",
            {
                "full_service_until": None,
                "state": "unknown",
                "days_left": None,
                "next_on": None,
                "sources": [],
            },
        ),
    ],
)
def test_json(lineaviva: Command, operator: str, as_of: str, expected: dict[str, object]) -> None:
    ran = lineaviva("deadlines", "--operator", operator, "--last-topup", "2025-03-31", "--as-of", as_of, "--json")
    assert ran.code == 0
    assert {key: ran.json[key] for key in expected} == expected
    assert (ran.json["operator"], ran.json["last_topup"], ran.json["as_of"]) == (operator, "2025-03-31", as_of)


def test_json_has_the_other_answers_with_their_sources(lineaviva: Command) -> None:
    ran = lineaviva("deadlines", "--operator", "windtre", "--last-topup", "2025-03-31", "--json")
    assert [(one["field"], one["date"], one["says"]) for one in ran.json["disputed"]] == [
        ("number_kept_until", "2027-04-30", "25 months")
    ]
    assert ran.json["disputed"][0]["sources"][0]["url"].startswith("https://www.jguana.com/")
    assert list(ran.json["sources"][0]) == ["id", "url", "date", "kind", "confidence"]


def test_without_as_of_it_is_today_in_rome(lineaviva: Command, clock: FrozenClock) -> None:
    ran = lineaviva("deadlines", "--operator", "tim", "--last-topup", "2026-11-22", "--json")
    assert (ran.json["as_of"], ran.json["days_left"]) == ("2026-11-22", 365)


def test_a_top_up_just_after_midnight_in_rome_is_not_in_the_future(lineaviva: Command, clock: FrozenClock) -> None:
    from datetime import UTC, datetime

    clock.move_to(datetime(2026, 11, 21, 23, 30, tzinfo=UTC))
    ran = lineaviva("deadlines", "--operator", "tim", "--last-topup", "2026-11-22", "--json")
    assert (ran.code, ran.json["state"]) == (0, "full_service")


def test_for_people(lineaviva: Command) -> None:
    ran = lineaviva("deadlines", "--operator", "vodafone", "--last-topup", "2025-03-31", "--as-of", "2026-03-30")
    assert ran.code == 0
    for piece in (
        "Full service until │ 2026-02-28",
        "Receives until     │ 2026-03-31",
        "On 2026-03-30: receive only, 1 day left",
        "- Vodafone: full service for 11 months, until 2026-02-28.",
        "- Full service until 2026-03-31 (12 months), says the law",
        "- Number kept until (no limit stated), says computermagazine-2021, gufosaggio",
        "(2024-04-23, press, confidence medium)",
    ):
        assert piece in ran.out


@pytest.mark.parametrize(
    ("operator", "as_of", "said"),
    [
        ("tim", "2026-03-31", "full service, the last day"),
        ("tim", "2027-04-01", "number lost\n"),
        ("tim", "2026-05-01", "off, the number can be had back, 334 days left"),
        ("noitel", "2026-05-01", "unknown\n"),
    ],
)
def test_the_state_in_words(lineaviva: Command, operator: str, as_of: str, said: str) -> None:
    ran = lineaviva("deadlines", "--operator", operator, "--last-topup", "2025-03-31", "--as-of", as_of)
    assert f"On {as_of}: {said}" in ran.out


def test_a_date_that_is_not_known_says_so(lineaviva: Command) -> None:
    ran = lineaviva("deadlines", "--operator", "kena", "--last-topup", "2025-03-31")
    assert "unknown: Until when Kena Mobile keeps the number is not known." in " ".join(ran.out.split())


def test_the_operators_name_in_capitals_is_the_same_operator(lineaviva: Command) -> None:
    ran = lineaviva("deadlines", "--operator", " TIM ", "--last-topup", "2025-03-31", "--json")
    assert (ran.code, ran.json["operator"]) == (0, "tim")


@pytest.mark.parametrize(
    ("words", "field", "sentence"),
    [
        (
            ["--operator", "telecom", "--last-topup", "2025-03-31"],
            "operator",
            "operator 'telecom' is not in the rulebook; known are tim, vodafone,",
        ),
        (
            ["--operator", "tim", "--last-topup", "31/03/2025"],
            "last_topup",
            "last_topup: '31/03/2025' is not a date; write it as YYYY-MM-DD, like 2025-03-31",
        ),
        (
            ["--operator", "tim", "--last-topup", "2025-02-29"],
            "last_topup",
            "last_topup: '2025-02-29' is not a date;",
        ),
        (["--operator", "tim", "--last-topup", ""], "last_topup", "last_topup: '' is not a date;"),
        (["--operator", "tim", "--last-topup", "2025-W14-1"], "last_topup", "last_topup: '2025-W14-1' is not a date;"),
        (
            ["--operator", "tim", "--last-topup", "2026-11-23"],
            "last_topup",
            "last_topup: 2026-11-23 is after today (2026-11-22)",
        ),
        (
            ["--operator", "tim", "--last-topup", "2025-03-31", "--as-of", "2025-03-30"],
            "last_topup",
            "last_topup: 2025-03-31 is after the day it is seen on (2025-03-30)",
        ),
        (
            ["--operator", "tim", "--last-topup", "2025-03-31", "--as-of", "soon"],
            "as_of",
            "as_of: 'soon' is not a date;",
        ),
        (
            ["--operator", "tim", "--last-topup", "1984-01-01"],
            "last_topup",
            "last_topup: 1984-01-01 is not between 1992-01-01 and 2200-12-31",
        ),
        (
            ["--operator", "tim", "--last-topup", "2025-03-31", "--as-of", "9999-12-31"],
            "as_of",
            "as_of: 9999-12-31 is not between 1992-01-01 and 2200-12-31",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    lineaviva: Command, words: list[str], field: str, sentence: str
) -> None:
    people = lineaviva("deadlines", *words)
    assert (people.code, people.out) == (2, "")
    assert people.sentence.startswith(f"Error: {sentence}")
    program = lineaviva("deadlines", *words, "--json")
    assert program.code == 2
    assert (program.json["error"]["field"], program.json["error"]["message"][: len(sentence)]) == (field, sentence)


@pytest.mark.parametrize("words", [[], ["--operator", "tim"], ["--last-topup", "2025-03-31"]], ids=str)
def test_an_option_that_is_missing(lineaviva: Command, words: list[str]) -> None:
    ran = lineaviva("deadlines", *words)
    assert ran.code == 2
    assert "Error: Missing option" in ran.sentence
