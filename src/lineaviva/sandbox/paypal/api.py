"""PayPal's APIs: which request does what."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from lineaviva.sandbox.paypal import vault
from lineaviva.sandbox.paypal.disputing import dispute_find
from lineaviva.sandbox.paypal.errors import PayPalError, unknown
from lineaviva.sandbox.paypal.objects import (
    capture_json,
    dispute_json,
    order_json,
    refund_json,
    setup_json,
    token_json,
)
from lineaviva.sandbox.paypal.orders import (
    capture_find,
    order_capture,
    order_create,
    order_find,
    order_patch,
    refund_create,
    refund_find,
)
from lineaviva.sandbox.paypal.telling import signature
from lineaviva.sandbox.provider import knobs
from lineaviva.sandbox.provider.models import KeyedAnswer

Document = dict[str, Any]
_TOKEN_SECONDS = 32_400
_LONGEST_KEY = 108


@csrf_exempt
@require_POST
def token(request: HttpRequest) -> JsonResponse:
    """OAuth 2.0 client credentials."""
    wanted = f"{settings.PAYPAL_CLIENT_ID}:{settings.PAYPAL_SECRET}".encode()
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    try:
        known = scheme.lower() == "basic" and hmac.compare_digest(base64.b64decode(given), wanted)
    except ValueError:
        known = False
    if not known or not settings.PAYPAL_SECRET:
        return JsonResponse(
            {"error": "invalid_client", "error_description": "Client Authentication failed"}, status=401
        )
    if request.POST.get("grant_type") != "client_credentials":
        return JsonResponse({"error": "unsupported_grant_type"}, status=400)
    return JsonResponse({"access_token": _token(), "token_type": "Bearer", "expires_in": _TOKEN_SECONDS})


def _token() -> str:
    return "A21AA" + hmac.new(settings.PAYPAL_SECRET.encode(), b"token", hashlib.sha256).hexdigest()


@csrf_exempt
def api(request: HttpRequest, path: str) -> HttpResponse:
    """One request. Everything it does is one transaction, with the answer that its key gets from now on."""
    try:
        if not hmac.compare_digest(request.headers.get("Authorization", ""), f"Bearer {_token()}"):
            raise PayPalError(401, "INVALID_ACCOUNT_STATUS")
        status, body = _keyed(request, path, _json(request))
    except PayPalError as refusal:
        status, body = refusal.status, refusal.body
    if status == 204:
        return HttpResponse(status=204)
    minimal = "return=representation" not in request.headers.get("Prefer", "") and "purchase_units" in body
    shown = {name: body[name] for name in ("id", "status", "links")} if minimal and request.method == "POST" else body
    return JsonResponse(shown, status=status, headers={"Paypal-Debug-Id": "5a9d00d0pretend"})


def _json(request: HttpRequest) -> Any:
    if not request.body:
        return request.GET.dict()
    try:
        return json.loads(request.body)
    except ValueError:
        raise PayPalError(400, "MALFORMED_REQUEST_JSON") from None


def _keyed(request: HttpRequest, path: str, asked: Any) -> tuple[int, Document]:
    """A POST with a PayPal-Request-Id is done once; the same id is answered as it was, whatever is asked with it."""
    key = request.headers.get("PayPal-Request-Id", "")[:_LONGEST_KEY] if request.method == "POST" else ""
    name = f"paypal {path} {key}" if key else ""
    refusal = None
    with transaction.atomic():
        known = KeyedAnswer.objects.filter(pk=name).first() if name else None
        if known:
            return _again(path, known.status), known.body
        try:
            status, body = _route(request.method or "", path, asked)
        except PayPalError as refused:
            if not refused.kept:
                raise
            status, body, refusal = refused.status, refused.body, refused
        if name:
            KeyedAnswer.objects.create(key=name, request="", status=status, body=body, created=knobs.stamp())
    if refusal is not None:
        raise refusal
    return status, body


def _again(path: str, status: int) -> int:
    """What is answered the second time: 200 for what was created, except for a refund, which is 201 each time."""
    return 200 if status == 201 and not path.endswith("/refund") else status


def _patched(name: str, asked: Any) -> Document:
    order_patch(name, asked)
    return {}


def _forgotten(name: str, _asked: Any) -> Document:
    vault.token_forget(name)
    return {}


def _tokens(asked: Any) -> Document:
    return {
        "customer": {"id": asked.get("customer_id", "")},
        "payment_tokens": [token_json(saved) for saved in vault.tokens_of(asked)],
    }


def _verified(asked: Any) -> Document:
    """Whether this PayPal has sent that webhook."""
    names = ("transmission_id", "transmission_time", "webhook_id")
    if not isinstance(asked, dict) or any(not isinstance(asked.get(name), str) for name in names):
        raise PayPalError(400, "MISSING_REQUIRED_PARAMETER")
    transmission, at, webhook = (asked[name] for name in names)
    wanted = signature(asked.get("webhook_event"), settings.SANDBOX_WEBHOOK_SECRET, transmission, at, webhook)
    ours = hmac.compare_digest(str(asked.get("transmission_sig", "")).encode(), wanted.encode())
    mine = ours and webhook == settings.PAYPAL_WEBHOOK_ID
    return {"verification_status": "SUCCESS" if mine else "FAILURE"}


_ROUTES: list[tuple[str, str, int, Callable[..., Document]]] = [
    ("POST", r"v2/checkout/orders", 201, lambda asked: order_json(order_create(asked))),
    ("GET", r"v2/checkout/orders/(\w+)", 200, lambda name, _asked: order_json(order_find(name))),
    ("PATCH", r"v2/checkout/orders/(\w+)", 204, _patched),
    ("POST", r"v2/checkout/orders/(\w+)/capture", 201, lambda name, asked: order_json(order_capture(name, asked))),
    ("GET", r"v2/payments/captures/(\w+)", 200, lambda name, _asked: capture_json(capture_find(name))),
    ("POST", r"v2/payments/captures/(\w+)/refund", 201, lambda name, asked: refund_json(refund_create(name, asked))),
    ("GET", r"v2/payments/refunds/(\w+)", 200, lambda name, _asked: refund_json(refund_find(name))),
    ("POST", r"v3/vault/setup-tokens", 201, lambda asked: setup_json(vault.setup_create(asked))),
    ("GET", r"v3/vault/setup-tokens/(\w+)", 200, lambda name, _asked: setup_json(vault.setup_find(name))),
    ("POST", r"v3/vault/payment-tokens", 201, lambda asked: token_json(vault.token_create(asked))),
    ("GET", r"v3/vault/payment-tokens", 200, _tokens),
    ("GET", r"v3/vault/payment-tokens/(\w+)", 200, lambda name, _asked: token_json(vault.token_find(name))),
    ("DELETE", r"v3/vault/payment-tokens/(\w+)", 204, _forgotten),
    ("GET", r"v1/customer/disputes/([\w-]+)", 200, lambda name, _asked: dispute_json(dispute_find(name))),
    ("POST", r"v1/notifications/verify-webhook-signature", 200, _verified),
]


def _route(method: str, path: str, asked: Any) -> tuple[int, Document]:
    for verb, pattern, status, do in _ROUTES:
        match = re.fullmatch(pattern, path)
        if match and verb == method:
            return status, do(*match.groups(), asked)
    raise unknown()
