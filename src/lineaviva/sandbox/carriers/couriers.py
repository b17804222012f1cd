"""A pretend carrier tells its hub's listeners by itself: a worker in a thread, from the first listener on.

A real carrier has `lineaviva worker` for that. Three more processes would make the sandbox slow to start, for listeners
that are seldom there.
"""

from __future__ import annotations

import threading

from lineaviva.carrier.hub.models import Listener
from lineaviva.kernel import agenda

_lock = threading.Lock()
_started = threading.Event()


def start_if_needed() -> bool:
    """Start the worker, once in this process, if anybody listens. Returns whether it runs."""
    with _lock:
        if not _started.is_set() and Listener.objects.filter(disabled_at=None).exists():
            _started.set()
            threading.Thread(target=_work, name="hub", daemon=True).start()
    return _started.is_set()


def _work() -> None:
    agenda.Worker(threads=2).run_forever()
