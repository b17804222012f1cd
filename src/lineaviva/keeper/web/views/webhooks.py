"""Where providers knock."""

from __future__ import annotations

from math import ceil
from typing import Any

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from lineaviva.keeper.payments.actions import webhook_receive
from lineaviva.keeper.payments.rules import WEBHOOK_MOST_BYTES
from lineaviva.kernel import clock
from lineaviva.kernel.agenda import limits
from lineaviva.kernel.errors import LineavivaError

_NOT_THEIRS = {"webhook_refused", "webhook_too_large"}


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, source: str) -> HttpResponse:
    """Keeps the event and answers at once; what it means is found out by asking the provider. Errors answer as JSON.

    An address that sent too much that is not signed is not heard for a while, since to check one may cost a call. What
    is true is told again by its provider, and asked for by us.
    """
    now, buckets = clock.now(), _buckets(request, source)
    if wait := max(limits.wait_for(now=now, **bucket) for bucket in buckets):
        headers = {"Retry-After": str(ceil(wait.total_seconds()))}
        return _refused(LineavivaError("Too much from here was not signed.", code="too_many", status=429), headers)
    try:
        webhook_receive(source=source, headers=request.headers, body=_body(request), now=now)
    except LineavivaError as error:
        if error.code in _NOT_THEIRS:
            for bucket in buckets:
                limits.take(now=now, **bucket)
        return _refused(error, {})
    return JsonResponse({"received": True})


def _refused(error: LineavivaError, headers: dict[str, str]) -> HttpResponse:
    return JsonResponse({"error": error.code, "message": error.message}, status=error.status, headers=headers)


def _buckets(request: HttpRequest, source: str) -> list[dict[str, Any]]:
    """From which what is not signed takes: its sender's, and that of all senders together."""
    try:
        sender = get_adapter(request).get_client_ip(request)
    except PermissionDenied:  # by a socket that has no addresses
        sender = ""
    name = f"webhook:{source[:20]}"
    return [
        {"name": f"{name}:{sender}", "per_minute": 10, "burst": 20},
        {"name": name, "per_minute": 60, "burst": 300},
    ]


def _body(request: HttpRequest) -> bytes:
    """At most one byte more than is taken, so that what is too large is refused without being read."""
    try:
        return request.read(WEBHOOK_MOST_BYTES + 1)
    except (UnreadablePostError, RawPostDataException):
        return b""
