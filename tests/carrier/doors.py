"""The carrier's door as its partner uses it, bodies to send, and what must not change."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.test import Client

from lineaviva.carrier.access.actions import client_ensure, token_issue
from lineaviva.carrier.access.rules import SCOPES
from lineaviva.carrier.ledger.models import Entry, Event
from lineaviva.carrier.orders.models import CancelRequest, CreditMove, ServiceOrder
from lineaviva.carrier.orders.queries import books_audit
from lineaviva.carrier.subscriptions.models import Plan, Subscription
from lineaviva.kernel import clock
from tests.carrier_process import CLIENT_ID, SECRET

TRANSFER = "/tmf-api/prepayBalanceManagement/v4/transferBalance"
ADJUST = "/tmf-api/prepayBalanceManagement/v4/adjustBalance"
TOTAL = "/tmf-api/prepayBalanceManagement/v4/accumulatedBalance"
HISTORY = "/tmf-api/prepayBalanceManagement/v4/balanceActionHistory"
CANCEL = "/tmf-api/productOrderingManagement/v4/cancelProductOrder"
TOPUP = "/tmf-api/prepayBalanceManagement/v4/topupBalance"
BUCKET = "/tmf-api/prepayBalanceManagement/v4/bucket"
ORDER = "/tmf-api/productOrderingManagement/v4/productOrder"
PRODUCT = "/tmf-api/productInventory/v4/product"
OFFERING = "/tmf-api/productCatalogManagement/v4/productOffering"
PRICE = "/tmf-api/productCatalogManagement/v4/productOfferingPrice"
SPECIFICATION = "/tmf-api/productCatalogManagement/v4/productSpecification"
CATALOGS = "/tmf-api/productCatalogManagement/v4/catalog"
CATEGORY = "/tmf-api/productCatalogManagement/v4/category"
NUMBER = "+393391234567"
OTHER_NUMBER = "+393391234568"
OURS = "ours"


class Door:
    """Django's test client as a partner uses it: JSON in, JSON out, with its token unless told otherwise.

    The partner is a client of `operator`, or of the one that this process serves, and may do everything or `scopes`.
    """

    def __init__(self, operator: str = "", *, client_id: str = "", scopes: tuple[str, ...] = SCOPES) -> None:
        self._client = Client(raise_request_exception=False)
        self._operator, self._client_id, self._scopes = operator, client_id, scopes
        self._tokens: dict[str, tuple[str, datetime]] = {}

    def token(self) -> str:
        """One that has not ended by the tests' clock."""
        operator, now = self._operator or settings.CARRIER_OPERATOR, clock.now()
        if operator not in self._tokens or now - self._tokens[operator][1] > timedelta(minutes=50):
            client_id = self._client_id or (CLIENT_ID if operator == "tim" else f"{CLIENT_ID}-{operator}")
            client = client_ensure(
                operator=operator, client_id=client_id, secret=SECRET, name="Partner", scopes=self._scopes, now=now
            )
            self._tokens[operator] = token_issue(client=client, scopes=self._scopes, now=now), now
        return self._tokens[operator][0]

    def get(self, path: str, token: str | None = OURS, **params: str) -> Any:
        return self._client.get(path, params, headers=self.headers(token))

    def post(self, path: str, body: Any, token: str | None = OURS, content_type: str = "application/json") -> Any:
        return self._client.post(path, body, content_type=content_type, headers=self.headers(token))

    def patch(self, path: str, body: Any, content_type: str = "application/merge-patch+json") -> Any:
        return self._client.patch(path, body, content_type=content_type, headers=self.headers())

    def delete(self, path: str) -> Any:
        return self._client.delete(path, headers=self.headers())

    def other(self, method: str, path: str, **headers: str) -> Any:
        return self._client.generic(method, path, headers={**self.headers(), **headers})

    def headers(self, token: str | None = OURS) -> dict[str, str]:
        found = self.token() if token == OURS else token
        return {} if found is None else {"Authorization": f"Bearer {found}"}


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


def adjust_body(reference: str | None = "LV-3", euros: Any = 5, number: str = NUMBER, **changes: Any) -> dict[str, Any]:
    body = {
        "amount": {"amount": euros, "units": "EUR"},
        "usageType": "monetary",
        "bucket": {"id": "credit"},
        "logicalResource": [{"id": number}],
        "reason": "Calls that were counted twice",
        **({"externalId": reference} if reference else {}),
    }
    return {**body, **changes}


def transfer_body(reference: str | None = "LV-4", euros: Any = 5, **changes: Any) -> dict[str, Any]:
    more = {
        "reason": "Residual credit",
        "channel": {"id": "shop"},
        "receiverBucket": {"id": "credit"},
        "receiverBucketUsageType": "monetary",
        "receiverLogicalResource": {"id": OTHER_NUMBER},
    }
    return {**adjust_body(reference, euros), **more, **changes}


def rows() -> dict[str, int]:
    """How many rows of each kind there are, and all credit: what a refusal must leave as it was."""
    models = (Subscription, Plan, Event, Entry, ServiceOrder, CreditMove, CancelRequest)
    counts = {model.__name__: model.objects.count() for model in models}
    return {**counts, "credit": sum(Subscription.objects.values_list("credit_minor", flat=True))}


def assert_audit_clean(operator: str = "tim") -> None:
    assert books_audit(operator).problems == []
