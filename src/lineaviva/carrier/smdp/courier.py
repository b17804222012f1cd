"""Calls an operator's ES2+ server (SGP.22 6.5), over mutual TLS."""

from __future__ import annotations

import json
import ssl
from functools import cache

import httpx
from django.conf import settings

from lineaviva.carrier.smdp import progress
from lineaviva.carrier.smdp.models import Progress
from lineaviva.carrier.smdp.progress import ON_PHONE

PATH = "/gsma/rsp2/es2plus/handleDownloadProgressInfo"
TIMEOUT = httpx.Timeout(10.0, connect=4.0)
# An operator that refuses a point which it does not know will refuse it again.
_NOT_UNDERSTOOD = (400, 422)
HEADERS = {"Content-Type": "application/json", "X-Admin-Protocol": "gsma/rsp/v2.2.2", "User-Agent": "Lineaviva-SMDP/1"}


def tell(url: str, row: Progress) -> tuple[bool, str]:
    """Whether the operator took it, and how the try ended. Never raises for what the other side does."""
    body = json.dumps(progress.body(row)).encode()
    try:
        with httpx.Client(verify=tls(), timeout=TIMEOUT, trust_env=False) as client:
            answer = client.post(url.rstrip("/") + PATH, content=body, headers=HEADERS)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return False, type(error).__name__
    return _taken(answer, row), f"answered {answer.status_code}"


def _taken(answer: httpx.Response, row: Progress) -> bool:
    if row.point in ON_PHONE and answer.status_code in _NOT_UNDERSTOOD:
        return True
    return answer.is_success and (row.point in ON_PHONE or not _failed(answer))


def _failed(answer: httpx.Response) -> bool:
    """A notification is answered by nothing at all; whoever answers in words may say that it failed."""
    try:
        status = answer.json()["header"]["functionExecutionStatus"]["status"]
    except (ValueError, KeyError, TypeError):
        return False
    return status in ("Failed", "Expired")


@cache
def tls() -> ssl.SSLContext:
    """Trusts LINEAVIVA_SMDP_OPERATOR_CA alone where that is given, and shows LINEAVIVA_SMDP_OPERATOR_CERT."""
    context = ssl.create_default_context(cafile=settings.SMDP_OPERATOR_CA or None)
    if settings.SMDP_OPERATOR_CERT:
        context.load_cert_chain(settings.SMDP_OPERATOR_CERT)
    return context
