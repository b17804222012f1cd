"""The first page: what this is, or the reader's lines."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.lines.models import Line
from lineaviva.keeper.reminders.models import Reminder
from lineaviva.keeper.web import cards, locales, rules
from lineaviva.kernel import clock

REMOVED = "removed_line"


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    if not isinstance(request.user, User):
        return render(request, "web/welcome.html")
    today = clock.rome_date(clock.now())
    found = cards.cards_for(request.user, today)
    removed = _removed(request, request.user)
    facts = {
        "cards": found,
        "soon": sum(card.days_left is not None and card.days_left <= rules.SOON.days for card in found),
        "reminders": _reminders(found),
        "removed": removed,
        "removed_name": removed and (removed.label or locales.phone(removed.msisdn)),
    }
    return render(request, "web/lines.html", facts)


def _removed(request: HttpRequest, user: User) -> Line | None:
    """The line that was taken off the list a moment ago, to be put back; offered once."""
    line_id = request.session.pop(REMOVED, None)
    return Line.objects.filter(pk=line_id, holder=user).exclude(removed_at=None).first() if line_id else None


def _reminders(found: list[cards.Card]) -> list[SafeString]:
    """The open reminders of the list, each as a sentence with a link to the line's one thing to do.

    What is renewed by itself asks nobody to act.
    """
    by_line = {card.line.pk: card for card in found if not card.renews_itself}
    rows = Reminder.objects.filter(line__in=by_line, channel="app", state=Reminder.State.OPEN).order_by("deadline_on")
    return [_sentence(by_line[row.line_id]) for row in rows if by_line[row.line_id].dates.next_on == row.deadline_on]


def _sentence(card: cards.Card) -> SafeString:
    name = f"{card.line.label or card.operator} …{card.line.msisdn[-4:]}"
    return format_html('<a href="{}">{}</a>: {}', reverse("line", args=[card.line.pk]), name, card.until)
