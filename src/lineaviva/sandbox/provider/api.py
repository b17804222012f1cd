"""The API: which request does what."""

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
from django.http import HttpRequest, JsonResponse, QueryDict
from django.views.decorators.csrf import csrf_exempt

from lineaviva.sandbox.provider import knobs, saving
from lineaviva.sandbox.provider.balance import balance_transactions
from lineaviva.sandbox.provider.collecting import session_create, session_expire, session_find
from lineaviva.sandbox.provider.disputing import dispute_find
from lineaviva.sandbox.provider.encoding import Params, nested
from lineaviva.sandbox.provider.errors import ApiError, bad_key, key_reused, missing
from lineaviva.sandbox.provider.models import Charge, KeyedAnswer, PaymentIntent, Refund, new_id
from lineaviva.sandbox.provider.objects import (
    API_VERSION,
    charge_json,
    dispute_json,
    expanded,
    intent_json,
    page_of,
    refund_json,
    session_json,
)
from lineaviva.sandbox.provider.refunding import refund_create, refund_find

Document = dict[str, Any]
_LONGEST_KEY = 255


@csrf_exempt
def api(request: HttpRequest, path: str) -> JsonResponse:
    """One request of the API. Everything it does is one transaction, with the answer that its key gets from now on."""
    try:
        _authenticate(request)
        values = nested(_pairs(request))
        if request.method == "POST":
            status, body = _keyed(request, path, values)
        else:
            status, body = 200, _route("GET", path, values)
    except ApiError as refusal:
        status, body = refusal.status, refusal.body
    headers = {"Request-Id": new_id("req"), "Stripe-Version": request.headers.get("Stripe-Version", API_VERSION)}
    return JsonResponse(body, status=status, headers=headers, json_dumps_params={"indent": 2})


def _authenticate(request: HttpRequest) -> None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given).decode().partition(":")[0]
        except ValueError:
            given = ""
    wanted = settings.STRIPE_API_KEY
    if not given.startswith("sk_test_") or (wanted and not hmac.compare_digest(given.encode(), wanted.encode())):
        raise bad_key()


def _pairs(request: HttpRequest) -> list[tuple[str, str]]:
    query = request.GET if request.method == "GET" else QueryDict(request.body, encoding="utf-8")
    return [(key, value) for key, values in query.lists() for value in values]


def _keyed(request: HttpRequest, path: str, values: Document) -> tuple[int, Document]:
    """Do the work of a POST once for each Idempotency-Key; the same key for another request is refused."""
    key = request.headers.get("Idempotency-Key", "")[:_LONGEST_KEY]
    asked = hashlib.sha256(json.dumps([path, values], sort_keys=True).encode()).hexdigest()
    with transaction.atomic():
        known = KeyedAnswer.objects.filter(pk=key).first() if key else None
        if known and known.request != asked:
            raise key_reused()
        if known:
            return known.status, known.body
        # A request that is refused before any work is not remembered, as with the real one: it raises out of here.
        body = _route("POST", path, values)
        # A card that is refused is an answer like any other: it was tried, and the try is kept.
        status = 402 if "error" in body else 200
        if key:
            KeyedAnswer.objects.create(key=key, request=asked, status=status, body=body, created=knobs.stamp())
        return status, body


def _session(name: str, values: Document) -> Document:
    return _shown(session_json(session_find(name), settings.PUBLIC_URL), values)


def _session_create(values: Document) -> Document:
    expand = {"expand": values.get("expand", {})}
    make = saving.setup_create if values.get("mode") == "setup" else session_create
    return _shown(session_json(make(values), settings.PUBLIC_URL), expand)


def _session_expire(name: str, values: Document) -> Document:
    return _shown(session_json(session_expire(name), settings.PUBLIC_URL), values)


def _intent(name: str, values: Document) -> Document:
    return _shown(intent_json(saving.intent_find(name)), values)


def _charge(name: str, values: Document) -> Document:
    charge = Charge.objects.select_related("intent__session").filter(pk=name).first()
    if charge is None:
        raise missing("charge", name)
    return _shown(charge_json(charge), values)


def _shown(document: Document, values: Document) -> Document:
    params = Params(values)
    paths = params.list("expand")
    params.end()
    return expanded(document, paths)


def _charges(values: Document) -> Document:
    params, rows = Params(values), Charge.objects.select_related("intent__session")
    if intent := params.text("payment_intent", ""):
        rows = rows.filter(intent=intent)
    since = params.inner("created")
    rows = rows.filter(created__gte=since.number("gte", 0))
    since.end()
    return _page(rows, params, charge_json, "/v1/charges")


def _intents(values: Document) -> Document:
    params, rows = Params(values), PaymentIntent.objects.select_related("session", "saved")
    if customer := params.text("customer", ""):
        rows = rows.filter(saved__customer=customer)
    return _page(rows, params, intent_json, "/v1/payment_intents")


def _refunds(values: Document) -> Document:
    params, rows = Params(values), Refund.objects.select_related("charge__intent__session")
    if charge := params.text("charge", ""):
        rows = rows.filter(charge=charge)
    if intent := params.text("payment_intent", ""):
        rows = rows.filter(charge__intent=intent)
    return _page(rows, params, refund_json, "/v1/refunds")


def _page(rows: Any, params: Params, shown: Callable[[Any], Document], url: str) -> Document:
    """Newest first, `limit` at a time, from after `starting_after` on."""
    limit, after = params.number("limit", 10), params.text("starting_after", "")
    params.end()
    found = list(rows.order_by("-created", "-pk"))
    if after:
        places = [place for place, row in enumerate(found) if row.pk == after]
        if not places:
            raise missing("object", after)
        found = found[places[0] + 1 :]
    limit = min(max(limit, 1), 100)
    return page_of([shown(row) for row in found[:limit]], url, more=len(found) > limit)


_ROUTES: list[tuple[str, str, Callable[..., Document]]] = [
    ("POST", r"checkout/sessions", lambda values: _session_create(values)),
    ("GET", r"checkout/sessions/(\w+)", _session),
    ("POST", r"checkout/sessions/(\w+)/expire", _session_expire),
    ("POST", r"payment_intents", saving.charge_saved),
    ("GET", r"payment_intents", _intents),
    ("GET", r"payment_intents/(\w+)", _intent),
    ("POST", r"payment_intents/(\w+)/cancel", saving.intent_cancel),
    ("POST", r"payment_methods/(\w+)/detach", saving.method_detach),
    ("GET", r"payment_methods/(\w+)", lambda name, values: _shown(saving.method_find(name), values)),
    ("GET", r"balance_transactions", balance_transactions),
    ("GET", r"disputes/(\w+)", lambda name, values: _shown(dispute_json(dispute_find(name)), values)),
    ("GET", r"charges", _charges),
    ("GET", r"charges/(\w+)", _charge),
    ("POST", r"refunds", lambda values: refund_json(refund_create(values))),
    ("GET", r"refunds", _refunds),
    ("GET", r"refunds/(\w+)", lambda name, values: _shown(refund_json(refund_find(name)), values)),
]


def _route(method: str, path: str, values: Document) -> Document:
    for verb, pattern, do in _ROUTES:
        match = re.fullmatch(pattern, path)
        if match and verb == method:
            return do(*match.groups(), values)
    raise ApiError(f"Unrecognized request URL ({method}: /v1/{path}).", status=404)
