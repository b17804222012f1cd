"""What nobody asks about any more goes, a little at a time, as new downloads come: LINEAVIVA_SMDP_KEPT_DAYS after.

What operators were not told yet stays: a person still has to see to it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from lineaviva.carrier.smdp import downloads
from lineaviva.carrier.smdp.fast import at, locks, run

AT_ONCE = 1000
# Numbered as they came: the oldest are found without an index on their age, which each new one would have to pay for.
_BY_NUMBER = """DELETE FROM {table} WHERE id IN (
    SELECT id FROM {table} WHERE {when} < %s AND id < (SELECT min(id) FROM {table}) + %s{locked})"""
_TOLD = """DELETE FROM carrier_smdp_progress WHERE id IN (
    SELECT id FROM carrier_smdp_progress WHERE state = 'told' AND at < %s ORDER BY at LIMIT %s{locked})"""
_STATEMENTS = (
    _BY_NUMBER.replace("{table}", "carrier_smdp_notice").replace("{when}", "received_at"),
    _BY_NUMBER.replace("{table}", "carrier_smdp_ordercall").replace("{when}", "at"),
    _TOLD,
)


def sweep(now: datetime) -> int:
    """Delete the oldest of what is too old: downloads, notifications, told progress, calls. Returns how many."""
    old = at(now - timedelta(days=settings.SMDP_KEPT_DAYS))
    # Two that sweep at once pass each other's rows by.
    locked = " FOR UPDATE SKIP LOCKED" if locks() else ""
    gone = (run(statement.replace("{locked}", locked), (old, AT_ONCE)).rowcount for statement in _STATEMENTS)
    return downloads.sweep(now) + int(sum(gone))
