"""The test cards: the number decides what happens, as with the real provider. No other number is ever kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Card:
    """`slug` names it in the page's chooser and picks its words there."""

    number: str
    slug: str
    refusal: str = ""  # Stripe's code; "" for a card that pays
    three_d_secure: bool = False
    lost: bool = False  # the payer's connection breaks after the charge
    webhook: Literal["", "never", "twice", "late"] = ""
    refund: Literal["succeeded", "slow", "failed"] = "succeeded"
    later: str = ""  # Stripe's code for what happens to it once it is saved and its holder is not there; "": it pays

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def grouped(self) -> str:
        return " ".join(self.number[start : start + 4] for start in range(0, len(self.number), 4))


# Those of the real provider first, then our own for what cannot be asked of it.
CARDS = (
    Card("4000002500003155", "three_d_secure", three_d_secure=True),
    Card("4242424242424242", "success"),
    Card("4000000000000002", "declined", refusal="card_declined"),
    Card("4000000000009995", "insufficient", refusal="insufficient_funds"),
    Card("4000000000000069", "expired", refusal="expired_card"),
    Card("4000000000000127", "wrong_code", refusal="incorrect_cvc"),
    Card("4000002760003184", "always_asks", three_d_secure=True, later="authentication_required"),
    Card("4000000000000341", "declined_later", refusal="card_declined", later="card_declined"),
    Card("4000000000009540", "expired_later", later="expired_card"),
    Card("4000000000007726", "slow_refund", refund="slow"),
    Card("4000000000005126", "failed_refund", refund="failed"),
    Card("4000000000009110", "lost", lost=True),
    Card("4000000000009227", "webhook_twice", webhook="twice"),
    Card("4000000000009334", "webhook_late", webhook="late"),
    Card("4000000000009441", "webhook_never", webhook="never"),
)
_BY_NUMBER = {card.number: card for card in CARDS}
_BY_SLUG = {card.slug: card for card in CARDS}


def card_of(number: str) -> Card | None:
    """The test card with this number, typed with or without spaces; None for any other number."""
    return _BY_NUMBER.get("".join(filter(str.isdigit, number)))


def card_called(slug: str) -> Card:
    """The card of the chooser, or the first."""
    return _BY_SLUG.get(slug, CARDS[0])


def fingerprint(number: str, email: str) -> str:
    """The same for the same card. One test number is another card in another person's hands."""
    return hashlib.sha256(f"{number}:{email.lower()}".encode()).hexdigest()[:16] if number else ""


# Codes that are the bank's reason for `card_declined`; the others are codes of their own.
_DECLINE_CODES = {
    "card_declined": "generic_decline",
    "insufficient_funds": "insufficient_funds",
    "authentication_required": "authentication_required",
}
_MESSAGES = {
    "card_declined": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "incorrect_cvc": "Your card's security code is incorrect.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
    "payment_intent_authentication_failure": "We are unable to authenticate your payment method.",
}


def refusal_error(code: str, charge: str = "") -> dict[str, str]:
    """The error object for a refused card, as `last_payment_error` has it."""
    error = {"type": "card_error", "code": code, "message": _MESSAGES[code]}
    if code in _DECLINE_CODES:
        kind = code if code == "authentication_required" else "card_declined"
        error |= {"code": kind, "decline_code": _DECLINE_CODES[code]}
    if code == "payment_intent_authentication_failure":
        error["type"] = "invalid_request_error"
    return error | ({"charge": charge} if charge else {})
