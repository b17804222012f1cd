"""Our books against the pretend bank's own list, read over HTTP as Stripe's is; PayPal is asked piece by piece."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from lineaviva.keeper.books import queries
from lineaviva.keeper.books.models import Difference, Reconciliation, StatementLine
from lineaviva.keeper.orders.actions import order_fail
from lineaviva.keeper.payments.models import Dispute, InboxEvent, PaymentAttempt
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.payments.refunding import refund_request
from lineaviva.kernel import agenda
from lineaviva.sandbox import person
from lineaviva.sandbox.paypal.objects import fee_of as paypal_fee
from lineaviva.sandbox.provider.balance import fee_of
from tests.keeper.payments.conftest import Till, state
from tests.sandbox.provider.process import PAYPAL, http

DAY = timedelta(days=1)


def by_paypal(till: Till, price: int = 500) -> PaymentAttempt:
    attempt = till.begin(till.order(price=price), "paypal")
    person.approve(attempt.redirect_url)
    return attempt


def at_paypal(till: Till, path: str, sent: dict[str, str] | None = None, *, method: str = "POST") -> httpx.Response:
    """Somebody does it by hand, at PayPal's own pages."""
    base, basic = f"{till.bank.url}/paypal", (PAYPAL["PAYPAL_CLIENT_ID"], PAYPAL["PAYPAL_SECRET"])
    token = http.post(f"{base}/v1/oauth2/token", data={"grant_type": "client_credentials"}, auth=basic).json()
    authorized = {"Authorization": f"Bearer {token['access_token']}"}
    return http.request(method, f"{base}{path}", json=sent, headers=authorized)


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


# --- PayPal ---------------------------------------------------------------------------------------------------------


def test_what_paypal_collected_and_gave_back_agrees_with_its_fees(till: Till) -> None:
    kept, back = by_paypal(till, 2500), by_paypal(till)
    till.after(timedelta(seconds=10))
    assert (state(kept), state(back)) == ("succeeded", "succeeded")
    order_fail(order=back.order, reason="refused", now=till.clock.now())
    refund_request(attempt=back, reason="activation_refused", now=till.clock.now())
    till.look()
    PaymentAttempt.objects.update(look_at=None)
    for _ in range(3):
        till.after(DAY)
    assert not Difference.objects.exists()
    fees = paypal_fee(2500) + paypal_fee(500)
    assert queries.balances() == {"fees:paypal": fees, "held": -2500, "provider:paypal": 2500 - fees}
    assert disagreement() == []
    rows = StatementLine.objects.order_by("amount_minor").values_list("kind", "amount_minor", "fee_minor", "key")
    assert list(rows) == [
        ("refund", -500, 0, f"refund:{back.idempotency_key}"),
        ("charge", 500, paypal_fee(500), back.idempotency_key),
        ("charge", 2500, paypal_fee(2500), kept.idempotency_key),
    ]


def test_a_refund_that_somebody_made_by_hand_at_paypal_is_found(till: Till) -> None:
    attempt = by_paypal(till)
    till.after(timedelta(seconds=10))
    assert state(attempt) == "succeeded"
    assert at_paypal(till, f"/v2/payments/captures/{attempt.charge_ref}/refund", {}).status_code == 201
    for _ in range(2):
        till.after(DAY)
    [found] = Difference.objects.all()
    assert (found.kind, found.theirs_minor, found.ours_minor) == ("extra", -500, None)
    assert "paypal lists -5.00 EUR" in found.stuck_reason


def test_one_that_was_made_weeks_later_is_found_by_its_webhook(till: Till) -> None:
    attempt = by_paypal(till)
    till.after(timedelta(seconds=10))
    assert state(attempt) == "succeeded"
    for _ in range(20):
        till.after(DAY)
    assert not Difference.objects.exists()
    made = at_paypal(till, f"/v2/payments/captures/{attempt.charge_ref}/refund", {}).json()
    told = {"kind": "PAYMENT.CAPTURE.REFUNDED", "about": "refund", "reference": made["id"]}
    now = till.clock.now()
    InboxEvent.objects.create(source="paypal", external_id="WH-1", received_at=now, look_at=now, **told)
    for _ in range(2):
        till.after(DAY)
    [found] = Difference.objects.all()
    assert (found.kind, found.theirs_minor, found.reference) == ("extra", -500, made["id"])


