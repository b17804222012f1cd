"""An operator's TM Forum APIs: top-ups by TMF654, plans by TMF622, the line's dates by TMF637.

Our reference is `externalId` in both: TMF622 has it, and TMF654's TopupBalance carries it as an extension (see
`carrier/tmf/balance.py`). It must be sent and found again, or nothing protects from doing the work twice.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

import httpx
from django.conf import settings

from lineaviva.keeper.activation.ports import Request, Result
from lineaviva.keeper.activation.tmf.documents import (
    OURS_TO_MEND,
    dates_in,
    order_body,
    reference_of,
    refusal_of,
    result_of,
    topup_body,
)
from lineaviva.kernel import oauth
from lineaviva.kernel.errors import AdapterError, NeedsPerson, Temporary

TOPUP = "/tmf-api/prepayBalanceManagement/v4/topupBalance"
ORDER = "/tmf-api/productOrderingManagement/v4/productOrder"
PRODUCT = "/tmf-api/productInventory/v4/product"
TIMEOUT = httpx.Timeout(10, connect=3)
# Reading the dates back is a courtesy: they can be counted here as well.
COURTESY = httpx.Timeout(3)
_JSON = {"Accept": "application/json"}
# Errors that leave no doubt: no byte of the request went out.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


@cache
def _client() -> httpx.Client:
    # The retry is of connecting only. Idle connections are dropped early: one that the other side closes at the moment
    # of sending would make an activation unknown.
    limits = httpx.Limits(max_connections=100, keepalive_expiry=2)
    return httpx.Client(transport=httpx.HTTPTransport(retries=1, limits=limits), timeout=TIMEOUT)


class TmfGateway:
    name = "tmf"
    idempotent = True
    per_minute = 6000.0
    burst = 200

    def serves(self, operator: str) -> bool:
        return operator in settings.TMF_URLS

    def perform(self, request: Request) -> Result:
        """Send it; where the answer is lost, ask once for what became of it."""
        path, body = (TOPUP, topup_body(request)) if request.kind == "topup" else (ORDER, order_body(request))
        try:
            answer = _call("POST", request.operator, path, json=body)
        except _NOT_SENT as error:
            raise Temporary(f"the operator cannot be reached: {type(error).__name__}") from error
        except httpx.HTTPError as error:
            return self._found(request, f"the answer was lost: {type(error).__name__}")
        if answer.status_code in {200, 201, 202}:
            result = result_of(_json(answer))
            if result.state == "unknown":
                return self._found(request, result.reason)
            return self._with_dates(request, result)
        if answer.status_code >= 500 or answer.status_code == 408:
            return self._found(request, f"the operator answered {answer.status_code}")
        return _refused(request, answer)

    def look(self, request: Request) -> Result:
        path = TOPUP if request.kind == "topup" else ORDER
        try:
            answer = _call("GET", request.operator, path, params={"externalId": request.reference})
        except httpx.HTTPError as error:
            raise Temporary(f"the operator cannot be asked: {type(error).__name__}") from error
        found = _json(answer)
        if answer.status_code == 401:
            raise NeedsPerson(f"{request.operator} does not take our token (LINEAVIVA_TMF_CLIENTS).")
        if answer.status_code != 200 or not isinstance(found, list):
            raise Temporary(f"the operator answered {answer.status_code} when asked")
        ours = [document for document in found if reference_of(document) == request.reference]
        if ours:
            return self._with_dates(request, result_of(ours[0]))
        # Only an empty list proves anything: others' resources mean that our filter was not understood.
        return Result("unknown", reason="the operator cannot look for our reference") if found else Result("not_found")

    def _found(self, request: Request, reason: str) -> Result:
        try:
            found = self.look(request)
        except AdapterError:
            return Result("unknown", reason=reason)
        # Not found yet: it may still be on its way.
        return Result("unknown", reason=reason) if found.state in {"not_found", "unknown"} else found

    def _with_dates(self, request: Request, result: Result) -> Result:
        if result.state != "succeeded":
            return result
        try:
            params = {"realizingResource.value": request.msisdn, "fields": "productCharacteristic"}
            answer = _call("GET", request.operator, PRODUCT, params=params, timeout=COURTESY)
        except (httpx.HTTPError, AdapterError):
            return result
        return replace(result, dates=dates_in(_json(answer)))


def _call(method: str, operator: str, path: str, **more: Any) -> httpx.Response:
    """The answer. Raises httpx's errors of the call itself, and Temporary or NeedsPerson where there was none."""
    base = settings.TMF_URLS[operator].rstrip("/")
    if operator not in settings.TMF_CLIENTS:
        raise NeedsPerson(f"LINEAVIVA_TMF_CLIENTS names no client for {operator}.")

    def send(token: str) -> httpx.Response:
        return _client().request(method, base + path, headers={**_JSON, "Authorization": f"Bearer {token}"}, **more)

    client = oauth.Client(base, *settings.TMF_CLIENTS[operator])
    return oauth.TOKENS.authorized(client, send, lambda answer: answer.status_code == 401)


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None


def _refused(request: Request, answer: httpx.Response) -> Result:
    """A 4xx: nothing was done. The operator's own no is final, everything else is for us to mend."""
    refusal = refusal_of(_json(answer))
    if answer.status_code == 429:
        seconds = answer.headers.get("Retry-After", "")
        wait = timedelta(seconds=int(seconds)) if seconds.isdecimal() else None
        raise Temporary("the operator has too many requests", wait)
    if answer.status_code == 401 or refusal is None or refusal[0] in OURS_TO_MEND:
        what = f"{request.operator} answers {answer.status_code}"
        raise NeedsPerson(f"{what}: check its address and LINEAVIVA_TMF_CLIENTS.")
    if refusal[0] == "reference_reused":
        raise NeedsPerson(f"{request.operator} knows {request.reference} as another request. Find out which.")
    return Result("failed", reason=refusal[1])
