"""The shop's counter: a customer's code, the order it belongs to, and the cash."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from lineaviva.keeper.orders.queries import order_by_code
from lineaviva.keeper.payments.actions import cash_confirm
from lineaviva.keeper.web import order_page, words
from lineaviva.keeper.web.doors import for_roles, reader
from lineaviva.kernel import clock
from lineaviva.kernel.errors import LineavivaError


@for_roles("clerk", "operations")
@require_http_methods(["GET", "HEAD", "POST"])
def counter(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _take(request, request.POST.get("code", ""))
    code = request.GET.get("code", "")[:20]
    facts: dict[str, Any] = {"code": code, "page": None, "error": ""}
    try:
        facts["page"] = order_page.page_of(order_by_code(code)) if code else None
    except LineavivaError as error:
        facts["error"] = words.sentence(error)
    return render(request, "web/counter.html", facts, status=404 if facts["error"] else 200)


def _take(request: HttpRequest, code: str) -> HttpResponse:
    """The cash is in the till; pressed twice it is confirmed once."""
    try:
        order = cash_confirm(code=code[:20], clerk=reader(request), now=clock.now())
    except LineavivaError as error:
        facts = {"code": code[:20], "page": None, "error": words.sentence(error)}
        return render(request, "web/counter.html", facts, status=error.status)
    return redirect(f"{reverse('counter')}?{urlencode({'code': order.code})}")
