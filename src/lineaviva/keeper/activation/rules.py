"""Pure: what follows from what is known of an activation.

An activation that was sent and not answered is unknown. It is neither sent again nor refunded but asked about by our
reference, soon at first and then ever more rarely; after the last time it stands on the stuck list, for a person.

One answer lets it be sent again: the operator says that it has nothing by our reference, and a while has passed since
it was sent, so that a copy still on its way would have arrived. This asks two things of the gateway. It must be
idempotent by our reference, so that a copy that arrives even later does nothing twice; and it must keep its refusals
under the reference too, so that a late copy of what was refused, and refunded by us, is refused again. Where a gateway
is not idempotent, `not found` leads to the stuck list.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from lineaviva.kernel.calendar import add_months
from lineaviva.kernel.errors import NeedsPerson, Temporary

# What a call whose answer was lost is asked about: after each of these, over two days at most.
ASK_AFTER = (
    timedelta(seconds=5),
    timedelta(seconds=15),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),
)
# Twice the time after which we hang up on a gateway.
SEND_AGAIN_AFTER = timedelta(seconds=20)
MOST_SENDS = 5
SENDING_MOST = timedelta(days=1)


def ask_again(asked: int) -> timedelta | None:
    """How long to wait after the answer was lost `asked` times before; None: now a person has to ask."""
    return ASK_AFTER[asked] if asked < len(ASK_AFTER) else None


def patient(away: Temporary, gateway: str, since: timedelta) -> Temporary | NeedsPerson:
    """A gateway that is away is tried again for a day; then a person looks, and its holder can be told."""
    if since <= SENDING_MOST:
        return away
    return NeedsPerson(f"{gateway} could not be reached for a day: {away.reason}")


@dataclass(frozen=True)
class Next:
    """`wait` says how long before it is asked about again."""

    act: Literal["succeed", "fail", "ask", "send", "hand_over"]
    wait: timedelta = timedelta(0)


def after_answer(state: str, *, asked: int, sends: int, since_sent: timedelta, idempotent: bool) -> Next:
    """What to do when the gateway said `state` (ports.State).

    `asked`: times that it was asked about before this answer; `sends`: times that it was sent.
    """
    if state == "succeeded":
        return Next("succeed")
    if state == "failed":
        return Next("fail")
    if state == "not_found" and since_sent >= SEND_AGAIN_AFTER:
        return Next("send" if idempotent and sends < MOST_SENDS else "hand_over")
    wait = ask_again(asked)
    if wait is None:
        return Next("hand_over")
    return Next("ask", wait)


def happened_at(done_at: datetime | None, *, sent_at: datetime | None, now: datetime) -> datetime:
    """When the operator did it, by our clock: its own instant, but not before we sent it nor after we know of it.

    The day counts for the line's dates; a clock that is wrong on the other side must not move them.
    """
    if done_at is None or sent_at is None:
        return now
    return max(sent_at, min(done_at, now))


def plan_ends(on: date, *, told: date | None, months: int | None, days: int | None) -> date | None:
    """The last day of a plan that began `on`: as its operator tells, else by the length that it is sold for.

    None where neither is known. Its first day does not count, as everywhere (art. 2963 of the civil code).
    """
    if told is not None:
        return told
    if not months and not days:
        return None
    return add_months(on, months or 0) + timedelta(days=days or 0)


def handed_over(state: str, *, reference: str, sends: int) -> str:
    """What the person on whose list it stands has to do."""
    if state == "not_found":
        return (
            f"The operator says that it has nothing by our reference {reference}, sent {sends} times. "
            "Ask the operator, then decide: activated or refused."
        )
    return (
        f"The operator has not told what became of {reference}. "
        "Ask the operator, then decide: activated or refused. Do not refund before that."
    )


def begun(state: str, *, sends: int, with_profile: bool) -> bool:
    """Whether the operator may know of an activation, or a profile is being ordered for it: no way back on our own."""
    return state != "waiting" or sends > 0 or with_profile
