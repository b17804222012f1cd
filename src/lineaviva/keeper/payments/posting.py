"""What payments write into the books, each in the transaction of what happened; and the proof that both agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import Any

from django.db import transaction
from django.db.models import Case, CharField, Exists, OuterRef, QuerySet, Value, When
from django.db.models.functions import Cast, Concat
from django.utils.module_loading import autodiscover_modules

from lineaviva.keeper.accounts.actions import audit
from lineaviva.keeper.books import queries as books
from lineaviva.keeper.books import rules as chart
from lineaviva.keeper.books import vat
from lineaviva.keeper.books.actions import post
from lineaviva.keeper.books.models import Kind, Posting
from lineaviva.keeper.orders.models import OrderState, ProductOrder
from lineaviva.keeper.payments import rules
from lineaviva.keeper.payments.models import AttemptState, PaymentAttempt, Refund
from lineaviva.keeper.payments.queries import MoneyBalance, money_balance
from lineaviva.kernel.money import Money

BY_HAND, BY_TRANSFER, BY_DISPUTE = rules.BY_HAND, rules.BY_TRANSFER, rules.BY_DISPUTE
_MOST_NAMED = 20

Proof = Callable[[], Iterable[str]]
_proofs: dict[str, Proof] = {}


def proof(say: Proof) -> Proof:
    """Register what a later step has to say of the books. Modules called `proof` are found by themselves."""
    _proofs[f"{say.__module__}.{say.__qualname__}"] = say
    return say


def collected(*, attempt: PaymentAttempt, now: datetime) -> None:
    """An attempt succeeded: its money lies where it came in, and we owe what it was paid for."""
    post(
        key=f"payment:{attempt.idempotency_key}",
        kind=Kind.PAYMENT,
        entries=chart.moved(_amount(attempt), debit=_place(attempt), credit=chart.HELD),
        at=now,
        reference=attempt.order.code,
        detail={"provider": attempt.provider, "charge": attempt.charge_ref},
    )


def delivered(*, order: ProductOrder, now: datetime) -> None:
    """An order is active: what was paid for it is ours."""
    account = chart.sales(vat.product(order.offering.kind).kind.name)
    amount = Money(order.total_minor, order.currency)
    post(
        key=books.sale_key(order.code),
        kind=Kind.SALE,
        entries=chart.moved(amount, debit=chart.HELD, credit=account),
        at=now,
        reference=order.code,
        detail={"offering": order.offering.key},
    )


def given_back(*, refund: Refund, attempt: PaymentAttempt, now: datetime) -> None:
    """Money is back with its payer: out of what we owed, or out of the sale where something had been delivered.

    What a dispute took is lost already: it was not lost, but given back.
    """
    order = attempt.order
    taken = chart.HELD
    if refund.requested_by_id is not None and not attempt.surplus:
        taken = books.sales_account(order.code) or chart.sales(vat.product(order.offering.kind).kind.name)
    post(
        key=rules.refund_key(attempt.idempotency_key, refund.number),
        kind=Kind.REFUND,
        entries=chart.moved(_amount(refund), debit=taken, credit=_left(refund, attempt)),
        at=now,
        reference=order.code,
        detail={
            **{"provider": attempt.provider, "refund": refund.provider_ref},
            **{"reason": refund.reason, "row": refund.pk},
        },
    )


def reference_shown(refund: Refund) -> str:
    """The provider's own name of it, of the refund or the dispute; empty where a person gave it back by hand."""
    return "" if refund.provider_ref.startswith(BY_HAND) else refund.provider_ref.removeprefix(BY_DISPUTE)


def _left(refund: Refund, attempt: PaymentAttempt) -> str:
    """Where a refund's money was before it went back.

    What a person gave by hand left the till or the bank, however it had come. Of what the owner paid elsewhere nothing
    was ever here: only who charged it can give it back.
    """
    if refund.provider_ref.startswith(BY_DISPUTE):
        return chart.LOSSES
    if attempt.provider == "account" or not refund.provider_ref.startswith(BY_HAND):
        return _place(attempt)
    return chart.BANK if refund.provider_ref.startswith(BY_TRANSFER) else chart.TILL


def way_back(refund: Refund, attempt: PaymentAttempt) -> str:
    """How a refund goes back, as a way to pay is called; "transfer" where a person sent it from the bank."""
    if attempt.provider == "account" or not refund.provider_ref.startswith(BY_HAND):
        return attempt.provider
    return "transfer" if refund.provider_ref.startswith(BY_TRANSFER) else "cash"


def _place(attempt: PaymentAttempt) -> str:
    """Where an attempt's money came from: what somebody's wallet has is ours already, and owed to them."""
    payer = attempt.order.placed_by_id
    return chart.wallet(payer) if attempt.provider == "wallet" else chart.place(attempt.provider)


