"""Going on to pay an order: to the provider's page, or to a page that says plainly why not now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.orders.rules import code_grouped
from lineaviva.keeper.payments.actions import payment_begin
from lineaviva.keeper.payments.errors import LineBeingRenewed, VelocityReached
from lineaviva.keeper.web import auto_page, locales, ways
from lineaviva.keeper.web.views.errors import refusal


def pay(request: HttpRequest, order: ProductOrder, way: str, now: datetime) -> HttpResponse:
    """Begin to pay by `way`, a provider's name, and send the browser on: to the provider's page, or to the order's.

    Where the line is being renewed already the payer is asked first, and the form then names those orders (`beside`).
    """
    try:
        told = request.POST.getlist("beside")
        attempt = payment_begin(order=order, provider=way, now=now, beside=told, keep=_keep(request, order))
    except LineBeingRenewed as busy:
        return render(request, "web/busy.html", _busy(request, order, busy.orders, way), status=busy.status)
    except VelocityReached as full:
        return refusal(request, full, back=reverse("order", args=[order.code]))
    if attempt.state == "open" and attempt.redirect_url and ways.is_payment_page(attempt.redirect_url):
        return HttpResponseRedirect(attempt.redirect_url)
    return redirect("order", order.code)


def _keep(request: HttpRequest, order: ProductOrder) -> str | None:
    """What the payer said about keeping their card; who came by a link, or pays another's order, is not asked."""
    if not isinstance(request.user, User) or request.user.pk != order.placed_by_id:
        return None
    return auto_page.keep_said(request.POST.getlist("keep"))


def _busy(request: HttpRequest, order: ProductOrder, rivals: Sequence[ProductOrder], way: str) -> dict[str, Any]:
    reader = request.user if isinstance(request.user, User) else None
    told = set(request.POST.getlist("beside"))
    return {
        "order": order,
        "sentences": [_sentence(one, order, reader) for one in rivals],
        "beside": sorted({*told, *(one.code for one in rivals)}),
        "way": ways.way(way),
        "keep": request.POST.getlist("keep"),
    }


def _sentence(rival: ProductOrder, order: ProductOrder, reader: User | None) -> str:
    """Who renews the line at this moment. Whoever came by a link without signing in hears of no other person's name."""
    facts = {
        "code": code_grouped(rival.code),
        "amount": locales.money(rival.total_minor, rival.currency),
        "who": rival.placed_by.email,
    }
    if getattr(rival, "by_itself", False):
        return _("This line is being renewed by automatic renewal: %(amount)s, order %(code)s.") % facts
    if getattr(rival, "in_shop", False) and rival.state == "placed":
        return _("A shop waits for cash for this line: %(amount)s. Paid there, too, it is paid twice.") % facts
    if rival.placed_by_id == order.placed_by_id:
        return _("You are renewing this line already: %(amount)s, order %(code)s.") % facts
    if reader is None:
        return _("This line is being renewed by somebody else who may pay for it: %(amount)s.") % facts
    return _("This line is being renewed by %(who)s: %(amount)s, order %(code)s.") % facts
