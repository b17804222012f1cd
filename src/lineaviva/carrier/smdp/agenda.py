"""Operators are told how downloads go, until they take it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from lineaviva.carrier.smdp.models import Progress, ProgressState
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import Permanent

# Waits after the first, second, ... try that failed; more than two days together.
WAITS = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 7200, 21_600, 43_200, 86_400))
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
    told, answer = courier.tell(url, row)
    changes = {"tries": row.tries + 1, "answer": answer}
    if told:
        return agenda.rest(state=ProgressState.TOLD, **changes)
    if row.tries >= len(WAITS):
        raise Permanent(f"not taken in {row.tries + 1} tries: {answer}")
    return agenda.again(now + WAITS[row.tries], **changes)
