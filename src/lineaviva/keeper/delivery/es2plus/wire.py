"""HTTPS to an SM-DP+: the JSON binding of ES2+ over mutual TLS (SGP.22 6.5)."""

from __future__ import annotations

import ssl
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings

from lineaviva.kernel.errors import NeedsPerson, Temporary

PATH = "/gsma/rsp2/es2plus/"
# Some functions take several calls: three of them must be over long before another worker may take the row.
TIMEOUT = httpx.Timeout(8, connect=3)
HEADERS = {"Content-Type": "application/json", "X-Admin-Protocol": "gsma/rsp/v2.2.2", "User-Agent": "Lineaviva/1"}
# Errors that leave no doubt: no byte of the request went out.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Lost(Exception):
    """It went out, and nobody knows what became of it."""


def post(operator: str, function: str, body: dict[str, Any]) -> Any:
    """The JSON that came back, whatever it says; None where that was none.

    Raises Lost, Temporary (not carried out) and NeedsPerson.
    """
    try:
        client = _client(operator, *_files(operator))
        answer = client.post(settings.ES2_URLS[operator].rstrip("/") + PATH + function, json=body, headers=HEADERS)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise _trouble(operator, error) from error
    if answer.status_code == 429:
        raise Temporary(f"{operator}'s SM-DP+ has too many requests", _wait(answer))
    if answer.status_code >= 500 or answer.status_code == 408:
        raise Lost(f"it answered {answer.status_code}")
    if not answer.is_success:
        raise NeedsPerson(f"{operator}'s SM-DP+ answers {answer.status_code}: check its address in LINEAVIVA_ES2_URLS.")
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None


def _files(operator: str) -> tuple[str, str, tuple[float, ...]]:
    """Our certificate, the CAs, and when they were written last: a new one counts at once."""
    certificate = str(Path(settings.ES2_CERTS) / f"{operator}.pem") if settings.ES2_CERTS else ""
    written = tuple(Path(file).stat().st_mtime for file in (certificate, settings.ES2_CA) if file)
    return certificate, settings.ES2_CA, written


@lru_cache(maxsize=64)
def _client(operator: str, certificate: str, ca: str, written: tuple[float, ...]) -> httpx.Client:
    context = ssl.create_default_context(cafile=ca or None)
    # The file may name the very server, whoever issued its certificate.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if certificate:
        context.load_cert_chain(certificate)
    # One connection that the other side closes at the moment of sending would make an order unknown.
    limits = httpx.Limits(max_connections=20, keepalive_expiry=2)
    return httpx.Client(verify=context, timeout=TIMEOUT, limits=limits, trust_env=False)


def _trouble(operator: str, error: Exception) -> Exception:
    tls = _tls_error(error)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return NeedsPerson(
            f"{operator}'s SM-DP+ does not prove that it is the one of LINEAVIVA_ES2_URLS: check LINEAVIVA_ES2_CA."
        )
    if tls is not None and "ALERT" in (tls.reason or ""):
        return NeedsPerson(
            f"{operator}'s SM-DP+ does not take our certificate ({tls.reason}): check LINEAVIVA_ES2_CERTS."
        )
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return NeedsPerson(f"The address of {operator} in LINEAVIVA_ES2_URLS is none.")
    if isinstance(error, _NOT_SENT):
        return Temporary(f"{operator}'s SM-DP+ cannot be reached: {type(error).__name__}")
    if isinstance(error, OSError):
        return NeedsPerson(f"No certificate for {operator}'s SM-DP+: check LINEAVIVA_ES2_CERTS and LINEAVIVA_ES2_CA.")
    return Lost(f"the answer was lost: {type(error).__name__}")


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """What TLS said, below what httpx makes of it."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _wait(answer: httpx.Response) -> timedelta | None:
    seconds = answer.headers.get("Retry-After", "")
    return timedelta(seconds=int(seconds)) if seconds.isdecimal() and len(seconds) < 6 else None
