"""Faults of the API on its way: slow answers, errors before the work, answers lost after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from lineaviva.sandbox.paypal import errors as paypal
from lineaviva.sandbox.provider import events
from lineaviva.sandbox.provider.errors import broken
from lineaviva.sandbox.provider.knobs import happens, knobs


def lost() -> StreamingHttpResponse:
    """An answer that never arrives: the server announces a length and breaks the connection before it is reached."""
    return StreamingHttpResponse(_Broken(), headers={"Content-Length": "1000"})


class _Broken:
    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        raise ConnectionAbortedError("the answer is lost on purpose")


class FaultMiddleware:
    """Also starts the thread that delivers webhooks, since a server makes its middleware once, when it starts."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        events.start()

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        at_paypal = request.path.startswith("/paypal/v")
        if not at_paypal and not request.path.startswith("/v1/"):
            return self._get_response(request)
        turned = knobs()
        time.sleep(turned["latency_ms"] / 1000)
        if happens(turned["error_percent"]):
            error = broken()
            return JsonResponse(paypal.broken() if at_paypal else error.body, status=error.status)
        answer = self._get_response(request)
        return lost() if happens(turned["lost_answer_percent"]) else answer
