"""How long tests wait, so that they say the same on a quick machine and on one that is slow or has much else to do.

What must come is waited for as long as `PATIENCE`, of which a quick machine needs next to nothing. What must not come
is waited for shortly, and a promise about time is proven by what was written down, or against the machine's own pace.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar

PATIENCE = 180  # seconds
T = TypeVar("T")


def until(there: Callable[[], T], what: str = "", *, every: float = 0.02) -> T:
    """What `there` gives as soon as it is true; for things that others do in their own time. `what`: that it waits for.

    It is asked `every` so many seconds.
    """
    end = time.monotonic() + PATIENCE
    while not (found := there()):
        assert time.monotonic() < end, f"it did not happen: {what}" if what else "it did not happen"
        time.sleep(every)
    return found


@cache
def slower() -> float:
    """How many times slower this machine is than one on which all tests are quick; 1 there, 20 at most.

    For what a test makes short because it has to wait for it, a lease say, and what must still be long enough.
    """
    begun = time.monotonic()
    for _ in range(5):
        subprocess.run([sys.executable, "-c", "import json"], check=True)
    return min(max(1.0, (time.monotonic() - begun) / 0.75), 20.0)
