"""The three dates of a line, operator by operator, with exact days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from lineaviva import rulebook
from lineaviva.rulebook.deadlines import Deadlines

LAST = date(2025, 3, 31)


def dates(slug: str, last_event: date | None = LAST, as_of: date = LAST) -> Deadlines:
    return rulebook.deadlines.deadlines(operator=rulebook.operator(slug), last_event=last_event, as_of=as_of)


def three(found: Deadlines) -> tuple[str | None, str | None, str | None]:
    days = (found.full_service_until, found.receive_only_until, found.number_kept_until)
    full, receive, kept = (day.isoformat() if day else None for day in days)
    return full, receive, kept


CASES = [
    ("tim", "2025-03-31", ("2026-03-31", "2026-04-30", "2027-03-31")),
    ("tim", "2025-01-31", ("2026-01-31", "2026-02-28", "2027-01-31")),
    ("tim", "2024-02-29", ("2025-02-28", "2025-03-29", "2026-02-28")),
    ("tim", "2023-01-30", ("2024-01-30", "2024-02-29", "2025-01-30")),
    ("vodafone", "2025-03-31", ("2026-02-28", "2026-03-31", "2027-03-31")),
    ("vodafone", "2023-03-31", ("2024-02-29", "2024-03-31", "2025-03-31")),
    ("vodafone", "2025-12-25", ("2026-11-25", "2026-12-25", "2027-12-25")),
    ("windtre", "2025-03-31", ("2026-03-31", "2026-04-30", "2027-03-31")),
    # 13 months end before 12 months and 30 days here, and the other way round in the next line.
    ("windtre", "2025-01-31", ("2026-01-31", "2026-02-28", "2027-01-31")),
    ("windtre", "2025-03-15", ("2026-03-15", "2026-04-14", "2027-03-15")),
    ("iliad", "2025-03-31", ("2026-03-31", None, "2027-03-31")),
    ("ho", "2025-03-31", ("2026-02-28", "2026-03-31", None)),
    ("kena", "2025-03-31", ("2026-03-31", "2026-04-30", None)),
    ("kena", "2025-01-31", ("2026-01-31", "2026-03-02", None)),
    ("kena", "2023-01-31", ("2024-01-31", "2024-03-01", None)),
    ("very", "2025-03-31", ("2026-03-31", "2026-04-30", "2027-03-31")),
    ("postemobile", "2025-03-31", ("2026-02-28", "2026-03-31", None)),
    ("coopvoce", "2025-03-31", ("2026-03-31", "2026-04-30", None)),
    ("spusu", "2025-03-31", ("2026-06-30", None, "2026-06-30")),
    ("1mobile", "2025-03-31", ("2026-03-31", None, None)),
    ("fastweb", "2025-03-31", ("2026-03-31", None, None)),
    ("cmlink", "2025-03-31", ("2026-03-31", None, None)),
    ("lycamobile", "2025-03-31", (None, None, None)),
    ("tiscali", "2025-03-31", (None, None, None)),
    ("digi", "2025-03-31", (None, None, None)),
    ("optima", "2025-03-31", (None, None, None)),
    ("noitel", "2025-03-31", (None, None, None)),
]


@pytest.mark.parametrize(("slug", "last_event", "expected"), CASES)
def test_last_day_of_each_phase(slug: str, last_event: str, expected: tuple[str | None, ...]) -> None:
    assert three(dates(slug, date.fromisoformat(last_event))) == expected


def test_every_operator_has_a_case_above() -> None:
    assert {slug for slug, _last_event, _expected in CASES} == set(rulebook.slugs())


@pytest.mark.parametrize(
    ("slug", "as_of", "state", "days_left", "next_on", "next_kind"),
    [
        ("tim", "2025-03-31", "full_service", 365, "2026-03-31", "limited"),
        ("tim", "2026-03-30", "full_service", 1, "2026-03-31", "limited"),
        ("tim", "2026-03-31", "full_service", 0, "2026-03-31", "limited"),
        ("tim", "2026-04-01", "receive_only", 29, "2026-04-30", "off"),
        ("tim", "2026-04-30", "receive_only", 0, "2026-04-30", "off"),
        ("tim", "2026-05-01", "off_recoverable", 334, "2027-03-31", "lost"),
        ("tim", "2027-03-31", "off_recoverable", 0, "2027-03-31", "lost"),
        ("tim", "2027-04-01", "lost", None, None, None),
        ("vodafone", "2026-02-28", "full_service", 0, "2026-02-28", "limited"),
        ("vodafone", "2026-03-01", "receive_only", 30, "2026-03-31", "off"),
        ("vodafone", "2026-04-01", "off_recoverable", 364, "2027-03-31", "lost"),
        # No receive-only phase: the line goes off when full service ends.
        ("iliad", "2026-03-31", "full_service", 0, "2026-03-31", "off"),
        ("iliad", "2026-04-01", "off_recoverable", 364, "2027-03-31", "lost"),
        ("iliad", "2027-04-01", "lost", None, None, None),
        # The number goes with full service.
        ("spusu", "2026-06-30", "full_service", 0, "2026-06-30", "lost"),
        ("spusu", "2026-07-01", "lost", None, None, None),
        # Known until the line is off; what becomes of the number is not.
        ("kena", "2026-04-30", "receive_only", 0, "2026-04-30", "off"),
        ("kena", "2026-05-01", "unknown", None, None, None),
        # Nothing is known behind full service.
        ("1mobile", "2026-03-31", "full_service", 0, "2026-03-31", "limited"),
        ("1mobile", "2026-04-01", "unknown", None, None, None),
        ("tiscali", "2025-04-01", "unknown", None, None, None),
    ],
)
def test_state_and_days_left(
    slug: str, as_of: str, state: str, days_left: int | None, next_on: str | None, next_kind: str | None
) -> None:
    found = dates(slug, as_of=date.fromisoformat(as_of))
    assert (found.state, found.days_left) == (state, days_left)
    assert (found.next_on and found.next_on.isoformat(), found.next_kind) == (next_on, next_kind)


def test_a_line_without_an_event_has_no_dates_and_says_so() -> None:
    found = dates("tim", last_event=None)
    assert three(found) == (None, None, None)
    assert (found.state, found.days_left, found.next_on, found.next_kind) == ("unknown", None, None, None)
    assert {name: reason.code for name, reason in found.reasons.items()} == {
        "full_service_until": "no_event",
        "receive_only_until": "no_event",
        "number_kept_until": "no_event",
    }
    assert [reason.code for reason in found.why] == ["no_event"]
    assert (found.sources, found.disputed, found.set_aside) == ([], [], [])


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("tim", {}),
        ("iliad", {"receive_only_until": "no_such_phase"}),
        ("kena", {"number_kept_until": "number_kept_unknown"}),
        ("1mobile", {"receive_only_until": "receive_only_unknown", "number_kept_until": "number_kept_unknown"}),
        (
            "noitel",
            {
                "full_service_until": "full_service_unknown",
                "receive_only_until": "waits_for_full_service",
                "number_kept_until": "waits_for_full_service",
            },
        ),
    ],
)
def test_a_date_is_null_with_a_reason(slug: str, expected: dict[str, str]) -> None:
    found = dates(slug)
    assert {name: reason.code for name, reason in found.reasons.items()} == expected


def disputed(found: Deadlines) -> list[tuple[str, str | None, str, bool]]:
    return [(one.field, one.on.isoformat() if one.on else None, one.says, one.law) for one in found.disputed]


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("tim", []),
        (
            "vodafone",
            [
                ("full_service_until", "2026-03-31", "12 months", False),
                ("full_service_until", "2026-03-31", "12 months", True),
                ("receive_only_until", "2026-04-30", "13 months", False),
                ("number_kept_until", None, "no limit stated", False),
            ],
        ),
        ("windtre", [("number_kept_until", "2027-04-30", "25 months", False)]),
        (
            "coopvoce",
            [
                ("full_service_until", "2027-03-31", "24 months", False),
                ("number_kept_until", "2027-03-31", "24 months", True),
            ],
        ),
        ("spusu", [("number_kept_until", "2027-03-31", "24 months", True)]),
        (
            "tiscali",
            [
                ("full_service_until", "2026-03-31", "12 months", True),
                ("number_kept_until", "2027-03-31", "24 months", True),
            ],
        ),
    ],
)
def test_other_answers_are_kept_with_their_sources(slug: str, expected: list[Any]) -> None:
    found = dates(slug)
    assert disputed(found) == expected
    assert all(one.sources for one in found.disputed)


@pytest.mark.parametrize(
    ("slug", "expected"),
    [
        ("tim", [("full_service_until", "2026-02-28"), ("receive_only_until", "2026-03-31")]),
        ("iliad", [("number_kept_until", "2026-05-30")]),
        ("ho", [("full_service_until", "2026-01-31")]),
        ("vodafone", []),
    ],
)
def test_an_answer_that_is_not_believed_stands_apart_with_its_reason(
    slug: str, expected: list[tuple[str, str]]
) -> None:
    found = dates(slug)
    assert [(one.field, str(one.on)) for one in found.set_aside] == expected
    assert all(one.set_aside for one in found.set_aside)
    assert not [one for one in found.disputed if one.set_aside]


def test_sources_are_those_of_the_dates_each_once_and_all_that_agree() -> None:
    found = dates("windtre", date(2025, 3, 31))
    assert [source.id for source in found.sources] == ["fashionandroid", "mondomobileweb-2008", "jguana", *LATER]
    # On 15 March the candidate of 12 months and 30 days is a day earlier than 13 months, so only its source counts.
    earlier = dates("windtre", date(2025, 3, 15))
    assert [one.says for one in earlier.disputed if one.field == "receive_only_until"] == ["13 months"]


LATER = ["chetariffa", "notizie"]


def test_why_leads_from_the_event_to_the_date() -> None:
    assert [str(reason) for reason in dates("vodafone").why] == [
        "Counted in calendar months from 2025-03-31, the last event that extends the line.",
        "Vodafone: full service for 11 months, until 2026-02-28.",
        "Sources disagree on this date; the earliest warns, others go as far as 2026-03-31.",
        "After that it only receives, until 12 months from the event: 2026-03-31.",
        "Sources disagree on this date; the earliest warns, others go as far as 2026-04-30.",
        "The number is kept until 24 months from the event: 2027-03-31.",
    ]


@pytest.mark.parametrize(
    ("slug", "as_of", "codes"),
    [
        ("iliad", "2025-04-01", ["counted_from", "full_service", "no_such_phase", "number_kept"]),
        (
            "kena",
            "2026-05-01",
            ["counted_from", "full_service", "receive_only_days", "number_kept_unknown", "law_number"],
        ),
        ("tiscali", "2025-04-01", ["full_service_unknown", "law_suspension", "law_number"]),
        (
            "1mobile",
            "2026-04-01",
            [
                "counted_from",
                "full_service",
                "receive_only_unknown",
                "number_kept_unknown",
                "law_number",
                "what_follows_unknown",
            ],
        ),
        (
            "windtre",
            "2027-04-01",
            [
                "counted_from",
                "full_service",
                "receive_only",
                "number_kept",
                "sources_disagree",
                "maybe_recoverable",
            ],
        ),
        ("tim", "2027-04-01", ["counted_from", "full_service", "receive_only", "number_kept"]),
    ],
)
def test_reasons_carry_codes_that_pages_translate(slug: str, as_of: str, codes: list[str]) -> None:
    assert [reason.code for reason in dates(slug, as_of=date.fromisoformat(as_of)).why] == codes


def test_a_way_back_that_ends_earlier_is_named_while_it_is_open() -> None:
    on_the_last_day, on_the_next = date(2026, 5, 29), date(2026, 5, 30)
    open_until = [reason for reason in dates("vodafone", as_of=on_the_last_day).why if reason.code == "recovery_until"]
    assert [reason.params for reason in open_until] == [{"on": on_the_last_day, "way": "phone"}]
    assert "recovery_until" not in [reason.code for reason in dates("vodafone", as_of=on_the_next).why]


def test_no_stated_limit_is_no_date_and_stays_recoverable() -> None:
    """An operator of whom only "later too" is known: the book has none now that knows nothing else."""
    from dataclasses import replace

    from lineaviva.rulebook.facts import Facts

    vodafone = rulebook.operator("vodafone")
    open_end = Facts(one for one in vodafone.validity.number_kept if one.no_limit_stated)
    operator = replace(vodafone, validity=replace(vodafone.validity, number_kept=open_end))
    found = rulebook.deadlines.deadlines(operator=operator, last_event=LAST, as_of=date(2029, 1, 1))
    assert (found.number_kept_until, found.state, found.days_left) == (None, "off_recoverable", None)
    assert found.reasons["number_kept_until"].code == "no_limit_stated"


def test_ladder_names_what_ends_in_order() -> None:
    assert dates("tim").ladder == (
        ("limited", date(2026, 3, 31)),
        ("off", date(2026, 4, 30)),
        ("lost", date(2027, 3, 31)),
    )
    assert dates("iliad").ladder == (("off", date(2026, 3, 31)), ("lost", date(2027, 3, 31)))
    assert dates("spusu").ladder == (("lost", date(2026, 6, 30)),)
    assert dates("noitel").ladder == ()


def test_an_event_after_the_day_it_is_seen_on_is_full_service() -> None:
    found = dates("tim", last_event=LAST, as_of=LAST - timedelta(days=1))
    assert (found.state, found.days_left) == ("full_service", 366)


def test_as_dict_has_the_names_that_commands_print() -> None:
    document = dates("tim").as_dict()
    assert list(document) == [
        "operator",
        "last_event",
        "as_of",
        "full_service_until",
        "receive_only_until",
        "number_kept_until",
        "reasons",
        "state",
        "days_left",
        "next_on",
        "next_kind",
        "why",
        "sources",
        "disputed",
        "set_aside",
    ]
    assert list(document["sources"][0]) == ["id", "url", "date", "kind", "confidence"]
