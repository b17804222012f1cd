"""The sandbox's own addresses: knobs, numbers and the audit. Only from this machine, and only in the sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from lineaviva.carrier.orders.queries import books_audit, credited
from lineaviva.carrier.subscriptions.actions import subscription_open
from lineaviva.carrier.tmf.rest import refused
from lineaviva.kernel import clock
from lineaviva.kernel.errors import InvalidInput, LineavivaError
from lineaviva.sandbox.carriers.knobs import knobs_read, knobs_set

View = Callable[[HttpRequest], HttpResponse]


def _speaks_json(view: View) -> View:
    @csrf_exempt
    @require_http_methods(["GET", "POST"])
    @wraps(view)
    def answering(request: HttpRequest) -> HttpResponse:
        try:
            return view(request)
        except LineavivaError as error:
            return refused(request, error)

    return answering


def _body(request: HttpRequest) -> Any:
    # Asking for JSON keeps foreign pages out: a browser does not send it across sites without asking first.
    if request.content_type != "application/json":
        raise LineavivaError("Send the body as application/json.", code="media_type", status=415)
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        raise InvalidInput("The body is not JSON.", code="not_json") from None


@_speaks_json
def knobs(request: HttpRequest) -> HttpResponse:
    """All knobs; POST sets those that it names."""
    return JsonResponse(knobs_set(_body(request)) if request.method == "POST" else knobs_read())


@_speaks_json
def audit(request: HttpRequest) -> HttpResponse:
    """Whether the books balance; for each reference how often it was carried out, and its worth in cents."""
    operator = settings.CARRIER_OPERATOR
    found, by_reference = books_audit(operator), credited(operator)
    return JsonResponse(
        {
            "operator": operator,
            "balanced": found.balanced,
            "problems": found.problems,
            "accounts": found.accounts,
            "references": {reference: row["times"] for reference, row in by_reference.items()},
            "credited": by_reference,
        }
    )


@_speaks_json
def subscriptions(request: HttpRequest) -> HttpResponse:
    """POST {"msisdn": "+39...", "extended_on": "2026-01-31"}, or a list, opens numbers; again changes nothing."""
    if request.method != "POST":
        raise LineavivaError("Numbers are opened by POST.", code="method_not_allowed", status=405)
    wanted = _body(request)
    drafts = [_draft(one) for one in (wanted if isinstance(wanted, list) else [wanted])]
    with transaction.atomic():
        opened = [
            subscription_open(operator=settings.CARRIER_OPERATOR, msisdn=msisdn, extended_on=day, now=clock.now())
            for msisdn, day in drafts
        ]
    return JsonResponse({"opened": sum(is_new for _, is_new in opened), "known": len(opened)})


def _draft(one: Any) -> tuple[str, date | None]:
    try:
        msisdn, day = one["msisdn"], one.get("extended_on")
        return str(msisdn), date.fromisoformat(day) if day else None
    except (TypeError, KeyError, ValueError, AttributeError):
        raise InvalidInput(
            'Each number is an object such as {"msisdn": "+39...", "extended_on": "2026-01-31"}.', code="number_invalid"
        ) from None
