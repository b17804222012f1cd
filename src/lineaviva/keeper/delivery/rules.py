"""Pure: the life of an eSIM profile on its way to a phone, and what follows from what is heard of it.

What an operator tells comes late, twice, in any order, or never. So no report is believed because it is expected:
`TRANSITIONS` says what each event does in each state, and what is not there leaves the state as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import IntEnum, StrEnum
from typing import Literal

from lineaviva.kernel.clock import ROME


class Event(StrEnum):
    ORDER = "order"  # the operator set a profile aside
    RELEASE = "release"  # a phone may download it
    DOWNLOAD = "download"
    INSTALL = "install"
    FAIL = "fail"  # the phone gave it up, or tried too often
    REFUSE = "refuse"  # the operator gives none
    EXPIRE = "expire"
    DISCARD = "discard"  # nothing was ever asked for: it is gone at once
    WITHDRAW = "withdraw"
    GONE = "gone"  # the operator took it back, or said that it is too late for that


# One a line at a time: what may still come to a phone.
OPEN = frozenset({"waiting", "ordered", "released", "downloaded"})
# In these its code can be used.
USABLE = frozenset({"released", "downloaded"})

# A phone's word is stronger than ours: an installation counts also where a failure or the time limit came before it,
# and where the answer to the release has not come yet. Only what was withdrawn stays withdrawn.
TRANSITIONS: Mapping[Event, Mapping[str, str]] = {
    Event.ORDER: {"waiting": "ordered"},
    Event.RELEASE: {"ordered": "released"},
    Event.DOWNLOAD: dict.fromkeys(("ordered", "released", "expired"), "downloaded"),
    Event.INSTALL: dict.fromkeys(("ordered", "released", "downloaded", "failed", "expired"), "installed"),
    Event.FAIL: dict.fromkeys(("ordered", "released", "downloaded"), "failed"),
    Event.REFUSE: dict.fromkeys(("waiting", "ordered"), "refused"),
    Event.EXPIRE: {"released": "expired"},
    Event.DISCARD: {"waiting": "withdrawn"},
    Event.WITHDRAW: dict.fromkeys(
        ("waiting", "ordered", "released", "downloaded", "installed", "failed", "refused", "expired"), "withdrawing"
    ),
    Event.GONE: {"withdrawing": "withdrawn"},
}


def after(state: str, event: Event) -> str | None:
    """The state that follows, or None where the event changes nothing."""
    return TRANSITIONS[event].get(state)


# --- what the operator tells --------------------------------------------------------------------------------------


class Point(IntEnum):
    """notificationPointId of ES2+.HandleDownloadProgressInfo.

    One to four are SGP.22 v2's (5.3.5). The others are beyond its list, as operators publish them (CMLink's AEP API,
    3.2.17, has 5 for a deleted profile, 101 and 102 for one that was enabled or disabled).
    """

    ELIGIBILITY = 1  # and the limit of attempts
    CONFIRMATION = 2
    DOWNLOAD = 3
    INSTALLATION = 4
    DELETED = 5
    ENABLED = 101
    DISABLED = 102


_KINDS: Mapping[Point, tuple[str, str]] = {
    Point.ELIGIBILITY: ("eligible", "not_eligible"),
    Point.CONFIRMATION: ("confirmed", "not_confirmed"),
    Point.DOWNLOAD: ("downloaded", "not_downloaded"),
    Point.INSTALLATION: ("installed", "not_installed"),
    Point.DELETED: ("deleted", ""),
    Point.ENABLED: ("enabled", ""),
    Point.DISABLED: ("disabled", ""),
}
PHONE: Mapping[Point, str] = {Point.ENABLED: "enabled", Point.DISABLED: "disabled", Point.DELETED: "deleted"}
# Reason codes of SGP.22 5.2.6.2: the maximum number of tries is over; the time is over.
_EXHAUSTED, _EXPIRED = "6.4", "4.10"


def kind_of(point: Point, ok: bool) -> str:
    """Under which name the report is kept; "" for one that tells nothing (a phone that did not switch on)."""
    return _KINDS[point][0 if ok else 1]


def event_of(point: Point, ok: bool, failure: str) -> Event | None:
    """What a report does to the profile's state. `failure` is "subject/reason" as SGP.22 writes them, "8.8.5/6.4".

    A phone that may not have the profile has not used it up: only the last try, or one that came too late, ends it.
    A phone that switches a profile on, off or away had installed it.
    """
    if ok:
        if point in (Point.ELIGIBILITY, Point.CONFIRMATION):
            return None
        return Event.DOWNLOAD if point == Point.DOWNLOAD else Event.INSTALL
    if point in (Point.DOWNLOAD, Point.INSTALLATION):
        return Event.FAIL
    reason = failure.rpartition("/")[2]
    if point in PHONE or reason not in (_EXHAUSTED, _EXPIRED):
        return None
    return Event.FAIL if reason == _EXHAUSTED else Event.EXPIRE


def happened_at(at: datetime | None, *, created_at: datetime, now: datetime) -> datetime:
    """When it happened, by our clock: the other side's instant, but not before it began nor after we know of it."""
    return now if at is None else max(created_at, min(at, now))


