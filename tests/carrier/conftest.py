"""TIM's carrier side in this process."""

from __future__ import annotations

from typing import Any

import pytest

from lineaviva.kernel.clock import FrozenClock
from tests.carrier.doors import Door


@pytest.fixture
def operator(settings: Any) -> str:
    """The program's settings as a carrier has them; strict: no number but those that are opened."""
    settings.ROOT_URLCONF = "lineaviva.carrier.urls"
    settings.MIDDLEWARE = ["lineaviva.carrier.tmf.middleware.TmfErrorsMiddleware"]
    settings.CARRIER_OPERATOR = "tim"
    settings.CARRIER_SCREENING = "lineaviva.carrier.orders.ports.Strict"
    settings.PUBLIC_URL = "http://carrier.test"
    return "tim"


@pytest.fixture
def door(db: None, operator: str, clock: FrozenClock) -> Door:
    return Door()
