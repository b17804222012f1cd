"""Our books against the pretend bank's own list, read over HTTP as Stripe's is."""

from __future__ import annotations

from datetime import timedelta

from lineaviva.keeper.books import queries
from lineaviva.keeper.books.models import Difference, Reconciliation, StatementLine
from lineaviva.keeper.orders.actions import order_fail
from lineaviva.keeper.payments.models import PaymentAttempt
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.payments.refunding import refund_request
from lineaviva.sandbox.provider.balance import fee_of
from tests.keeper.payments.conftest import Till, state

DAY = timedelta(days=1)


def test_charges_refunds_and_fees_agree_with_the_banks_list(till: Till) -> None:
    kept, back = till.begin(till.order(price=2500)), till.begin(till.order())
    for attempt in (kept, back):
        till.pay(attempt)
    till.after(timedelta(seconds=10))
    assert (state(kept), state(back)) == ("succeeded", "succeeded")
    order_fail(order=back.order, reason="refused", now=till.clock.now())
    refund_request(attempt=back, reason="activation_refused", now=till.clock.now())
    till.look()
    PaymentAttempt.objects.update(look_at=None)
    for _ in range(3):
        till.after(DAY)

    assert list(Reconciliation.objects.order_by("day").values_list("state", "lines")) == [
        *(("done", 3), ("done", 0), ("done", 0)),
        ("open", 0),
    ]
    assert not Difference.objects.exists()
    fees = fee_of(2500) + fee_of(500)
    assert queries.balances() == {"fees:stripe": fees, "held": -2500, "provider:stripe": 2500 - fees}
    assert disagreement() == []
    rows = StatementLine.objects.order_by("amount_minor").values_list("kind", "amount_minor", "fee_minor", "key")
    assert list(rows) == [
        ("refund", -500, 0, f"refund:{back.idempotency_key}"),
        ("charge", 500, fee_of(500), back.idempotency_key),
        ("charge", 2500, fee_of(2500), kept.idempotency_key),
    ]


def test_a_charge_that_our_rows_lost_is_found_on_the_banks_list(till: Till) -> None:
    attempt = till.begin(till.order())
    till.pay(attempt)
    till.after(timedelta(seconds=10))
    PaymentAttempt.objects.filter(pk=attempt.pk).update(idempotency_key="pay:LOST:1", charge_ref="ch_lost")
    for _ in range(2):
        till.after(DAY)
    assert [(row.kind, row.theirs_minor or row.ours_minor) for row in Difference.objects.order_by("kind")] == [
        ("extra", 500),
        ("missing", 500),
    ]
    assert all(row.stuck_reason for row in Difference.objects.all())
