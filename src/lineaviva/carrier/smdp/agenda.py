"""Operators are told how downloads go, until they take it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from lineaviva.carrier.smdp.models import Progress, ProgressState
from lineaviva.carrier.smdp.progress import ON_PHONE
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import Permanent

# Waits after the first, second, ... try that failed; more than two days together.
WAITS = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 7200, 21_600, 43_200, 86_400))
# What a phone does with a profile is told one after the other: on and off again is not off and on again.
_SOON = timedelta(seconds=2)
# A call takes up to courier.TIMEOUT for each of its parts.
_LEASE = timedelta(minutes=2)


@agenda.handler(Progress, states=(ProgressState.WAITING,), lease=_LEASE, outside=True)
def progress_tell(row: Progress, now: datetime) -> agenda.Outcome:
    """ES2+.HandleDownloadProgressInfo. Told twice at worst, under the same functionCallIdentifier."""
    # Every process of the carrier reads this module when it starts, and few of them ever call anybody.
    from lineaviva.carrier.smdp import courier

    url = settings.SMDP_OPERATOR_URLS.get(row.operator)
    if url is None:
        raise Permanent(f"no address of {row.operator} is in LINEAVIVA_SMDP_OPERATOR_URLS")
    if row.point in ON_PHONE and _waits(row):
        return agenda.again(now + _SOON)
    told, answer = courier.tell(url, row)
    changes = {"tries": row.tries + 1, "answer": answer}
    if told:
        return agenda.rest(state=ProgressState.TOLD, **changes)
    if row.tries >= len(WAITS):
        raise Permanent(f"not taken in {row.tries + 1} tries: {answer}")
    return agenda.again(now + WAITS[row.tries], **changes)


def _waits(row: Progress) -> bool:
    """Whether the operator is still to hear what the phone did before; a stuck row holds up nobody."""
    earlier = Progress.objects.filter(profile_id=row.profile_id, point__in=ON_PHONE, pk__lt=row.pk)
    return earlier.filter(state=ProgressState.WAITING, stuck_reason="").exists()
