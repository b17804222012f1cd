"""One real carrier for these tests, with two worker processes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.carrier.hub.conftest import ears
from tests.carrier_process import CarrierProcess

__all__ = ["carrier", "ears", "running_carrier"]


@pytest.fixture(scope="session")
def running_carrier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CarrierProcess]:
    process = CarrierProcess("vodafone", tmp_path_factory.mktemp("vodafone"))
    try:
        yield process.start(workers=2)
    finally:
        process.close()


@pytest.fixture
def carrier(running_carrier: CarrierProcess) -> Iterator[CarrierProcess]:
    """The carrier with every fault off; its books must balance in the end."""
    running_carrier.behave()
    yield running_carrier
    running_carrier.behave()
    audit = running_carrier.audit()
    assert (audit["balanced"], audit["problems"]) == (True, [])
