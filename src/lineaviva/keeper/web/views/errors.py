"""A page for every refusal, in the reader's language, without a word of how the program is built."""

from __future__ import annotations

from math import ceil
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.web import doors, locales, words
from lineaviva.kernel import clock
from lineaviva.kernel.errors import LineavivaError


def refusal(request: HttpRequest, error: LineavivaError, *, back: str = "") -> HttpResponse:
    """`back` is the page of the order that it is about. One that passes says in how many seconds."""
    response = _page(request, error.status, words.sentence(error), back)
    until = getattr(error, "until", None)
    if until is not None:
        response.headers["Retry-After"] = str(max(ceil((until - clock.now()).total_seconds()), 1))
    return response


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 413 if isinstance(exception, RequestDataTooBig) else 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 403)


def not_found(request: HttpRequest, exception: Exception | Http404) -> HttpResponse:
    return _page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Asks neither session nor database: one of them may be what broke."""
    facts = _facts(request, 500, "")
    facts |= {"html_lang": locales.HTML_LANG[locales.language()], "tabs": [], "tongues": []}
    return HttpResponse(render_to_string("web/error.html", facts), status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Mostly a page that stood open for long, or cookies switched off."""
    return _page(request, 403, _("This page was open too long, or cookies are switched off. Load it again."))


def _page(request: HttpRequest, status: int, sentence: str = "", back: str = "") -> HttpResponse:
    reader = getattr(request, "user", None)
    if isinstance(reader, User):
        # An address that leads nowhere never reached the middleware that speaks the reader's language.
        translation.activate(reader.language)
    facts = {**_facts(request, status, sentence), "back": back}
    return render(request, "web/error.html", facts, status=status)


def _facts(request: HttpRequest, status: int, sentence: str) -> dict[str, Any]:
    again = request.method == "GET" and status not in {403, 404}
    return {
        "title": _titles().get(status, _("That did not work")),
        "sentence": sentence or words.by_status(status),
        "status": status,
        "again": doors.safe_path(request, request.path, "") if again else "",
    }


def _titles() -> dict[int, str]:
    return {
        403: _("Not for you"),
        404: _("Nothing here"),
        409: _("Not any more"),
        413: _("Too large"),
        429: _("Too often"),
        500: _("Something broke"),
    }
