"""PayPal's orders as they are asked for: what the payer's own payment and the charge of a saved account share."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from lineaviva.keeper.payments.paypal.client import call

_CLOSE = [{"op": "replace", "path": "/intent", "value": "AUTHORIZE"}]


def quoted(reference: str) -> str:
    """A name of PayPal's as a part of an address, and never more than one part."""
    return quote(reference, safe="")


def order_path(reference: str) -> str:
    return f"/v2/checkout/orders/{quoted(reference)}"


def order_get(reference: str) -> dict[str, Any]:
    return call("GET", order_path(reference))


def order_close(reference: str) -> None:
    """Take the intent away to be captured: we alone collect, and then nobody can. Permanent: it is paid, or gone."""
    call("PATCH", order_path(reference), json=_CLOSE)
