"""Where an operator's own judgement about an order comes in: fraud, limits, or the sandbox's whims."""

from __future__ import annotations

from typing import Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from lineaviva.carrier.orders.rules import Ask, Refusal


class Screening(Protocol):
    def opens(self, ask: Ask) -> bool:
        """Whether a number that the operator does not know is taken as one of its own."""
        ...

    def refusal(self, ask: Ask) -> Refusal | None:
        """Why this order is refused although the rules allow it; None where it is not. Asked inside the transaction."""
        ...


class Strict:
    """No number but those that were opened, and no refusal beyond the rules."""

    def opens(self, ask: Ask) -> bool:
        return False

    def refusal(self, ask: Ask) -> Refusal | None:
        return None


def screening() -> Screening:
    """The screening that this process has."""
    found: Screening = import_string(settings.CARRIER_SCREENING)()
    return found
