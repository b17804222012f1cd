"""What the counter's pages show: an order with its cash, the change, the till's day, and what waits for whom."""

from __future__ import annotations

from typing import Any

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.orders.queries import order_by_code
from lineaviva.keeper.till import queries, rules
from lineaviva.keeper.till.models import Cancellation
from lineaviva.keeper.web import order_page, words
from lineaviva.kernel.errors import LineavivaError
from lineaviva.kernel.money import Money

_FIELDS = ("code", "given", "reason")


def counter_facts(code: str, given: str, error: LineavivaError | None) -> dict[str, Any]:
    """The counter with the order of this code, where there is one; `error` stands at the field that it is about."""
    day = queries.open_day()
    facts: dict[str, Any] = {
        **{"code": code, "given": given, "page": None, "errors": {}},
        **{"day": day, "closed": day is None and queries.days_kept()},
        **{"asked": queries.cancellations_asked().count(), "backs": list(queries.waiting_back()[:20])},
    }
    try:
        order = order_by_code(code) if code else None
    except LineavivaError as unknown:
        return {**facts, "status": unknown.status, "errors": {"code": words.sentence(unknown)}}
    if order is not None:
        facts |= {"page": order_page.page_of(order), **_cash(order)}
        if given and error is None and not facts["closed"]:
            try:
                facts |= _change(order, given)
            except LineavivaError as wrong:
                error = wrong
    if error is None:
        return {**facts, "status": 200}
    field = error.field if error.field in _FIELDS else "code"
    return {**facts, "status": error.status, "errors": {field: words.sentence(error)}}


def _change(order: ProductOrder, given: str) -> dict[str, Any]:
    total = Money(order.total_minor, order.currency)
    handed = Money.parse(given, order.currency, field="given")
    return {"handed": handed, "handed_text": str(handed.decimal), "change": rules.change(total, handed)}


def _cash(order: ProductOrder) -> dict[str, Any]:
    """What was handed over, what has to go back, and whether it can be called off."""
    try:
        queries.require_cancellable(order)
        why_not = ""
    except LineavivaError as refusal:
        why_not = words.sentence(refusal) if refusal.code != "cancel_not_cash" else ""
    return {
        "cash": queries.cash_of(order),
        "beside": queries.renewed_beside(order) if order.state == "placed" else [],
        "back": queries.back_of(order),
        "asked_one": queries.cancellation_asked_of(order),
        "may_cancel": not why_not and order.state == "paid" and _by_cash(order),
        "why_not": why_not if order.state in {"paid", "active"} else "",
        "handy": [(minor, str(Money(minor, order.currency).decimal)) for minor in rules.handy(order.total_minor)],
    }


def _by_cash(order: ProductOrder) -> bool:
    return order.attempts.filter(provider="cash", state="succeeded", surplus=False).exists()


def asked_rows(reader: User) -> list[dict[str, Any]]:
    """Every cancellation that waits, with what this reader can do about it."""
    return [_asked(row, reader) for row in queries.cancellations_asked()[:100]]


def _asked(row: Cancellation, reader: User) -> dict[str, Any]:
    why_not = ""
    try:
        queries.require_cancellable(row.attempt.order)
    except LineavivaError as refusal:
        why_not = words.sentence(refusal)
    return {"row": row, "mine": row.asked_by_id == reader.pk, "why_not": why_not}
