"""The provider is tested as what it is: a process that is spoken to over HTTP."""

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
def _bank(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    bank = Bank(tmp_path_factory.mktemp("bank"), shop.url)
    yield bank
    bank.kill()


@pytest.fixture
def bank(_bank: Bank, shop: Shop) -> Iterator[Bank]:
    """A provider that remembers nothing of the last test, and a shop that takes what it is told."""
    shop.answer = lambda _headers, _body: 200
    _bank.forget()
    shop.received.clear()
    yield _bank
    _bank.forget()
