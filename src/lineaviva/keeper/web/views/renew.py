"""Choosing and ordering a renewal: by a signed-in person who may pay for the line, or by a reminder's link."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from lineaviva import rulebook
from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.catalogue.actions import quote_make
from lineaviva.keeper.catalogue.keepalive import Keepalive
from lineaviva.keeper.catalogue.models import Offering, Quote
from lineaviva.keeper.catalogue.queries import (
    cheapest_keepalive,
    compare,
    offering_for,
    offerings_for,
)
from lineaviva.keeper.catalogue.rules import Need, code_read
from lineaviva.keeper.delivery.queries import Choice, profile_choice
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.lines.queries import line_deadlines, line_for
from lineaviva.keeper.orders.actions import order_place
from lineaviva.keeper.orders.errors import LimitReached
from lineaviva.keeper.orders.queries import limit_reached
from lineaviva.keeper.reminders.links import renewal_link_read
from lineaviva.keeper.wallets.queries import balance_of
from lineaviva.keeper.web import address, auto_page, cards, grants, locales, rules, second_look, ways, words
from lineaviva.keeper.web.doors import TooMany, not_too_often, reader
from lineaviva.keeper.web.forms import NeedForm
from lineaviva.keeper.web.offers import Compared, Offer
from lineaviva.keeper.web.views.paying import pay
from lineaviva.kernel import clock
from lineaviva.kernel.agenda import limits
from lineaviva.kernel.clock import rome_date
from lineaviva.kernel.errors import Conflict, LineavivaError
from lineaviva.kernel.money import Money

_QUOTES = "quotes"
# A price that is about to end is asked for again rather than shown.
_FRESH = timedelta(minutes=5)


@not_too_often("reminder-link", per_minute=20, burst=20)
@require_safe
def reminder_link(request: HttpRequest, token: str) -> HttpResponse:
    """Opens the renewal of one line without a password; a mail scanner that follows it changes nothing."""
    now = clock.now()
    line_id, user_id = renewal_link_read(token, now)
    line_for(user=User.objects.get(pk=user_id), line_id=line_id, right="pay")
    grants.give(request, line_id=line_id, user_id=user_id, now=now)
    return redirect("renew", line_id)


@address.needed
@grants.needed
@require_http_methods(["GET", "HEAD", "POST"])
def renew(request: HttpRequest, line_id: int) -> HttpResponse:
    now = clock.now()
    payer, line = grants.payer_and_line(request, line_id, now)
    if request.method == "POST":
        return _order(request, payer, line, now)
    facts = _choice(request, payer, line, now)
    template = "web/_renew.html" if request.headers.get("HX-Request") else "web/renew.html"
    return render(request, template, facts)


def _choice(request: HttpRequest, payer: grants.Payer, line: Line, now: datetime) -> dict[str, Any]:
    offerings = offerings_for(line.operator, now)
    keepalive = cheapest_keepalive(line=line, offerings=offerings, now=now)
    chosen = _chosen(request, line, offerings, keepalive, now)
    code = request.GET.get("code", "").strip()[:40]
    quote, code_refusal = _quote_by_code(request, payer, line, chosen, code, now)
    quote, refusal = (quote, "") if quote else _quote(request, payer, line, chosen, now)
    order = cards.order_on_its_way(line)
    if quote and (order is None or order.offering_id != quote.offering_id):
        quote, refusal = _within_limits(quote, line, now)
    dates = line_deadlines(line, rome_date(now))
    profile = profile_choice(line)
    return {
        "line": line,
        "number": cards.shown_number(line, payer.user, granted=payer.granted),
        "operator": cards.operator_name(line.operator),
        "operator_name": cards.operator_name(line.operator),
        "tone": rules.tone(dates.state),
        "chosen": _offer(chosen, keepalive, chosen) if chosen else None,
        "others": _grouped([_offer(one, keepalive, chosen) for one in offerings]),
        "keepalive": keepalive,
        "quote": quote,
        "refusal": refusal,
        "order": order,
        "order_link": order and (not payer.granted or grants.knows(request, order)),
        "care": rulebook.operator(line.operator).care,
        "profile": profile,
        "new_profile": _wants_profile(request.GET.get("profile"), profile),
        "wait_hours": settings.ESIM_WAIT_HOURS,
        "granted": payer.granted,
        "holds": line.holder_id == payer.user.pk and not payer.granted,
        "keep_offered": auto_page.keep_offered(payer.signed_in),
        "ways": ways.ways(payer=payer.signed_in, amount=Money(quote.total_minor, quote.currency) if quote else None),
        "balance": balance_of(payer.user) if payer.signed_in else None,
        "code": code,
        "code_refusal": code_refusal,
        "code_counts": bool(quote and quote.promotion and quote.promotion.code),
    }


def _wants_profile(said: str | None, profile: Choice) -> bool:
    """What the reader chose, else what fits the line; never a profile where none can be had."""
    return profile.offered and (said == "new" if said in {"new", "keep"} else profile.default)


def _grouped(offers: list[Offer]) -> dict[str, list[Offer]]:
    """What can be bought here by kind, and what only the operator itself sells; empty where there is nothing."""
    here = [offer for offer in offers if offer.offering.sellable]
    groups = {
        "topups": [offer for offer in here if offer.offering.kind == Offering.Kind.TOPUP],
        "plans": [offer for offer in here if offer.offering.kind == Offering.Kind.PLAN],
        "elsewhere": [offer for offer in offers if not offer.offering.sellable],
    }
    return groups if offers else {}


def _offer(offering: Offering, keepalive: Keepalive | None, chosen: Offering | None) -> Offer:
    found = keepalive if keepalive and keepalive.offering.pk == offering.pk else None
    return Offer(offering, found, is_chosen=chosen is not None and chosen.pk == offering.pk)


def _chosen(
    request: HttpRequest, line: Line, offerings: Sequence[Offering], keepalive: Keepalive | None, now: datetime
) -> Offering | None:
    """What the reader picked, else the smallest act that keeps the number, else the first that can be bought here."""
    if wanted := request.GET.get("offering"):
        return offering_for(operator=line.operator, external_id=wanted[:60], now=now)
    if keepalive and keepalive.offering.sellable:
        return keepalive.offering
    return next((one for one in offerings if one.sellable and one.price_minor is not None), None)


def _quote_by_code(
    request: HttpRequest, payer: grants.Payer, line: Line, chosen: Offering | None, code: str, now: datetime
) -> tuple[Quote | None, str]:
    """The price with a promotion code that the reader typed, or why it does not count."""
    if not code or chosen is None:
        return None, ""
    if limits.take(f"promotion:{payer.user.pk}", per_minute=10, burst=20, now=now):
        return None, words.sentence(TooMany("That was too often. Wait a minute and try again."))
    return _quote(request, payer, line, chosen, now, code)


def _quote(
    request: HttpRequest, payer: grants.Payer, line: Line, chosen: Offering | None, now: datetime, code: str = ""
) -> tuple[Quote | None, str]:
    """The price that this browser was shown before, while it is held, else a new one; or why there is none.

    One quote for all tabs: whatever they send leads to one order.
    """
    if chosen is None:
        return None, ""
    kept: dict[str, int] = request.session.get(_QUOTES, {})
    key = f"{line.pk}:{chosen.pk}" + (f":{code_read(code)}" if code else "")
    quote = Quote.objects.filter(
        pk=kept.get(key, 0), asked_by=payer.user, used_at=None, valid_until__gt=now + _FRESH
    ).first()
    if quote is None:
        try:
            quote = quote_make(line=line, offering=chosen, by=payer.user, now=now, code=code)
        except LineavivaError as error:
            return None, words.sentence(error)
        # The newest few are enough: a session is read on every page.
        request.session[_QUOTES] = dict([*kept.items(), (key, quote.pk)][-20:])
    return quote, ""


def _quoted(request: HttpRequest, payer: grants.Payer, line: Line) -> Quote | None:
    """The quote that the form names, where it was made for this payer and line."""
    mine = Quote.objects.filter(line=line, asked_by=payer.user).select_related("line", "offering")
    return mine.filter(pk=_number(request.POST.get("quote"))).first()


def _within_limits(quote: Quote, line: Line, now: datetime) -> tuple[Quote | None, str]:
    """The quote, or why it would be refused once it was ordered."""
    amount = Money(quote.total_minor, quote.currency)
    reached = limit_reached(msisdn=line.msisdn, amount=amount, now=now)
    return (None, words.sentence(LimitReached(reached))) if reached else (quote, "")


def _order(request: HttpRequest, payer: grants.Payer, line: Line, now: datetime) -> HttpResponse:
    """Order what was shown and go to pay it; sent twice it is one order. A number new to the payer is shown again."""
    try:
        quote = _quoted(request, payer, line)
        amount = Money(quote.total_minor, quote.currency) if quote and quote.used_at is None else None
        # Refused before anything is ordered.
        ways.require(request.POST.get("pay", ""), payer=payer.signed_in, amount=amount)
        if quote is None or (quote.used_at is None and quote.valid_until <= now):
            raise Conflict("The price was held for 30 minutes and that time is over.", code="quote_expired")
        if second_look.needed(quote=quote, by=payer.user, said=request.POST.get("sure", ""), now=now):
            return render(request, "web/sure.html", _sure(request, payer, line, quote))
        with_profile = request.POST.get("profile") == "new" and profile_choice(line).offered
        order = order_place(quote=quote, by=payer.user, language=locales.language(), with_profile=with_profile, now=now)
        if payer.granted:
            grants.note_order(request, order)
        return pay(request, order, request.POST.get("pay", ""), now)
    except LineavivaError as error:
        if error.code.startswith("promotion_"):
            request.session.pop(_QUOTES, None)  # the price that was shown does not count any more
        messages.error(request, words.sentence(error))
        return redirect("renew", line.pk)


def _sure(request: HttpRequest, payer: grants.Payer, line: Line, quote: Quote) -> dict[str, Any]:
    tail = second_look.tail(line)
    number = cards.shown_number(line, payer.user, granted=payer.granted)
    ends_so = number.endswith(tail)  # a short number is grouped otherwise
    code = quote.promotion.code if quote.promotion else ""
    back = {"offering": quote.offering.external_id, "profile": request.POST.get("profile", ""), "code": code}
    asked = urlencode({name: value for name, value in back.items() if value})
    return {
        "line": line,
        "quote": quote,
        "offering": quote.offering,
        "before": number.removesuffix(tail),
        "marked": tail if ends_so else "",
        "tail": tail,
        "operator": cards.operator_name(line.operator),
        "holds": line.holder_id == payer.user.pk and not payer.granted,
        "profile": "new" if request.POST.get("profile") == "new" else "keep",
        "way": ways.way(request.POST.get("pay", "")),
        "keep": request.POST.getlist("keep"),
        "back": f"{reverse('renew', args=[line.pk])}?{asked}",
    }


def _number(text: str | None) -> int:
    """A row's id as a form sends it; 0, which no row has, for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 18 else 0


