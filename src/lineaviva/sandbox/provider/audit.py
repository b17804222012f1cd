"""The provider's own view for audits, and the page that shows what the sandbox has."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from lineaviva.sandbox.languages import language_of
from lineaviva.sandbox.paypal import audit as paypal
from lineaviva.sandbox.provider import knobs
from lineaviva.sandbox.provider.cards import CARDS
from lineaviva.sandbox.provider.models import (
    Charge,
    CheckoutSession,
    Delivery,
    Dispute,
    Event,
    KeyedAnswer,
    Knobs,
    PaymentIntent,
    Refund,
    SetupIntent,
)
from lineaviva.sandbox.provider.texts import words


@require_safe
def everything(_request: HttpRequest) -> JsonResponse:
    """Money that moved: charges that succeeded, refunds that did not fail; each with the shop's order and key."""
    charges = Charge.objects.filter(paid=True).select_related("intent__session").order_by("created", "id")
    refunds = (
        Refund.objects.exclude(status="failed").select_related("charge__intent__session").order_by("created", "id")
    )
    collected = [_of(charge, charge.id, charge.intent.session.amount) for charge in charges]
    back = [{**_of(refund.charge, refund.id, refund.amount), "status": refund.status} for refund in refunds]
    collected, back = [*collected, *paypal.collected()], [*back, *paypal.given_back()]
    totals = {"collected": sum(each["amount"] for each in collected), "refunded": sum(each["amount"] for each in back)}
    return JsonResponse({"charges": collected, "refunds": back, **totals})


def _of(charge: Charge, name: str, amount: int) -> dict[str, Any]:
    session = charge.intent.session
    return {
        "id": name,
        "charge": charge.id,
        "order": session.reference,
        "key": session.metadata.get("key", ""),
        "amount": amount,
        "currency": session.currency,
        "created": charge.created,
    }


@csrf_exempt
@require_POST
def forget(request: HttpRequest) -> JsonResponse:
    """Forget everything, knobs and untold events too, for tests that share one provider; with ?what=keys only the
    idempotency keys, as the real one does after a day.
    """
    bank = (Delivery, Event, Dispute, Refund, Charge, PaymentIntent, SetupIntent, CheckoutSession, KeyedAnswer, Knobs)
    with transaction.atomic():
        for model in (KeyedAnswer,) if request.GET.get("what") == "keys" else (*paypal.MODELS, *bank):
            model.objects.all().delete()
    return JsonResponse({"forgotten": True})


@require_safe
def root(request: HttpRequest) -> HttpResponse:
    """What there is in this sandbox, for whoever opens its address."""
    shop = urlsplit(settings.SANDBOX_WEBHOOK_URL)
    language = language_of("auto", request.headers.get("Accept-Language", ""))
    context = {
        "cards": [(card.grouped, words(language)[f"card_{card.slug}"]) for card in CARDS],
        "knobs": knobs.knobs(),
        "shop": f"{shop.scheme}://{shop.netloc}/" if shop.netloc else "",
        "say": words(language),
        "lang": {"zh-hans": "zh-Hans", "zh-hant": "zh-Hant"}.get(language, language),
    }
    return render(request, "provider/root.html", context)
