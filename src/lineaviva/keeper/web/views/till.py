"""The till's day, opened and closed with counted cash; and cash that is called off with a second person's consent."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.till import queries
from lineaviva.keeper.till.actions import till_close, till_open
from lineaviva.keeper.till.cancelling import cancellation_consent, cancellation_end
from lineaviva.keeper.till.errors import CountDiffers, cancellation_unknown, till_closed
from lineaviva.keeper.till.models import TillDay
from lineaviva.keeper.till.rules import PIECES
from lineaviva.keeper.web import till_page, words
from lineaviva.keeper.web.doors import for_roles, reader
from lineaviva.keeper.web.till_forms import TillCloseForm, TillOpenForm
from lineaviva.kernel import clock
from lineaviva.kernel.errors import LineavivaError
from lineaviva.kernel.money import Money

_DAYS_SHOWN, _CASH_SHOWN, _DECIDED_SHOWN = 31, 300, 20


@for_roles("clerk", "operations")
@require_http_methods(["GET", "HEAD", "POST"])
def day(request: HttpRequest) -> HttpResponse:
    """The day that is open, to be closed; else one to be opened. POST `do`: open or close.

    What has to be in the till is told after it was counted.
    """
    now, wrong = clock.now(), None
    if request.method == "POST":
        act = _close if request.POST.get("do") == "close" else _open
        form, done, wrong = act(request, now)
        if done is not None:
            return redirect("till_day", done.pk) if not done.is_open else redirect("counter")
    found = queries.open_day()
    if request.method != "POST" or isinstance(form, TillCloseForm) != (found is not None):
        form = TillCloseForm() if found else TillOpenForm()
        if wrong is not None:  # somebody else was faster, and the form is about something else now
            messages.error(request, words.sentence(wrong))
    facts = {
        **{"form": form, "day": found, "differs": _differs(wrong)},
        **(_taken(found) if found else {}),
        "stayed": _stayed(),
        **{"days": list(queries.days().exclude(closed_at=None)[:_DAYS_SHOWN])},
    }
    status = wrong.status if wrong else 400 if form.errors else 200
    return render(request, "web/counter_day.html", facts, status=status)


def _differs(wrong: LineavivaError | None) -> dict[str, Any] | None:
    """What a count is off by, for the page; None where it is right."""
    if not isinstance(wrong, CountDiffers):
        return None
    seen = wrong.expected.minor if wrong.which == "no_reason" else None
    return {"said": words.sentence(wrong), "seen": seen, "difference": wrong.difference}


def _stayed() -> Money | None:
    """What has to be in the till before a day is opened; None before the first."""
    return queries.expected_cash() if queries.days_kept() else None


Done = tuple[TillOpenForm | TillCloseForm, TillDay | None, LineavivaError | None]


def _open(request: HttpRequest, now: datetime) -> Done:
    form = TillOpenForm(request.POST)
    if not form.is_valid():
        return form, None, None
    try:
        reason = form.cleaned_data["reason"]
        return form, till_open(by=reader(request), reason=reason, now=now, **form.amounts), None
    except LineavivaError as error:
        return _refused(request, form, error)


def _close(request: HttpRequest, now: datetime) -> Done:
    form = TillCloseForm(request.POST)
    if not form.is_valid():
        return form, None, None
    try:
        return form, till_close(day=_day_of(request), by=reader(request), now=now, **form.amounts), None
    except LineavivaError as error:
        return _refused(request, form, error)


def _day_of(request: HttpRequest) -> TillDay:
    """The day that the page was about: pressed twice it is not the next one. Conflict (till_closed)."""
    number = request.POST.get("day", "")
    if not number.isdecimal() or len(number) > 18:
        raise till_closed()
    return queries.day_by_id(int(number))


def _refused(request: HttpRequest, form: TillOpenForm | TillCloseForm, error: LineavivaError) -> Done:
    if not isinstance(error, CountDiffers):  # which the page says itself, with its amounts
        form.refuse(error)
    return form, None, error


@for_roles("clerk", "operations")
@require_safe
def day_closed(request: HttpRequest, day_id: int) -> HttpResponse:
    """One day as it was closed, fit to be printed and signed; one that is open stands on its own page."""
    found = queries.day_by_id(day_id)
    if found.is_open:
        return redirect("till")
    facts = {
        **{"day": found, "sums": queries.sums_of(found), **_taken(found)},
        **{"difference": found.difference, "left": found.left, "pieces": _pieces(found)},
    }
    return render(request, "web/counter_day_closed.html", facts)


def _taken(day: TillDay) -> dict[str, Any]:
    rows = queries.taken_on(day)
    shown = list(rows[:_CASH_SHOWN])
    return {"taken": shown, "taken_in_all": rows.count() if len(shown) == _CASH_SHOWN else len(shown)}


def _pieces(day: TillDay) -> list[tuple[int, int, int]]:
    """Each note and coin that was counted: its cents, how many, and what they are together."""
    numbers = [(piece, int(day.pieces.get(str(piece), 0))) for piece in PIECES]
    return [(piece, number, piece * number) for piece, number in numbers if number]


@for_roles("clerk", "operations")
@require_http_methods(["GET", "HEAD", "POST"])
def cancellations(request: HttpRequest) -> HttpResponse:
    """Cash that waits to be called off. POST `agree` or `refuse` with its number."""
    user = reader(request)
    if request.method == "POST":
        try:
            messages.success(request, _decide(request, user, clock.now()))
        except LineavivaError as error:
            messages.error(request, words.sentence(error))
        return redirect("till_cancellations")
    decided: Any = queries.cancellations().exclude(state="asked")
    facts = {
        **{"asked": till_page.asked_rows(user), "backs": list(queries.waiting_back()[:_CASH_SHOWN])},
        "decided": list(decided[:_DECIDED_SHOWN]),
    }
    return render(request, "web/counter_cancellations.html", facts)


def _decide(request: HttpRequest, user: User, now: datetime) -> str:
    agree, refuse = request.POST.get("agree", ""), request.POST.get("refuse", "")
    number = agree or refuse
    if not number.isdecimal() or len(number) > 18:
        raise cancellation_unknown()
    if agree:
        cancellation_consent(pk=int(number), by=user, now=now)
        return _("Called off. Now the cash has to be given back.")
    cancellation_end(pk=int(number), by=user, now=now)
    return _("It stays as it is.")
