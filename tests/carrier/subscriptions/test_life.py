"""A line's life: every step after its notice, by the dates of the real rulebook, whatever nights were missed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva import rulebook
from lineaviva.carrier.subscriptions.queries import legal_notice
from lineaviva.carrier.subscriptions.rules import (
    PHASES,
    SPARE_DAYS,
    Life,
    Notice,
    Step,
    first_look,
    life_from,
    life_step,
)
from lineaviva.rulebook.deadlines import deadlines

NOTICE = Notice(suspension_days=30, loss_days=30)
TODAY = date(2026, 11, 22)
ORDER = ("full_service", "receive_only", "off", "free")


def day(days: int) -> date:
    return TODAY + timedelta(days=days)


def life(phase: str = "full_service", full: int = 100, receives: int = 130, kept: int = 490, **noticed: date) -> Life:
    """Its three last days, so many from today."""
    return Life(phase, day(full), day(receives), day(kept), **noticed)


def test_the_law_asks_for_thirty_days() -> None:
    assert legal_notice() == NOTICE


@pytest.mark.parametrize(
    ("before", "outcome", "phase", "look"),
    [
        pytest.param(life(full=34), "suspension_notice", "full_service", day(35), id="35 days before its end: notice"),
        pytest.param(life(full=35), "", "full_service", day(1), id="36 days before: tomorrow"),
        pytest.param(life(full=10), "suspension_notice", "full_service", day(30), id="notice missed: it ends later"),
        pytest.param(life(full=-9), "suspension_notice", "full_service", day(30), id="notice missed for long"),
        pytest.param(
            life(full=-1, suspension_noticed_on=day(-30)), "receive_only", "receive_only", day(130 + 1), id="its end"
        ),
        pytest.param(
            life(full=-1, suspension_noticed_on=day(-29)), "", "full_service", day(1), id="its end, a day too soon"
        ),
        pytest.param(
            life(full=-1, receives=-1, suspension_noticed_on=day(-35)), "off", "off", day(456), id="it never receives"
        ),
        pytest.param(life("receive_only", -31, -1), "off", "off", day(456), id="it receives no more"),
        pytest.param(life("receive_only", -31, 0), "", "receive_only", day(1), id="its last day of receiving"),
        pytest.param(life("off", -90, -60, 34), "loss_notice", "off", day(35), id="35 days before its number goes"),
        pytest.param(life("off", -90, -60, -5), "loss_notice", "off", day(30), id="its notice missed"),
        pytest.param(
            life("off", -90, -60, -1, loss_noticed_on=day(-30)), "freed", "free", None, id="its number is free"
        ),
        pytest.param(
            life("off", -90, -60, -1, loss_noticed_on=day(-29)), "", "off", day(1), id="its number, a day too soon"
        ),
        pytest.param(life("free", -90, -60, -1), "", "free", None, id="over"),
        pytest.param(Life("unknown", None, None, None), "", "unknown", None, id="nothing is known"),
        pytest.param(Life("full_service", None, None, None), "", "full_service", None, id="no end"),
        pytest.param(Life("off", day(-90), day(-60), None), "", "off", None, id="its number is kept without end"),
        pytest.param(
            Life("full_service", day(-1), None, None, day(-40)), "receive_only", "receive_only", None, id="no off"
        ),
    ],
)
def test_a_step(before: Life, outcome: str, phase: str, look: date | None) -> None:
    found = life_step(before, day=TODAY, told_on=TODAY, notice=NOTICE)
    assert (found.outcome, found.life.phase, found.look_on) == (outcome, phase, look)


def test_a_notice_is_given_on_the_day_on_which_it_is_given() -> None:
    """The night that is made up for is an earlier one than the day on which anybody hears of it."""
    found = life_step(life(full=0), day=day(-30), told_on=TODAY, notice=NOTICE)
    assert (found.life.suspension_noticed_on, found.look_on) == (TODAY, day(30))


def test_where_a_line_is_first_looked_at() -> None:
    assert first_look(life(full=100), told_on=TODAY, notice=NOTICE) == day(101 - 30 - SPARE_DAYS)


# --- whatever happens -----------------------------------------------------------------------------------------------

SOME = st.integers(0, 800)


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """A line in service whose phases have no, some or no known end."""
    full = draw(st.integers(-50, 500))
    receives = draw(st.one_of(st.none(), SOME.map(lambda more: full + more)))
    kept = draw(st.one_of(st.none(), SOME.map(lambda more: (receives or full) + more)))
    return Life(
        "full_service",
        day(full),
        None if receives is None else day(receives),
        None if kept is None else day(kept),
    )


@dataclass(frozen=True)
class Lived:
    """A step, the life before it, the night that it counts from, and the later day on which it was made."""

    before: Life
    step: Step
    on: date
    made_on: date


def lived(start: Life, pauses: list[int]) -> list[Lived]:
    """All its steps. `pauses`: the days between runs, again and again; each makes up for what was missed, in order."""
    steps: list[Lived] = []
    now, done = start, day(-1)
    look = first_look(start, told_on=TODAY, notice=NOTICE)
    for run in range(3000):
        if look is None:
            return steps
        as_of = done + timedelta(days=pauses[run % len(pauses)])
        while look is not None and look <= as_of:
            on = max(look, done + timedelta(days=1))
            step = life_step(now, day=on, told_on=as_of, notice=NOTICE)
            assert step.outcome or step.look_on is None or step.look_on > on, "it would be looked at for ever"
            steps += [Lived(now, step, on, as_of)] if step.outcome else []
            now, look, done = step.life, step.look_on, on - timedelta(days=1)
        done = as_of
    raise AssertionError("a life without end")


PAUSES = st.lists(st.integers(1, 60), min_size=1, max_size=8)


@given(lives(), PAUSES)
def test_no_phase_ends_before_its_notice_is_thirty_days_old(start: Life, pauses: list[int]) -> None:
    given_on: dict[str, date] = {}
    for one in lived(start, pauses):
        if one.step.outcome in ("suspension_notice", "loss_notice"):
            given_on[one.step.outcome] = one.made_on
        elif one.before.phase == "full_service":
            assert (one.on - given_on["suspension_notice"]).days >= 30
        if one.step.outcome == "freed":
            assert (one.on - given_on["loss_notice"]).days >= 30


@given(lives(), PAUSES)
def test_no_phase_ends_before_its_last_day_is_over(start: Life, pauses: list[int]) -> None:
    last_days = {
        "full_service": start.full_service_until,
        "receive_only": start.receive_only_until,
        "off": start.number_kept_until,
    }
    for one in lived(start, pauses):
        if one.step.life.phase != one.before.phase:
            last = last_days["off" if one.step.outcome == "freed" else one.before.phase]
            assert last is not None
            assert one.on > last


@given(lives(), PAUSES)
def test_a_life_goes_one_way_each_step_once_and_ends(start: Life, pauses: list[int]) -> None:
    steps = lived(start, pauses)
    phases = [start.phase, *(one.step.life.phase for one in steps)]
    assert phases == sorted(phases, key=ORDER.index)
    outcomes = [one.step.outcome for one in steps]
    assert len(set(outcomes)) == len(outcomes)
    assert (phases[-1] == "free") == (start.number_kept_until is not None)


@given(lives())
def test_with_every_night_run_the_dates_are_kept_to_the_day(start: Life) -> None:
    """Where there was time for the notice."""
    for one in lived(start, [1]):
        if one.step.outcome == "receive_only" and start.full_service_until and start.full_service_until >= day(30):
            assert one.on == start.full_service_until + timedelta(days=1)


def from_rulebook(operator: str, last_event: date) -> Life:
    return life_from(deadlines(operator=rulebook.operator(operator), last_event=last_event, as_of=TODAY))


@pytest.mark.parametrize("operator", rulebook.slugs())
def test_by_every_operators_own_dates_a_line_is_each_day_what_the_rulebook_says(operator: str) -> None:
    """Those who look a line up and those who switch it off go by the same days."""
    book = rulebook.operator(operator)
    by_day = {one.on: one.step.life.phase for one in lived(from_rulebook(operator, TODAY), [1])}
    phase = from_rulebook(operator, TODAY).phase
    for days in range(1200):
        phase = by_day.get(day(days), phase)
        says = deadlines(operator=book, last_event=TODAY, as_of=day(days)).state
        # Where nobody knows what comes next, the line is left as much as can be, and its number always.
        expected = {"lost": ("free",), "unknown": ("unknown", "receive_only", "off")}.get(says, (PHASES[says],))
        assert (day(days), phase in expected, phase, says) == (day(days), True, phase, says)


@pytest.mark.parametrize(
    ("operator", "phases"),
    [
        ("tim", ["full_service", "receive_only", "off", "off", "free"]),
        ("iliad", ["full_service", "off", "off", "free"]),
        ("spusu", ["full_service", "full_service", "off", "free"]),
        ("1mobile", ["full_service", "receive_only"]),
        ("digi", []),
    ],
)
def test_the_lives_of_some(operator: str, phases: list[str]) -> None:
    """A phase stands once for its notice, where that is given in it, and once for its beginning."""
    assert [one.step.life.phase for one in lived(from_rulebook(operator, TODAY), [1])] == phases


def test_the_night_never_looks_for_what_it_is_too_early_for() -> None:
    """A night that is missed moves a step to a later day, which the line's row says at once."""
    missed = life_step(life(full=10), day=TODAY, told_on=TODAY, notice=NOTICE)
    assert missed.look_on == day(30)
    early = life_step(replace(missed.life), day=day(29), told_on=day(29), notice=NOTICE)
    assert (early.outcome, early.look_on, early.life) == ("", day(30), missed.life)


@given(st.integers(0, 3000))
def test_however_long_ago_the_last_day_was_a_number_is_not_taken_back_without_notice(days_ago: int) -> None:
    found = from_rulebook("tim", day(-days_ago))
    assert found.phase != "free"
    if found.phase == "off":
        steps = lived(found, [1])
        assert [one.step.outcome for one in steps] == ["loss_notice", "freed"]
        assert steps[1].on >= day(30)
