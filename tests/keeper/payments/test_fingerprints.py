"""What a card is told apart by, in the places where the providers say it; and where they say nothing."""

from __future__ import annotations

from typing import Any

import pytest

from lineaviva.keeper.payments.paypal import answers as paypal
from lineaviva.keeper.payments.stripe import answers as stripe

CARD = {"card": {"fingerprint": "Xt5EWLLDS7FJjR1c", "last4": "4242"}}


def session(**intent: Any) -> dict[str, Any]:
    paid = bool(intent.pop("paid", True))
    return {
        **{"id": "cs_1", "mode": "payment", "status": "complete" if paid else "open", "amount_total": 500},
        **{"currency": "eur", "payment_status": "paid" if paid else "unpaid", "metadata": {"key": "pay:X:1"}},
        "payment_intent": intent or None,
    }


@pytest.mark.parametrize(
    ("found", "state", "card"),
    [
        (session(latest_charge={"id": "ch_1", "payment_method_details": CARD}), "succeeded", "Xt5EWLLDS7FJjR1c"),
        (session(latest_charge={"id": "ch_1", "payment_method_details": {"type": "satispay"}}), "succeeded", ""),
        (
            session(latest_charge={"id": "ch_1", "payment_method_details": {"card": {"fingerprint": None}}}),
            "succeeded",
            "",
        ),
        (session(latest_charge={"id": "ch_1"}), "succeeded", ""),
        (session(), "succeeded", ""),
        (
            session(
                paid=False, last_payment_error={"type": "card_error", "code": "expired_card", "payment_method": CARD}
            ),
            "open",
            "Xt5EWLLDS7FJjR1c",
        ),
        (session(paid=False, last_payment_error={"type": "card_error", "code": "expired_card"}), "open", ""),
    ],
)
def test_stripe(found: dict[str, Any], state: str, card: str) -> None:
    status = stripe.status_of(found)
    assert (status.state, status.card, status.key) == (state, card, "pay:X:1")


def test_a_card_that_stripe_keeps() -> None:
    assert stripe.card_from("cus_1", {"id": "pm_1", **CARD}).fingerprint == "Xt5EWLLDS7FJjR1c"
    assert stripe.card_from("cus_1", {"id": "pm_1", "card": {"last4": "4242"}}).fingerprint == ""


def order(**more: Any) -> dict[str, Any]:
    money = {"currency_code": "EUR", "value": "5.00"}
    unit = {"amount": money, "payments": {"captures": [{"id": "C1", "status": "COMPLETED", "amount": money}]}}
    return {"id": "O1", "intent": "CAPTURE", "status": "COMPLETED", "purchase_units": [unit], **more}


@pytest.mark.parametrize(
    ("more", "card"),
    [
        ({"payer": {"payer_id": "PRETEND7PAYER"}}, "PRETEND7PAYER"),
        (
            {"payment_source": {"paypal": {"account_id": "PRETEND7PAYER"}}, "payer": {"payer_id": "OLDER"}},
            "PRETEND7PAYER",
        ),
        ({"payment_source": {"card": {"last_digits": "4242"}}, "payer": None}, ""),
        ({}, ""),
    ],
)
def test_paypal(more: dict[str, Any], card: str) -> None:
    status = paypal.status_of(order(**more))
    assert (status.state, status.card, status.charge_ref) == ("succeeded", card, "C1")
