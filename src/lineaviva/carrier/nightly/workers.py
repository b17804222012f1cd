"""A worker of the nightly run: takes part after part, and outlives whatever the database goes through meanwhile."""

from __future__ import annotations

import os
import secrets
import socket
import time

from django.db import InterfaceError, OperationalError

from lineaviva.carrier.nightly.away import Away, silence_seconds
from lineaviva.carrier.nightly.night import Night, Stopped, shard_run
from lineaviva.carrier.nightly.shards import ShardLost, shard_claim, shards_waiting
from lineaviva.carrier.nightly.silence import watched


def worker_run(night: Night) -> None:
    """Work until every part is done through the night, also those that another worker leaves behind.

    Raises Conflict (disk_full, database_away) where going on is no use; everything committed stays.
    """
    # Two hosts may well have one name, and in their containers one process id.
    holder = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(6)}"
    away = Away()
    with watched(night, silence_seconds()) as night:
        while not night.stopped():
            try:
                if not _one_part(night, holder):
                    return
                away.is_back()
            except (ShardLost, Stopped):
                continue
            except (OperationalError, InterfaceError) as error:
                away.bear(error)


def _one_part(night: Night, holder: str) -> bool:
    """Bring one part to the night, or wait for those who do; False when all are there."""
    shard = shard_claim(holder=holder, as_of=night.as_of)
    if shard:
        shard_run(shard=shard, night=night)
        return True
    waiting = shards_waiting(night.as_of)
    if waiting.held + waiting.free == 0:
        return False
    time.sleep(0.2)
    return True
