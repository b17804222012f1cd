"""Webhooks: forged, old, doubled, disordered, unknown. What is believed is only what the provider says when asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from lineaviva.keeper.payments import agenda as payments_agenda
from lineaviva.keeper.payments.actions import payment_look, payment_settle, webhook_receive
from lineaviva.keeper.payments.models import InboxEvent, PaymentAttempt, Refund
from lineaviva.keeper.payments.ports import Status
from lineaviva.keeper.payments.rules import STRANGER_GRACE, WEBHOOK_MOST_BYTES
from lineaviva.keeper.payments.stripe.adapter import StripeProvider
from lineaviva.kernel.errors import InvalidInput, LineavivaError, NotFound
from lineaviva.sandbox.provider.events import signature
from tests.keeper.payments.conftest import Till, state
from tests.sandbox.provider.process import WEBHOOK_SECRET

pytestmark = pytest.mark.processes


def event(kind: str, reference: str, event_id: str = "evt_1", **about: Any) -> bytes:
    return json.dumps(
        {"id": event_id, "object": "event", "type": kind, "data": {"object": {"id": reference, **about}}}
    ).encode()


def receive(
    till: Till, body: bytes, *, secret: str = WEBHOOK_SECRET, age: timedelta = timedelta(0), **headers: str
) -> InboxEvent:
    at = int((till.clock.now() - age).timestamp())
    given = {"Stripe-Signature": signature(body, secret, at), **headers}
    return webhook_receive(source="stripe", headers=given, body=body, now=till.clock.now())


COMPLETED = "checkout.session.completed"
GOOD = event(COMPLETED, "cs_test_1")

# --- refused ----------------------------------------------------------------------------------------------------

Send = Callable[[Till], Any]
REFUSED: dict[str, Send] = {
    "no signature": lambda t: webhook_receive(source="stripe", headers={}, body=GOOD, now=t.clock.now()),
    "empty signature": lambda t: receive(t, GOOD, **{"Stripe-Signature": ""}),
    "nonsense as signature": lambda t: receive(t, GOOD, **{"Stripe-Signature": "hello"}),
    "no instant": lambda t: receive(t, GOOD, **{"Stripe-Signature": "v1=00"}),
    "instant is no number": lambda t: receive(t, GOOD, **{"Stripe-Signature": "t=x,v1=00"}),
    "no signature of our scheme": lambda t: receive(t, GOOD, **{"Stripe-Signature": "t=1,v0=00"}),
    "another secret": lambda t: receive(t, GOOD, secret="whsec_other"),
    "an empty secret": lambda t: receive(t, GOOD, secret=""),
    "another body": lambda t: receive(t, GOOD + b" ", **{"Stripe-Signature": signature(GOOD, WEBHOOK_SECRET, 1)}),
    "too old": lambda t: receive(t, GOOD, age=timedelta(minutes=5, seconds=1)),
    "from the future": lambda t: receive(t, GOOD, age=-timedelta(minutes=5, seconds=1)),
    "replayed with a new instant": lambda t: receive(
        t,
        GOOD,
        **{
            "Stripe-Signature": signature(GOOD, WEBHOOK_SECRET, 1).replace(
                "t=1,", f"t={int(t.clock.now().timestamp())},"
            )
        },
    ),
    "no JSON": lambda t: receive(t, b"hello"),
    "no text": lambda t: receive(t, b"\xff\xfe"),
    "empty": lambda t: receive(t, b""),
    "JSON of another kind": lambda t: receive(t, b"[]"),
    "a number": lambda t: receive(t, b"1"),
    "no id": lambda t: receive(t, b'{"type": "x", "data": {"object": {"id": "y"}}}'),
    "no type": lambda t: receive(t, b'{"id": "x", "data": {"object": {"id": "y"}}}'),
    "no data": lambda t: receive(t, json.dumps({"id": "x", "type": COMPLETED}).encode()),
    "data of another kind": lambda t: receive(t, json.dumps({"id": "x", "type": COMPLETED, "data": []}).encode()),
    "nothing it is about": lambda t: receive(
        t, json.dumps({"id": "x", "type": COMPLETED, "data": {"object": {}}}).encode()
    ),
}


@pytest.mark.parametrize("send", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_the_providers_is_refused_and_not_kept(till: Till, send: Send) -> None:
    with pytest.raises(InvalidInput) as refusal:
        send(till)
    assert (refusal.value.code, refusal.value.status) == ("webhook_refused", 400)
    assert not InboxEvent.objects.exists()


def test_without_a_signing_secret_nobody_is_believed(till: Till, settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRET = ""
    with pytest.raises(InvalidInput) as refusal:
        receive(till, GOOD, secret="")
    assert refusal.value.code == "webhook_refused"
    assert not InboxEvent.objects.exists()


@pytest.mark.parametrize(("size", "taken"), [(WEBHOOK_MOST_BYTES, True), (WEBHOOK_MOST_BYTES + 1, False)])
def test_a_webhook_has_a_largest_size(till: Till, size: int, taken: bool) -> None:
    body = GOOD + b" " * (size - len(GOOD))
    if taken:
        assert receive(till, body).external_id == "evt_1"
        return
    with pytest.raises(InvalidInput) as refusal:
        receive(till, body)
    assert (refusal.value.code, refusal.value.status) == ("webhook_too_large", 413)
    assert not InboxEvent.objects.exists()


@pytest.mark.parametrize("source", ["cash", "bitcoin", "", "../stripe"])
def test_nobody_else_sends_webhooks(till: Till, source: str) -> None:
    with pytest.raises(LineavivaError) as refusal:
        webhook_receive(source=source, headers={}, body=GOOD, now=till.clock.now())
    assert (refusal.value.code, refusal.value.status) == ("webhook_unknown", 404)
    assert isinstance(refusal.value, NotFound) or source == "cash"
    assert not InboxEvent.objects.exists()


# --- kept -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=5), -timedelta(minutes=5)], ids=str)
def test_within_five_minutes_it_is_taken(till: Till, age: timedelta) -> None:
    kept = receive(till, GOOD, age=age)
    assert (kept.source, kept.external_id, kept.kind) == ("stripe", "evt_1", COMPLETED)
    assert (kept.about, kept.reference, kept.state) == ("payment", "cs_test_1", "new")
    assert (kept.received_at, kept.look_at, kept.handled_at) == (till.clock.now(), till.clock.now(), None)


def test_header_names_in_any_case(till: Till) -> None:
    header = signature(GOOD, WEBHOOK_SECRET, int(till.clock.now().timestamp()))
    for name in ("STRIPE-SIGNATURE", "stripe-signature", "Stripe-Signature"):
        webhook_receive(source="stripe", headers={name: header}, body=GOOD, now=till.clock.now())
    assert InboxEvent.objects.count() == 1


def test_the_same_event_is_kept_once_and_once_handled_not_woken_again(till: Till) -> None:
    attempt = till.begin(till.order())
    till.bank.knobs(webhook_never_percent=100)
    till.pay(attempt)
    body = event(COMPLETED, attempt.provider_ref)
    first = receive(till, body)
    till.look()
    assert state(first) == "handled"
    again = receive(till, body)
    assert again == first
    again.refresh_from_db()
    assert (again.state, again.look_at) == ("handled", None)
    assert InboxEvent.objects.count() == 1


@pytest.mark.parametrize("kind", ["payment_intent.succeeded", "customer.created", "x" * 200])
def test_what_we_do_not_know_is_kept_as_ignored(till: Till, kind: str) -> None:
    kept = receive(till, event(kind, "obj_1"))
    till.look()
    kept.refresh_from_db()
    assert (kept.state, kept.about, kept.reference, kept.look_at) == ("ignored", "nothing", "", None)
    assert kept.kind == kind[:60]


# --- believed only when asked ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [COMPLETED, "checkout.session.async_payment_succeeded"])
def test_a_lie_in_a_true_envelope_changes_nothing(till: Till, kind: str) -> None:
    order = till.order()
    attempt = till.begin(order)
    receive(till, event(kind, attempt.provider_ref, payment_status="paid", status="complete", amount_total=500))
    till.look()
    assert (state(order), state(attempt)) == ("placed", "open")


@pytest.mark.parametrize("kind", ["checkout.session.expired", "checkout.session.async_payment_failed"])
def test_bad_news_that_is_not_true_changes_nothing(till: Till, kind: str) -> None:
    order = till.order()
    attempt = till.begin(order)
    till.bank.knobs(webhook_never_percent=100)
    till.pay(attempt)
    receive(till, event(kind, attempt.provider_ref, status="expired"))
    till.look()
    assert (state(order), state(attempt)) == ("paid", "succeeded")


KINDS = ("checkout.session.expired", COMPLETED, "checkout.session.async_payment_failed")


@pytest.mark.parametrize(
    "order_of_news", list(permutations(KINDS)), ids=lambda kinds: " ".join(k.split(".")[-1] for k in kinds)
)
def test_news_in_any_order_ends_the_same(till: Till, order_of_news: tuple[str, ...]) -> None:
    order = till.order()
    attempt = till.begin(order)
    till.bank.knobs(webhook_never_percent=100)
    till.pay(attempt)
    for number, kind in enumerate(order_of_news):
        receive(till, event(kind, attempt.provider_ref, f"evt_{number}"))
        till.look()
    assert (state(order), state(attempt)) == ("paid", "succeeded")
    assert set(InboxEvent.objects.values_list("state", flat=True)) == {"handled"}
    assert not Refund.objects.exists()


def test_the_payers_browser_was_faster_and_the_bank_is_not_asked_again(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = till.order()
    attempt = till.begin(order)
    till.bank.knobs(webhook_never_percent=100)
    till.pay(attempt)
    payment_look(order=order, now=till.clock.now())
    till.look()
    assert (state(order), state(attempt)) == ("paid", "succeeded")
    monkeypatch.setattr(StripeProvider, "fetch", pytest.fail)
    event_row = receive(till, event(COMPLETED, attempt.provider_ref))
    till.look()
    assert (state(event_row), event_row.look_at, state(attempt), attempt.look_at) == (
        "handled",
        None,
        "succeeded",
        None,
    )


def test_settled_while_its_webhook_is_looked_at_it_does_not_stay_due(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is due in a state that no step takes would be gone through by every scan, for ever."""
    order = till.order()
    attempt = till.begin(order)
    till.bank.knobs(webhook_never_percent=100)
    till.pay(attempt)
    wake = payments_agenda._wake_open

    def settled_first(row: PaymentAttempt, now: Any) -> None:
        payment_settle(attempt=row, status=StripeProvider().fetch(row.provider_ref), now=now)
        wake(row, now)

    monkeypatch.setattr(payments_agenda, "_wake_open", settled_first)
    receive(till, event(COMPLETED, attempt.provider_ref))
    till.look()
    assert (state(order), state(attempt), attempt.look_at) == ("paid", "succeeded", None)


