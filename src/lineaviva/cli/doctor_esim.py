"""What the doctor says of the ways to eSIM profiles: certificates, servers, and whether their reports find us."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from lineaviva.cli.doctor import Check
from lineaviva.kernel import clock

ENDS_SOON = timedelta(days=30)
_REPORTS = "Set LINEAVIVA_ES2_TOKENS and give the operator its address, as docs/guides/operations.md says."


def check_profiles() -> Iterator[Check]:
    """One line for each SM-DP+ that profiles are ordered from, and one for a reseller that is half set up."""
    from django.conf import settings

    for operator, url in settings.ES2_URLS.items():
        yield _server(operator, url)
    if settings.ESIMGO_KEY and not settings.ESIMGO_BUNDLES:
        do = "Name the bundle of each operator in LINEAVIVA_ESIMGO_BUNDLES."
        yield Check("esim reseller", "warn", "There is a key for eSIM Go, and nothing to buy.", do)


def _server(operator: str, url: str) -> Check:
    import httpx
    from django.conf import settings

    name, certificate = f"esim {operator}", Path(settings.ES2_CERTS) / f"{operator}.pem"
    try:
        status = _status(url, certificate, settings.ES2_CA)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        do = "Check LINEAVIVA_ES2_URLS, LINEAVIVA_ES2_CA, and whether that side knows our certificate."
        return Check(name, "fail", f"{url} did not take us: {type(error).__name__}.", do)
    except OSError as error:  # also what is no certificate
        do = f"Put our certificate and key into {certificate}, and their CA into LINEAVIVA_ES2_CA."
        return Check(name, "fail", f"We have nothing to show {url}: {type(error).__name__}.", do)
    if status in (401, 403):
        return Check(name, "fail", f"{url} does not know our certificate.", "Have the operator let it in.")
    if (ends := _ends(certificate)) - clock.now() < ENDS_SOON:
        return Check(name, "warn", f"Our certificate ends on {ends:%Y-%m-%d}.", f"Put a new one into {certificate}.")
    if not settings.ES2_TOKENS.get(operator):
        return Check(name, "warn", f"{url} answers, and cannot tell us what phones do.", _REPORTS)
    return Check(name, "ok", f"{url} answers.")


def _status(url: str, certificate: Path, ca: str) -> int:
    """Of a question that means nothing: whoever answers it, whatever it is, has taken our certificate."""
    import httpx

    context = ssl.create_default_context(cafile=ca or None)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the file may name the very server
    context.load_cert_chain(certificate)
    with httpx.Client(verify=context, timeout=5, trust_env=False) as client:
        return client.get(url).status_code


def _ends(certificate: Path) -> datetime:
    from cryptography import x509

    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
