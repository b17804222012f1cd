"""Pure: the states of a profile at the SM-DP+ and every way from one to another (SGP.22 3.1.6).

Nothing else in this package decides what may follow what: actions ask `after`, and the statements of the download,
which compare and set, are given `sources`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    AVAILABLE = "available"  # in stock
    ALLOCATED = "allocated"  # ordered, for no eUICC in particular
    LINKED = "linked"  # ordered for one eUICC
    CONFIRMED = "confirmed"  # the order is complete: matching id, confirmation code
    RELEASED = "released"  # may be downloaded
    DOWNLOADED = "downloaded"  # its package was bound to one eUICC and handed out
    INSTALLED = "installed"
    ERROR = "error"  # will not be downloaded any more under this order
    UNAVAILABLE = "unavailable"  # for good


class Event(StrEnum):
    ORDER = "order"
    LINK = "link"  # an order that names the eUICC
    CONFIRM = "confirm"
    RELEASE = "release"
    DELIVER = "deliver"
    INSTALL = "install"  # the eUICC signed that it has it
    FAIL = "fail"  # refused by the end user, too many attempts, expired, not installed
    RESTOCK = "restock"  # the order is cancelled, the profile can be ordered again
    WITHDRAW = "withdraw"  # the order is cancelled, the profile is not used again


_ORDERED = (State.ALLOCATED, State.LINKED, State.CONFIRMED, State.RELEASED)

TRANSITIONS: Mapping[Event, Mapping[State, State]] = {
    Event.ORDER: {State.AVAILABLE: State.ALLOCATED},
    Event.LINK: {State.AVAILABLE: State.LINKED},
    Event.CONFIRM: {State.ALLOCATED: State.CONFIRMED, State.LINKED: State.CONFIRMED},
    Event.RELEASE: {State.CONFIRMED: State.RELEASED},
    Event.DELIVER: {State.RELEASED: State.DOWNLOADED, State.DOWNLOADED: State.DOWNLOADED},
    # From Error too: an LPA may cancel what its eUICC has installed, and the eUICC's signed word comes later.
    Event.INSTALL: {State.DOWNLOADED: State.INSTALLED, State.ERROR: State.INSTALLED},
    Event.FAIL: {State.RELEASED: State.ERROR, State.DOWNLOADED: State.ERROR},
    Event.RESTOCK: dict.fromkeys((*_ORDERED, State.ERROR), State.AVAILABLE),
    Event.WITHDRAW: dict.fromkeys((*_ORDERED, State.ERROR), State.UNAVAILABLE),
}


def after(state: str, event: Event) -> State | None:
    """The state that follows, or None where the event is not allowed."""
    return TRANSITIONS[event].get(State(state))


def sources(event: Event) -> tuple[State, ...]:
    """The states in which the event is allowed."""
    return tuple(TRANSITIONS[event])