def test_told_again_before_it_was_handled_it_stays_due(till: Till) -> None:
    attempt = till.begin(till.order())
    first = receive(till, event(COMPLETED, attempt.provider_ref))
    till.clock.advance(timedelta(seconds=1))
    again = receive(till, event(COMPLETED, attempt.provider_ref))
    again.refresh_from_db()
    assert (again, again.state, again.look_at, again.wakes) == (first, "new", first.received_at, 1)


def test_good_news_of_an_attempt_that_we_had_given_up(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order)
    payment_settle(attempt=attempt, status=Status("failed", reason="card_declined"), now=till.clock.now())
    till.bank.knobs(webhook_never_percent=100)
    till.pay(attempt)
    receive(till, event(COMPLETED, attempt.provider_ref))
    till.look()
    assert (state(order), state(attempt), attempt.surplus, attempt.reason) == ("paid", "succeeded", False, "")


def test_told_before_we_had_written_down_what_it_is_about(till: Till) -> None:
    """The bank knows our key; its webhook is faster than our second write, or our process died before it."""
    order = till.order()
    attempt = till.begin(order)
    till.bank.knobs(webhook_never_percent=100)
    till.pay(attempt)
    reference, attempt.provider_ref = attempt.provider_ref, ""
    attempt.save(update_fields=["provider_ref"])
    receive(till, event(COMPLETED, reference))
    till.look()
    assert (state(order), state(attempt), attempt.provider_ref) == ("paid", "succeeded", reference)


