"""What follows from what is known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.activation.rules import (
    ASK_AFTER,
    MOST_SENDS,
    SEND_AGAIN_AFTER,
    Next,
    after_answer,
    ask_again,
    handed_over,
    happened_at,
    patient,
    plan_ends,
)
from lineaviva.kernel.errors import NeedsPerson, Temporary

SOON, LATE = timedelta(seconds=19), timedelta(seconds=20)
STATES = ("succeeded", "failed", "pending", "unknown", "not_found")


@pytest.mark.parametrize(
    ("state", "asked", "sends", "since_sent", "idempotent", "expected"),
    [
        pytest.param("succeeded", 10, 5, SOON, False, Next("succeed"), id="done is done"),
        pytest.param("failed", 10, 5, SOON, False, Next("fail"), id="refused is refused"),
        pytest.param("unknown", 0, 1, SOON, True, Next("ask", timedelta(seconds=5)), id="lost: ask soon"),
        pytest.param("unknown", 0, 1, LATE, True, Next("ask", timedelta(seconds=5)), id="lost: never sent again"),
        pytest.param("pending", 3, 1, LATE, True, Next("ask", timedelta(minutes=5)), id="undecided: ask"),
        pytest.param("unknown", 9, 1, LATE, True, Next("ask", timedelta(hours=12)), id="the last wait"),
        pytest.param("unknown", 10, 1, LATE, True, Next("hand_over"), id="asked ten times"),
        pytest.param("not_found", 0, 1, SOON, True, Next("ask", timedelta(seconds=5)), id="may be on its way"),
        pytest.param("not_found", 1, 1, LATE, True, Next("send"), id="never arrived: send"),
        pytest.param("not_found", 10, 4, LATE, True, Next("send"), id="never arrived, asked often: send"),
        pytest.param("not_found", 1, 5, LATE, True, Next("hand_over"), id="sent five times"),
        pytest.param("not_found", 1, 1, LATE, False, Next("hand_over"), id="not idempotent: never again"),
    ],
)
def test_what_is_next(
    state: str, asked: int, sends: int, since_sent: timedelta, idempotent: bool, expected: Next
) -> None:
    found = after_answer(state, asked=asked, sends=sends, since_sent=since_sent, idempotent=idempotent)
    assert found == expected


@given(
    st.sampled_from(STATES),
    st.integers(0, 30),
    st.integers(1, 10),
    st.timedeltas(timedelta(0), timedelta(days=30)),
    st.booleans(),
)
def test_what_can_never_happen(state: str, asked: int, sends: int, since_sent: timedelta, idempotent: bool) -> None:
    found = after_answer(state, asked=asked, sends=sends, since_sent=since_sent, idempotent=idempotent)
    # Only an operator's own word decides; only its word that it has nothing lets it be sent again.
    assert (found.act == "succeed") == (state == "succeeded")
    assert (found.act == "fail") == (state == "failed")
    if found.act == "send":
        assert (state, idempotent) == ("not_found", True)
        assert since_sent >= SEND_AGAIN_AFTER
        assert sends < MOST_SENDS
    if found.act == "ask":
        assert found.wait in ASK_AFTER


def test_the_waits_grow_and_end_within_two_days() -> None:
    assert list(ASK_AFTER) == sorted(ASK_AFTER)
    assert sum(ASK_AFTER, timedelta(0)) < timedelta(days=2)
    assert [ask_again(times) for times in range(len(ASK_AFTER) + 1)] == [*ASK_AFTER, None]


def test_a_gateway_that_is_away_is_tried_again_for_a_day() -> None:
    away = Temporary("no answer", timedelta(seconds=7))
    assert patient(away, "tim", timedelta(days=1)) is away
    over = patient(away, "tim", timedelta(days=1, microseconds=1))
    assert isinstance(over, NeedsPerson)
    assert str(over) == "tim could not be reached for a day: no answer"


def at(hour: int) -> datetime:
    return datetime(2026, 11, 22, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("done_at", "sent_at", "expected"),
    [
        pytest.param(at(11), at(10), at(11), id="in between"),
        pytest.param(at(9), at(10), at(10), id="their clock is slow"),
        pytest.param(at(20), at(10), at(12), id="their clock is fast"),
        pytest.param(None, at(10), at(12), id="not told"),
        pytest.param(at(11), None, at(12), id="decided by a person before it was sent"),
    ],
)
def test_when_it_happened(done_at: datetime | None, sent_at: datetime | None, expected: datetime) -> None:
    assert happened_at(done_at, sent_at=sent_at, now=at(12)) == expected


def test_the_person_is_told_the_reference() -> None:
    assert "LV-X, sent 5 times" in handed_over("not_found", reference="LV-X", sends=5)
    assert "Do not refund" in handed_over("unknown", reference="LV-X", sends=1)


@pytest.mark.parametrize(
    ("told", "months", "days", "expected"),
    [
        (None, 1, None, date(2026, 2, 28)),
        (None, None, 28, date(2026, 2, 28)),
        (None, None, 30, date(2026, 3, 2)),
        (None, 12, None, date(2027, 1, 31)),
        (date(2026, 2, 15), 1, None, date(2026, 2, 15)),
        (None, None, None, None),
    ],
)
def test_when_a_plan_of_the_last_of_january_ends(
    told: date | None, months: int | None, days: int | None, expected: date | None
) -> None:
    assert plan_ends(date(2026, 1, 31), told=told, months=months, days=days) == expected
