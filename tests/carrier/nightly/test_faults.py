"""A run that ends anywhere, and is started again, ends as one that nobody disturbed: to the cent and to the row."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.db import connection

from lineaviva.carrier.nightly import aside
from lineaviva.carrier.nightly.models import Shard
from lineaviva.carrier.nightly.night import Night, shard_run
from lineaviva.carrier.nightly.shards import ShardLost, shard_claim, shard_release, shard_write, shards_waiting
from tests.carrier.nightly import lines
from tests.carrier.nightly.lines import NIGHT, at, day, night, other_than, rolled_back, state
from tests.carrier.nightly.worlds import killed_at, mixed, statements, work

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books")]
MOST_PLACES = 30


def undisturbed(batch: int) -> tuple[dict[str, Any], list[str]]:
    """Every row as a run that nobody disturbs leaves it, and the statements of that run."""
    with rolled_back():
        asked = statements(batch)
        return state(), asked


def places(asked: list[str]) -> list[int]:
    """Where to kill: before each commit, and of all other statements as many as there is time for, evenly."""
    commits = {place for place, sql in enumerate(asked) if sql.startswith("RELEASE")}
    step = max(1, len(asked) // MOST_PLACES)
    return sorted(commits | set(range(0, len(asked), step)))


# --- killed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [3, 100])
def test_killed_at_any_statement_the_night_goes_on_where_it_stood(batch: int) -> None:
    mixed()
    expected, asked = undisturbed(batch)
    other = 100 if batch == 3 else 3
    for place in places(asked):
        with rolled_back():
            assert killed_at(place, batch)
            # Whoever goes on may well do it in other batches.
            work(batch if place % 2 else other)
            assert (place, asked[place], other_than(expected)) == (place, asked[place], {})
            assert set(Shard.objects.values_list("done_through", flat=True)) == {NIGHT}
    work(batch)


def test_killed_again_and_again() -> None:
    mixed()
    expected, asked = undisturbed(3)
    luck = random.Random(22)
    for _ in range(8):
        with rolled_back():
            deaths = 0
            while killed_at(luck.randrange(5, len(asked) // 2), 3):
                deaths += 1
            assert deaths > 1
            assert other_than(expected) == {}


def test_killed_it_has_done_whole_batches_and_no_half_of_one() -> None:
    """Wherever it dies, the books balance at that moment, and the next number of each line's events is right."""
    mixed()
    _, asked = undisturbed(3)
    for place in places(asked)[::4]:
        with rolled_back():
            killed_at(place, 3)
            assert (place, lines.problems()) == (place, [])
            summary = night(day(-1))
            assert summary["ledger_agrees"], place
    work(3)


def test_asked_to_stop_it_ends_the_batch_at_hand_and_begins_no_other() -> None:
    mixed()
    expected, _ = undisturbed(3)
    for after in range(1, 30, 4):
        with rolled_back():
            calls = iter(range(10**6))
            work(3, stopped=lambda calls=calls, after=after: next(calls) >= after)  # type: ignore[misc]
            assert lines.problems() == []
            lines.lease_over()
            work(100)
            assert other_than(expected) == {}


# --- a part is one worker's ----------------------------------------------------------------------------------------


def test_a_part_is_taken_once() -> None:
    mixed()
    claimed = [shard_claim(holder=name, as_of=NIGHT) for name in ("a", "b", "c", "d")]
    mine = [shard.part for shard in claimed if shard]
    assert mine == ([0, 1] if connection.vendor == "postgresql" else [0])
    waiting = shards_waiting(NIGHT)
    assert (waiting.held, waiting.free) == (len(mine), 0)
    # Whoever holds it may take it again, after its connection broke.
    again = shard_claim(holder="a", as_of=NIGHT)
    assert again is not None
    assert again.part == 0


def test_a_part_that_is_left_or_whose_lease_is_over_is_anybodys() -> None:
    mixed()
    first = shard_claim(holder="a", as_of=NIGHT)
    assert first is not None
    shard_release(first)
    second = shard_claim(holder="b", as_of=NIGHT)
    assert second is not None
    assert (second.part, second.holder) == (0, "b")
    lines.lease_over()
    third = shard_claim(holder="c", as_of=NIGHT)
    assert third is not None
    assert (third.part, third.holder) == (0, "c")
    # The one before cannot give away what is not its own any more.
    with pytest.raises(ShardLost):
        shard_release(second)
    assert Shard.objects.get(part=0).holder == "c"


def test_a_part_that_is_done_is_nobodys() -> None:
    mixed()
    work(100)
    assert shard_claim(holder="a", as_of=NIGHT) is None
    assert shards_waiting(NIGHT).free == 0
    assert shard_claim(holder="a", as_of=day(1)) is not None


def test_whoever_lost_a_part_writes_nothing() -> None:
    mixed()
    slow = shard_claim(holder="slow", as_of=NIGHT)
    assert slow is not None
    lines.lease_over()
    assert shard_claim(holder="quick", as_of=NIGHT) is not None
    before = state()
    slow.day = NIGHT
    with pytest.raises(ShardLost):
        shard_write(slow)
    with pytest.raises(ShardLost):
        shard_run(shard=slow, night=Night(as_of=NIGHT, at=at(NIGHT), batch=3))
    assert state() == before
    assert Shard.objects.get(part=0).holder == "quick"
    lines.lease_over()
    work(100)


@pytest.mark.parametrize("after", [1, 4, 9])
def test_a_worker_that_was_overtaken_between_two_batches_stops_and_the_end_is_the_same(after: int) -> None:
    """It was thought dead, came back, and finds that somebody else has gone on in the meantime."""
    mixed()
    expected, _ = undisturbed(3)
    calls = 0

    def overtaken() -> bool:
        nonlocal calls
        calls += 1
        if calls == after:
            lines.lease_over()
            work(3)
        return False

    slow = shard_claim(holder="slow", as_of=NIGHT)
    assert slow is not None
    with pytest.raises(ShardLost):
        shard_run(shard=slow, night=Night(as_of=NIGHT, at=at(NIGHT), batch=3, stopped=overtaken))
    work(3)
    assert other_than(expected) == {}


def test_overtaken_in_the_middle_of_a_bad_batch_it_does_not_take_the_other_for_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A row is refused; before the worker has tried the halves, the part is somebody else's and all of it is done."""
    mixed()
    spoiled = lines.line("vodafone", credit=10, id=lines.in_part(0, 40)[-1])
    lines.plan(spoiled, "vodafone-base")
    lines.owe(spoiled, 10**15 - 50)
    expected, _ = undisturbed(100)
    done = False

    real = aside._halved

    def halved(*args: Any) -> Any:
        nonlocal done
        if not done:
            done = True
            lines.lease_over()
            work(100)
        return real(*args)

    monkeypatch.setattr(aside, "_halved", halved)
    slow = shard_claim(holder="slow", as_of=NIGHT)
    assert slow is not None
    with pytest.raises(ShardLost):
        shard_run(shard=slow, night=Night(as_of=NIGHT, at=at(NIGHT), batch=100))
    assert other_than(expected) == {}
