"""An SM-DP+ in this process: its certificates under two CIs, its stock, and chips that know it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from lineaviva.carrier.smdp import ca, crypto, sealing, serving
from lineaviva.carrier.smdp.certs import CertificateStore, EuiccTrust
from tests.carrier.smdp import stock
from tests.carrier.smdp.euicc import ADDRESS, Euicc, Lpa
from tests.conftest import NOON

MADE = NOON - timedelta(days=30)


@pytest.fixture(scope="session")
def nist() -> ca.Authority:
    return ca.Authority.make(crypto.NIST, now=MADE)


@pytest.fixture(scope="session")
def brainpool() -> ca.Authority:
    return ca.Authority.make(crypto.BRAINPOOL, now=MADE)


@pytest.fixture(scope="session")
def stranger() -> ca.Authority:
    """A CI that the server does not know."""
    return ca.Authority.make(crypto.NIST, now=MADE)


@pytest.fixture(scope="session")
def certificates(nist: ca.Authority, brainpool: ca.Authority) -> CertificateStore:
    return CertificateStore([nist.server(now=MADE), brainpool.server(now=MADE)])


@pytest.fixture
def smdp(
    db: None, settings: Any, certificates: CertificateStore, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> Iterator[None]:
    """The server, with six profiles of TIM and one of Vodafone in stock; nobody is told anything."""
    settings.SMDP_ADDRESS, settings.SMDP_ADDRESSES = ADDRESS, [ADDRESS, "SMDP2.test"]
    settings.SMDP_KEY = "a key for tests only, long enough to be taken"
    settings.SMDP_OPERATOR_URLS = {}
    settings.SMDP_SESSION_SECONDS, settings.SMDP_ORDER_DAYS, settings.SMDP_KEPT_DAYS = 600, 90, 400
    settings.SMDP_DOWNLOAD_ATTEMPTS, settings.SMDP_CONFIRMATION_ATTEMPTS = 5, 3
    sealing.vault.cache_clear()
    sealing.session_key.cache_clear()
    serving.reset()
    trust = EuiccTrust(certificates)
    monkeypatch.setattr(serving, "store", lambda: certificates)
    monkeypatch.setattr(serving, "trust", lambda: trust)
    stock.fill(now)
    yield
    sealing.vault.cache_clear()
    sealing.session_key.cache_clear()
    monkeypatch.undo()
    serving.reset()


@pytest.fixture
def lpa(smdp: None, nist: ca.Authority, now: datetime) -> Callable[..., Lpa]:
    """A phone with an eUICC of its own, under the NIST CI unless told otherwise."""

    def lpa(authority: ca.Authority = nist, **details: Any) -> Lpa:
        return Lpa(Euicc(authority, MADE, **details), now)

    return lpa
