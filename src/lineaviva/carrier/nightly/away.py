"""What whoever works at night does while the database is away: tries again, not for ever, and not on a full disk."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from lineaviva.carrier.nightly.silence import watching
from lineaviva.kernel.errors import Conflict
from lineaviva.kernel.mask import scrubbed

log = logging.getLogger(__name__)
Found = TypeVar("Found")
_LONGEST_PAUSE = 5.0
_FULL = ("53100", "disk is full", "No space left", "disk I/O error")
_AWAY = "The database has been away too long. Start the night again when it is back: it goes on where it stopped."
NO_ROOM = "The disk of the database is full; nothing is half written. Make room and start again."


class Away:
    """How long the database has been away by now. One that stays away is somebody's work: the run ends, and its next
    start goes on where it stood.
    """

    def __init__(self) -> None:
        self._since: float | None = None

    def is_back(self) -> None:
        self._since = None

    def bear(self, error: Exception) -> None:
        """Drop the connection and pause. Raises Conflict (disk_full, database_away) where going on is no use."""
        connection.close()
        if is_full(error):
            raise Conflict(NO_ROOM, code="disk_full") from error
        self._since = self._since or time.monotonic()
        waited = time.monotonic() - self._since
        if waited > settings.NIGHT_PATIENCE_SECONDS:
            raise Conflict(_AWAY, code="database_away") from error
        log.warning("the database is away: %s", scrubbed(str(error)).strip())
        time.sleep(min(_LONGEST_PAUSE, 0.1 + waited / 4))


def is_full(error: Exception) -> bool:
    text = f"{getattr(error.__cause__, 'sqlstate', '')} {error}"
    return any(sign in text for sign in _FULL)


def silence_seconds() -> float:
    """After so long without an answer a connection is taken for dead."""
    return 2.0 * settings.NIGHT_LEASE_SECONDS


def outlasting(act: Callable[[], Found], *, silence: float | None = None) -> Found:
    """What `act` returns, which may be done twice, as soon as the database lets it. Raises Conflict as `Away` does."""
    away = Away()
    with watching(silence or silence_seconds()) as beat:
        while True:
            beat()
            try:
                return act()
            except (OperationalError, InterfaceError) as error:
                away.bear(error)