# --- how long a plan waits ----------------------------------------------------------------------------------------


def hold_until(paid_at: datetime, next_deadline_on: date | None, hours: int) -> datetime:
    """Until when a plan waits for its profile's installation.

    `hours` from the payment, but never into the day before the line's next date: a renewal that came after the line was
    cut off would be none. An instant that is past means: at once.
    """
    limit = paid_at + timedelta(hours=hours)
    if next_deadline_on is None:
        return limit
    return min(limit, datetime.combine(next_deadline_on - timedelta(days=1), time(), ROME))


# --- ordering -----------------------------------------------------------------------------------------------------

# Twice the time after which we hang up on a gateway: a copy still on its way would have arrived.
SEND_AGAIN_AFTER = timedelta(minutes=1)


# --- waiting for the phone ----------------------------------------------------------------------------------------

REMIND_AFTER = timedelta(days=3)
# A server that does not tell by itself is asked often at first, while somebody holds the phone.
_POLLS = (
    (timedelta(minutes=30), timedelta(minutes=1)),
    (timedelta(days=1), timedelta(minutes=15)),
    (timedelta(days=14), timedelta(hours=6)),
)
_POLL_LAST = timedelta(days=1)


def next_poll(released_at: datetime, now: datetime) -> datetime:
    """When to ask again how it stands."""
    since = now - released_at
    return now + next((every for until, every in _POLLS if since < until), _POLL_LAST)


def next_look(
    state: str,
    *,
    released_at: datetime,
    expires_at: datetime | None,
    reminded: bool,
    poll: datetime | None,
    now: datetime,
) -> datetime | None:
    """When somebody has to look at a profile that waits for its phone: to remind, to let it expire, to ask."""
    times = [poll]
    if state == "released":
        times += [expires_at, None if reminded else released_at + REMIND_AFTER]
    return min((at for at in times if at is not None and at > now), default=None)


# --- a new one ----------------------------------------------------------------------------------------------------

MOST_NEW, NEW_WITHIN = 3, timedelta(days=30)
# A phone that took the profile installs it within a minute or two; after this it is not going to.
INSTALLS_WITHIN = timedelta(minutes=15)

Replaceable = Literal["yes", "on_its_way", "gone"]


def replaceable(state: str, *, downloaded_at: datetime | None, readable: bool, now: datetime) -> Replaceable:
    """Whether another profile may take the place of this one.

    "on_its_way": this one can still be installed. `readable`: its code can be shown; one that cannot is lost.
    """
    if state in ("withdrawing", "withdrawn"):
        return "gone"
    if state in ("waiting", "ordered") or (state == "released" and readable):
        return "on_its_way"
    if state == "downloaded" and downloaded_at is not None and now < downloaded_at + INSTALLS_WITHIN:
        return "on_its_way"
    return "yes"


def withdrawn_at_once(state: str, reason: str) -> bool:
    """Whether what is replaced goes now, or stays until the new one is installed.

    Who changes phones goes on using the old one meanwhile; what is lost, or was never installed, serves nobody.
    """
    return reason != "transfer" or state != "installed"


# --- names ---------------------------------------------------------------------------------------------------------

# As SGP.22 has it (capitals, digits, hyphen), without what looks alike; 20 of 31 are 99 random bits.
_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


def matching_id_make(choose: Callable[[Sequence[str]], str]) -> str:
    """A new one, that nobody can guess and everybody can type; `choose` picks one of a sequence (`secrets.choice`)."""
    return "-".join("".join(choose(_LETTERS) for _ in range(5)) for _ in range(4))
