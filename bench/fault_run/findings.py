"""What became of every order and every cent: our rows beside what the pretend outside has."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

import httpx

from lineaviva.kernel import clock
from lineaviva.sandbox.world import CARRIERS, World

_DAY = timedelta(days=1)
_OVER = {"refunded", "expired", "cancelled"}


def unfinished() -> list[str]:
    """Codes of orders that are neither done nor stuck."""
    from lineaviva.keeper.orders.models import ProductOrder
    from lineaviva.kernel import agenda

    stuck = stuck_codes(agenda.stuck())
    found = ProductOrder.objects.select_related("receipt")
    return [order.code for order in found if order.code not in stuck and not _is_done(order)]


def going_back() -> int:
    """Refunds that are on their way."""
    from lineaviva.keeper.payments.models import Refund

    return Refund.objects.filter(state="requested", stuck_reason="").count()


def _is_done(order: Any) -> bool:
    return order.state in _OVER or (order.state == "active" and hasattr(order, "receipt"))


def stuck_codes(rows: list[Any]) -> set[str]:
    def order_of(row: Any) -> Any:
        for name in ("order", "attempt"):
            if hasattr(row, name):
                return order_of(getattr(row, name))
        return row

    return {getattr(order_of(row), "code", "") for row in rows}


def reconcile() -> None:
    """Read each provider's list of today, and compare it, as the next three days will."""
    from lineaviva.keeper.books.models import Difference, Reconciliation
    from lineaviva.kernel import agenda
    from lineaviva.kernel.agenda.registry import registered

    handlers = [one for one in registered() if one.model in (Reconciliation, Difference)]
    for days in range(1, 5):
        worker = agenda.Worker(handlers, threads=0)
        while worker.run_once(clock.now() + days * _DAY):
            pass


def findings(world: World, wanted: int) -> dict[str, Any]:
    """The counts, and a sentence for everything that is not as it should be."""
    from lineaviva.keeper.books.queries import differences
    from lineaviva.keeper.payments.posting import disagreement
    from lineaviva.keeper.payments.queries import money_balance
    from lineaviva.kernel import agenda

    outside = Outside(world)
    orders, stuck = _orders(), agenda.stuck()
    codes = stuck_codes(stuck)
    lost = [f"lost: {code} is paid, and nothing comes of it" for code in _lost(orders, codes, outside)]
    doubled = [said for order in orders if (said := outside.doubled(order))]
    wrong = [said for order in orders for said in outside.faults(order, stuck=order.code in codes)]
    problems, apart, money = disagreement(), list(differences()), money_balance()
    wrong += outside.unbalanced + _receipts_wrong() + _accounts_wrong(outside)
    wrong += [f"unfinished: {code}" for code in unfinished()]
    if len(orders) != wanted or len({order.line_id for order in orders}) != wanted:
        wrong.append(f"{len(orders)} orders for {wanted} lines")
    if not money.balanced:
        wrong.append(f"money does not balance: {money}")
    return {
        "orders": len(orders),
        "states": dict(Counter("stuck" if order.code in codes else order.state for order in orders)),
        "paid_by": dict(_paid_by()),
        "lost": len(lost),
        "doubled": len(doubled),
        "differences": len(apart),
        "books_agree": not problems,
        "surplus": outside.surplus,
        "money": vars(money),
        "stuck": sorted(f"stuck: {row.__class__.__name__} {row.pk}: {row.stuck_reason}" for row in stuck),
        "wrong": [*lost, *doubled, *wrong, *problems, *(f"{one.kind}: {one.about}" for one in apart)],
    }


def _orders() -> list[Any]:
    from lineaviva.keeper.orders.models import ProductOrder

    return list(ProductOrder.objects.select_related("receipt", "line").prefetch_related("attempts__refunds"))


def _paid_by() -> Counter[str]:
    from lineaviva.keeper.payments.models import PaymentAttempt

    return Counter(PaymentAttempt.objects.filter(state="succeeded").values_list("provider", flat=True))


