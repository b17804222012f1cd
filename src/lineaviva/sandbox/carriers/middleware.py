"""Does to the carrier's calls what the knobs say, and leads /sandbox/ to the knobs. Not there outside the sandbox."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from lineaviva.carrier.tmf.rest import problem
from lineaviva.kernel import clock
from lineaviva.sandbox.carriers import couriers
from lineaviva.sandbox.carriers.furniture import client_put, plan_put, promotion_put
from lineaviva.sandbox.carriers.knobs import knobs_read
from lineaviva.sandbox.carriers.rules import fate

_LOOPBACK = {"127.0.0.1", "::1"}


class FaultsMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        if not settings.SANDBOX:
            raise MiddlewareNotUsed
        self._get_response = get_response
        self._furnished = False

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not self._furnished:
            promotion_put(operator=settings.CARRIER_OPERATOR, now=clock.now())
            plan_put(operator=settings.CARRIER_OPERATOR)
            client_put(operator=settings.CARRIER_OPERATOR, named=settings.SANDBOX_CLIENT, now=clock.now())
            self._furnished = True
            couriers.start_if_needed()
        if request.path.startswith("/sandbox/"):
            if request.META.get("REMOTE_ADDR") not in _LOOPBACK:
                return problem(404, "not_found", "There is nothing at this address.")
            request.urlconf = "lineaviva.sandbox.carriers.urls"
            return self._get_response(request)
        # A token is none of the carrier's calls: what goes wrong with orders is to be seen, not with signing in.
        return self._with_faults(request) if request.path.startswith("/tmf-api/") else self._get_response(request)

    def _with_faults(self, request: HttpRequest) -> HttpResponseBase:
        call = fate(knobs_read(), random.random)
        time.sleep(call.wait_ms / 1000)
        if call.fails_first:
            return problem(random.choice([500, 503]), "sandbox_fault", "Nothing was done.")  # noqa: S311
        answer = self._get_response(request)
        if request.path.endswith("/hub"):
            couriers.start_if_needed()
        if call.lost == "cut":
            return _cut()
        if call.lost == "error":
            return problem(500, "sandbox_fault", "The answer was lost.")
        return answer


def _cut() -> StreamingHttpResponse:
    """An answer that breaks off: its connection is closed before as much came as its header says."""

    body: Iterator[bytes] = iter([b"{"])
    return StreamingHttpResponse(body, content_type="application/json", headers={"Content-Length": "1000"})
