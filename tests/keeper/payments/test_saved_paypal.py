"""Saved PayPal accounts, over real HTTP: agreed to at PayPal, charged without their holder, removed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lineaviva.keeper.orders.actions import order_cancel
from lineaviva.keeper.payments import saving
from lineaviva.keeper.payments.models import Dispute, InboxEvent, SavedMethod
from lineaviva.keeper.payments.paypal.saved import PayPalSaving
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.payments.queries import money_balance
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import Conflict
from lineaviva.sandbox import person
from tests import factories
from tests.keeper.payments.conftest import Till, balance, busy, state
from tests.keeper.payments.kept import charge, collected, state_of
from tests.keeper.payments.test_reconciled import at_paypal

pytestmark = pytest.mark.processes
SOON = timedelta(seconds=5)


def opened(till: Till) -> SavedMethod:
    """Anna's PayPal account, with PayPal's page open in front of her."""
    return saving.method_begin(holder=factories.anna(), provider="paypal", words="auto-1", now=till.clock.now())


def saved(till: Till, payer: str = "success") -> SavedMethod:
    method = opened(till)
    person.approve(method.redirect_url, payer=payer)
    till.after(SOON)
    assert state_of(method) == "active"
    return method


def test_an_account_is_saved_and_nothing_charged(till: Till) -> None:
    method = opened(till)
    assert (method.state, method.redirect_url.startswith(f"{till.bank.url}/paypal/agreements/")) == ("opened", True)
    page = person.approve(method.redirect_url)
    assert str(page.url).startswith(f"{till.shop.url}/settings/?from=card")
    till.after(SOON)
    assert state_of(method) == "active"
    assert (method.brand, method.last4, method.label, method.shown) == (
        "paypal",
        "",
        "p…@example.org",
        "PayPal p…@example.org",
    )
    assert (method.customer_ref[:4], method.saved_at, method.look_at) == ("cus_", till.clock.now(), None)
    assert (collected(till), money_balance()) == ([], balance())


def test_two_accounts_of_one_payer_are_two(till: Till) -> None:
    first, second = saved(till), saved(till)
    assert first.method_ref != second.method_ref
    assert SavedMethod.objects.filter(state="active").count() == 2


def test_a_page_that_nobody_agrees_to_is_given_up(till: Till) -> None:
    method = opened(till)
    page = method.redirect_url
    till.after(timedelta(minutes=61))
    assert (state_of(method), method.look_at) == ("given_up", None)
    person.approve(page)
    till.after(timedelta(hours=1))
    assert (state_of(method), agenda.stuck()) == ("given_up", [])


@pytest.mark.parametrize("fault", ["error_percent", "lost_answer_percent"])
def test_kept_though_paypal_fails_before_and_after_it(till: Till, fault: str) -> None:
    method = opened(till)
    person.approve(method.redirect_url)
    till.bank.knobs(**{fault: 100})
    till.after(SOON)
    till.bank.knobs(**{fault: 0})
    till.bank.forget_keys()
    till.after(timedelta(minutes=2))
    assert state_of(method) == "active"


def test_a_saved_account_pays_without_its_holder(till: Till) -> None:
    method, order = saved(till), till.order()
    attempt = charge(till, order, method)
    assert (attempt.state, attempt.saved_id, attempt.redirect_url) == ("succeeded", method.pk, "")
    assert charge(till, order, method).pk == attempt.pk
    assert (state(order), collected(till)) == ("paid", [(f"pay:{order.code}:1", 500)])
    assert till.bank.money()["charges"][0]["id"] == attempt.charge_ref
    assert money_balance() == balance(collected=500, held=500)
    assert disagreement() == []


@pytest.mark.parametrize(
    ("payer", "reason", "after"),
    [
        ("declined_later", "instrument_declined", "active"),
        ("asks_later", "not_confirmed", "active"),
        ("taken_back", "card_gone", "broken"),
    ],
)
def test_a_saved_account_that_is_refused(till: Till, payer: str, reason: str, after: str) -> None:
    method, order = saved(till, payer), till.order()
    attempt = charge(till, order, method)
    assert (attempt.state, attempt.reason) == ("failed", reason)
    assert (state(order), state_of(method), collected(till)) == ("placed", after, [])
    # The holder pays the same order on PayPal's page.
    page = till.begin(order, "paypal")
    person.approve(page.redirect_url)
    till.after(SOON)
    assert (state(order), collected(till)) == ("paid", [(f"pay:{order.code}:2", 500)])


@pytest.mark.parametrize("fault", ["error_percent", "lost_answer_percent"])
def test_an_answer_that_is_lost_is_asked_for_again(till: Till, fault: str) -> None:
    method, order = saved(till), till.order()
    till.bank.knobs(**{fault: 100})
    attempt = charge(till, order, method)
    assert (attempt.state, attempt.provider_ref) == ("open", "")
    till.after(timedelta(seconds=31))
    till.bank.knobs(**{fault: 0})
    till.after(timedelta(minutes=2))
    assert (state(order), state(attempt)) == ("paid", "succeeded")
    assert collected(till) == [(f"pay:{order.code}:1", 500)]


@pytest.mark.parametrize("point", ["prepare", "charge"])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("cancelled", [False, True])
def test_killed_while_charging(
    till: Till, monkeypatch: pytest.MonkeyPatch, point: str, after: bool, cancelled: bool
) -> None:
    """PayPal has forgotten our keys meanwhile: what was collected is found by the order's number, and no other way."""
    method, order = saved(till), till.order()
    real = getattr(PayPalSaving, point)

    def dies(self: PayPalSaving, *facts: Any) -> Any:
        if after:
            real(self, *facts)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(PayPalSaving, point, dies)
        with pytest.raises(KeyboardInterrupt):
            charge(till, order, method)
    attempt = order.attempts.get()
    assert (attempt.state, attempt.provider_ref != "") == ("open", point == "charge")
    till.bank.forget_keys()
    if cancelled:
        order_cancel(order=order, by=None, now=till.clock.now())
    till.after(timedelta(seconds=31))
    till.look()
    paid = 500 if not cancelled or (point == "charge" and after) else 0
    assert sum(amount for _key, amount in collected(till)) == paid
    assert state(order) == ("cancelled" if cancelled else "paid")
    assert state(attempt) == ("succeeded" if paid else "expired")
    assert money_balance() == balance(paid, paid if cancelled else 0, 0, 0 if cancelled else paid)
    assert disagreement() == []


