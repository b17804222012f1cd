from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineaviva.keeper.reminders import rules
from lineaviva.keeper.reminders.rules import Stage
from lineaviva.kernel.clock import ROME, rome_date

# TIM, topped up last on 31 March 2025.
LADDER = (("limited", date(2026, 3, 31)), ("off", date(2026, 4, 30)), ("lost", date(2027, 3, 31)))
# Nobody says until when the number is kept.
OPEN_END = LADDER[:2]


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), ROME)


@pytest.mark.parametrize(
    ("day", "stage"),
    [
        pytest.param(date(2026, 1, 29), None, id="61 days before"),
        pytest.param(date(2026, 1, 30), Stage("limited", date(2026, 3, 31), 60), id="60 days before"),
        pytest.param(date(2026, 2, 10), Stage("limited", date(2026, 3, 31), 60), id="between 60 and 30"),
        pytest.param(date(2026, 3, 1), Stage("limited", date(2026, 3, 31), 30), id="30"),
        pytest.param(date(2026, 3, 17), Stage("limited", date(2026, 3, 31), 14), id="14"),
        pytest.param(date(2026, 3, 24), Stage("limited", date(2026, 3, 31), 7), id="7"),
        pytest.param(date(2026, 3, 28), Stage("limited", date(2026, 3, 31), 3), id="3"),
        pytest.param(date(2026, 3, 29), Stage("limited", date(2026, 3, 31), 3), id="2: still that of 3"),
        pytest.param(date(2026, 3, 30), Stage("limited", date(2026, 3, 31), 1), id="1"),
        pytest.param(date(2026, 3, 31), Stage("limited", date(2026, 3, 31), 0), id="the last day"),
        pytest.param(date(2026, 4, 1), Stage("off", date(2026, 4, 30), 29), id="receive only: daily"),
        pytest.param(date(2026, 4, 30), Stage("off", date(2026, 4, 30), 0), id="the last day of receiving"),
        pytest.param(date(2026, 5, 1), Stage("lost", date(2027, 3, 31), 334), id="off: daily, the number can be saved"),
        pytest.param(date(2027, 3, 31), Stage("lost", date(2027, 3, 31), 0), id="the number's last day"),
        pytest.param(date(2027, 4, 1), None, id="lost: nothing to save"),
    ],
)
def test_which_stage_is_due_at_noon(day: date, stage: Stage | None) -> None:
    assert rules.due(LADDER, noon(day)) == stage


@pytest.mark.parametrize(
    ("day", "days"),
    [
        pytest.param(date(2026, 5, 1), -1, id="the day after the last known date"),
        pytest.param(date(2026, 5, 30), -30, id="thirty days after"),
        pytest.param(date(2026, 5, 31), None, id="then the list alone says so"),
    ],
)
def test_where_nobody_knows_how_long_it_can_be_saved(day: date, days: int | None) -> None:
    expected = None if days is None else Stage("off", date(2026, 4, 30), days)
    assert rules.due(OPEN_END, noon(day)) == expected


def test_a_line_of_which_nothing_is_known_is_left_alone() -> None:
    now = noon(date(2026, 3, 1))
    assert rules.due((), now) is None
    assert rules.passed((), since=date(2020, 1, 1), now=now) == []
    assert rules.next_look((), now) == now + rules.LONGEST_REST


@pytest.mark.parametrize(
    ("at", "stage"),
    [
        pytest.param(datetime(2026, 3, 24, 8, 59, tzinfo=ROME), 14, id="not before nine"),
        pytest.param(datetime(2026, 3, 24, 9, 0, tzinfo=ROME), 7, id="at nine"),
        pytest.param(datetime(2026, 3, 24, 7, 59, tzinfo=UTC), 14, id="winter time"),
        pytest.param(datetime(2026, 3, 24, 8, 0, tzinfo=UTC), 7, id="nine in winter is eight in UTC"),
        pytest.param(datetime(2026, 3, 30, 6, 59, tzinfo=UTC), 3, id="summer time"),
        pytest.param(datetime(2026, 3, 30, 7, 0, tzinfo=UTC), 1, id="nine in summer is seven in UTC"),
    ],
)
def test_stages_begin_at_nine_in_rome(at: datetime, stage: int) -> None:
    found = rules.due(LADDER, at)
    assert found is not None
    assert found.days == stage


def test_between_midnight_and_nine_nobody_is_told_of_a_date_that_is_over() -> None:
    assert rules.due(LADDER, datetime(2026, 4, 1, 3, tzinfo=ROME)) is None
    assert rules.due(OPEN_END, datetime(2026, 5, 1, 3, tzinfo=ROME)) is None
    found = rules.due(OPEN_END, datetime(2026, 5, 2, 3, tzinfo=ROME))
    assert found == Stage("off", date(2026, 4, 30), -1)


def test_what_a_line_added_late_has_missed() -> None:
    today = date(2026, 3, 20)
    assert [stage.days for stage in rules.passed(LADDER, since=today, now=noon(today))] == [60, 30]


def test_of_dates_long_past_only_what_was_watched_counts() -> None:
    today = date(2026, 4, 10)
    assert [stage.days for stage in rules.passed(LADDER, since=date(2026, 4, 8), now=noon(today))] == [22, 21]
    everything = rules.passed(LADDER, since=date(2026, 1, 1), now=noon(today))
    assert [stage.days for stage in everything] == [60, 30, 14, 7, 3, 1, 0, *range(29, 20, -1)]


