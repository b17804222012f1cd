"""Where an operator's SM-DP+ tells how a download gets on."""

from __future__ import annotations

from datetime import datetime
from hmac import compare_digest

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from lineaviva.keeper.delivery.actions import progress_record
from lineaviva.keeper.delivery.es2plus import notices
from lineaviva.kernel import clock
from lineaviva.kernel.errors import InvalidInput

log = structlog.get_logger()
_VERSION = "gsma/rsp/v2.2.2"


@csrf_exempt
def progress(request: HttpRequest, operator: str, token: str) -> HttpResponse:
    """ES2+.HandleDownloadProgressInfo: 204 for what was taken, which may also be news of a profile that is not ours.

    Whoever knows the operator's address may tell; that mutual TLS guards it as well is up to what stands in front.
    """
    if not _is_known(operator, token):
        answer = HttpResponse(status=404)
    elif request.method != "POST":
        answer = HttpResponse(status=405, headers={"Allow": "POST"})
    else:
        answer = _taken(operator, request)
    answer["X-Admin-Protocol"] = _VERSION
    # The address has the token in it: Django would write that into its log beside any status of 400 and above.
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer


def _is_known(operator: str, token: str) -> bool:
    ours = settings.ES2_TOKENS.get(operator, "")
    return bool(ours) and compare_digest(ours.encode(), token.encode())


def _taken(operator: str, request: HttpRequest) -> HttpResponse:
    body, now = _body(request), clock.now()
    if len(body) > notices.MOST_BYTES:
        return _refused(413, "body")
    try:
        told = notices.read(body)
    except InvalidInput as wrong:
        return _refused(400, wrong.field or "")
    try:
        _record(operator, told, now)
    except (DatabaseError, InterfaceError) as error:
        # What the message says may hold a row's values. The server tells it again.
        log.error("es2plus_database", error=type(error).__name__)
        return HttpResponse(status=503, headers={"Retry-After": "5"})
    # Some clients look at the type also where there is no body.
    return HttpResponse(status=204, content_type="application/json")


def _record(operator: str, told: notices.Told, now: datetime) -> None:
    if told.point is None:
        return
    at, eid, failure = told.at or now, told.eid, told.failure
    progress_record(
        operator=operator, iccid=told.iccid, point=told.point, ok=told.ok, at=at, eid=eid, failure=failure, now=now
    )


def _refused(status: int, identifier: str) -> JsonResponse:
    """In ES2+'s own words: format error (SGP.22 5.2.6)."""
    data = {"subjectCode": "1.3.1", "reasonCode": "2.1", "subjectIdentifier": identifier}
    document = {"header": {"functionExecutionStatus": {"status": "Failed", "statusCodeData": data}}}
    return JsonResponse(document, status=status)


def _body(request: HttpRequest) -> bytes:
    """At most one byte more than is taken, so that what is too large is refused without being read."""
    try:
        return request.read(notices.MOST_BYTES + 1)
    except (UnreadablePostError, RawPostDataException):
        return b""
