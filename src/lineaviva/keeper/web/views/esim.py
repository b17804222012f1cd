"""One page for an eSIM profile, from its order to the phone; whoever sees its code has the line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar, cast

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.delivery import errors
from lineaviva.keeper.delivery.actions import delivery_replace, delivery_resend, delivery_say_installed
from lineaviva.keeper.delivery.links import install_link_read
from lineaviva.keeper.delivery.models import Delivery
from lineaviva.keeper.delivery.queries import delivery_for
from lineaviva.keeper.web import cards, esim_page, esim_rules, grants, words
from lineaviva.keeper.web.device import Device, device_of
from lineaviva.keeper.web.doors import not_too_often
from lineaviva.kernel import clock
from lineaviva.kernel.errors import LineavivaError

View = TypeVar("View", bound=Callable[..., HttpResponse])
_RELOAD_SECONDS = 10


def kept_by_nobody(view: View) -> View:
    """For answers that hold an activation code, or an address that leads to one: no cache and no other site has them.

    The policy is not "no-referrer": browsers then send `Origin: null` with a form, which looks like a forged one. To
    other sites both send nothing.
    """

    @wraps(view)
    def inner(*args: Any, **kwargs: Any) -> HttpResponse:
        response = view(*args, **kwargs)
        response.headers["Cache-Control"] = "private, no-store"
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    return cast(View, inner)


@not_too_often("install-link", per_minute=20, burst=20)
@require_safe
@kept_by_nobody
def install_link(request: HttpRequest, token: str) -> HttpResponse:
    """Opens one profile's page without a password; a mail scanner that follows it changes nothing."""
    now = clock.now()
    delivery_id, user_id = install_link_read(token, now)
    delivery = _sent_to(delivery_id, user_id)
    grants.give_profile(request, delivery_id=delivery_id, user_id=user_id, now=now)
    device = _device(request)
    if device.inside:
        # Its "open in the browser" takes this address along, and with it the right to see the page.
        return _page(request, delivery.code, now)
    return redirect("esim", delivery.code)


def _sent_to(delivery_id: int, user_id: int) -> Delivery:
    user = User.objects.filter(pk=user_id, is_active=True).first()
    delivery = Delivery.objects.filter(pk=delivery_id).first()
    if user is None or delivery is None:
        raise errors.unknown()
    return delivery_for(user=user, code=delivery.code)


@grants.needed
@require_safe
@kept_by_nobody
def esim(request: HttpRequest, code: str) -> HttpResponse:
    return _page(request, code, clock.now())


def _page(request: HttpRequest, code: str, now: datetime) -> HttpResponse:
    reader, delivery = grants.reader_and_delivery(request, code, now)
    page = esim_page.page_of(delivery, reader=reader, device=_device(request), now=now)
    changed = request.GET.get("seen") != page.version
    if request.headers.get("HX-Request"):
        looks = 0 if changed else esim_rules.looks_of(request.GET.get("n")) + 1
        return render(request, "web/_esim_update.html", {**_facts(page, looks), "changed": changed})
    return render(request, "web/esim.html", _facts(page, looks=0))


def _facts(page: esim_page.EsimPage, looks: int) -> dict[str, Any]:
    on = f"on={page.device.kind}&" if page.device.chosen else ""
    return {
        "page": page,
        "number": cards.shown_number(page.line, page.reader.user, granted=page.reader.granted),
        "granted": page.reader.granted,
        "poll_url": f"{reverse('esim', args=[page.code])}?{on}",
        "looks": looks,
        "wait": esim_rules.next_look(page.facts, looks),
        "reload_after": _RELOAD_SECONDS,
    }


def _device(request: HttpRequest) -> Device:
    return device_of(request.headers.get("User-Agent", ""), request.GET.get("on", ""))


@grants.needed
@require_POST
@kept_by_nobody
def esim_resend(request: HttpRequest, code: str) -> HttpResponse:
    now = clock.now()
    reader, delivery = grants.reader_and_delivery(request, code, now)
    try:
        mail = delivery_resend(delivery=delivery, by=reader.user, now=now)
        messages.success(request, _("It is on its way to %(email)s.") % {"email": mail.to})
    except LineavivaError as error:
        messages.error(request, words.sentence(error))
    return redirect("esim", delivery.code)


@grants.needed
@require_POST
@kept_by_nobody
def esim_installed(request: HttpRequest, code: str) -> HttpResponse:
    """The holder's word that it is on the phone, for servers that do not tell, or told nothing."""
    now = clock.now()
    reader, delivery = grants.reader_and_delivery(request, code, now)
    try:
        delivery_say_installed(delivery=delivery, by=reader.user, now=now)
        messages.success(request, _("Noted. Now switch it on, and look for a signal."))
    except LineavivaError as error:
        messages.error(request, words.sentence(error))
    return redirect("esim", delivery.code)


@grants.needed
@require_POST
@kept_by_nobody
def esim_replace(request: HttpRequest, code: str) -> HttpResponse:
    """A new profile in place of this one. Only for a signed-in reader: a message that was passed on moves no number."""
    now = clock.now()
    reader, delivery = grants.reader_and_delivery(request, code, now)
    if reader.granted:
        return redirect_to_login(reverse("esim", args=[delivery.code]))
    if delivery.state == "installed" and delivery.phone != "deleted" and request.POST.get("sure") != "yes":
        messages.error(request, _("Tick the box first: nothing was changed."))
        return redirect("esim", delivery.code)
    try:
        reason = request.POST.get("reason", "")
        new = delivery_replace(delivery=delivery, reason=reason, by=reader.user, now=now)
    except LineavivaError as error:
        messages.error(request, words.sentence(error))
        return redirect("esim", delivery.code)
    messages.success(request, _("A new eSIM is on its way."))
    return redirect("esim", new.code)