def test_a_dispute_meanwhile_keeps_it_from_being_charged(till: Till) -> None:
    method, order = saved(till), till.order()
    earlier = till.begin(till.order(), "paypal")
    till.bank.knobs(error_percent=100)
    attempt = charge(till, order, method)
    till.bank.knobs(error_percent=0)
    now = till.clock.now()
    facts: dict[str, Any] = {"provider": "paypal", "provider_ref": "PP-R-1", "amount_minor": 500, "opened_at": now}
    Dispute.objects.create(attempt=earlier, **facts)
    till.after(timedelta(seconds=31))
    assert (state(attempt), attempt.reason, state(order), collected(till)) == ("expired", "given_up", "placed", [])


def test_money_that_takes_a_while_is_waited_for(till: Till) -> None:
    method, order = saved(till, "pending"), till.order()
    attempt = charge(till, order, method)
    assert (attempt.state, attempt.processing) == ("open", True)
    till.after(timedelta(minutes=1))
    assert (state(order), state(attempt)) == ("paid", "succeeded")
    assert collected(till) == [(f"pay:{order.code}:1", 500)]


@busy
def test_an_account_that_its_holder_takes_away_at_paypal_is_known_at_once(till: Till) -> None:
    method = saved(till)
    assert at_paypal(till, f"/v3/vault/payment-tokens/{method.method_ref}", method="DELETE").status_code == 204
    till.told("VAULT.PAYMENT-TOKEN.DELETED")
    till.look()
    assert state_of(method) == "broken"
    assert method.reason == "card_gone"
    with pytest.raises(Conflict) as refusal:
        charge(till, till.order(), method)
    assert refusal.value.code == "method_unusable"


@pytest.mark.parametrize("state", ["active", "removing", "removed"])
def test_only_what_is_gone_there_is_gone_here(till: Till, state: str) -> None:
    """A hint is no fact, and what we have forgotten ourselves stays as it is."""
    method = saved(till)
    SavedMethod.objects.filter(pk=method.pk).update(state=state)
    told = {"kind": "VAULT.PAYMENT-TOKEN.DELETED", "about": "method", "reference": method.method_ref}
    now = till.clock.now()
    InboxEvent.objects.create(source="paypal", external_id="WH-1", received_at=now, look_at=now, **told)
    till.look()
    assert (state_of(method), InboxEvent.objects.get().state) == (state, "handled")


def test_a_removed_account_is_forgotten_at_paypal_and_not_charged(till: Till) -> None:
    method = saved(till)
    saving.method_remove(method=method, now=till.clock.now())
    till.look()
    assert state_of(method) == "removed"
    with pytest.raises(Conflict) as refusal:
        charge(till, till.order(), method)
    assert refusal.value.code == "method_unusable"
    SavedMethod.objects.filter(pk=method.pk).update(state="active")
    attempt = charge(till, till.order(), method)
    assert (attempt.state, attempt.reason, state_of(method)) == ("failed", "card_gone", "broken")
    assert collected(till) == []
