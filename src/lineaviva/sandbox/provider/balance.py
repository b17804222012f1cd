"""What moved money at the pretend bank, as Stripe's balance transactions: charges, refunds, and what it keeps."""

from __future__ import annotations

from typing import Any

from lineaviva.sandbox.provider.encoding import Params
from lineaviva.sandbox.provider.errors import missing, param_wrong
from lineaviva.sandbox.provider.models import Charge, Dispute, Refund
from lineaviva.sandbox.provider.objects import (
    charge_json,
    dispute_json,
    dispute_lines,
    line_json,
    page_of,
    refund_json,
)


def fee_of(amount: int) -> int:
    """1.5 % rounded half up, and 25 cents; as the real one takes for European cards."""
    return (amount * 15 + 500) // 1000 + 25


def balance_transactions(values: dict[str, Any]) -> dict[str, Any]:
    """Newest first, `limit` at a time, from after `starting_after` on."""
    params = Params(values)
    within = params.inner("created")
    since, until = within.number("gte", 0), within.number("lt", 2**40)
    within.end()
    expand = params.list("expand")
    if any(path != "data.source" for path in expand):
        raise param_wrong("expand", "this property cannot be expanded")
    limit, after = min(max(params.number("limit", 10), 1), 100), params.text("starting_after", "")
    params.end()
    lines = [line for line in _lines(expanded=bool(expand)) if since <= line["created"] < until]
    lines.sort(key=lambda line: (line["created"], line["id"]), reverse=True)
    if after:
        places = [place for place, line in enumerate(lines) if line["id"] == after]
        if not places:
            raise missing("balance transaction", after)
        lines = lines[places[0] + 1 :]
    return page_of(lines[:limit], "/v1/balance_transactions", more=len(lines) > limit)


def _lines(*, expanded: bool) -> list[dict[str, Any]]:
    found = []
    for charge in Charge.objects.filter(paid=True).select_related("intent__session"):
        amount, source = charge.intent.session.amount, charge_json(charge)
        found.append(_line("charge", source, amount, fee_of(amount), charge.created, expanded))
    for refund in Refund.objects.select_related("charge__intent__session"):
        source = refund_json(refund)
        found.append(_line("refund", source, -refund.amount, 0, refund.created, expanded))
        if refund.status == "failed":
            found.append(_line("refund_failure", source, refund.amount, 0, refund.due, expanded))
    for dispute in Dispute.objects.select_related("charge__intent__session"):
        about = {"source": dispute_json(dispute)} if expanded else {}
        found += [{**line, **about} for line in dispute_lines(dispute)]
    return found


def _line(kind: str, source: dict[str, Any], amount: int, fee: int, created: int, expanded: bool) -> dict[str, Any]:
    currency = source["currency"]
    kept = {"amount": fee, "application": None, "currency": currency, "description": "Fees", "type": "stripe_fee"}
    name = f"{source['id'].partition('_')[2]}{'f' if kind == 'refund_failure' else ''}"
    return {
        **line_json(name, kind, currency),
        "amount": amount,
        "available_on": created,
        "created": created,
        "fee": fee,
        "fee_details": [kept] if fee else [],
        "net": amount - fee,
        "source": source if expanded else source["id"],
        "type": kind,
    }
