"""PayPal accounts that a shop keeps: agreed to by their payer once, charged later, forgotten."""

from __future__ import annotations

import re
from typing import Any

from django.db import transaction

from lineaviva.sandbox.paypal.errors import PayPalError, impossible, missing, unknown, wrong, wrong_name
from lineaviva.sandbox.paypal.models import SavedPayer, new_id
from lineaviva.sandbox.paypal.objects import token_json
from lineaviva.sandbox.paypal.payers import Payer
from lineaviva.sandbox.provider import events, knobs

# All that the real one takes as a description.
_PLAIN = re.compile(r"[a-zA-Z0-9_'\-., :;!?\"]{0,128}")


def setup_create(asked: Any) -> SavedPayer:
    wallet = (asked.get("payment_source") or {}).get("paypal") if isinstance(asked, dict) else None
    if not isinstance(wallet, dict):
        raise missing("/payment_source/paypal")
    context, field = wallet.get("experience_context") or {}, "/payment_source/paypal"
    description = wallet.get("description", "")
    if not isinstance(description, str) or not _PLAIN.fullmatch(description):
        raise wrong(f"{field}/description")
    if wallet.get("usage_type") != "MERCHANT":
        raise wrong(f"{field}/usage_type")
    for name in ("return_url", "cancel_url"):
        if not str(context.get(name, "")).startswith(("http://", "https://")):
            raise wrong(f"{field}/experience_context/{name}")
    return SavedPayer.objects.create(
        id=new_id(),
        customer=f"cus_{new_id()}",
        description=description,
        locale=str(context.get("locale", "")),
        return_url=context["return_url"],
        cancel_url=context["cancel_url"],
        created=knobs.stamp(),
    )


def setup_find(name: str, *, lock: bool = False) -> SavedPayer:
    rows = SavedPayer.objects.select_for_update() if lock else SavedPayer.objects.all()
    found = rows.filter(pk=name).first()
    if found is None:
        raise unknown()
    return found


@transaction.atomic
def setup_approve(name: str, payer: Payer) -> SavedPayer:
    """The payer agrees; a second time, or once it is kept, it changes nothing."""
    saved = setup_find(name, lock=True)
    if saved.status == "PAYER_ACTION_REQUIRED":
        saved.status, saved.payer = "APPROVED", payer.slug
        saved.save(update_fields=["status", "payer"])
    return saved


def token_create(asked: Any) -> SavedPayer:
    """The shop keeps what was agreed to."""
    token = (asked.get("payment_source") or {}).get("token") if isinstance(asked, dict) else None
    if not isinstance(token, dict) or token.get("type") != "SETUP_TOKEN":
        raise missing("/payment_source/token")
    saved = SavedPayer.objects.select_for_update().filter(pk=str(token.get("id", ""))).first()
    if saved is None:
        raise unknown()
    if saved.status != "APPROVED":
        raise impossible("SETUP_TOKEN_NOT_APPROVED" if not saved.token else "TOKEN_ALREADY_CREATED")
    saved.status, saved.token = "VAULTED", new_id().lower()
    saved.save(update_fields=["status", "token"])
    return saved


def token_find(name: str) -> SavedPayer:
    saved = SavedPayer.objects.filter(token=name, forgotten=False).exclude(token="").first()
    if saved is None:
        raise unknown()
    return saved


def tokens_of(asked: dict[str, str]) -> list[SavedPayer]:
    if not asked.get("customer_id"):
        raise missing("customer_id")
    return list(SavedPayer.objects.filter(customer=asked["customer_id"], forgotten=False).exclude(token=""))


def token_forget(name: str) -> None:
    """By the shop, or by its payer at PayPal: the shop is told in either case."""
    try:
        saved = token_find(name)
    except PayPalError:
        # Of this call no 404 is published.
        raise wrong_name() from None
    saved.forgotten = True
    saved.save(update_fields=["forgotten"])
    events.tell("VAULT.PAYMENT-TOKEN.DELETED", token_json(saved), sender="paypal")


def payer_saved(source: Any) -> SavedPayer:
    """Whose account an order is captured from. PayPalError: it is not there any more."""
    wallet = source.get("paypal") if isinstance(source, dict) else None
    name = wallet.get("vault_id") if isinstance(wallet, dict) else None
    saved = SavedPayer.objects.filter(token=str(name or ""), forgotten=False).exclude(token="").first()
    if saved is None:
        raise impossible("TOKEN_ID_NOT_FOUND")
    return saved
