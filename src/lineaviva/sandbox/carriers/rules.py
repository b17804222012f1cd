"""Pure: what the knobs take, and what happens to one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lineaviva.kernel.errors import InvalidInput

LONGEST_MS = 120_000
SHARES = ("latency_percent", "error_percent", "lost_answer_percent", "cut_percent", "refusal_percent")
HELP = {
    "latency_ms": "milliseconds to wait before the work",
    "latency_percent": "share of calls that wait so long",
    "error_percent": "share of calls answered with 500 or 503 before any work",
    "lost_answer_percent": "share of calls answered with 500 after the work is done",
    "cut_percent": "share of calls whose connection is cut after the work is done",
    "refusal_percent": "share of orders that are refused",
    "refusal_reason": "the reason that a refused order is given",
    "accept_unknown": "whether a number that nobody opened is taken as one of ours",
}


@dataclass(frozen=True, slots=True)
class Fate:
    """What the knobs do to one call. `lost`: `error` or `cut`, after the work."""

    wait_ms: int = 0
    fails_first: bool = False
    lost: str = ""


def fate(knobs: Mapping[str, Any], chance: Callable[[], float]) -> Fate:
    """`chance` gives a number in [0, 1); each share is drawn by itself."""
    hit = {name: chance() * 100 < knobs[name] for name in SHARES}
    return Fate(
        wait_ms=knobs["latency_ms"] if hit["latency_percent"] else 0,
        fails_first=hit["error_percent"],
        lost="cut" if hit["cut_percent"] else "error" if hit["lost_answer_percent"] else "",
    )


def knobs_checked(wanted: Any) -> dict[str, Any]:
    """The knobs to be set. Raises InvalidInput on one that there is not, or a value that it does not take."""
    if not isinstance(wanted, dict):
        raise InvalidInput("Send a JSON object of knobs.", code="knobs_invalid")
    for name, value in wanted.items():
        if name not in HELP:
            raise InvalidInput(
                f"There is no knob {name!r}; there are: {', '.join(HELP)}.", field=name, code="knob_unknown"
            )
        if not _fits(name, value):
            raise InvalidInput(f"{name} does not take {value!r}: {HELP[name]}.", field=name, code="knob_invalid")
    return wanted


def _fits(name: str, value: Any) -> bool:
    if name == "accept_unknown":
        return isinstance(value, bool)
    if name == "refusal_reason":
        return isinstance(value, str) and 0 < len(value) <= 200
    most = LONGEST_MS if name == "latency_ms" else 100
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
