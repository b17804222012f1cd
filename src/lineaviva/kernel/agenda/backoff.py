"""What becomes of a row whose step did not go well: looked at later, or by a person."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from lineaviva.kernel.agenda.outcome import Outcome
from lineaviva.kernel.errors import NeedsPerson, Permanent, Temporary
from lineaviva.kernel.mask import scrubbed

# Longest wait after the first, second, ... bad step in a row; the last stands for all that follow.
WAITS = tuple(timedelta(seconds=seconds) for seconds in (2, 5, 15, 60, 5 * 60, 15 * 60, 30 * 60, 60 * 60))
STUCK_AFTER = 8
# What the outside may ask for: neither a busy loop nor a row that is forgotten.
SHORTEST_RETRY = timedelta(milliseconds=200)
LONGEST_RETRY = timedelta(days=1)
# The largest number that the counting columns hold.
_MOST = 32_767


def wait_after(times: int) -> timedelta:
    """The wait after `times` bad steps in a row; up to a quarter shorter by chance, so that rows spread out."""
    longest = WAITS[min(max(times, 1), len(WAITS)) - 1]
    return longest * (1 - random.random() / 4)  # noqa: S311 - spreads load, guards nothing


def after_error(error: Exception, *, failures: int, delays: int, now: datetime) -> Outcome:
    """The next look and the agenda's own columns after `error`, for a row with `failures` and `delays` before it."""
    text = describe(error)
    if isinstance(error, Temporary):
        asked = error.retry_after
        wait = wait_after(delays + 1) if asked is None else min(max(asked, SHORTEST_RETRY), LONGEST_RETRY)
        return Outcome(now + wait, {"delays": min(delays + 1, _MOST), "last_error": text})
    if isinstance(error, Permanent | NeedsPerson):
        return Outcome(None, {"last_error": text, "stuck_reason": text})
    changes = {"failures": min(failures + 1, _MOST), "last_error": text}
    if failures + 1 >= STUCK_AFTER:
        return Outcome(None, {**changes, "stuck_reason": f"failed {failures + 1} times: {text}"})
    return Outcome(now + wait_after(failures + 1), changes)


def describe(error: Exception) -> str:
    """The error's kind and its text, without numbers and keys."""
    text = scrubbed(str(error))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