@login_required
@require_safe
def compare_page(request: HttpRequest, line_id: int) -> HttpResponse:
    line = line_for(user=reader(request), line_id=line_id)
    form = NeedForm(request.GET or None)
    asked = form.is_bound and form.is_valid()
    wanted = form.cleaned_data if asked else {}
    slugs = [one.slug for one in rulebook.operators()] if wanted.get("all_operators") else [line.operator]
    found = compare(need=_need(wanted), operators=slugs, now=clock.now())
    may_pay = getattr(line, "my_right", "read") != "read"
    here = {one.offering.pk for one in found if one.offering.sellable and one.offering.operator == line.operator}
    plans = [Compared(one, can_buy=may_pay and one.offering.pk in here) for one in found]
    facts = {"line": line, "form": form, "found": plans, "asked": asked and _need(wanted).wanted()}
    return render(request, "web/compare.html", facts, status=400 if form.errors else 200)


def _need(wanted: dict[str, Any]) -> Need:
    def megabytes(name: str) -> int | None:
        return round(wanted[name] * 1024) if wanted.get(name) else None

    return Need(
        data_mb=megabytes("data_gb"),
        minutes=wanted.get("minutes"),
        sms=wanted.get("sms"),
        calls_to_china=bool(wanted.get("calls_to_china")),
        eu_roaming_mb=megabytes("eu_roaming_gb"),
    )