def test_money_that_came_to_nobody_of_ours_is_found(till: Till) -> None:
    """Another program's order on the same account, and a capture that names no order."""
    mine, other = by_paypal(till), by_paypal(till, 700)
    till.after(timedelta(seconds=10))
    assert (state(mine), state(other)) == ("succeeded", "succeeded")
    PaymentAttempt.objects.filter(pk=other.pk).update(
        idempotency_key="pay:ELSE:1",
        charge_ref="elsewhere",
        provider_ref="elsewhere",
        state="expired",
        finished_at=None,
    )
    now = till.clock.now()
    told = {"kind": "PAYMENT.CAPTURE.COMPLETED", "about": "capture", "reference": other.charge_ref}
    InboxEvent.objects.create(source="paypal", external_id="WH-1", received_at=now, look_at=now, **told)
    for _ in range(2):
        till.after(DAY)
    [found] = Difference.objects.all()
    assert (found.kind, found.theirs_minor, found.reference) == ("extra", 700, other.charge_ref)
    PaymentAttempt.objects.filter(pk=other.pk).delete()


def test_what_paypal_lost_is_missing(till: Till) -> None:
    attempt = by_paypal(till)
    till.after(timedelta(seconds=10))
    assert state(attempt) == "succeeded"
    PaymentAttempt.objects.filter(pk=attempt.pk).update(provider_ref="5O1NOTHING")
    for _ in range(2):
        till.after(DAY)
    [found] = Difference.objects.all()
    assert (found.kind, found.ours_minor, found.about) == ("missing", 500, attempt.idempotency_key)


# --- disputes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["stripe", "paypal"])
@pytest.mark.parametrize("end", ["won", "lost"])
def test_a_dispute_from_its_webhook_to_the_books(till: Till, way: str, end: str) -> None:
    attempt = by_paypal(till) if way == "paypal" else till.begin(till.order())
    if way == "stripe":
        till.pay(attempt)
    till.after(timedelta(seconds=10))
    assert state(attempt) == "succeeded"
    PaymentAttempt.objects.update(look_at=None)
    name = till.bank.dispute(attempt.charge_ref)
    now = till.clock.now()
    told = {"kind": "a dispute", "about": "dispute", "reference": name}
    InboxEvent.objects.create(source=way, external_id="WH-1", received_at=now, look_at=now, **told)
    till.look()
    till.look()
    row = Dispute.objects.get()
    assert (row.provider, row.provider_ref, row.attempt, row.state) == (way, name, attempt, "open")
    assert row in agenda.stuck()
    till.bank.decide(name, end)
    for _ in range(3):
        till.after(DAY)
    row.refresh_from_db()
    assert (row.state, row.finished_at is not None, row.stuck_reason) == (end, True, "")
    assert not Difference.objects.exists()
    lost = 500 if end == "lost" else 0
    fees = fee_of(500) + 2000 if way == "stripe" else paypal_fee(500)
    assert queries.balances() == {
        account: minor
        for account, minor in {
            **{f"fees:{way}": fees, "held": -500, "losses": lost, f"provider:{way}": 500 - lost - fees},
        }.items()
        if minor
    }
    assert disagreement() == []


def test_a_charge_that_was_heard_of_days_later_is_on_a_list_that_was_read(till: Till) -> None:
    attempt = till.begin(till.order())
    till.pay(attempt)
    till.after(2 * DAY)  # as if we had been down meanwhile
    assert state(attempt) == "succeeded"
    assert Reconciliation.objects.order_by("day").values_list("day", flat=True)[0] == attempt.created_at.date()
    for _ in range(3):
        till.after(DAY)
    assert StatementLine.objects.values_list("key", flat=True).get() == attempt.idempotency_key
    assert not Difference.objects.exists()
