from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.kernel.agenda import limits
from lineaviva.kernel.agenda.limits import after_take
from lineaviva.kernel.agenda.models import RateLimit

NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
GO = timedelta(0)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("full_at", "wait", "then"),
    [
        pytest.param(-100, 0, 1, id="full for long"),
        pytest.param(0, 0, 1, id="just full"),
        pytest.param(2, 0, 3, id="the last token"),
        pytest.param(2.5, 0.5, 2.5, id="half a token short"),
        pytest.param(3, 1, 3, id="empty"),
        pytest.param(5000, 1, 3, id="the clock was set back"),
    ],
)
def test_a_bucket_of_three_that_gains_one_a_second(full_at: float, wait: float, then: float) -> None:
    found = after_take(NOW + full_at * SECOND, per_minute=60, burst=3, now=NOW)
    assert found == (wait * SECOND, NOW + then * SECOND)


@pytest.mark.parametrize(("per_minute", "burst"), [(0, 1), (-1, 1), (60, 0)])
def test_a_bucket_without_sense(per_minute: float, burst: int) -> None:
    with pytest.raises(ValueError, match="a bucket gains and holds something"):
        after_take(NOW, per_minute=per_minute, burst=burst, now=NOW)


@given(
    st.integers(min_value=1, max_value=600),
    st.integers(min_value=1, max_value=20),
    st.lists(st.floats(min_value=0, max_value=30), max_size=60),
)
def test_never_more_than_the_burst_and_what_came_in(per_minute: int, burst: int, pauses: list[float]) -> None:
    full_at = now = NOW
    taken = 0
    for pause in pauses:
        now += pause * SECOND
        wait, full_at = after_take(full_at, per_minute=per_minute, burst=burst, now=now)
        taken += not wait
        # A microsecond of rounding for each token.
        assert taken <= burst + (now - NOW) / timedelta(minutes=1) * per_minute + 0.01
        assert after_take(full_at, per_minute=per_minute, burst=burst, now=now + wait)[0] == GO or not wait


@pytest.mark.django_db
def test_take() -> None:
    def take(name: str, seconds: float) -> timedelta:
        return limits.take(name, per_minute=60, burst=2, now=NOW + seconds * SECOND)

    assert [take("tim", 0), take("tim", 0), take("tim", 0)] == [GO, GO, SECOND]
    assert take("vodafone", 0) == GO
    assert [take("tim", 0.75), take("tim", 1), take("tim", 1)] == [0.25 * SECOND, GO, SECOND]
    assert [take("tim", 60), take("tim", 60), take("tim", 60)] == [GO, GO, SECOND]
    assert RateLimit.objects.count() == 2


@pytest.mark.django_db
def test_to_ask_how_long_takes_nothing() -> None:
    bucket = {"name": "webhook:1.2.3.4", "per_minute": 60, "burst": 2}
    assert limits.wait_for(**bucket, now=NOW) == GO
    assert not RateLimit.objects.exists()
    assert [limits.take(**bucket, now=NOW) for _ in range(2)] == [GO, GO]
    assert [limits.wait_for(**bucket, now=NOW + SECOND * each) for each in (0, 0, 1)] == [SECOND, SECOND, GO]
    assert RateLimit.objects.get().full_at == NOW + 2 * SECOND


@pytest.mark.django_db
def test_a_token_that_was_not_needed_comes_back() -> None:
    def take() -> timedelta:
        return limits.take("tim", per_minute=60, burst=2, now=NOW)

    assert [take(), take(), take()] == [GO, GO, SECOND]
    limits.put_back("tim", per_minute=60, now=NOW)
    assert [take(), take()] == [GO, SECOND]
    for _ in range(9):  # never more than it holds
        limits.put_back("tim", per_minute=60, now=NOW)
    limits.put_back("nobody", per_minute=60, now=NOW)
    assert [take(), take(), take()] == [GO, GO, SECOND]
    assert RateLimit.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_many_at_once_get_no_more_than_there_is() -> None:
    def take(_: int) -> timedelta:
        try:
            return limits.take("tim", per_minute=1, burst=5, now=NOW)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        found = Counter(pool.map(take, range(24)))
    assert found == {GO: 5, timedelta(minutes=1): 19}
