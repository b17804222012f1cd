"""Pure decisions: what may follow what, what a report means, how long a plan waits, who may have another profile."""

from __future__ import annotations

import random
import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.delivery import rules
from lineaviva.keeper.delivery.models import DeliveryState, EventKind, Phone
from lineaviva.keeper.delivery.rules import OPEN, TRANSITIONS, USABLE, Event, Point, after
from lineaviva.kernel.clock import ROME

NOON = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
STATES = [str(state) for state in DeliveryState]
FINAL = {"withdrawn"}


# --- the table ----------------------------------------------------------------------------------------------------


def test_the_table_knows_every_event_and_no_other_state() -> None:
    assert set(TRANSITIONS) == set(Event)
    named = {state for table in TRANSITIONS.values() for pair in table.items() for state in pair}
    assert named == set(STATES)


@pytest.mark.parametrize(
    ("event", "sources", "target"),
    [
        (Event.ORDER, "waiting", "ordered"),
        (Event.RELEASE, "ordered", "released"),
        (Event.DOWNLOAD, "ordered released expired", "downloaded"),
        (Event.INSTALL, "ordered released downloaded failed expired", "installed"),
        (Event.FAIL, "ordered released downloaded", "failed"),
        (Event.REFUSE, "waiting ordered", "refused"),
        (Event.EXPIRE, "released", "expired"),
        (Event.DISCARD, "waiting", "withdrawn"),
        (Event.WITHDRAW, "waiting ordered released downloaded installed failed refused expired", "withdrawing"),
        (Event.GONE, "withdrawing", "withdrawn"),
    ],
    ids=lambda value: str(value) if isinstance(value, Event) else "",
)
def test_each_event_does_this_and_nothing_else(event: Event, sources: str, target: str) -> None:
    assert {state: after(state, event) for state in STATES} == {
        state: target if state in sources.split() else None for state in STATES
    }


@given(st.lists(st.sampled_from(list(Event))))
def test_whatever_happens_in_whatever_order_the_profile_never_goes_back(events: list[Event]) -> None:
    """Once withdrawn it stays so, and what is installed only ever leaves that by being withdrawn."""
    seen = ["waiting"]
    for event in events:
        seen.append(after(seen[-1], event) or seen[-1])
    for before, now in pairwise(seen):
        if before in FINAL:
            assert now == before
        if before == "installed":
            assert now in ("installed", "withdrawing")
        if before not in OPEN:
            assert now not in OPEN - {"downloaded"}


@given(st.lists(st.sampled_from([Event.DOWNLOAD, Event.INSTALL, Event.FAIL, Event.EXPIRE]), max_size=8))
def test_reports_in_any_order_end_installed_if_one_of_them_says_so(reports: list[Event]) -> None:
    state = "released"
    for report in reports:
        state = after(state, report) or state
    assert (state == "installed") == (Event.INSTALL in reports)


@given(st.sampled_from(STATES), st.sampled_from(list(Event)))
def test_an_event_that_was_heard_twice_was_heard_once(state: str, event: Event) -> None:
    once = after(state, event) or state
    assert (after(once, event) or once) == once


def test_what_is_open_can_still_come_to_a_phone() -> None:
    def can(state: str, seen: frozenset[str] = frozenset()) -> bool:
        on = [after(state, event) for event in Event if event not in (Event.WITHDRAW, Event.DISCARD)]
        return state == "installed" or any(can(one, seen | {state}) for one in on if one and one not in seen)

    assert all(can(state) for state in OPEN)
    assert not can("refused")
    assert not can("withdrawing")
    assert USABLE < OPEN


# --- reports ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("point", "ok", "failure", "event", "kind"),
    [
        (Point.ELIGIBILITY, True, "", None, "eligible"),
        (Point.ELIGIBILITY, False, "8.1/4.8", None, "not_eligible"),
        (Point.ELIGIBILITY, False, "8.8.5/6.4", Event.FAIL, "not_eligible"),
        (Point.ELIGIBILITY, False, "8.8.5/4.10", Event.EXPIRE, "not_eligible"),
        (Point.CONFIRMATION, True, "", None, "confirmed"),
        (Point.CONFIRMATION, False, "8.2.7/3.8", None, "not_confirmed"),
        (Point.CONFIRMATION, False, "8.2.7/6.4", Event.FAIL, "not_confirmed"),
        (Point.DOWNLOAD, True, "", Event.DOWNLOAD, "downloaded"),
        (Point.DOWNLOAD, False, "8.8.5/3.8", Event.FAIL, "not_downloaded"),
        (Point.INSTALLATION, True, "", Event.INSTALL, "installed"),
        (Point.INSTALLATION, False, "8.2.10/4.2", Event.FAIL, "not_installed"),
        (Point.INSTALLATION, False, "", Event.FAIL, "not_installed"),
        (Point.ENABLED, True, "", Event.INSTALL, "enabled"),
        (Point.ENABLED, False, "8/4.2", None, ""),
        (Point.DISABLED, True, "", Event.INSTALL, "disabled"),
        (Point.DELETED, True, "", Event.INSTALL, "deleted"),
        (Point.DELETED, False, "8/6.4", None, ""),
    ],
)
def test_what_a_report_means(point: Point, ok: bool, failure: str, event: Event | None, kind: str) -> None:
    assert (rules.event_of(point, ok, failure), rules.kind_of(point, ok)) == (event, kind)


