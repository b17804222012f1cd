"""The carrier's door as its partner uses it, bodies to send, and what must not change."""

from __future__ import annotations

from typing import Any

from django.test import Client

from lineaviva.carrier.ledger.models import Entry, Transaction
from lineaviva.carrier.orders.models import ServiceOrder
from lineaviva.carrier.orders.queries import books_audit
from lineaviva.carrier.subscriptions.models import Bucket, Plan, Subscription
from tests.carrier_process import TOKEN

TOPUP = "/tmf-api/prepayBalanceManagement/v4/topupBalance"
BUCKET = "/tmf-api/prepayBalanceManagement/v4/bucket"
ORDER = "/tmf-api/productOrderingManagement/v4/productOrder"
PRODUCT = "/tmf-api/productInventory/v4/product"
OFFERING = "/tmf-api/productCatalogManagement/v4/productOffering"
PRICE = "/tmf-api/productCatalogManagement/v4/productOfferingPrice"
NUMBER = "+393391234567"


class Door:
    """Django's test client as the partner uses it: JSON in, JSON out, with the token unless told otherwise."""

    def __init__(self) -> None:
        self._client = Client(raise_request_exception=False)

    def get(self, path: str, token: str | None = TOKEN, **params: str) -> Any:
        return self._client.get(path, params, headers=_headers(token))

    def post(self, path: str, body: Any, token: str | None = TOKEN, content_type: str = "application/json") -> Any:
        return self._client.post(path, body, content_type=content_type, headers=_headers(token))

    def other(self, method: str, path: str) -> Any:
        return self._client.generic(method, path, headers=_headers(TOKEN))


def _headers(token: str | None) -> dict[str, str]:
    return {} if token is None else {"Authorization": f"Bearer {token}"}


def topup_body(reference: str | None = "LV-1", euros: Any = 5, number: str = NUMBER, **changes: Any) -> dict[str, Any]:
    body = {
        "amount": {"amount": euros, "units": "EUR"},
        "usageType": "monetary",
        "bucket": {"id": "credit"},
        "partyAccount": {"id": number},
        "logicalResource": [{"id": number}],
        **({"externalId": reference} if reference else {}),
    }
    return {**body, **changes}


def order_body(reference: str | None = "LV-2", offering: str = "tim-base-e-chat", **changes: Any) -> dict[str, Any]:
    item = {
        "id": "1",
        "action": "add",
        "productOffering": {"id": offering},
        "product": {"realizingResource": [{"id": NUMBER, "value": NUMBER}]},
    }
    return {"productOrderItem": [item], **({"externalId": reference} if reference else {}), **changes}


def rows() -> dict[str, int]:
    """How many rows of each kind there are, and all credit: what a refusal must leave as it was."""
    models = (Subscription, Plan, Bucket, Transaction, Entry, ServiceOrder)
    counts = {model.__name__: model.objects.count() for model in models}
    return {**counts, "credit": sum(Subscription.objects.values_list("credit_minor", flat=True))}


def assert_audit_clean(operator: str = "tim") -> None:
    assert books_audit(operator).problems == []
