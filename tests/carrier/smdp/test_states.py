"""The table of transitions: complete, and the only one. What the statements of a download say is held against it."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.carrier.smdp import downloads, offers
from lineaviva.carrier.smdp.states import TRANSITIONS, Event, State, after, sources

# SGP.22 3.1.6, written down once more, by state.
ALLOWED = {
    ("available", "order"): "allocated",
    ("available", "link"): "linked",
    ("allocated", "confirm"): "confirmed",
    ("allocated", "restock"): "available",
    ("allocated", "withdraw"): "unavailable",
    ("linked", "confirm"): "confirmed",
    ("linked", "restock"): "available",
    ("linked", "withdraw"): "unavailable",
    ("confirmed", "release"): "released",
    ("confirmed", "restock"): "available",
    ("confirmed", "withdraw"): "unavailable",
    ("released", "deliver"): "downloaded",
    ("released", "fail"): "error",
    ("released", "restock"): "available",
    ("released", "withdraw"): "unavailable",
    ("downloaded", "deliver"): "downloaded",
    ("downloaded", "install"): "installed",
    ("downloaded", "fail"): "error",
    ("error", "install"): "installed",
    ("error", "restock"): "available",
    ("error", "withdraw"): "unavailable",
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_every_pair_is_decided(state: State, event: Event) -> None:
    assert after(state, event) == ALLOWED.get((state.value, event.value))


@given(st.lists(st.sampled_from(Event), max_size=30))
def test_no_road_leads_past_an_order(events: list[Event]) -> None:
    """Whatever happens in whatever order: what is downloaded was released, what is installed was downloaded."""
    state, road = State.AVAILABLE, [State.AVAILABLE]
    for event in events:
        following = after(state, event)
        if following is not None:
            state = following
            road.append(state)
    for before, now in pairwise(road):
        assert now in TRANSITIONS_FROM[before]
    if State.DOWNLOADED in road:
        first = road.index(State.DOWNLOADED)
        assert road[first - 1] is State.RELEASED
        assert State.CONFIRMED in road[:first]
    if State.UNAVAILABLE in road:
        assert road.index(State.UNAVAILABLE) == len(road) - 1
    if State.INSTALLED in road:
        assert road.index(State.INSTALLED) == len(road) - 1


TRANSITIONS_FROM = {state: {targets[state] for targets in TRANSITIONS.values() if state in targets} for state in State}


@given(st.sampled_from(State), st.lists(st.sampled_from(Event), min_size=1, max_size=8))
def test_an_event_that_is_not_allowed_changes_nothing(state: State, events: list[Event]) -> None:
    for event in events:
        assert (after(state, event) is None) == (state not in sources(event))
        state = after(state, event) or state


def test_every_state_is_reached_and_two_are_final() -> None:
    reached, new = set[State](), {State.AVAILABLE}
    while new:
        reached |= new
        new = {target for state in new for target in TRANSITIONS_FROM[state]} - reached
    assert reached == set(State)
    assert {state for state in State if not TRANSITIONS_FROM[state]} == {State.INSTALLED, State.UNAVAILABLE}


@pytest.mark.parametrize(
    ("statement", "event"),
    [
        (downloads._DELIVER, Event.DELIVER),
        (downloads._FAIL, Event.FAIL),
        (downloads._FAIL_OF, Event.FAIL),
        (downloads._NOT_INSTALLED, Event.FAIL),
        (downloads._INSTALLED, Event.INSTALL),
        (downloads._NOT_CONFIRMED, Event.FAIL),
        (offers._BY_EID, Event.DELIVER),
    ],
)
def test_the_statements_of_a_download_know_the_same_states(statement: str, event: Event) -> None:
    (known,) = re.findall(r"state IN \(([^)]*)\)", statement)
    assert {word.strip(" '") for word in known.split(",")} == {state.value for state in sources(event)}
    target = re.search(r"SET state = '(\w+)'", statement)
    assert target is None or {target[1]} == {state.value for state in TRANSITIONS[event].values()}
