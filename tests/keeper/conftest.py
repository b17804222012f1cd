"""A real carrier for all tests of the keeper."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.carrier_process import CarrierProcess


@pytest.fixture(scope="session")
def tim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CarrierProcess]:
    """TIM's carrier side, one for all tests of a worker: make it `behave` before."""
    process = CarrierProcess("tim", tmp_path_factory.mktemp("tim"))
    try:
        yield process.start()
    finally:
        process.close()
