"""What must hold of the dates for every operator, every event and every day."""

from __future__ import annotations

from datetime import UTC, date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva import rulebook
from lineaviva.kernel.calendar import end_of
from lineaviva.kernel.clock import ROME, rome_date
from lineaviva.rulebook.deadlines import FIELDS, PHASES, Deadlines, State

OPERATORS = st.sampled_from(rulebook.slugs()).map(rulebook.operator)
DAYS = st.dates(min_value=date(1996, 1, 1), max_value=date(2100, 12, 31))
LEAP_DAYS = st.sampled_from([date(year, 2, 29) for year in range(1996, 2100, 4)])
EVENTS = DAYS | LEAP_DAYS
LATER = st.integers(min_value=0, max_value=1500).map(lambda days: timedelta(days=days))
ORDER: dict[State, int] = {"full_service": 0, "receive_only": 1, "off_recoverable": 2, "lost": 3}


def of(operator: rulebook.Operator, event: date, as_of: date) -> Deadlines:
    return rulebook.deadlines.deadlines(operator=operator, last_event=event, as_of=as_of)


@given(OPERATORS, EVENTS, LATER)
def test_a_later_event_never_brings_an_earlier_date(operator: rulebook.Operator, event: date, later: timedelta) -> None:
    before, after = of(operator, event, event), of(operator, event + later, event)
    for name in FIELDS:
        earlier_date, later_date = getattr(before, name), getattr(after, name)
        assert (earlier_date is None) == (later_date is None)
        assert earlier_date is None or earlier_date <= later_date


@given(OPERATORS, EVENTS, LATER)
def test_a_date_is_never_later_than_any_source_allows(
    operator: rulebook.Operator, event: date, later: timedelta
) -> None:
    found = of(operator, event, event + later)
    for name in FIELDS:
        on = getattr(found, name)
        for candidate in getattr(operator.validity, PHASES[name]):
            allowed = candidate.last_day(event)
            assert on is None or candidate.set_aside or allowed is None or on <= allowed
    for dispute in found.disputed:
        on = getattr(found, dispute.field)
        assert on is None or dispute.on is None or on < dispute.on


@given(OPERATORS, EVENTS)
def test_no_phase_ends_before_the_one_in_front_of_it(operator: rulebook.Operator, event: date) -> None:
    found = of(operator, event, event)
    known = [on for name in FIELDS if (on := getattr(found, name))]
    assert known == sorted(known)
    assert all(on > event for on in known)


@given(OPERATORS, EVENTS, LATER)
def test_dates_do_not_depend_on_the_day_they_are_seen_on(
    operator: rulebook.Operator, event: date, later: timedelta
) -> None:
    now, then = of(operator, event, event), of(operator, event, event + later)
    assert [getattr(now, name) for name in FIELDS] == [getattr(then, name) for name in FIELDS]


@given(OPERATORS, EVENTS, LATER, LATER)
def test_a_line_never_gets_better_by_waiting(
    operator: rulebook.Operator, event: date, wait: timedelta, longer: timedelta
) -> None:
    early, late = of(operator, event, event + wait), of(operator, event, event + wait + longer)
    if "unknown" not in (early.state, late.state):
        assert ORDER[early.state] <= ORDER[late.state]
    if early.state == late.state and early.days_left is not None and late.days_left is not None:
        assert early.days_left - late.days_left == longer.days


@pytest.mark.parametrize("slug", rulebook.slugs())
@pytest.mark.parametrize("event", [date(2025, 3, 31), date(2024, 2, 29), date(2025, 1, 31)], ids=str)
def test_every_day_has_one_state_and_each_phase_is_one_piece(slug: str, event: date) -> None:
    operator = rulebook.operator(slug)
    states = [of(operator, event, event + timedelta(days=day)) for day in range(0, 1000)]
    seen = [found.state for index, found in enumerate(states) if index == 0 or states[index - 1].state != found.state]
    assert len(seen) == len(set(seen)), "a state that ended came back"
    for found in states:
        if found.days_left is not None:
            assert found.days_left >= 0
            last = found.as_of + timedelta(days=found.days_left)
            assert of(operator, event, last).state == found.state
            assert of(operator, event, last + timedelta(days=1)).state != found.state
        if found.next_on:
            assert found.next_on >= found.as_of


@given(OPERATORS, EVENTS, LATER)
def test_a_state_lasts_to_the_last_instant_of_its_last_day_in_rome(
    operator: rulebook.Operator, event: date, later: timedelta
) -> None:
    found = of(operator, event, event + later)
    for _, on in found.ladder:
        over = end_of(on)
        assert rome_date(over) == on + timedelta(days=1)
        assert rome_date(over - timedelta(microseconds=1)) == on
        local = over.astimezone(ROME)
        assert (local.hour, local.minute, local.second) == (0, 0, 0)


@pytest.mark.parametrize(
    ("event", "last_day", "over"),
    [
        # Clocks go forward on 29 March 2026 and back on 25 October 2026.
        (date(2025, 3, 28), date(2026, 3, 28), "2026-03-28T23:00:00+00:00"),
        (date(2025, 3, 29), date(2026, 3, 29), "2026-03-29T22:00:00+00:00"),
        (date(2025, 10, 24), date(2026, 10, 24), "2026-10-24T22:00:00+00:00"),
        (date(2025, 10, 25), date(2026, 10, 25), "2026-10-25T23:00:00+00:00"),
    ],
    ids=str,
)
def test_the_days_on_which_the_clocks_change(event: date, last_day: date, over: str) -> None:
    found = of(rulebook.operator("tim"), event, event)
    assert found.full_service_until == last_day
    assert end_of(last_day).astimezone(UTC).isoformat() == over


@given(OPERATORS, EVENTS, LATER)
def test_it_can_always_be_said_why(operator: rulebook.Operator, event: date, later: timedelta) -> None:
    found = of(operator, event, event + later)
    assert found.why
    assert all("{" not in reason and reason.endswith(".") for reason in found.why)
    for name in FIELDS:
        assert (getattr(found, name) is None) == (name in found.reasons)
    assert bool(found.sources) == (found.full_service_until is not None)