def test_every_kind_has_a_name_for_pages() -> None:
    kinds = {rules.kind_of(point, ok) for point in Point for ok in (True, False)} - {""}
    assert kinds < set(EventKind)
    assert set(rules.PHONE.values()) == set(Phone)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (None, NOON),
        (NOON - timedelta(hours=1), NOON - timedelta(hours=1)),
        (NOON - timedelta(days=3), NOON - timedelta(days=2)),
        (NOON + timedelta(hours=9), NOON),
    ],
    ids=["not told", "told", "before it began", "a clock that is ahead"],
)
def test_another_clock_moves_nothing_beyond_what_can_be(told: datetime | None, expected: datetime) -> None:
    assert rules.happened_at(told, created_at=NOON - timedelta(days=2), now=NOON) == expected


# --- how long a plan waits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("next_on", "hours", "expected"),
    [
        (None, 24, datetime(2026, 11, 23, 11, tzinfo=UTC)),
        (date(2027, 11, 1), 24, datetime(2026, 11, 23, 11, tzinfo=UTC)),
        # The start of the day before, in Rome.
        (date(2026, 11, 24), 24, datetime(2026, 11, 22, 23, tzinfo=UTC)),
        (date(2026, 11, 25), 24, datetime(2026, 11, 23, 11, tzinfo=UTC)),
        (date(2026, 11, 25), 48, datetime(2026, 11, 23, 23, tzinfo=UTC)),
        # Too near: at once.
        (date(2026, 11, 23), 24, datetime(2026, 11, 21, 23, tzinfo=UTC)),
        (date(2026, 11, 22), 24, datetime(2026, 11, 20, 23, tzinfo=UTC)),
        (date(2027, 11, 1), 0, NOON),
        # Summer time.
        (date(2026, 6, 2), 24, datetime(2026, 5, 31, 22, tzinfo=UTC)),
    ],
)
def test_a_plan_waits_a_day_but_never_into_the_day_before_its_line_needs_it(
    next_on: date | None, hours: int, expected: datetime
) -> None:
    assert rules.hold_until(NOON, next_on, hours) == expected


@given(st.dates(date(2026, 1, 1), date(2030, 1, 1)), st.integers(0, 500))
def test_it_never_waits_longer_than_it_may(next_on: date, hours: int) -> None:
    until = rules.hold_until(NOON, next_on, hours)
    assert until <= NOON + timedelta(hours=hours)
    assert until.astimezone(ROME).date() < next_on


# --- looking ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("since", "wait"),
    [
        (timedelta(0), timedelta(minutes=1)),
        (timedelta(minutes=29), timedelta(minutes=1)),
        (timedelta(minutes=30), timedelta(minutes=15)),
        (timedelta(hours=23), timedelta(minutes=15)),
        (timedelta(days=1), timedelta(hours=6)),
        (timedelta(days=14), timedelta(days=1)),
        (timedelta(days=80), timedelta(days=1)),
    ],
)
def test_a_server_that_does_not_tell_is_asked_often_at_first(since: timedelta, wait: timedelta) -> None:
    assert rules.next_poll(NOON, NOON + since) == NOON + since + wait


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, NOON + timedelta(days=3)),
        ({"reminded": True}, None),
        ({"reminded": True, "expires_at": NOON + timedelta(days=90)}, NOON + timedelta(days=90)),
        ({"expires_at": NOON + timedelta(days=2)}, NOON + timedelta(days=2)),
        ({"poll": NOON + timedelta(minutes=2)}, NOON + timedelta(minutes=2)),
        ({"now": NOON + timedelta(days=4)}, None),
        ({"state": "downloaded"}, None),
        ({"state": "downloaded", "expires_at": NOON + timedelta(days=9)}, None),
        ({"state": "downloaded", "poll": NOON + timedelta(days=9)}, NOON + timedelta(days=9)),
    ],
)
def test_when_to_look_at_a_profile_that_waits_for_its_phone(
    facts: dict[str, object], expected: datetime | None
) -> None:
    usual = {
        "released_at": NOON,
        "expires_at": None,
        "reminded": False,
        "poll": None,
        "now": NOON + timedelta(minutes=1),
    }
    asked = {"state": "released", **usual, **facts}
    assert rules.next_look(asked.pop("state"), **asked) == expected  # type: ignore[arg-type]


# --- another one --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "minutes", "readable", "expected"),
    [
        ("waiting", None, True, "on_its_way"),
        ("ordered", None, True, "on_its_way"),
        ("released", None, True, "on_its_way"),
        ("released", None, False, "yes"),
        ("downloaded", 14, True, "on_its_way"),
        ("downloaded", 15, True, "yes"),
        ("downloaded", None, True, "yes"),
        ("installed", None, False, "yes"),
        ("failed", None, False, "yes"),
        ("refused", None, False, "yes"),
        ("expired", None, False, "yes"),
        ("withdrawing", None, False, "gone"),
        ("withdrawn", None, False, "gone"),
    ],
)
def test_what_may_be_replaced(state: str, minutes: int | None, readable: bool, expected: str) -> None:
    downloaded_at = None if minutes is None else NOON - timedelta(minutes=minutes)
    assert rules.replaceable(state, downloaded_at=downloaded_at, readable=readable, now=NOON) == expected


@pytest.mark.parametrize(
    ("state", "reason", "expected"),
    [
        ("installed", "replacement", True),
        ("installed", "transfer", False),
        ("failed", "transfer", True),
        ("expired", "transfer", True),
        ("downloaded", "transfer", True),
    ],
)
def test_only_who_changes_phones_keeps_the_old_one_meanwhile(state: str, reason: str, expected: bool) -> None:
    assert rules.withdrawn_at_once(state, reason) is expected


def test_a_matching_id_is_what_sgp22_allows_and_cannot_be_guessed() -> None:
    chance = random.Random(7)
    made = {rules.matching_id_make(chance.choice) for _ in range(500)}
    assert len(made) == 500
    assert all(re.fullmatch(r"[A-HJ-KM-NP-Z2-9]{5}(-[A-HJ-KM-NP-Z2-9]{5}){3}", one) for one in made)
