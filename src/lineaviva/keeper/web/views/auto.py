"""Automatic renewal of a line: what will happen, switching it on, changing and stopping it. And the saved cards."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.lines.queries import line_for
from lineaviva.keeper.payments.models import SavedMethod
from lineaviva.keeper.payments.ports import savers
from lineaviva.keeper.payments.queries import method_for
from lineaviva.keeper.payments.saving import method_begin, method_remove
from lineaviva.keeper.renewals.actions import auto_change, auto_stop, auto_switch_on
from lineaviva.keeper.renewals.errors import is_off, not_found
from lineaviva.keeper.renewals.links import stop_link_read
from lineaviva.keeper.renewals.models import AutoRenewal
from lineaviva.keeper.renewals.queries import auto_of, charge_on, is_charging, run_of
from lineaviva.keeper.web import address, auto_page, cards, ways, words
from lineaviva.keeper.web.doors import not_too_often, reader
from lineaviva.keeper.web.forms import AutoForm
from lineaviva.kernel import clock
from lineaviva.kernel.errors import LineavivaError
from lineaviva.kernel.money import Money


@address.needed
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def auto(request: HttpRequest, line_id: int) -> HttpResponse:
    """What will happen by itself for this line; POST `do`: on, change or stop."""
    user, now = reader(request), clock.now()
    line = line_for(user=user, line_id=line_id, right="pay")
    found = auto_of(line)
    wanted = request.POST.get("do", "")
    form = auto_page.form_of(user, line, found, request.POST if wanted in {"on", "change"} else None, now)
    if request.method == "POST":
        done = _stop(request, user, found, now) if wanted == "stop" else _agree(request, form, line, found, now)
        if done:
            return redirect("auto", line.pk)
    facts = {
        "line": line,
        "operator": cards.operator_name(line.operator),
        "auto": found,
        "mine": found is None or found.payer_id == user.pk,
        "may_stop": found is not None and user.pk in {found.payer_id, line.holder_id},
        "coming": auto_page.coming_of(found, now) if found else None,
        "card_off": found is not None and found.method.state != SavedMethod.State.ACTIVE,
        "form": form,
        "savers": auto_page.savers_of(),
        "paypal": "paypal" in savers(),
    }
    return render(request, "web/auto.html", facts, status=400 if form.errors else 200)


def _agree(request: HttpRequest, form: AutoForm, line: Line, found: AutoRenewal | None, now: datetime) -> bool:
    """Switch it on, or change it; False where the form is to be shown again with what is wrong."""
    if not form.is_valid():
        return False
    user = reader(request)
    ceiling = Money(int(form.cleaned_data["ceiling"].scaleb(2)))
    choice = form.cleaned_data.get("choice") or (found.choice if found else AutoRenewal.Choice.KEEPALIVE)
    try:
        auto_page.require_enough(line, choice, ceiling, now)
        method = method_for(user=user, method_id=int(form.cleaned_data["method"]))
        terms: dict[str, Any] = {"method": method, "ceiling": ceiling, "choice": choice}
        terms["lead_days"] = form.cleaned_data["lead_days"]
        if request.POST["do"] == "on":
            auto_switch_on(line=line, by=user, words=auto_page.AUTO_WORDS, now=now, **terms)
            messages.success(request, _("Automatic renewal is on. Below is what will happen next."))
        elif found is None:
            raise is_off()
        else:
            auto_change(auto=found, by=user, now=now, **terms)
            messages.success(request, _("Saved."))
    except LineavivaError as error:
        form.refuse(error)
        return False
    return True


def _stop(request: HttpRequest, user: User, found: AutoRenewal | None, now: datetime) -> bool:
    if found is not None:
        auto_stop(auto=found, by=user, reason="page", now=now)
    if found is not None and is_charging(found):
        going = _("This time's charge has begun and goes on. After that nothing more is charged by itself.")
        messages.warning(request, going)
    else:
        messages.success(request, _("Stopped. Nothing more is charged by itself."))
    return True


@not_too_often("auto-stop", per_minute=20, burst=20)
@require_http_methods(["GET", "HEAD", "POST"])
def stop_by_link(request: HttpRequest, token: str) -> HttpResponse:
    """One button, without a password. GET only shows it: mail scanners follow links, and must not stop anything."""
    now = clock.now()
    auto_id = stop_link_read(token, now)
    found = AutoRenewal.objects.select_related("line", "method").filter(pk=auto_id).first()
    if found is None:
        raise not_found()
    if request.method == "POST":
        auto_stop(auto=found, by=None, reason="link", now=now)
        return redirect(request.path)
    run = run_of(found)
    facts = {
        "auto": found,
        "name": found.line.label or cards.operator_name(found.line.operator),
        "is_on": found.state == AutoRenewal.State.ON,
        "charging": is_charging(found),
        "run": run if run is not None and run.state == "announced" else None,
        "charge_on": charge_on(run, now) if run is not None else None,
    }
    return render(request, "web/auto_stop.html", facts)


@address.needed
@login_required
@require_POST
def card_add(request: HttpRequest) -> HttpResponse:
    """To the provider's page on which a card is saved; POST `provider`, else the first."""
    name, agreed = request.POST.get("provider") or next(iter(savers()), ""), auto_page.CARD_WORDS
    try:
        method = method_begin(holder=reader(request), provider=name, words=agreed, now=clock.now())
    except LineavivaError as error:
        messages.error(request, words.sentence(error))
        return redirect("settings")
    if method.redirect_url and ways.is_payment_page(method.redirect_url):
        return HttpResponseRedirect(method.redirect_url)
    messages.warning(request, _("The bank does not answer at the moment. Try again in a minute; nothing was saved."))
    return redirect("settings")


@login_required
@require_POST
def card_remove(request: HttpRequest, method_id: int) -> HttpResponse:
    method = method_for(user=reader(request), method_id=method_id)
    method_remove(method=method, now=clock.now())
    messages.success(request, _("Removed. It will not be charged any more."))
    return redirect("settings")
