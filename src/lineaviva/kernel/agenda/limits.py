"""Rate limits that all processes share: a row each, so that no host asks a gateway more often than it allows."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction


def take(name: str, *, per_minute: float, burst: int, now: datetime) -> timedelta:
    """Take one token of the bucket `name`: zero means go; otherwise nothing was taken, come back after that long.

    The bucket holds `burst` tokens and gains `per_minute` a minute. Each call is a short transaction of its own, so
    call it outside one.
    """
    from lineaviva.kernel.agenda.models import RateLimit

    with transaction.atomic():
        limit, _ = RateLimit.objects.select_for_update().get_or_create(name=name, defaults={"full_at": now})
        wait, full_at = after_take(limit.full_at, per_minute=per_minute, burst=burst, now=now)
        if not wait:
            RateLimit.objects.filter(name=name).update(full_at=full_at)
    return wait


def put_back(name: str, *, per_minute: float, now: datetime) -> None:
    """Give the bucket `name` back a token that was not needed; outside a transaction, as `take`."""
    from lineaviva.kernel.agenda.models import RateLimit

    with transaction.atomic():
        limit = RateLimit.objects.select_for_update().filter(name=name).first()
        if limit is not None:
            full_at = max(now, limit.full_at - timedelta(minutes=1) / per_minute)
            RateLimit.objects.filter(name=name).update(full_at=full_at)


def wait_for(name: str, *, per_minute: float, burst: int, now: datetime) -> timedelta:
    """What `take` would answer. Nothing is taken: for what counts against its limit only by how it ends."""
    from lineaviva.kernel.agenda.models import RateLimit

    limit = RateLimit.objects.filter(name=name).first()
    return after_take(limit.full_at if limit else now, per_minute=per_minute, burst=burst, now=now)[0]


def after_take(full_at: datetime, *, per_minute: float, burst: int, now: datetime) -> tuple[timedelta, datetime]:
    """How long to wait for a token (zero: taken), and when the bucket is full again."""
    if per_minute <= 0 or burst < 1:
        raise ValueError("a bucket gains and holds something")
    each = timedelta(minutes=1) / per_minute
    # A clock that was set back must not leave a bucket empty for days.
    full_at = min(max(full_at, now), now + burst * each)
    wait = full_at - now - (burst - 1) * each
    return (wait, full_at) if wait > timedelta(0) else (timedelta(0), full_at + each)
