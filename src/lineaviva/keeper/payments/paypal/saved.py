"""PayPal accounts that are kept: approved by their payer once, and charged later without them.

A charge is an order of ours that is captured from the saved account: the order is there, and its number written down,
before any money can move. So a lost answer is found by asking for the order, however late that is.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.conf import settings

from lineaviva.keeper.payments.paypal import answers
from lineaviva.keeper.payments.paypal.client import call
from lineaviva.keeper.payments.paypal.orders import order_close, order_get, order_path, quoted
from lineaviva.keeper.payments.ports import Begun, Bill, Card, Charged, SaveStatus, Status, Urls, Wish
from lineaviva.kernel.errors import NeedsPerson, Permanent

_SETUP, _TOKENS = "/v3/vault/setup-tokens", "/v3/vault/payment-tokens"
# All that PayPal takes as a description; other letters are refused.
_PLAIN = re.compile(r"[a-zA-Z0-9_'\-., :;!?\"]{1,128}")
_GONE = {"RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID", "TOKEN_NOT_FOUND"}
# The payer has taken their agreement back, or has no account any more.
_CARD_GONE = {
    "TOKEN_ID_NOT_FOUND",
    "AGREEMENT_ALREADY_CANCELLED",
    "BILLING_AGREEMENT_NOT_FOUND",
    "MISMATCHED_VAULT_ID_TO_PAYMENT_SOURCE",
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
}
_ASKS_THE_PAYER = {"PAYER_ACTION_REQUIRED", "ORDER_NOT_APPROVED"}


class PayPalSaving:
    lifetime = timedelta(minutes=60)
    with_payment = False

    def __init__(self) -> None:
        self.configured = bool(settings.PAYPAL_CLIENT_ID and settings.PAYPAL_SECRET)

    def save_begin(self, wish: Wish, urls: Urls) -> Begun:
        token = call("POST", _SETUP, json=_setup_body(wish, urls), key=wish.key)
        links = {link.get("rel"): link.get("href") for link in token.get("links") or []}
        return Begun(answers.text(token, "id"), links.get("approve") or "")

    def save_fetch(self, reference: str) -> SaveStatus:
        """How it stands; what the payer has approved is kept first."""
        try:
            setup = call("GET", f"{_SETUP}/{quoted(reference)}")
        except Permanent as refusal:
            if refusal.code not in _GONE:
                raise
            return SaveStatus("expired")
        if setup.get("status") == "APPROVED":
            source = {"token": {"id": reference, "type": "SETUP_TOKEN"}}
            kept = call("POST", _TOKENS, json={"payment_source": source}, key=f"keep:{reference}")
            return SaveStatus("saved", _card(kept))
        # Kept, and the answer was lost for longer than PayPal keeps our key.
        found = _kept_of(setup) if setup.get("status") == "VAULTED" else None
        return SaveStatus("open") if found is None else SaveStatus("saved", _card(found))

    def save_close(self, reference: str) -> SaveStatus:
        """What is approved later is never kept: that would be ours to ask for."""
        found = self.save_fetch(reference)
        return found if found.card else SaveStatus("expired")

    def kept(self, card: Card) -> bool:
        try:
            call("GET", f"{_TOKENS}/{quoted(card.method_ref)}")
        except Permanent as refusal:
            if refusal.code not in _GONE:
                raise
            return False
        return True

    def forget(self, card: Card) -> None:
        try:
            call("DELETE", f"{_TOKENS}/{quoted(card.method_ref)}")
        except Permanent as refusal:
            if refusal.code not in _GONE:
                raise

    def prepare(self, bill: Bill, card: Card) -> str:
        order = call("POST", "/v2/checkout/orders", json=answers.charge_body(bill), key=bill.key)
        return answers.begun_of(order, bill).reference

    def charge(self, bill: Bill, card: Card, reference: str) -> Charged:
        source = {"paypal": {"vault_id": card.method_ref}}
        try:
            # An order is captured once, whatever the key.
            order = call(
                "POST", f"{order_path(reference)}/capture", json={"payment_source": source}, key=f"charge:{reference}"
            )
        except Permanent as refusal:
            return Charged(reference, _refused(reference, refusal, bill))
        return Charged(reference, answers.status_of(order))

    def find(self, key: str, card: Card) -> Charged | None:
        return None  # without a number that we know nothing is captured


def _refused(reference: str, refusal: Permanent, bill: Bill) -> Status:
    """How the order stands after a refusal: paid by an earlier call, or closed, since nobody is there to choose again.

    Raises Permanent where the account is not there any more, NeedsPerson where the invoice was paid by another order.
    """
    with suppress(Permanent):
        order_close(reference)
    status = answers.status_of(order_get(reference))
    if status.state in {"succeeded", "processing"}:
        return status
    if refusal.code in _CARD_GONE:
        raise refusal
    if refusal.code == "DUPLICATE_INVOICE_ID":
        raise NeedsPerson(answers.collected_before(reference))
    asks = refusal.code in _ASKS_THE_PAYER
    return Status("failed", reason="not_confirmed" if asks else answers.reason_of(refusal.code), key=bill.key)


def _setup_body(wish: Wish, urls: Urls) -> dict[str, Any]:
    context = {
        "shipping_preference": "NO_SHIPPING",
        "return_url": urls.success,
        "cancel_url": urls.cancel,
        **answers.locale_of(wish.language),
    }
    wallet = {
        "description": wish.title if _PLAIN.fullmatch(wish.title) else "Automatic renewal of phone lines",
        # One for each time that somebody saves it: to forget one is not to forget another person's.
        "permit_multiple_payment_tokens": True,
        "usage_type": "MERCHANT",
        "customer_type": "CONSUMER",
        "experience_context": context,
    }
    return {"payment_source": {"paypal": wallet}}


def _kept_of(setup: dict[str, Any]) -> dict[str, Any] | None:
    customer = (setup.get("customer") or {}).get("id") or ""
    found = call("GET", f"{_TOKENS}?customer_id={quoted(customer)}").get("payment_tokens") or []
    return next((one for one in found if "paypal" in (one.get("payment_source") or {})), None)


def _card(token: dict[str, Any]) -> Card:
    payer = (token.get("payment_source") or {}).get("paypal") or {}
    customer = (token.get("customer") or {}).get("id") or ""
    label = _hidden(str(payer.get("email_address") or ""))
    fingerprint = str(payer.get("payer_id") or "")
    return Card(customer, answers.text(token, "id"), brand="paypal", label=label, fingerprint=fingerprint)


def _hidden(address: str) -> str:
    """anna@example.org as a…@example.org: enough to tell two accounts apart."""
    name, _, host = address.partition("@")
    return f"{name[:1]}…@{host}"[:80] if host else ""