def _lost(orders: list[Any], stuck: set[str], outside: Outside) -> list[str]:
    """Paid for, not delivered, not given back, and on nobody's list."""
    return [
        order.code
        for order in orders
        if order.code not in stuck and order.state != "active" and outside.keeps(order) != 0
    ]


def _receipts_wrong() -> list[str]:
    from lineaviva.keeper.receipts.models import Receipt

    numbers = sorted(Receipt.objects.values_list("number", flat=True))
    if numbers == list(range(1, len(numbers) + 1)):
        return []
    return [f"receipt numbers have gaps or doubles: {len(numbers)} receipts, last {numbers[-1]}"]


def _accounts_wrong(outside: Outside) -> list[str]:
    """What our books say lies at a provider, its fees added again, is what it says that it collected and gave back."""
    from lineaviva.keeper.books.queries import balances

    kept = balances()
    return [
        f"{name}: {there} there, {ours} in the books"
        for name, there in outside.lies.items()
        if there != (ours := kept.get(f"provider:{name}", 0) + kept.get(f"fees:{name}", 0))
    ]


class Outside:
    """What the pretend carriers carried out, and the pretend bank and PayPal collected and gave back."""

    def __init__(self, world: World) -> None:
        from lineaviva.keeper.payments.models import PaymentAttempt

        self.credited: Counter[str] = Counter()
        self.unbalanced: list[str] = []
        for name in CARRIERS:
            audit = httpx.get(f"{world.carrier_url(name)}/sandbox/audit", timeout=60).json()
            self.credited.update(audit["references"])
            self.unbalanced += [] if audit["balanced"] else [f"the ledger of {name} does not balance"]
        bank = httpx.get(f"{world.provider_url}/sandbox/list", timeout=60).json()
        self.charged = Counter(charge["order"] for charge in bank["charges"])
        self.given_back = Counter(refund["order"] for refund in bank["refunds"])
        self.surplus = PaymentAttempt.objects.filter(state="succeeded", surplus=True).count()
        providers = dict(PaymentAttempt.objects.values_list("idempotency_key", "provider"))
        self.lies: defaultdict[str, int] = defaultdict(int)
        for sign, kind in ((1, "charges"), (-1, "refunds")):
            for one in bank[kind]:
                self.lies[providers.get(one["key"], "nobody")] += sign * one["amount"]

    def keeps(self, order: Any) -> int:
        """Payments of this order that lie at a provider or in the till; the cash is as our rows have it."""
        till = 0
        for attempt in order.attempts.all():
            if attempt.provider == "cash" and attempt.state == "succeeded":
                till += 1 - sum(refund.state == "succeeded" for refund in attempt.refunds.all())
        return till + self.charged[order.code] - self.given_back[order.code]

    def doubled(self, order: Any) -> str:
        credits, keeps = self.credited[f"LV-{order.code}"], self.keeps(order)
        return f"doubled: {self._seen(order)}" if credits > 1 or keeps > 1 or keeps < 0 else ""

    def faults(self, order: Any, *, stuck: bool) -> list[str]:
        credits, keeps, receipt = self.credited[f"LV-{order.code}"], self.keeps(order), hasattr(order, "receipt")
        wrong = order.state == "active" and (credits, keeps) != (1, 1)
        wrong |= receipt and order.state != "active"
        wrong |= not stuck and order.state == "active" and not receipt
        wrong |= not stuck and order.state in _OVER and (credits, keeps) != (0, 0)
        return [f"wrong: {self._seen(order)}, receipt {receipt}"] if wrong else []

    def _seen(self, order: Any) -> str:
        carried = f"carried out {self.credited[f'LV-{order.code}']} times"
        charged = f"charged {self.charged[order.code]} times, given back {self.given_back[order.code]} times"
        return f"{order.code} is {order.state}: {carried}, {charged}, kept {self.keeps(order)} times"
