"""How eSIM profiles are printed: as one document for programs, as tables for people. Numbers and ids are masked."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from lineaviva.cli import output
from lineaviva.kernel.clock import ROME
from lineaviva.kernel.mask import masked

if TYPE_CHECKING:
    from lineaviva.keeper.delivery.models import Delivery

COLUMNS = ["Profile", "Begun", "Line", "Why", "State", "Phone", "Order"]
_STEPS = ("created", "ordered", "released", "downloaded", "installed", "enabled", "closed")


def _when(at: datetime | None) -> str:
    return f"{at.astimezone(ROME):%Y-%m-%d %H:%M}" if at else ""


def _masked(text: str) -> str:
    return masked(text) if text else ""


def name(delivery: Delivery) -> str:
    """ "K2M7F5PW (tim …4567)": enough to know it by."""
    return f"{delivery.code} ({delivery.operator} {masked(delivery.line.msisdn)})"


def brief(delivery: Delivery) -> dict[str, Any]:
    """What a list says of a profile."""
    return {
        "code": delivery.code,
        "state": delivery.state,
        "phone": delivery.phone,
        "reason": delivery.reason,
        "line": masked(delivery.line.msisdn),
        "operator": delivery.operator,
        "gateway": delivery.gateway,
        "order": delivery.order.code if delivery.order else None,
        "iccid": _masked(delivery.iccid),
        "failure": delivery.failure,
        "stuck_reason": delivery.stuck_reason,
        "expires_at": delivery.expires_at,
        **{f"{step}_at": getattr(delivery, f"{step}_at") for step in _STEPS},
    }


def cells(delivery: Delivery) -> list[str]:
    line = f"{delivery.operator} {masked(delivery.line.msisdn)}"
    order = delivery.order.code if delivery.order else ""
    state = f"{delivery.state} (stuck)" if delivery.stuck_reason else str(delivery.state)
    return [delivery.code, _when(delivery.created_at), line, str(delivery.reason), state, delivery.phone, order]


def document(delivery: Delivery) -> dict[str, Any]:
    """Everything about a profile but its activation code, for `--json`."""
    following = getattr(delivery, "replaced_by", None)
    return {
        **brief(delivery),
        "eid": _masked(delivery.eid),
        "replaces": delivery.replaces.code if delivery.replaces else None,
        "replaced_by": following.code if following else None,
        "events": [
            {"kind": event.kind, "at": event.at, "recorded_at": event.recorded_at, "detail": event.detail}
            for event in delivery.events.order_by("at", "pk")
        ],
        "mails": [
            {"kind": mail.kind, "to": mail.to, "state": mail.state, "sent_at": mail.sent_at}
            for mail in delivery.mails.order_by("pk")
        ],
    }


def question(delivery: Delivery, reason: str) -> str:
    """What somebody agrees to who has a profile replaced or moved."""
    if reason == "transfer":
        return f"Order another profile for the line of {name(delivery)}? This one works until that one is installed."
    return f"Withdraw {name(delivery)} at once, and order another profile for its line?"


def print_delivery(delivery: Delivery) -> None:
    facts = document(delivery)
    output.print_table("", COLUMNS, [cells(delivery)])
    steps = [(step, _when(facts[f"{step}_at"])) for step in _STEPS if facts[f"{step}_at"]]
    if facts["expires_at"]:
        steps.append(("expires", _when(facts["expires_at"])))
    output.print_table("Way", ["Step", "When"], steps)
    told = [(event["kind"], _when(event["at"]), _said(event["detail"])) for event in facts["events"]]
    output.print_table("Told", ["What", "When", "More"], told, empty="Nothing was told about it yet.")
    if facts["mails"]:
        mails = [(mail["kind"], escape(mail["to"]), mail["state"], _when(mail["sent_at"])) for mail in facts["mails"]]
        output.print_table("E-mails", ["Kind", "To", "State", "Sent"], mails)
    for why in filter(None, (facts["failure"], facts["stuck_reason"])):
        output.console.print(f"Why: {escape(why)}", highlight=False)


def _said(detail: dict[str, Any]) -> str:
    return escape(", ".join(f"{key}: {value}" for key, value in detail.items()))
