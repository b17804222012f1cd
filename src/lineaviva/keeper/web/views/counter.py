"""The shop's counter: a customer's code, the order it belongs to, the cash and the change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.orders.queries import order_by_code
from lineaviva.keeper.till.actions import cash_return, cash_take
from lineaviva.keeper.till.cancelling import cancellation_ask
from lineaviva.keeper.web import till_page
from lineaviva.keeper.web.doors import for_roles, reader
from lineaviva.kernel import clock
from lineaviva.kernel.errors import LineavivaError
from lineaviva.kernel.money import Money


@for_roles("clerk", "operations")
@require_http_methods(["GET", "HEAD", "POST"])
def counter(request: HttpRequest) -> HttpResponse:
    """`code` shows an order, `given` its change. POST `do`: take (unless told otherwise), return or cancel."""
    if request.method == "POST":
        return _act(request)
    return _shown(request, request.GET, None)


def _act(request: HttpRequest) -> HttpResponse:
    """What is pressed twice happens once."""
    code = request.POST.get("code", "")[:20]
    act = _ACTS.get(request.POST.get("do", ""), _take)
    try:
        said = act(code, reader(request), request.POST, clock.now())
        order = order_by_code(code)
    except LineavivaError as error:
        return _shown(request, request.POST, error)
    if said:
        messages.success(request, said)
    return redirect(f"{reverse('counter')}?{urlencode({'code': order.code})}")


def _shown(request: HttpRequest, sent: Mapping[str, str], error: LineavivaError | None) -> HttpResponse:
    facts = till_page.counter_facts(sent.get("code", "")[:20], sent.get("given", "").strip()[:20], error)
    return render(request, "web/counter.html", facts, status=facts["status"])


def _take(code: str, clerk: User, sent: Mapping[str, str], now: datetime) -> str:
    """The cash is in the till, and the change out of it."""
    given = sent.get("given", "").strip()[:20]
    handed = Money.parse(given, order_by_code(code).currency, field="given") if given else None
    cash_take(code=code, clerk=clerk, given=handed, now=now)
    return ""


def _return(code: str, clerk: User, _sent: Mapping[str, str], now: datetime) -> str:
    cash_return(code=code, clerk=clerk, now=now)
    return _("Written down: the money is back with the customer.")


def _cancel(code: str, clerk: User, sent: Mapping[str, str], now: datetime) -> str:
    cancellation_ask(code=code, by=clerk, reason=sent.get("reason", "").replace("\x00", " "), now=now)
    return _("A second person has to agree now. Until then nothing changes.")


_ACTS: dict[str, Callable[[str, User, Mapping[str, Any], datetime], str]] = {
    "take": _take,
    "return": _return,
    "cancel": _cancel,
}