@pytest.mark.parametrize(
    ("now", "look"),
    [
        pytest.param(datetime(2026, 1, 1, 12, tzinfo=ROME), datetime(2026, 1, 30, 9, tzinfo=ROME), id="the first rung"),
        pytest.param(
            datetime(2025, 6, 1, 12, tzinfo=ROME), datetime(2025, 7, 1, 12, tzinfo=ROME), id="a month at most"
        ),
        pytest.param(datetime(2026, 3, 24, 8, tzinfo=ROME), datetime(2026, 3, 24, 9, tzinfo=ROME), id="today at nine"),
        pytest.param(datetime(2026, 3, 24, 9, tzinfo=ROME), datetime(2026, 3, 28, 9, tzinfo=ROME), id="the next rung"),
        pytest.param(
            datetime(2026, 3, 31, 9, tzinfo=ROME), datetime(2026, 4, 1, 0, tzinfo=ROME), id="midnight: a new state"
        ),
        pytest.param(datetime(2026, 4, 1, 0, tzinfo=ROME), datetime(2026, 4, 1, 9, tzinfo=ROME), id="then nine"),
        pytest.param(datetime(2027, 4, 1, 0, tzinfo=ROME), datetime(2027, 5, 1, 0, tzinfo=ROME), id="lost"),
    ],
)
def test_when_to_look_again(now: datetime, look: datetime) -> None:
    assert rules.next_look(LADDER, now.astimezone(UTC)) == look


def test_the_name_of_a_message_never_changes() -> None:
    stage = Stage("limited", date(2026, 3, 31), -1)
    assert rules.message_key(line_id=7, stage=stage, channel="email") == "reminder.7.limited.2026-03-31.-1.email"


ladders = st.builds(
    lambda first, gaps, kinds: tuple(
        zip(kinds, [first + timedelta(days=sum(gaps[: place + 1])) for place in range(len(kinds))], strict=True)
    ),
    st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    st.lists(st.integers(1, 400), min_size=3, max_size=3),
    st.sampled_from(
        [
            ("limited",),
            ("off",),
            ("lost",),
            ("limited", "off"),
            ("limited", "lost"),
            ("off", "lost"),
            ("limited", "off", "lost"),
        ]
    ),
)
# When the power is on: hours between looks.
looks = st.lists(st.integers(1, 24 * 40), min_size=1, max_size=60)


@settings(deadline=None)
@given(ladders, looks, st.integers(-100, 200))
def test_every_stage_is_sent_or_superseded_exactly_once(
    ladder: tuple[tuple[str, date], ...], looks: list[int], start: int
) -> None:
    """Whenever somebody looks, as the planner does it: open what is due once, close what has passed once."""
    now = noon(ladder[0][1] - timedelta(days=start)).astimezone(UTC)
    since = rome_date(now)
    sent: list[Stage] = []
    closed: list[Stage] = []
    for hours in looks:
        now += timedelta(hours=hours)
        for stage in rules.passed(ladder, since=since, now=now):
            if stage not in sent and stage not in closed:
                closed.append(stage)
        stage = rules.due(ladder, now)
        if stage and stage not in sent:
            assert stage not in closed, "what was given up must not be sent"
            sent.append(stage)
    assert len(set(sent)) == len(sent)
    # Monotone: later messages are of later days, and never from the future.
    assert [stage.day for stage in sent] == sorted(stage.day for stage in sent)
    assert all(stage.at <= now for stage in sent)
    # Nothing that came due while the line was watched is left without an answer.
    day = rules.reminding_day(now)
    for number in range((day - since).days + 1):
        stage = rules.stage_on(ladder, since + timedelta(days=number))
        assert stage is None or stage in sent or stage in closed


@settings(deadline=None)
@given(ladders, st.integers(-400, 1300), st.integers(0, 23))
def test_at_most_one_stage_a_day_and_always_of_the_next_date(
    ladder: tuple[tuple[str, date], ...], days: int, hour: int
) -> None:
    day = ladder[0][1] + timedelta(days=days)
    now = datetime.combine(day, time(hour), ROME).astimezone(UTC)
    stage = rules.due(ladder, now)
    ahead = [(kind, on) for kind, on in ladder if on >= day]
    if stage is None:
        return
    assert stage.at <= now
    if ahead:
        assert (stage.deadline, stage.on) == ahead[0]
        assert 0 <= stage.days
    else:
        assert ladder[-1][0] != "lost"
        assert -rules.OPEN_END_DAYS <= stage.days < 0


@settings(deadline=None)
@given(ladders, st.integers(-100, 900))
def test_looking_at_every_appointed_hour_misses_nothing(ladder: tuple[tuple[str, date], ...], days: int) -> None:
    """A worker that never sleeps, and looks only when it was told to, opens every stage on its own day."""
    now = noon(ladder[0][1] - timedelta(days=90) + timedelta(days=days)).astimezone(UTC)
    end = now + timedelta(days=45)
    seen: list[Stage] = []
    day = rules.reminding_day(now) + timedelta(days=1)
    while now < end:
        following = rules.next_look(ladder, now)
        assert following > now
        now = following
        stage = rules.due(ladder, now)
        if stage and stage not in seen and stage.day >= day:
            seen.append(stage)
    expected = [
        stage
        for number in range((rules.reminding_day(now) - day).days + 1)
        if (stage := rules.stage_on(ladder, day + timedelta(days=number)))
    ]
    assert seen == expected
