"""One line: what it is, until when it lives, and what its holder may do with it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from lineaviva.keeper.delivery.queries import deliveries_of
from lineaviva.keeper.lines import actions
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.lines.queries import last_topup, line_for, shares_of
from lineaviva.keeper.orders.queries import orders_for
from lineaviva.keeper.web import auto_page, cards, history, phases
from lineaviva.keeper.web.doors import reader
from lineaviva.keeper.web.forms import LineEditForm, LineForm, ShareForm, ToldForm
from lineaviva.keeper.web.views.home import REMOVED
from lineaviva.kernel import clock
from lineaviva.kernel.errors import LineavivaError, NotFound

_DETAILS = ("operator", "sim_type", "iccid", "eid", "label", "plan", "plan_expires_on", "last_topup")


@login_required
@require_safe
def line_page(request: HttpRequest, line_id: int) -> HttpResponse:
    return _line_page(request, line_for(user=reader(request), line_id=line_id))


def _line_page(request: HttpRequest, line: Line, status: int = 200, **forms: Any) -> HttpResponse:
    user = reader(request)
    now = clock.now()
    order, profile = cards.order_on_its_way(line), cards.profile_to_install(line)
    card = cards.card_of(line, user, clock.rome_date(now), order, profile)
    holds = line.holder_id == user.pk
    facts = {
        "line": line,
        "number": cards.shown_number(line, user),
        "card": card,
        "dates": card.dates,
        "phases": phases.phases_of(card.dates),
        "care": card.dates.operator.care,
        "operator_name": card.operator,
        "last_topup": last_topup(line),
        "history": history.entries_of(line, holds=holds),
        "orders": orders_for(user).filter(line=line)[:20],
        "profiles": deliveries_of(line)[:5] if card.may_pay else [],
        "may_change": holds,
        "auto": auto_page.short_of(line, now) if card.may_pay else None,
        "shares": shares_of(line) if holds else [],
        "share_form": ShareForm(),
        "told": ToldForm(initial={"on": clock.rome_date(now)}),
        **forms,
    }
    return render(request, "web/line.html", facts, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def line_add(request: HttpRequest) -> HttpResponse:
    form = LineForm(_sent(request))
    if request.method == "POST" and form.is_valid():
        details = {name: form.cleaned_data[name] for name in _DETAILS}
        user = reader(request)
        try:
            line = actions.line_register(
                holder=user, msisdn=form.cleaned_data["msisdn"], by=user, now=clock.now(), **details
            )
        except LineavivaError as error:
            form.refuse(error)
        else:
            messages.success(request, _("The line is on your list. We watch it from now on."))
            return redirect("line", line.pk)
    return render(request, "web/line_form.html", {"form": form}, status=400 if form.errors else 200)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def line_edit(request: HttpRequest, line_id: int) -> HttpResponse:
    line = _own(request, line_id)
    form = LineEditForm.of(line, last_topup(line), _sent(request))
    if request.method == "POST" and form.is_valid():
        details = {name: form.cleaned_data[name] for name in _DETAILS}
        try:
            actions.line_change(line=line, by=reader(request), now=clock.now(), **details)
        except LineavivaError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("line", line.pk)
    return render(request, "web/line_form.html", {"form": form, "line": line}, status=400 if form.errors else 200)


@login_required
@require_POST
def line_topped_up(request: HttpRequest, line_id: int) -> HttpResponse:
    line = _own(request, line_id)
    form = ToldForm(request.POST)
    if form.is_valid():
        try:
            actions.line_tell(line=line, kind="topup", on=form.cleaned_data["on"], by=reader(request), now=clock.now())
        except LineavivaError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Noted. The dates are counted from that day."))
            return redirect("line", line.pk)
    return _line_page(request, line, status=400, told=form)


@login_required
@require_POST
def line_share(request: HttpRequest, line_id: int) -> HttpResponse:
    line = _own(request, line_id)
    form = ShareForm(request.POST)
    if form.is_valid():
        try:
            share = actions.line_share(line=line, by=reader(request), now=clock.now(), **form.cleaned_data)
        except LineavivaError as error:
            form.refuse(error)
        else:
            messages.success(request, _("Shared with %(email)s.") % {"email": share.user.email})
            return _to_share(line)
    return _line_page(request, line, status=400, share_form=form)


@login_required
@require_POST
def line_unshare(request: HttpRequest, line_id: int) -> HttpResponse:
    """The holder takes a right back, or the other person gives it up."""
    user = reader(request)
    line = line_for(user=user, line_id=line_id)
    email = request.POST.get("with_email", "")
    if line.holder_id != user.pk and email.strip().lower() != user.email:
        raise NotFound("There is no such line.", code="line_unknown")
    actions.line_unshare(line=line, with_email=email, by=user, now=clock.now())
    messages.success(request, _("No longer shared."))
    return _to_share(line) if line.holder_id == user.pk else redirect("home")


def _to_share(line: Line) -> HttpResponseRedirect:
    return redirect(f"/lines/{line.pk}/#share")


@login_required
@require_POST
def line_remove(request: HttpRequest, line_id: int) -> HttpResponse:
    line = _own(request, line_id)
    actions.line_remove(line=line, by=reader(request), now=clock.now())
    request.session[REMOVED] = line.pk
    return redirect("home")


@login_required
@require_POST
def line_restore(request: HttpRequest, line_id: int) -> HttpResponse:
    user = reader(request)
    line = Line.objects.filter(pk=line_id, holder=user).first()
    if line is None:
        raise NotFound("There is no such line.", code="line_unknown")
    actions.line_restore(line=line, by=user, now=clock.now())
    messages.success(request, _("The line is back on your list."))
    return redirect("home")


def _sent(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _own(request: HttpRequest, line_id: int) -> Line:
    """The line, for its holder only: whoever may see or pay for it cannot change it, and learns no more than before."""
    line = line_for(user=reader(request), line_id=line_id)
    if line.holder_id != reader(request).pk:
        raise NotFound("There is no such line.", code="line_unknown")
    return line
