"""How the provider misbehaves, set over HTTP while it runs, and its clock."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from lineaviva.kernel import clock
from lineaviva.sandbox.provider.models import Knobs

DEFAULTS: dict[str, int] = {
    "error_percent": 0,  # API calls answered with 5xx, nothing done
    "lost_answer_percent": 0,  # API calls whose work is done and whose answer is lost
    "page_lost_percent": 0,  # payments after which the payer's connection breaks
    "webhook_never_percent": 0,
    "webhook_twice_percent": 0,
    "webhook_late_percent": 0,
    "webhook_late_seconds": 20,
    "latency_ms": 0,  # before each answer of the API
    "clock_shift_seconds": 0,  # of the provider's clock against the machine's
}


def knobs() -> dict[str, int]:
    row = Knobs.objects.filter(pk=1).first()
    return {**DEFAULTS, **(row.values if row else {})}


def knobs_set(values: Mapping[str, Any]) -> dict[str, int]:
    """Set some knobs, leave the others. Raises ValueError with one sentence for a name or value that does not fit."""
    for name, value in values.items():
        if name not in DEFAULTS:
            raise ValueError(f"There is no knob {name!r}; there are {', '.join(DEFAULTS)}.")
        if type(value) is not int:
            raise ValueError(f"{name} is a whole number.")
        if name.endswith("_percent") and not 0 <= value <= 100:
            raise ValueError(f"{name} is from 0 to 100.")
        if name in {"latency_ms", "webhook_late_seconds"} and not 0 <= value <= 3_600_000:
            raise ValueError(f"{name} is from 0 to 3600000.")
    Knobs.objects.update_or_create(pk=1, defaults={"values": {**knobs(), **values}})
    return knobs()


def happens(percent: int) -> bool:
    return random.random() * 100 < percent  # noqa: S311 - a fault, not a secret


def now() -> datetime:
    return clock.now() + timedelta(seconds=knobs()["clock_shift_seconds"])


def stamp() -> int:
    """The provider's time in whole seconds since 1970."""
    return int(now().timestamp())


@csrf_exempt
@require_http_methods(["GET", "POST"])
def knobs_view(request: HttpRequest) -> JsonResponse:
    """GET: all knobs. POST a JSON object: set those named, answer with all."""
    if request.method == "GET":
        return JsonResponse(knobs())
    try:
        return JsonResponse(knobs_set(_object(request.body)))
    except ValueError as error:
        return JsonResponse({"message": str(error)}, status=400)


def _object(body: bytes) -> dict[str, Any]:
    try:
        values = json.loads(body)
    except ValueError:
        raise ValueError("This is not JSON.") from None
    if not isinstance(values, dict):
        raise ValueError("Send a JSON object of knobs.")
    return values
