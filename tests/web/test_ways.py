"""The ways to pay: which are offered, what they are called, and where they may lead."""

from __future__ import annotations

from typing import Any

import pytest

from lineaviva.keeper.web import ways
from lineaviva.kernel.errors import Conflict, InvalidInput
from tests.web.conftest import Bank


@pytest.fixture
def three(settings: Any, bank: type[Bank]) -> None:
    """Cards, PayPal and the shop, named in another order than they are shown in."""
    card = settings.PAYMENT_PROVIDERS["stripe"]
    settings.PAYMENT_PROVIDERS = {
        "cash": settings.PAYMENT_PROVIDERS["cash"],
        "paypal": card,
        "other": card,
        "stripe": card,
    }


def test_cards_come_first_and_what_nobody_knows_last(three: None) -> None:
    assert [(way.name, way.word, way.icon) for way in ways.ways()] == [
        ("stripe", "Pay by card", "card"),
        ("paypal", "Pay with PayPal", "money"),
        ("cash", "Pay in a shop", "shop"),
        ("other", "other", "money"),
    ]
    assert [way.instead for way in ways.ways(without="stripe")] == [
        "Pay with PayPal instead",
        "Pay in a shop instead",
        "other",
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *[("stripe", "card"), ("paypal", "PayPal"), ("cash", "cash in a shop"), ("other", "other")],
        *[("wallet", "prepaid balance"), ("account", "the owner's account at the operator")],
    ],
)
def test_how_something_was_paid(name: str, words: str) -> None:
    assert ways.paid_by(name) == words


def test_what_is_switched_off_is_refused(bank: type[Bank], monkeypatch: pytest.MonkeyPatch) -> None:
    ways.require("stripe")
    monkeypatch.setattr(Bank, "configured", False)
    with pytest.raises(Conflict) as off:
        ways.require("stripe")
    assert off.value.code == "provider_off"
    with pytest.raises(InvalidInput) as unknown:
        ways.require("bitcoin")
    assert unknown.value.code == "provider_unknown"
    assert [way.name for way in ways.ways()] == ["cash"]


@pytest.mark.parametrize(
    ("stripe", "paypal", "url", "allowed"),
    [
        ("https://api.stripe.com", "", "https://checkout.stripe.com/c/pay/1", True),
        ("https://api.stripe.com", "", "https://checkout.stripe.com.evil.example/", False),
        ("https://api.stripe.com", "", "http://checkout.stripe.com/", False),
        ("https://api.stripe.com", "", "https://checkout.stripe.com@evil.example/", False),
        ("https://api.stripe.com", "", "//checkout.stripe.com/", False),
        ("https://api.stripe.com", "", "javascript:alert(1)", False),
        ("https://api.stripe.com", "", "", False),
        ("http://127.0.0.1:9", "", "http://127.0.0.1:9/pay/1", True),
        ("http://127.0.0.1:9", "", "http://127.0.0.1:90/pay/1", False),
        ("http://127.0.0.1:9", "", "https://checkout.stripe.com/", False),
        ("", "https://api-m.paypal.com", "https://www.paypal.com/checkoutnow?token=1", True),
        ("", "https://api-m.sandbox.paypal.com", "https://www.sandbox.paypal.com/checkoutnow?token=1", True),
        ("", "http://127.0.0.1:7/paypal", "http://127.0.0.1:7/paypal/approve/1", True),
        ("", "http://127.0.0.1:7", "https://www.paypal.com/checkoutnow?token=1", False),
    ],
)
def test_a_payer_is_sent_to_payment_pages_only(
    stripe: str, paypal: str, url: str, allowed: bool, settings: Any
) -> None:
    settings.STRIPE_API_BASE, settings.PAYPAL_API_BASE = stripe, paypal
    assert ways.is_payment_page(url) is allowed
