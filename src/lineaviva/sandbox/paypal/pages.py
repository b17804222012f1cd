"""The page on which a payer approves an order, or goes back without."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from lineaviva.kernel.money import Money
from lineaviva.sandbox.languages import language_of
from lineaviva.sandbox.paypal.errors import PayPalError
from lineaviva.sandbox.paypal.models import Order, SavedPayer
from lineaviva.sandbox.paypal.orders import order_approve, order_find
from lineaviva.sandbox.paypal.payers import PAYERS, SAVERS, Payer, payer_called
from lineaviva.sandbox.paypal.texts import words
from lineaviva.sandbox.paypal.vault import setup_approve, setup_find
from lineaviva.sandbox.provider import knobs
from lineaviva.sandbox.provider.faults import lost


# The order's name in the address is the secret here; there is no signed-in reader whose cookies could be abused.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def approve(request: HttpRequest) -> HttpResponseBase:
    """GET shows what is to be paid; POST `payer` approves it and leads back to the shop."""
    try:
        order = order_find(request.GET.get("token", ""))
    except PayPalError:
        return _page(request, None, "paypal/said.html", status=404, what="unknown")
    if order.status == "COMPLETED":
        return _page(request, order, "paypal/said.html", what="done")
    if request.method == "GET":
        return _page(request, order, "paypal/approve.html", payers=_payers(request, order, PAYERS))
    payer = payer_called(request.POST.get("payer", ""))
    if payer is None:
        return _page(request, order, "paypal/approve.html", status=400, payers=_payers(request, order, PAYERS))
    order = order_approve(order.id, payer)
    if payer.lost or knobs.happens(knobs.knobs()["page_lost_percent"]):
        return lost()
    answer = HttpResponseRedirect(_with(order.return_url, {"token": order.id, "PayerID": "PRETEND7PAYER"}))
    answer.status_code = 303
    return answer


@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def agree(request: HttpRequest) -> HttpResponseBase:
    """The same for an account that is to be saved: nothing is paid now."""
    try:
        saved = setup_find(request.GET.get("approval_session_id", ""))
    except PayPalError:
        return _page(request, None, "paypal/said.html", status=404, what="unknown")
    if saved.status != "PAYER_ACTION_REQUIRED":
        return _page(request, saved, "paypal/said.html", what="done")
    payer = payer_called(request.POST.get("payer", ""))
    if payer is None:
        status = 200 if request.method == "GET" else 400
        return _page(request, saved, "paypal/agree.html", status=status, payers=_payers(request, saved, SAVERS))
    saved = setup_approve(saved.id, payer)
    if payer.lost:
        return lost()
    answer = HttpResponseRedirect(
        _with(saved.return_url, {"approval_token_id": saved.id, "approval_session_id": saved.id})
    )
    answer.status_code = 303
    return answer


def _with(url: str, more: dict[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(more)}"


def _payers(request: HttpRequest, order: Order | SavedPayer, choices: tuple[Payer, ...]) -> list[tuple[str, str]]:
    say = words(_language(request, order))
    return [(payer.slug, say[f"payer_{payer.slug}"]) for payer in choices]


def _language(request: HttpRequest, order: Order | SavedPayer | None) -> str:
    locale = order.locale if order else ""
    known = {"zh-CN": "zh", "zh-TW": "zh-TW", "it-IT": "it", "en-GB": "en"}.get(locale, "auto")
    return language_of(known, request.headers.get("Accept-Language", ""))


def _page(
    request: HttpRequest,
    order: Order | SavedPayer | None,
    template: str,
    *,
    status: int = 200,
    what: str = "",
    **more: Any,
) -> HttpResponse:
    language = _language(request, order)
    say = words(language)
    amount = Money(order.amount, order.currency).format(language) if isinstance(order, Order) else ""
    said = {"title": say[f"{what}_title"], "text": say[f"{what}_text"]} if what else {}
    back = _with(order.cancel_url, {"token": order.id}) if order else ""
    # HTML's language tags name the script with a capital.
    tag = {"zh-hans": "zh-Hans", "zh-hant": "zh-Hant"}.get(language, language)
    context = {"say": say, "lang": tag, "order": order, "amount": amount, "back": back, **said, **more}
    return render(request, template, context, status=status)
