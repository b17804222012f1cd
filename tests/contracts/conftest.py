"""What the contract suites need of the pretend outside world."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.provider.process import Bank, Shop


@pytest.fixture(scope="session")
def shop() -> Iterator[Shop]:
    shop = Shop()
    yield shop
    shop.stop()


@pytest.fixture(scope="session")
def bank(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    bank = Bank(tmp_path_factory.mktemp("bank"), shop.url)
    yield bank
    bank.kill()
