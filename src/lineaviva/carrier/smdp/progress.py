"""What the operator is to hear of a download (ES2+.HandleDownloadProgressInfo, SGP.22 5.3.5)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Protocol

from django.conf import settings

from lineaviva.carrier.smdp.failures import Failure, status_code_data
from lineaviva.carrier.smdp.models import Progress


class Point(IntEnum):
    """notificationPointId: SGP.22 v2's four, and beyond them what operators hear in public APIs of the field.

    v3 has ES2+.HandleNotification for what a phone does with a profile that it has; these numbers, of an interface
    between an operator and its resellers (CMLink AEP 3.2.17), are what v2's servers tell it by.
    """

    ELIGIBILITY = 1  # and the limit of attempts
    CONFIRMATION = 2
    DOWNLOAD = 3
    INSTALLATION = 4
    DELETED = 5
    ENABLED = 101
    DISABLED = 102


# What phones report of a profile that they have: an operator that knows v2's points alone may refuse them.
ON_PHONE = (Point.DELETED, Point.ENABLED, Point.DISABLED)


class Concerned(Protocol):
    """A profile, as far as its operator is told of it."""

    @property
    def profile_id(self) -> int: ...

    @property
    def operator(self) -> str: ...


def note(about: Concerned, point: Point, eid: str, failure: Failure | None, now: datetime, result: bytes = b"") -> None:
    """Have the operator told, in the transaction at hand; where it hears of nothing, this costs nothing."""
    if about.operator not in settings.SMDP_OPERATOR_URLS:
        return
    Progress.objects.create(
        profile_id=about.profile_id,
        operator=about.operator,
        point=point,
        eid=eid,
        failure=failure.name if failure else "",
        result=result,
        at=now,
        look_at=now,
    )


def body(row: Progress) -> dict[str, Any]:
    """The JSON of the call. Its functionCallIdentifier is the same in each try."""
    profile = row.profile
    status: dict[str, Any] = {"status": "Failed" if row.failure else "Executed-Success"}
    if row.failure:
        status["statusCodeData"] = status_code_data(Failure[row.failure])
    found: dict[str, Any] = {
        "header": {
            "functionRequesterIdentifier": settings.SMDP_ADDRESS,
            "functionCallIdentifier": f"progress-{row.pk}",
        },
        "iccid": profile.iccid,
        "profileType": profile.profile_type,
        "timestamp": row.at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "notificationPointId": int(row.point),
        "notificationPointStatus": status,
    }
    if row.eid:
        found["eid"] = row.eid
    if row.result:
        found["resultData"] = base64.b64encode(bytes(row.result)).decode("ascii")
    return found
