"""Reads of orders, and the audit of the operator's books as a whole."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Count, F, Q, QuerySet, Sum

from lineaviva.carrier.ledger.models import Transaction
from lineaviva.carrier.ledger.queries import LedgerAudit, ledger_audit
from lineaviva.carrier.orders.models import ServiceOrder, Status


def service_orders(operator: str, kind: str) -> QuerySet[ServiceOrder]:
    """The operator's orders of one kind, oldest first, with what a resource shows of them."""
    found = ServiceOrder.objects.filter(operator=operator, kind=kind)
    return found.select_related("subscription", "plan", "transaction").order_by("id")


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
    """The ledger's audit, and each order against its transaction."""
    found = ledger_audit(operator)
    return LedgerAudit(found.accounts, [*found.problems, *_order_problems(operator)])


def _order_problems(operator: str) -> Iterator[str]:
    done = ServiceOrder.objects.filter(operator=operator, status=Status.COMPLETED)
    with_sums = done.annotate(moved=Sum("transaction__entries__amount_minor", default=0))
    for pk, price, moved in with_sums.exclude(moved=F("price_minor")).values_list("pk", "price_minor", "moved"):
        yield f"order {pk}: {price} cents were sold, its transaction moved {moved}"
    astray = done.exclude(transaction__subscription=F("subscription"))
    for pk in astray.values_list("pk", flat=True):
        yield f"order {pk}: its transaction is another line's"
    without_plan = done.filter(Q(kind="plan", plan=None) | Q(kind="topup", plan__isnull=False))
    for pk in without_plan.values_list("pk", flat=True):
        yield f"order {pk}: a plan order has a plan, a top-up has none"
    orphans = _transactions_without_order(operator)
    for pk in orphans:
        yield f"transaction {pk} belongs to no order"


def _transactions_without_order(operator: str) -> QuerySet[Transaction, int]:
    sold = Transaction.objects.filter(subscription__operator=operator, kind__in=["topup", "plan"])
    return sold.filter(order=None).values_list("pk", flat=True)
