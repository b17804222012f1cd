"""What a gateway to an operator must speak. An adapter sees this file and the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from lineaviva.kernel.money import Money

# pending: the operator has it and has not decided. unknown: nobody can say whether it was done.
# not_found: the operator answered that it has nothing by our reference; only `look` says so.
State = Literal["succeeded", "failed", "pending", "unknown", "not_found"]


@dataclass(frozen=True)
class Request:
    """What is to be done. `reference` is ours and decides once: sent again it is the same request.

    `offering_id` is the operator's own id of what was bought, `amount_minor` its price before any discount of ours.
    """

    reference: str
    operator: str
    msisdn: str
    kind: Literal["topup", "plan"]
    offering_id: str
    amount_minor: int
    currency: str = "EUR"


@dataclass(frozen=True)
class Result:
    """How it stands. `done_at` is by the operator's clock; `dates` are the line's, as the operator counts them.

    `reason` is the operator's own sentence, in its language. `dates`: full_service_until, receive_only_until,
    number_kept_until, plan_until; those that it does not tell are not there. `charged` is what our account there paid
    for it, where that was told.
    """

    state: State
    operator_reference: str = ""
    reason: str = ""
    done_at: datetime | None = None
    dates: Mapping[str, date] = field(default_factory=dict)
    charged: Money | None = None


class Gateway(Protocol):
    """The way to one or several operators. Calls may be made from several threads at once."""

    name: str
    # Whether the other side knows our reference and does the work once, however often it is sent.
    idempotent: bool
    per_minute: float
    burst: int

    def serves(self, operator: str) -> bool:
        """Whether this installation reaches that operator by this gateway."""
        ...

    def perform(self, request: Request) -> Result:
        """Send the request. Raises Temporary and NeedsPerson where it was surely not carried out."""
        ...

    def look(self, request: Request) -> Result:
        """Ask about a request by its reference, without doing anything. Raises Temporary and NeedsPerson."""
        ...


def gateway(name: str) -> Gateway:
    """The gateway that config/wiring.py has by this name."""
    found: Gateway = import_string(settings.GATEWAYS[name])()
    return found


def gateway_for(operator: str) -> Gateway | None:
    """The first gateway that reaches the operator, or None."""
    return next((one for one in map(gateway, settings.GATEWAYS) if one.serves(operator)), None)
