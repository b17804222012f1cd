"""How long whoever asks in this process waits for an answer: a slow machine is no operator that does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import httpx
import pytest
from httpx._config import DEFAULT_TIMEOUT_CONFIG

from tests.patience import PATIENCE

_LONG = httpx.Timeout(PATIENCE)
# In place of what our adapters, our couriers and the pretend phone wait for in real life.
_PATIENT: dict[str, Any] = {
    "lineaviva.carrier.hub.courier.CONNECT": PATIENCE,
    "lineaviva.carrier.hub.courier.WHOLE": PATIENCE,
    "lineaviva.carrier.smdp.courier.TIMEOUT": _LONG,
    "lineaviva.keeper.activation.tmf.adapter.COURTESY": _LONG,
    "lineaviva.keeper.activation.tmf.adapter.TIMEOUT": _LONG,
    "lineaviva.keeper.catalogue.tmf.reader.TIMEOUT": _LONG,
    "lineaviva.keeper.delivery.es2plus.wire.TIMEOUT": _LONG,
    "lineaviva.keeper.delivery.esimgo.wire.TIMEOUT": _LONG,
    "lineaviva.keeper.payments.paypal.client.TIMEOUT": _LONG,
    "lineaviva.keeper.payments.stripe.client._ANSWER_SECONDS": PATIENCE,
    "lineaviva.keeper.payments.stripe.client._CONNECT_SECONDS": PATIENCE,
    "lineaviva.kernel.oauth.TIMEOUT": _LONG,
    "lineaviva.sandbox.phone.wire._TIMEOUT": _LONG,
}
_SHIPPED: dict[str, Any] = {}


@contextmanager
def patient() -> Iterator[None]:
    """They wait as long as a slow machine needs, and so does every client of httpx that nobody told how long."""
    with pytest.MonkeyPatch.context() as patched:
        for part in ("connect", "read", "write", "pool"):
            patched.setattr(DEFAULT_TIMEOUT_CONFIG, part, PATIENCE)
        for place, value in _PATIENT.items():
            module, _, name = place.rpartition(".")
            _SHIPPED[place] = getattr(import_module(module), name)
            patched.setattr(place, value)
        yield


def as_shipped(patched: pytest.MonkeyPatch) -> None:
    """For a test of these limits: they are what they are in real life. Clients that are kept must be made anew."""
    for place, value in _SHIPPED.items():
        patched.setattr(place, value)
