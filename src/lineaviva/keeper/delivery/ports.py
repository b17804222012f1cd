"""What the way to an operator's eSIM server must speak. An adapter sees this file and the kernel."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from django.conf import settings
from django.utils.module_loading import import_string

from lineaviva.kernel.activation_code import ActivationCode

Cancelled = Literal["cancelled", "too_late"]
# none: the other side surely has nothing by our reference. failed: it has, and will never hand it out.
SeenState = Literal[
    "none", "ordered", "released", "downloaded", "installed", "enabled", "disabled", "deleted", "failed"
]


@dataclass(frozen=True)
class ProfileRequest:
    """One profile. `reference` is ours and decides once: an order that is sent again with it is the same order.

    `matching_id` is the secret half of the activation code, chosen here; a reseller that makes its own leaves it out.
    `eid` empty: for any phone. `profile_type` empty: the gateway knows which of the operator's to ask for.
    """

    reference: str
    operator: str
    matching_id: str = field(repr=False)
    eid: str = ""
    profile_type: str = ""


@dataclass(frozen=True)
class Ordered:
    """A profile is ours. Where the other side gives its code at once, it is released already."""

    iccid: str
    activation_code: ActivationCode | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Released:
    """A phone may download it now, until `expires_at` where that is known."""

    activation_code: ActivationCode
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Seen:
    """How it stands at the other side, as far as it tells. `at`: since when, by its clock."""

    state: SeenState
    iccid: str = ""
    activation_code: ActivationCode | None = None
    eid: str = ""
    failure: str = ""
    at: datetime | None = None
    expires_at: datetime | None = None


class ProfileGateway(Protocol):
    """The way to the profiles of one or several operators. Calls may be made from several threads at once.

    Every call may raise Temporary (not carried out, or safe to repeat with the same reference), Unknown (may have been
    carried out), NeedsPerson and Permanent (the other side says no: the profile is refused).
    """

    name: str
    # Whether the other side tells us by itself how the phone gets on.
    follows: bool
    # Whether an order sent again with the same reference is the same order. Where it is not, `look` is asked first.
    idempotent: bool

    def serves(self, operator: str) -> bool:
        """Whether this installation reaches that operator's profiles by this gateway."""
        ...

    def order(self, request: ProfileRequest) -> Ordered:
        """Have a profile set aside."""
        ...

    def release(self, request: ProfileRequest, iccid: str) -> Released:
        """Let a phone have it. Again gives the same answer."""
        ...

    def cancel(self, request: ProfileRequest, iccid: str) -> Cancelled:
        """Take it back. "too_late": a phone has it. Again gives an answer, too: what is cancelled is cancelled."""
        ...

    def look(self, request: ProfileRequest, iccid: str) -> Seen | None:
        """Ask how it stands, without doing anything; `iccid` is empty where an order's answer was lost.

        None: the other side cannot be asked.
        """
        ...


def gateway(name: str) -> ProfileGateway:
    """The gateway that config/wiring.py has by this name."""
    found: ProfileGateway = import_string(settings.PROFILE_GATEWAYS[name])()
    return found


def gateway_for(operator: str) -> ProfileGateway | None:
    """The first gateway that reaches the operator's profiles, or None."""
    return next((one for one in map(gateway, settings.PROFILE_GATEWAYS) if one.serves(operator)), None)
