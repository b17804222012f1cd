"""Reads of orders, and the audit of the operator's books as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.models import Count, QuerySet, Sum

from lineaviva.carrier.ledger.queries import LedgerAudit, ledger_audit
from lineaviva.carrier.orders.models import CreditMove, ServiceOrder, Status


def service_orders(operator: str, kind: str) -> QuerySet[ServiceOrder]:
    """The operator's orders of one kind, oldest first."""
    return ServiceOrder.objects.filter(operator=operator, kind=kind).order_by("id")


def credit_moves(operator: str, kind: str) -> QuerySet[CreditMove]:
    """The operator's adjustments, or its transfers, oldest first."""
    return CreditMove.objects.filter(operator=operator, kind=kind).order_by("id")


def order_by_reference(*, operator: str, requester: str, reference: str | None) -> ServiceOrder | None:
    """The order that this reference decided, or None."""
    if reference is None:
        return None
    return ServiceOrder.objects.filter(operator=operator, requester=requester, reference=reference).first()


def credited(operator: str) -> dict[str, dict[str, int]]:
    """For each reference: how often it was carried out, what that is worth and what was given away, in cents."""
    done = ServiceOrder.objects.filter(operator=operator, status=Status.COMPLETED, reference__isnull=False)
    rows = done.values("reference").annotate(
        times=Count("id"), worth=Sum("price_minor"), discount=Sum("discount_minor")
    )
    return {
        str(row["reference"]): {
            "times": row["times"],
            "minor": row["worth"],
            "discount_minor": row["discount"],
        }
        for row in rows.order_by("reference")
    }


def books_audit(operator: str) -> LedgerAudit:
    """The ledger's audit, and each order against its event."""
    found = ledger_audit(operator)
    return LedgerAudit(found.accounts, [*found.problems, *_order_problems(operator)])


_UNEQUAL = """
    SELECT o.id, o.price_minor, COALESCE(v.amount_minor, -1) FROM carrier_orders_serviceorder o
      LEFT JOIN carrier_ledger_event v ON v.subscription_id = o.subscription_id AND v.number = o.event_number
     WHERE o.operator = %s AND o.status = 'completed'
       AND (v.number IS NULL OR v.amount_minor <> o.price_minor OR v.kind <> o.kind)
"""
_PLANLESS = """
    SELECT o.id FROM carrier_orders_serviceorder o
      LEFT JOIN carrier_subscriptions_plan p ON p.subscription_id = o.subscription_id AND p.number = o.plan_number
     WHERE o.operator = %s AND o.status = 'completed' AND (o.kind = 'plan') <> (p.number IS NOT NULL)
"""
_MOVES = """
    SELECT m.id, ABS(m.amount_minor), COALESCE(v.amount_minor, -1), COALESCE(w.amount_minor, -1)
      FROM carrier_orders_creditmove m
      LEFT JOIN carrier_ledger_event v ON v.subscription_id = m.subscription_id AND v.number = m.event_number
       AND v.kind = CASE m.kind WHEN 'adjust' THEN 'adjusted' ELSE 'credit_out' END
      LEFT JOIN carrier_ledger_event w ON w.subscription_id = m.receiver_id AND w.number = m.receiver_event_number
       AND w.kind = 'credit_in'
     WHERE m.operator = %s
       AND (v.number IS NULL OR v.amount_minor <> ABS(m.amount_minor)
            OR (m.kind = 'transfer' AND (w.number IS NULL OR w.amount_minor <> m.amount_minor)))
"""
_ORDERLESS = """
    SELECT v.subscription_id, v.number FROM carrier_ledger_event v
      JOIN carrier_subscriptions_subscription s ON s.id = v.subscription_id
     WHERE s.operator = %s AND v.kind IN ('topup', 'plan')
       AND NOT EXISTS (SELECT 1 FROM carrier_orders_serviceorder o
                        WHERE o.subscription_id = v.subscription_id AND o.event_number = v.number)
"""


def _order_problems(operator: str) -> Iterator[str]:
    for pk, price, moved in _rows(_UNEQUAL, operator):
        yield f"order {pk}: {price} cents were sold, its event is missing or says {moved}"
    for (pk,) in _rows(_PLANLESS, operator):
        yield f"order {pk}: a plan order has a plan, a top-up has none"
    for pk, number in _rows(_ORDERLESS, operator):
        yield f"event {number} of subscription {pk} belongs to no order"
    for pk, amount, out, came in _rows(_MOVES, operator):
        yield f"credit move {pk}: {amount} cents were moved, its events are missing or say {out} and {came}"


def _rows(sql: str, operator: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [operator])
        return list(cursor.fetchall())
