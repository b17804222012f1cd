"""Pure decisions of the eSIM page: how far the profile is, what the reader can do, and when to look again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lineaviva.keeper.web.rules import StepState, Tone

Stage = Literal["making", "ready", "installing", "installed", "deleted", "failed", "refused", "expired", "replaced"]

_STAGES: dict[str, Stage] = {
    "waiting": "making",
    "ordered": "making",
    "released": "ready",
    "downloaded": "installing",
    "installed": "installed",
    "failed": "failed",
    "refused": "refused",
    "expired": "expired",
    "withdrawing": "replaced",
    "withdrawn": "replaced",
}
_TONES: dict[Stage, Tone] = {
    "making": "warn",
    "ready": "live",
    "installing": "live",
    "installed": "live",
    "deleted": "off",
    "failed": "off",
    "refused": "off",
    "expired": "lost",
    "replaced": "lost",
}
_ICONS: dict[Stage, str] = {
    "making": "wait",
    "ready": "esim",
    "installing": "wait",
    "installed": "live",
    "deleted": "trash",
    "failed": "warn",
    "refused": "warn",
    "expired": "lost",
    "replaced": "lost",
}


@dataclass(frozen=True)
class ProfileFacts:
    """What the page needs to know of a delivery; the times are when each state was reached.

    `order_state` is that of the renewal it belongs to, "" where there is none. `has_code`: it can be shown to its
    holder. `follows`: the server tells us by itself what the phone does.
    """

    state: str
    phone: str = ""
    created_at: datetime | None = None
    released_at: datetime | None = None
    downloaded_at: datetime | None = None
    installed_at: datetime | None = None
    enabled_at: datetime | None = None
    order_state: str = ""
    active_at: datetime | None = None
    follows: bool = True
    has_code: bool = False
    stuck: bool = False


@dataclass(frozen=True)
class Step:
    name: Literal["ordered", "ready", "downloaded", "installed", "enabled", "renewed"]
    state: StepState
    at: datetime | None = None


def stage(facts: ProfileFacts) -> Stage:
    if facts.state == "installed" and facts.phone == "deleted":
        return "deleted"
    return _STAGES.get(facts.state, "making")


def tone(facts: ProfileFacts) -> Tone:
    return _TONES[stage(facts)]


def icon(facts: ProfileFacts) -> str:
    return _ICONS[stage(facts)]


def steps(facts: ProfileFacts) -> list[Step]:
    """The profile's way with times, without what only a server that follows the phone could tell, where none does."""
    way = [("ordered", facts.created_at), ("ready", facts.released_at)]
    if facts.follows or facts.downloaded_at:
        way.append(("downloaded", facts.downloaded_at))
    way.append(("installed", facts.installed_at))
    if facts.follows or facts.enabled_at:
        way.append(("enabled", facts.enabled_at))
    reached = _reached(facts)
    found = [Step(name, "done" if name in reached else "todo", at) for name, at in way]  # type: ignore[arg-type]
    found = _with_now(found, facts)
    if facts.order_state in {"paid", "active"}:
        found.append(_renewed(facts))
    return found


def _reached(facts: ProfileFacts) -> set[str]:
    """A later step that is done proves those before it, whatever was reported of them."""
    order = ["ordered", "ready", "downloaded", "installed", "enabled"]
    done = {
        "ready": facts.released_at or facts.state in {"released", "downloaded", "installed"},
        "downloaded": facts.downloaded_at or facts.state in {"downloaded", "installed"},
        "installed": facts.installed_at or facts.state == "installed",
        "enabled": facts.enabled_at and facts.phone != "disabled",
    }
    last = max((order.index(name) for name, yes in done.items() if yes), default=0)
    return set(order[: last + 1])


def _with_now(way: list[Step], facts: ProfileFacts) -> list[Step]:
    """Marks the first step that is not done: it is what happens now, or what did not work out."""
    mark: StepState = "failed" if tone(facts) in {"off", "lost"} else "now"
    at = next((place for place, step in enumerate(way) if step.state != "done"), None)
    if at is None or stage(facts) == "deleted":
        return way
    return [*way[:at], Step(way[at].name, mark), *way[at + 1 :]]


def _renewed(facts: ProfileFacts) -> Step:
    if facts.order_state == "active":
        return Step("renewed", "done", facts.active_at)
    return Step("renewed", "now" if stage(facts) == "installed" else "todo")


def is_moving(facts: ProfileFacts) -> bool:
    """Whether the page should look again by itself: something outside, or the phone, may change it."""
    if stage(facts) in {"making", "ready", "installing"}:
        return True
    waits_for_plan = facts.order_state == "paid"
    waits_for_phone = facts.follows and facts.phone != "enabled"
    return stage(facts) == "installed" and (waits_for_plan or waits_for_phone)


def next_look(facts: ProfileFacts, looks: int) -> int | None:
    """Seconds until the page asks again after `looks` answers that told nothing new; None: not by itself any more.

    Every 2 s while something is being made or downloaded, every 3 s while somebody may be installing (that takes
    minutes, and the page lies open beside it), then ever more rarely, for over an hour in all.
    """
    if not is_moving(facts) or looks >= 160:
        return None
    if looks < 60:
        return 2 if stage(facts) in {"making", "installing"} else 3
    return min(60, int(4 * 1.1 ** (looks - 60)))


def version(facts: ProfileFacts) -> str:
    """Changes when the page would: a browser that has seen it is sent nothing."""
    marks = f"{int(facts.has_code)}{int(facts.stuck)}"
    return f"{facts.state}.{facts.phone}.{facts.order_state}.{marks}"


def looks_of(text: str | None) -> int:
    """How often the page looked in vain before, as it says itself; 0 for anything that is no such count."""
    return min(int(text), 10_000) if text and text.isascii() and text.isdigit() and len(text) < 6 else 0


def waits_for_holder(state: str) -> bool:
    """Whether it is the holder's turn: the profile lies ready, and nothing goes on without the phone."""
    return state in {"released", "downloaded"}
