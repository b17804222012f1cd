"""One page for an order, from placed to active: it is status, support page and, at the end, leads to the receipt."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from lineaviva.keeper.lines.queries import require_right
from lineaviva.keeper.orders.actions import order_cancel
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.orders.queries import order_by_code
from lineaviva.keeper.payments.actions import payment_look
from lineaviva.keeper.payments.returning import is_from_payment
from lineaviva.keeper.web import address, auto_page, cards, grants, order_page, rules, ways, words
from lineaviva.keeper.web.views.paying import pay
from lineaviva.kernel import clock
from lineaviva.kernel.errors import LineavivaError, NotFound
from lineaviva.kernel.money import Money

_RELOAD_SECONDS = 10


@grants.needed
@require_safe
def order(request: HttpRequest, code: str) -> HttpResponse:
    now = clock.now()
    payer, found = grants.payer_and_order(request, code, now)
    if found.state == "placed" and _is_from_payment(request, found):
        payment_look(order=found, now=now)
    page = order_page.page_of(found, payer.signed_in)
    if request.headers.get("HX-Request"):
        return _update(request, payer, page, now)
    return render(request, "web/order.html", _facts(payer, page, now, looks=0))


def _is_from_payment(request: HttpRequest, order: ProductOrder) -> bool:
    """By the address that we gave to the provider; PayPal writes something of its own behind it."""
    said = request.GET
    return is_from_payment(order=order, attempt=said.get("attempt", ""), sign=said.get("sign", ""))


def _update(request: HttpRequest, payer: grants.Payer, page: order_page.OrderPage, now: datetime) -> HttpResponse:
    """What htmx asks for: the next look, and the page's middle only if something changed since it was seen."""
    changed = request.GET.get("seen") != page.version
    looks = 0 if changed else min(_count(request.GET.get("n")) + 1, 10_000)
    facts = _facts(payer, page, now, looks)
    # The last look takes along that the page looks by itself.
    facts["changed"] = changed or facts["wait"] is None
    return render(request, "web/_order_update.html", facts)


def _count(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else 0


def _facts(payer: grants.Payer, page: order_page.OrderPage, now: datetime, looks: int) -> dict[str, Any]:
    return {
        "page": page,
        "number": cards.shown_number(page.order.line, payer.user, granted=payer.granted),
        "granted": payer.granted,
        "holds": page.order.line.holder_id == payer.user.pk,
        "poll_url": f"{reverse('order', args=[page.order.code])}?",
        "may_cancel": page.order.placed_by_id == payer.user.pk,
        "keep_offered": auto_page.keep_offered(page.payer) if page.order.state == "placed" else False,
        "may_renew": _may_renew(payer, page.order),
        "looks": looks,
        "wait": rules.next_look(page.facts, looks),
        "reload_after": _RELOAD_SECONDS,
    }


def _may_renew(payer: grants.Payer, order: ProductOrder) -> bool:
    try:
        require_right(order.line, payer.user, right="pay")
    except NotFound:
        return False
    return True


@address.needed
@grants.needed
@require_POST
def order_pay(request: HttpRequest, code: str) -> HttpResponse:
    """Go on paying, or pay in another way after a decline."""
    now = clock.now()
    payer, found = grants.payer_and_order(request, code, now)
    require_right(found.line, payer.user, right="pay")
    try:
        mine = payer.signed_in if payer.user.pk == found.placed_by_id else None
        amount = Money(found.total_minor, found.currency) if found.state == "placed" else None
        ways.require_theirs(request.POST.get("pay", ""), payer=mine, amount=amount)
        return pay(request, found, request.POST.get("pay", ""), now)
    except LineavivaError as error:
        messages.error(request, words.sentence(error))
        return redirect("order", found.code)


@grants.needed
@require_POST
def order_cancel_view(request: HttpRequest, code: str) -> HttpResponse:
    now = clock.now()
    payer, found = grants.payer_and_order(request, code, now)
    try:
        order_cancel(order=found, by=payer.user, now=now)
        # Asked afterwards: from now on no other payment of it begins.
        begun = order_page.page_of(order_by_code(found.code)).unsettled
        said = _("Cancelled. If your bank has taken money for it, that goes back by itself.")
        messages.success(request, said if begun else _("Cancelled. Nothing was charged."))
    except LineavivaError as error:
        messages.error(request, words.sentence(error))
    return redirect("order", found.code)
