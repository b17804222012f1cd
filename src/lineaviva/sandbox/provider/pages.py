"""The pages that a payer sees: card form, 3-D Secure step, and what is said when there is nothing to pay."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from lineaviva.kernel.money import Money
from lineaviva.sandbox.languages import language_of
from lineaviva.sandbox.provider.cards import CARDS, Card, card_called, card_of
from lineaviva.sandbox.provider.collecting import Tried, card_try, session_find, three_d_secure_answer
from lineaviva.sandbox.provider.errors import ApiError
from lineaviva.sandbox.provider.faults import lost
from lineaviva.sandbox.provider.models import CheckoutSession
from lineaviva.sandbox.provider.saving import setup_answer, setup_try
from lineaviva.sandbox.provider.texts import words


# The session's name in the address is the secret here; there is no signed-in reader whose cookies could be abused.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def pay(request: HttpRequest, name: str) -> HttpResponseBase:
    """The card form; POST tries the card."""
    session = _find(name)
    if session is None:
        return _said(request, None, "unknown", status=404)
    if session.status != "open":
        return _closed(request, session)
    if request.method == "GET":
        return _form(request, session, card_called(request.GET.get("card", "")))
    card = card_of(request.POST.get("card", ""))
    if card is None:
        return _form(request, session, card_called(""), refusal="unknown")
    attempt = setup_try if session.mode == "setup" else card_try
    return _after(request, session, attempt(session.id, card), card)


@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def three_d_secure(request: HttpRequest, name: str) -> HttpResponseBase:
    """The bank's question; POST `answer` approve or refuse."""
    session = _find(name)
    if session is None:
        return _said(request, None, "unknown", status=404)
    if session.status != "open":
        return _closed(request, session)
    if request.method == "GET":
        return _page(request, session, "provider/three_d_secure.html")
    answering = setup_answer if session.mode == "setup" else three_d_secure_answer
    answer = answering(session.id, approve=request.POST.get("answer") == "approve")
    return _after(request, session, answer, card_called("three_d_secure"))


def _find(name: str) -> CheckoutSession | None:
    try:
        return session_find(name)
    except ApiError:
        return None


def _after(request: HttpRequest, session: CheckoutSession, tried: Tried, card: Card) -> HttpResponseBase:
    if tried.result == "three_d_secure":
        return _see_other(f"/pay/{session.id}/3ds")
    if tried.result == "refused":
        return _form(request, session, card, refusal=tried.refusal)
    if tried.lost:
        return lost()
    session.refresh_from_db()
    # A second click on a paid page, or an old tab: where the order is.
    return _see_other(f"/pay/{session.id}") if session.status == "open" else _closed(request, session)


def _closed(request: HttpRequest, session: CheckoutSession) -> HttpResponse:
    if session.status == "complete":
        return _see_other(session.success_url) if request.method == "POST" else _said(request, session, "done")
    return _said(request, session, "expired", status=410)


def _see_other(url: str) -> HttpResponse:
    answer = HttpResponseRedirect(url)
    answer.status_code = 303
    return answer


def _form(request: HttpRequest, session: CheckoutSession, card: Card, refusal: str = "") -> HttpResponse:
    say = words(_language(request, session))
    chooser = [(other.slug, other.grouped, say[f"card_{other.slug}"]) for other in CARDS]
    more = {"card": card, "chooser": chooser, "refusal": say[f"refused_{refusal}"] if refusal else ""}
    return _page(request, session, "provider/pay.html", status=402 if refusal else 200, **more)


def _said(request: HttpRequest, session: CheckoutSession | None, what: str, status: int = 200) -> HttpResponse:
    say = words(_language(request, session))
    on = "" if session is None else session.success_url if what == "done" else session.cancel_url
    more = {"title": say[f"{what}_title"], "text": say[f"{what}_text"], "on": on}
    return _page(request, session, "provider/said.html", status=status, **more)


def _language(request: HttpRequest, session: CheckoutSession | None) -> str:
    return language_of(session.locale if session else "auto", request.headers.get("Accept-Language", ""))


def _page(
    request: HttpRequest, session: CheckoutSession | None, template: str, status: int = 200, **more: Any
) -> HttpResponse:
    language = _language(request, session)
    amount = Money(session.amount, session.currency.upper()).format(language) if session and session.currency else ""
    # HTML's language tags name the script with a capital.
    tag = {"zh-hans": "zh-Hans", "zh-hant": "zh-Hant"}.get(language, language)
    context = {"say": words(language), "lang": tag, "session": session, "amount": amount, **more}
    return render(request, template, context, status=status)