def _amount(row: PaymentAttempt | Refund) -> Money:
    return Money(row.amount_minor, row.currency)


# --- the proof ----------------------------------------------------------------------------------------------------


def disagreement() -> list[str]:
    """One sentence for everything in which the books are wrong in themselves, or differ from the rows of payments and
    of later steps.

    The sums are counted twice, from the rows and from the entries, which share nothing but what happened. Call it where
    nobody pays meanwhile, or inside a snapshot.
    """
    found = books.disagreement()
    paid_in = PaymentAttempt.objects.order_by().values_list("currency", flat=True).distinct()
    for currency in sorted({"EUR", *books.currencies(), *paid_in}):
        found += _sums(money_balance(currency))
    _proofs_find()
    return [*found, *_unposted(), *(sentence for say in _proofs.values() for sentence in say())]


@cache
def _proofs_find() -> None:
    """Once in a process: it looks through every app."""
    autodiscover_modules("proof")


def in_books(currency: str = "EUR") -> MoneyBalance:
    """The same sums as `money_balance`, read from the books alone."""
    balances = books.balances(currency)
    return MoneyBalance(
        collected=-books.moved_by(Kind.PAYMENT, account=chart.HELD, currency=currency),
        refunded=-_left_by_refunds(currency),
        delivered=-sum(minor for account, minor in balances.items() if account.startswith(chart.SALES)),
        held=-balances.get(chart.HELD, 0),
        currency=currency,
    )


def _left_by_refunds(currency: str) -> int:
    places = ("provider:", "till:", chart.BANK, chart.WALLETS, chart.OWNER, chart.LOSSES)
    return sum(books.moved_by(Kind.REFUND, account=place, currency=currency) for place in places)


def _sums(rows: MoneyBalance) -> Iterator[str]:
    kept = in_books(rows.currency)
    for name in ("collected", "refunded", "delivered", "held"):
        counted, written = (Money(getattr(one, name), rows.currency) for one in (rows, kept))
        if counted != written:
            yield f"{name}: payments count {counted}, the books {written}"


def _unposted() -> Iterator[str]:
    """Which rows it is about, as far as rows can tell it."""
    for rows in (_attempts(), _orders(), _refunds()):
        keys = rows.values_list("posting_key", flat=True)[:_MOST_NAMED]
        yield from (f"{key} is not in the books" for key in keys)


def _attempts() -> QuerySet[Any]:
    """Attempts that succeeded and are not in the books; `posting_key` is what they would have there."""
    rows = PaymentAttempt.objects.filter(state=AttemptState.SUCCEEDED, amount_minor__gt=0).select_related("order")
    return _without(rows, Concat(Value("payment:"), "idempotency_key", output_field=CharField()))


def _orders() -> QuerySet[Any]:
    rows = ProductOrder.objects.filter(state=OrderState.ACTIVE, total_minor__gt=0).select_related("offering")
    return _without(rows, Concat(Value("sale:"), "code", output_field=CharField()))


def _refunds() -> QuerySet[Any]:
    rows = Refund.objects.filter(state=Refund.State.SUCCEEDED, amount_minor__gt=0)
    later = Concat(Value(":"), Cast("number", CharField()), output_field=CharField())
    suffix = Case(When(number=1, then=Value("")), default=later, output_field=CharField())
    key = Concat(Value("refund:"), "attempt__idempotency_key", suffix, output_field=CharField())
    return _without(rows.select_related("attempt__order__offering"), key)


def _without(rows: QuerySet[Any], key: Concat) -> QuerySet[Any]:
    kept = Posting.objects.filter(key=OuterRef("posting_key"))
    found: QuerySet[Any] = rows.annotate(posting_key=key).filter(~Exists(kept)).order_by("pk")
    return found


@transaction.atomic
def books_repair(*, now: datetime) -> list[str]:
    """Post what is in payments' rows and not in the books, as of when it happened; returns the keys.

    There is something only where a program older than the books went on working after the upgrade.
    """
    done = []
    for attempt in _attempts():
        collected(attempt=attempt, now=attempt.finished_at or attempt.created_at)
        done.append(attempt.posting_key)
    for order in _orders():
        delivered(order=order, now=order.active_at or order.placed_at)
        done.append(order.posting_key)
    for refund in _refunds():
        given_back(refund=refund, attempt=refund.attempt, now=refund.finished_at or refund.requested_at)
        done.append(refund.posting_key)
    if done:
        audit(actor=None, act="books_repair", subject="books", detail={"postings": len(done)}, now=now)
    return done
