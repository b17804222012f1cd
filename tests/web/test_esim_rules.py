"""How far an eSIM is, what is marked as happening now, and when its page looks again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.delivery.rules import TRANSITIONS
from lineaviva.keeper.web import esim_rules as rules
from lineaviva.keeper.web.esim_rules import ProfileFacts

AT = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
MADE = ProfileFacts(state="waiting", created_at=AT)
READY = replace(MADE, state="released", released_at=AT + timedelta(seconds=2), has_code=True)
TAKEN = replace(READY, state="downloaded", downloaded_at=AT + timedelta(minutes=3))
THERE = replace(TAKEN, state="installed", installed_at=AT + timedelta(minutes=4), has_code=False)
ON = replace(THERE, phone="enabled", enabled_at=AT + timedelta(minutes=5))
STATES = sorted({state for row in TRANSITIONS.values() for pair in row.items() for state in pair})


def names(facts: ProfileFacts) -> list[str]:
    return [f"{step.name} {step.state}" for step in rules.steps(facts)]


# --- stages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "stage", "tone", "icon"),
    [
        pytest.param(MADE, "making", "warn", "wait", id="asked for"),
        pytest.param(replace(MADE, state="ordered"), "making", "warn", "wait", id="set aside"),
        pytest.param(READY, "ready", "live", "esim", id="ready"),
        pytest.param(TAKEN, "installing", "live", "wait", id="downloaded"),
        pytest.param(THERE, "installed", "live", "live", id="installed"),
        pytest.param(ON, "installed", "live", "live", id="switched on"),
        pytest.param(replace(ON, phone="disabled"), "installed", "live", "live", id="switched off"),
        pytest.param(replace(ON, phone="deleted"), "deleted", "off", "trash", id="deleted on the phone"),
        pytest.param(replace(TAKEN, state="failed"), "failed", "off", "warn", id="failed"),
        pytest.param(replace(MADE, state="refused"), "refused", "off", "warn", id="refused"),
        pytest.param(replace(READY, state="expired"), "expired", "lost", "lost", id="expired"),
        pytest.param(replace(ON, state="withdrawing"), "replaced", "lost", "lost", id="being withdrawn"),
        pytest.param(replace(ON, state="withdrawn"), "replaced", "lost", "lost", id="withdrawn"),
    ],
)
def test_each_state_has_its_stage_and_its_look(facts: ProfileFacts, stage: str, tone: str, icon: str) -> None:
    assert (rules.stage(facts), rules.tone(facts), rules.icon(facts)) == (stage, tone, icon)


def test_no_state_of_a_delivery_is_unknown_to_the_page() -> None:
    assert set(STATES) == set(rules._STAGES)


# --- steps --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "steps"),
    [
        pytest.param(
            MADE,
            ["ordered done", "ready now", "downloaded todo", "installed todo", "enabled todo"],
            id="being made",
        ),
        pytest.param(
            READY,
            ["ordered done", "ready done", "downloaded now", "installed todo", "enabled todo"],
            id="waits for the phone",
        ),
        pytest.param(
            TAKEN,
            ["ordered done", "ready done", "downloaded done", "installed now", "enabled todo"],
            id="the phone is at it",
        ),
        pytest.param(
            THERE,
            ["ordered done", "ready done", "downloaded done", "installed done", "enabled now"],
            id="to be switched on",
        ),
        pytest.param(
            ON,
            ["ordered done", "ready done", "downloaded done", "installed done", "enabled done"],
            id="all of it",
        ),
        pytest.param(
            replace(ON, downloaded_at=None, installed_at=None),
            ["ordered done", "ready done", "downloaded done", "installed done", "enabled done"],
            id="reports that never came are implied by later ones",
        ),
        pytest.param(
            replace(ON, phone="disabled"),
            ["ordered done", "ready done", "downloaded done", "installed done", "enabled now"],
            id="switched off again",
        ),
        pytest.param(
            replace(TAKEN, state="failed"),
            ["ordered done", "ready done", "downloaded done", "installed failed", "enabled todo"],
            id="failed while installing",
        ),
        pytest.param(
            replace(MADE, state="refused"),
            ["ordered done", "ready failed", "downloaded todo", "installed todo", "enabled todo"],
            id="refused",
        ),
        pytest.param(
            replace(READY, state="expired"),
            ["ordered done", "ready done", "downloaded failed", "installed todo", "enabled todo"],
            id="not installed in time",
        ),
        pytest.param(
            replace(READY, follows=False),
            ["ordered done", "ready done", "installed now"],
            id="nobody tells what the phone does",
        ),
        pytest.param(
            replace(READY, order_state="paid"),
            ["ordered done", "ready done", "downloaded now", "installed todo", "enabled todo", "renewed todo"],
            id="a plan that waits",
        ),
        pytest.param(
            replace(THERE, order_state="paid", follows=False, downloaded_at=None),
            ["ordered done", "ready done", "installed done", "renewed now"],
            id="a plan that is being ordered",
        ),
        pytest.param(
            replace(READY, order_state="active", active_at=AT),
            ["ordered done", "ready done", "downloaded now", "installed todo", "enabled todo", "renewed done"],
            id="a top-up that did not wait",
        ),
        pytest.param(
            replace(READY, order_state="refunded"),
            ["ordered done", "ready done", "downloaded now", "installed todo", "enabled todo"],
            id="a renewal that came to nothing is no step",
        ),
    ],
)
def test_the_way_has_its_steps(facts: ProfileFacts, steps: list[str]) -> None:
    assert names(facts) == steps


def test_steps_carry_their_times() -> None:
    times = [step.at for step in rules.steps(replace(ON, order_state="active", active_at=AT + timedelta(minutes=6)))]
    assert times == [
        AT,
        READY.released_at,
        TAKEN.downloaded_at,
        THERE.installed_at,
        ON.enabled_at,
        AT + timedelta(minutes=6),
    ]


FACTS = st.builds(
    ProfileFacts,
    state=st.sampled_from(STATES),
    phone=st.sampled_from(["", "enabled", "disabled", "deleted"]),
    created_at=st.just(AT),
    released_at=st.sampled_from([None, AT]),
    downloaded_at=st.sampled_from([None, AT]),
    installed_at=st.sampled_from([None, AT]),
    enabled_at=st.sampled_from([None, AT]),
    order_state=st.sampled_from(["", "paid", "active", "failed", "refunded"]),
    follows=st.booleans(),
    has_code=st.booleans(),
    stuck=st.booleans(),
)


@given(facts=FACTS)
def test_whatever_was_reported_the_way_has_no_gap(facts: ProfileFacts) -> None:
    states = [step.state for step in rules.steps(facts) if step.name != "renewed"]
    done = [state == "done" for state in states]
    assert done == sorted(done, reverse=True)
    assert sum(state in {"now", "failed"} for state in states) <= 1


# --- looking again ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "moving"),
    [
        pytest.param(MADE, True, id="being made"),
        pytest.param(READY, True, id="ready"),
        pytest.param(TAKEN, True, id="the phone is at it"),
        pytest.param(THERE, True, id="to be switched on"),
        pytest.param(ON, False, id="arrived"),
        pytest.param(replace(ON, order_state="paid"), True, id="its plan has not arrived"),
        pytest.param(replace(ON, order_state="active"), False, id="and now it has"),
        pytest.param(replace(THERE, follows=False), False, id="nobody tells"),
        pytest.param(replace(ON, phone="deleted"), False, id="deleted"),
        pytest.param(replace(TAKEN, state="failed"), False, id="failed"),
        pytest.param(replace(READY, state="expired"), False, id="expired"),
        pytest.param(replace(ON, state="withdrawn"), False, id="withdrawn"),
    ],
)
def test_it_looks_again_while_something_may_come(facts: ProfileFacts, moving: bool) -> None:
    assert rules.is_moving(facts) is moving
    assert (rules.next_look(facts, 0) is not None) is moving


@pytest.mark.parametrize(
    ("facts", "looks", "wait"),
    [
        (MADE, 0, 2),
        (READY, 0, 3),
        (READY, 59, 3),
        (READY, 60, 4),
        (READY, 80, 26),
        (READY, 159, 60),
        (READY, 160, None),
        (TAKEN, 5, 2),
    ],
)
def test_it_asks_ever_more_rarely(facts: ProfileFacts, looks: int, wait: int | None) -> None:
    assert rules.next_look(facts, looks) == wait


def test_an_open_page_stops_by_itself() -> None:
    waits = [rules.next_look(READY, looks) for looks in range(161)]
    assert waits[-1] is None
    assert 60 * 60 <= sum(wait for wait in waits if wait) <= 2 * 60 * 60


@given(one=FACTS, other=FACTS)
def test_what_was_seen_is_known_by_its_version(one: ProfileFacts, other: ProfileFacts) -> None:
    def shown(facts: ProfileFacts) -> tuple[object, ...]:
        return facts.state, facts.phone, facts.order_state, facts.has_code, facts.stuck

    assert (rules.version(one) == rules.version(other)) is (shown(one) == shown(other))


@pytest.mark.parametrize(
    ("text", "looks"), [("3", 3), ("0", 0), (None, 0), ("", 0), ("-1", 0), ("x", 0), ("9" * 9, 0), ("99999", 10_000)]
)
def test_a_page_says_how_often_it_looked(text: str | None, looks: int) -> None:
    assert rules.looks_of(text) == looks


@pytest.mark.parametrize("state", STATES)
def test_it_is_the_holders_turn_while_it_can_be_installed(state: str) -> None:
    assert rules.waits_for_holder(state) is (state in {"released", "downloaded"})