def test_about_nothing_that_the_bank_has(till: Till) -> None:
    kept = receive(till, event(COMPLETED, "cs_test_gone"))
    till.look()
    assert state(kept) == "ignored"


def test_about_a_payment_of_another_program(till: Till) -> None:
    attempt = till.begin(till.order())
    session = till.bank.session(key="theirs")
    kept = receive(till, event(COMPLETED, session))
    till.look()
    assert (state(kept), state(attempt)) == ("ignored", "open")


def test_about_an_attempt_that_we_have_lost_is_for_a_person(till: Till) -> None:
    kept = receive(till, event(COMPLETED, till.bank.session(key="pay:K2M7F5PW:1")))
    till.look()
    assert state(kept) == "new"
    till.after(STRANGER_GRACE)
    kept.refresh_from_db()
    assert kept.stuck_reason.startswith("NeedsPerson: stripe tells of payment pay:K2M7F5PW:1")


def test_the_bank_does_not_answer_when_we_ask_and_the_event_waits(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order)
    till.bank.knobs(webhook_never_percent=100)
    till.pay(attempt)
    PaymentAttempt.objects.filter(pk=attempt.pk).update(state="failed", look_at=None)
    kept = receive(till, event(COMPLETED, attempt.provider_ref))
    till.bank.knobs(error_percent=100)
    till.look()
    assert (state(kept), state(order)) == ("new", "placed")
    till.bank.knobs(error_percent=0)
    till.after(timedelta(minutes=1))
    assert (state(kept), state(order)) == ("handled", "paid")


@pytest.mark.parametrize("known", [True, False], ids=["ours", "nobody's"])
def test_news_of_a_refund_wakes_it(till: Till, known: bool) -> None:
    order = till.order()
    attempt = till.begin(order)
    PaymentAttempt.objects.filter(pk=attempt.pk).update(state="succeeded", look_at=None, surplus=True)
    later = till.clock.now() + timedelta(hours=1)
    refund = Refund.objects.create(
        attempt=attempt, amount_minor=500, reason="x", provider_ref="re_1", requested_at=till.clock.now(), look_at=later
    )
    kept = receive(till, event("refund.updated", "re_1" if known else "re_2"))
    from lineaviva.keeper.payments.agenda import inbox_look

    outcome = inbox_look(kept, till.clock.now())
    assert outcome.changes == {"state": "handled", "handled_at": till.clock.now()}
    refund.refresh_from_db()
    assert refund.look_at == (till.clock.now() if known else later)
    PaymentAttempt.objects.filter(pk=attempt.pk).update(state="failed")
    Refund.objects.all().delete()
