"""No answer without a TM Forum error body, and nothing large is read: whatever goes wrong anywhere behind this."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from lineaviva import rulebook
from lineaviva.carrier.tmf.door import one_request
from lineaviva.carrier.tmf.rest import problem
from lineaviva.kernel.errors import NotFound
from lineaviva.kernel.mask import scrubbed

log = logging.getLogger(__name__)
LARGEST_BODY = 64 * 1024
_REASONS = {
    400: ("bad_request", "The request cannot be read."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This cannot be done with the resource."),
    406: ("not_acceptable", "Answers are application/json only."),
    413: ("too_large", "The body is larger than 64 KiB."),
    500: ("internal_error", "Something went wrong here. Ask by your reference before you send it again."),
}


class TmfErrorsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        try:
            # Without one this process serves every operator that has a client.
            if settings.CARRIER_OPERATOR:
                rulebook.operator(settings.CARRIER_OPERATOR)
        except NotFound as unknown:
            raise ImproperlyConfigured(f"LINEAVIVA_CARRIER_OPERATOR: {unknown}.") from unknown

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if _length(request) > LARGEST_BODY:
            return _problem(413)
        if not _takes_json(request):
            return _problem(406)
        with one_request():
            answer = self._get_response(request)
        if answer.status_code < 400 or answer.headers.get("Content-Type", "").startswith("application/json"):
            if isinstance(answer, HttpResponse):
                answer.headers.setdefault("Content-Length", str(len(answer.content)))
            return answer
        told = _problem(answer.status_code)
        if "Allow" in answer.headers:
            told.headers["Allow"] = answer.headers["Allow"]
        return told

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, Http404 | PermissionDenied | SuspiciousOperation):
            return None  # Django has a status for these
        # Not exc_info: a database's message shows the number that it is about.
        where = "".join(traceback.format_tb(exception.__traceback__))
        log.error("%s %s: %s\n%s", request.method, request.path, scrubbed(repr(exception)), where)
        return _problem(500)


def _length(request: HttpRequest) -> int:
    text = str(request.META.get("CONTENT_LENGTH") or "0")
    return int(text) if text.isascii() and text.isdecimal() else 0


def _takes_json(request: HttpRequest) -> bool:
    """Whether the Accept header lets JSON through, whatever parameters it names; the narrowest range counts."""
    ranges: dict[str, float] = {}
    for one in request.accepted_types:
        name = f"{one.main_type}/{one.sub_type}"
        ranges[name] = max(ranges.get(name, 0), one.quality)
    narrowest = (name for name in ("application/json", "application/*", "*/*") if name in ranges)
    return not request.headers.get("Accept", "").strip() or ranges.get(next(narrowest, ""), 0) > 0


def _problem(status: int) -> HttpResponse:
    code, reason = _REASONS.get(status, _REASONS[500] if status >= 500 else _REASONS[400])
    return problem(status, code, reason)
