from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from lineaviva.kernel import clock
from lineaviva.kernel.clock import ROME, FrozenClock, SystemClock, rome_date

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=ROME)


def test_the_system_clock_is_the_machine_s_and_aware() -> None:
    before = datetime.now(UTC)
    found = SystemClock().now()
    assert before <= found <= datetime.now(UTC)
    assert found.tzinfo is UTC


def test_a_moved_system_clock_starts_there_and_goes_on() -> None:
    moved = SystemClock("2030-01-01T00:00:00+01:00")
    first, second = moved.now(), moved.now()
    start = datetime(2029, 12, 31, 23, 0, tzinfo=UTC)
    assert start <= first <= second < start + timedelta(minutes=1)


def test_a_frozen_clock_moves_only_when_told() -> None:
    frozen = FrozenClock(NOON)
    assert frozen.now() == frozen.now() == NOON
    assert frozen.now().tzinfo is UTC
    frozen.advance(timedelta(days=1))
    assert frozen.now() == NOON + timedelta(days=1)
    frozen.move_to(NOON)
    assert frozen.now() == NOON


def test_use_puts_a_clock_in_place_and_takes_it_away() -> None:
    with clock.use(FrozenClock(NOON)):
        with clock.use(FrozenClock(NOON + timedelta(hours=1))):
            assert clock.now() == NOON + timedelta(hours=1)
        assert clock.now() == NOON
    assert clock.now() != NOON


def test_rome_date_is_the_calendar_day_there() -> None:
    assert rome_date(datetime(2026, 7, 10, 21, 59, tzinfo=UTC)) == date(2026, 7, 10)
    assert rome_date(datetime(2026, 7, 10, 22, 0, tzinfo=UTC)) == date(2026, 7, 11)
    assert rome_date(datetime(2026, 1, 10, 22, 59, tzinfo=UTC)) == date(2026, 1, 10)
    assert rome_date(datetime(2026, 1, 10, 23, 0, tzinfo=UTC)) == date(2026, 1, 11)
