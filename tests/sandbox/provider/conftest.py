"""The provider is tested as what it is: a process that is spoken to over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.provider.process import Bank, Shop


@pytest.fixture
def bank(bank: Bank, shop: Shop) -> Iterator[Bank]:
    """A provider that remembers nothing of the last test, and a shop that takes what it is told."""
    shop.answer = lambda _headers, _body: 200
    bank.forget()
    shop.received.clear()
    yield bank
    bank.forget()
