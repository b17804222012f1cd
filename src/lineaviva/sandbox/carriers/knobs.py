"""Reading and setting the knobs, and the judgement of an operator that follows them."""

from __future__ import annotations

import random
from typing import Any

from lineaviva.carrier.orders.rules import Ask, Refusal
from lineaviva.sandbox.carriers import rules
from lineaviva.sandbox.carriers.models import Knobs


def knobs_read() -> dict[str, Any]:
    """All knobs by name."""
    known = Knobs.objects.filter(pk=1).first() or Knobs()
    return {name: getattr(known, name) for name in rules.HELP}


def knobs_set(wanted: Any) -> dict[str, Any]:
    """Set the knobs that are named and leave the others; gives all of them. Raises InvalidInput, and then sets none."""
    Knobs.objects.update_or_create(pk=1, defaults=rules.knobs_checked(wanted))
    return knobs_read()


class KnobScreening:
    """The carrier's ports.Screening in the sandbox."""

    def opens(self, ask: Ask) -> bool:
        return bool(knobs_read()["accept_unknown"])

    def refusal(self, ask: Ask) -> Refusal | None:
        knobs = knobs_read()
        if random.random() * 100 < knobs["refusal_percent"]:  # noqa: S311 - a whim, not a secret
            return Refusal("refused", knobs["refusal_reason"])
        return None
