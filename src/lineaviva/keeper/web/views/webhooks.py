"""Where providers knock."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from lineaviva.keeper.payments.actions import webhook_receive
from lineaviva.keeper.payments.rules import WEBHOOK_MOST_BYTES
from lineaviva.kernel import clock
from lineaviva.kernel.errors import LineavivaError


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, source: str) -> HttpResponse:
    """Keeps the event and answers at once; what it means is found out by asking the provider. Errors answer as JSON."""
    try:
        webhook_receive(source=source, headers=request.headers, body=_body(request), now=clock.now())
    except LineavivaError as error:
        return JsonResponse({"error": error.code, "message": error.message}, status=error.status)
    return JsonResponse({"received": True})


def _body(request: HttpRequest) -> bytes:
    """At most one byte more than is taken, so that what is too large is refused without being read."""
    try:
        return request.read(WEBHOOK_MOST_BYTES + 1)
    except (UnreadablePostError, RawPostDataException):
        return b""
