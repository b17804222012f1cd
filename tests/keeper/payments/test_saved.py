"""Saved cards, over real HTTP: saved on the bank's page, charged without their holder, removed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from lineaviva.keeper.accounts.actions import language_set
from lineaviva.keeper.orders.actions import order_cancel
from lineaviva.keeper.payments import returning, saving
from lineaviva.keeper.payments.errors import REASONS
from lineaviva.keeper.payments.models import SavedMethod
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.payments.queries import method_for, methods_of, money_balance
from lineaviva.keeper.payments.stripe.saved import StripeSaving
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import Conflict, InvalidInput, NotFound
from lineaviva.sandbox import person
from lineaviva.sandbox.provider.cards import CARDS
from tests import factories
from tests.keeper.payments.conftest import Till, balance, busy, state
from tests.keeper.payments.kept import charge, collected, state_of
from tests.sandbox.provider.process import http

pytestmark = pytest.mark.processes
NUMBER = {card.slug: card.number for card in CARDS}
SOON = timedelta(seconds=5)


def opened(till: Till) -> SavedMethod:
    """Anna's card, with the bank's page open in front of her."""
    return saving.method_begin(holder=factories.anna(), provider="stripe", words="auto-1", now=till.clock.now())


def saved(till: Till, card: str = "success") -> SavedMethod:
    method = opened(till)
    person.pay(method.redirect_url, card=NUMBER[card])
    till.after(SOON)
    assert state_of(method) == "active"
    return method


# --- saving ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("card", ["success", "three_d_secure", "always_asks", "declined_later"])
def test_a_card_is_saved_and_nothing_charged(till: Till, card: str) -> None:
    method = opened(till)
    assert (method.state, method.words, method.consented_at) == ("opened", "auto-1", till.clock.now())
    page = person.pay(method.redirect_url, card=NUMBER[card])
    assert str(page.url) == returning.urls_of_saving(method).success

    till.after(SOON)
    assert state_of(method) == "active"
    assert (method.brand, method.last4, method.expires_on) == ("visa", NUMBER[card][-4:], date(2034, 12, 31))
    assert (method.customer_ref[:4], method.method_ref[:3]) == ("cus_", "pm_")
    assert (method.saved_at, method.look_at, method.redirect_url) == (till.clock.now(), None, "")
    assert list(methods_of(factories.anna())) == [method]
    assert collected(till) == []
    assert money_balance() == balance()


@busy
def test_the_bank_tells_that_a_card_is_saved(till: Till) -> None:
    method = opened(till)
    person.pay(method.redirect_url, card=NUMBER["success"])
    till.told("checkout.session.completed")
    till.look()
    till.look()  # woken by the webhook, then asked about
    assert state_of(method) == "active"


def test_two_clicks_are_one_page(till: Till) -> None:
    first, second = opened(till), opened(till)
    assert (first.pk, first.redirect_url) == (second.pk, second.redirect_url)
    assert SavedMethod.objects.count() == 1


def test_a_page_that_nobody_fills_in_is_given_up(till: Till) -> None:
    method = opened(till)
    till.after(timedelta(minutes=61))
    assert state_of(method) == "given_up"
    assert method.look_at is None
    assert list(methods_of(factories.anna())) == []
    again = opened(till)
    assert again.pk != method.pk
    assert again.redirect_url


def test_a_refused_card_leaves_the_page_open_for_another(till: Till) -> None:
    method = opened(till)
    assert person.pay(method.redirect_url, card=NUMBER["declined"]).status_code == 402
    till.after(SOON)
    assert state_of(method) == "opened"
    person.pay(method.redirect_url, card=NUMBER["success"])
    till.after(SOON)
    assert state_of(method) == "active"


def test_a_bank_that_does_not_answer_is_asked_again(till: Till) -> None:
    till.bank.knobs(error_percent=100)
    method = opened(till)
    assert (method.state, method.redirect_url) == ("opened", "")
    till.bank.knobs(error_percent=0)
    till.after(timedelta(seconds=31))
    assert state_of(method) == "opened"
    assert method.redirect_url.startswith(f"{till.bank.url}/pay/cs_test_")


def test_a_lost_answer_is_still_one_page(till: Till) -> None:
    till.bank.knobs(lost_answer_percent=100)
    method = opened(till)
    assert method.redirect_url == ""
    till.bank.knobs(lost_answer_percent=0)
    again = opened(till)
    assert (again.pk, again.key) == (method.pk, method.key)
    assert again.redirect_url


def test_who_changed_their_language_meanwhile_clicks_again(till: Till) -> None:
    till.bank.knobs(lost_answer_percent=100)
    method = opened(till)
    till.bank.knobs(lost_answer_percent=0)
    language_set(user=factories.anna(), language="en")
    assert opened(till).redirect_url == "", "the same key with other words is refused"
    assert state_of(method) == "given_up"
    again = opened(till)
    assert again.pk != method.pk
    assert again.redirect_url
    assert agenda.stuck() == []


def test_cards_are_saved_where_that_is_switched_on_only(till: Till, settings: Any) -> None:
    facts: dict[str, Any] = {"holder": factories.anna(), "words": "auto-1", "now": till.clock.now()}
    with pytest.raises(InvalidInput) as unknown:
        saving.method_begin(provider="cash", **facts)
    settings.STRIPE_API_KEY = ""
    with pytest.raises(Conflict) as off:
        saving.method_begin(provider="stripe", **facts)
    assert (unknown.value.code, off.value.code) == ("provider_unknown", "provider_off")
    assert SavedMethod.objects.count() == 0


def test_a_saved_card_is_its_holders_only(till: Till) -> None:
    method = saved(till)
    assert method_for(user=factories.anna(), method_id=method.pk) == method
    with pytest.raises(NotFound) as refusal:
        method_for(user=factories.holder("eve@example.org"), method_id=method.pk)
    assert refusal.value.code == "method_unknown"


# --- charging -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("card", ["success", "three_d_secure"])
def test_a_saved_card_pays_without_its_holder(till: Till, card: str) -> None:
    method, order = saved(till, card), till.order()
    attempt = charge(till, order, method)
    assert (attempt.state, attempt.saved_id, attempt.provider_ref[:3]) == ("succeeded", method.pk, "pi_")
    assert (state(order), attempt.redirect_url) == ("paid", "")
    assert collected(till) == [(f"pay:{order.code}:1", 500)]
    assert till.bank.money()["charges"][0]["id"] == attempt.charge_ref
    assert money_balance() == balance(collected=500, held=500)
    assert disagreement() == []


def test_charged_twice_it_is_one_charge(till: Till) -> None:
    method, order = saved(till), till.order()
    first, second = charge(till, order, method), charge(till, order, method)
    assert first.pk == second.pk
    assert collected(till) == [(f"pay:{order.code}:1", 500)]


@pytest.mark.parametrize(
    ("card", "reason", "after"),
    [
        ("always_asks", "not_confirmed", "active"),
        ("declined_later", "card_declined", "active"),
        ("expired_later", "expired_card", "broken"),
    ],
)
def test_a_saved_card_that_is_refused(till: Till, card: str, reason: str, after: str) -> None:
    method, order = saved(till, card), till.order()
    attempt = charge(till, order, method)
    assert (attempt.state, attempt.reason) == ("failed", reason)
    assert reason in REASONS
    assert (state(order), state_of(method)) == ("placed", after)
    assert collected(till) == []
    # The holder pays the same order on the bank's page.
    page = till.begin(order)
    assert (page.number, page.saved_id) == (2, None)
    till.pay(page)
    till.after(SOON)
    assert (state(order), collected(till)) == ("paid", [(f"pay:{order.code}:2", 500)])


def test_a_broken_card_is_not_charged_again(till: Till) -> None:
    method = saved(till, "expired_later")
    charge(till, till.order(), method)
    order = till.order()
    with pytest.raises(Conflict) as refusal:
        charge(till, order, method)
    assert refusal.value.code == "method_unusable"
    assert order.attempts.count() == 0


@pytest.mark.parametrize("fault", ["error_percent", "lost_answer_percent"])
def test_an_answer_that_is_lost_is_asked_for_again(till: Till, fault: str) -> None:
    method, order = saved(till), till.order()
    till.bank.knobs(**{fault: 100})
    attempt = charge(till, order, method)
    assert (attempt.state, attempt.provider_ref) == ("open", "")
    till.bank.knobs(**{fault: 0})
    till.after(timedelta(seconds=31))
    assert (state(order), state(attempt)) == ("paid", "succeeded")
    assert collected(till) == [(f"pay:{order.code}:1", 500)]


def test_an_answer_that_is_lost_for_good_is_found_and_goes_back_where_the_order_is_closed(till: Till) -> None:
    method, order = saved(till), till.order()
    till.bank.knobs(lost_answer_percent=100)
    attempt = charge(till, order, method)
    till.bank.knobs(lost_answer_percent=0)
    till.bank.forget_keys()
    order_cancel(order=order, by=None, now=till.clock.now())
    till.after(timedelta(seconds=31))
    till.look()
    assert (state(order), state(attempt), attempt.surplus) == ("cancelled", "succeeded", True)
    assert money_balance() == balance(collected=500, refunded=500)
    assert till.bank.money()["refunded"] == 500
    assert disagreement() == []


def test_a_charge_that_never_arrived_ends_with_its_order(till: Till) -> None:
    method, order = saved(till), till.order()
    till.bank.knobs(error_percent=100)
    attempt = charge(till, order, method)
    till.bank.knobs(error_percent=0)
    order_cancel(order=order, by=None, now=till.clock.now())
    till.after(timedelta(seconds=31))
    assert (state(attempt), attempt.reason) == ("expired", "given_up")
    assert collected(till) == []


def test_who_clicks_pay_meanwhile_gets_no_second_charge(till: Till) -> None:
    method, order = saved(till), till.order()
    till.bank.knobs(error_percent=100)
    attempt = charge(till, order, method)
    till.bank.knobs(error_percent=0)
    clicked = till.begin(order)
    assert (clicked.pk, clicked.redirect_url) == (attempt.pk, "")
    with pytest.raises(Conflict) as refusal:
        till.begin(order, "cash")
    assert (refusal.value.code, order.attempts.count()) == ("payment_in_progress", 1)
    till.after(timedelta(seconds=31))
    assert (state(attempt), collected(till)) == ("succeeded", [(f"pay:{order.code}:1", 500)])


def test_what_somebody_is_paying_is_not_charged_beside_them(till: Till) -> None:
    method, order = saved(till), till.order()
    page = till.begin(order)
    with pytest.raises(Conflict) as refusal:
        charge(till, order, method)
    assert refusal.value.code == "payment_in_progress"
    assert (state(page), order.attempts.count(), collected(till)) == ("open", 1, [])


@pytest.mark.parametrize("after", [False, True])
def test_killed_while_charging(till: Till, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    method, order = saved(till), till.order()
    real = StripeSaving.charge

    def dies(self: StripeSaving, bill: Any, card: Any, reference: str) -> Any:
        if after:
            real(self, bill, card, reference)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(StripeSaving, "charge", dies)
        with pytest.raises(KeyboardInterrupt):
            charge(till, order, method)
    assert state(order.attempts.get()) == "open"
    till.after(timedelta(seconds=31))
    assert (state(order), collected(till)) == ("paid", [(f"pay:{order.code}:1", 500)])
    assert money_balance() == balance(collected=500, held=500)


# --- removing -------------------------------------------------------------------------------------------------------


def test_a_removed_card_is_forgotten_there_too(till: Till) -> None:
    method = saved(till)
    for _ in range(2):
        saving.method_remove(method=method, now=till.clock.now())
    assert (state_of(method), method.removed_at) == ("removing", till.clock.now())
    with pytest.raises(Conflict):
        charge(till, till.order(), method)
    till.look()
    assert (state_of(method), method.look_at) == ("removed", None)
    assert list(methods_of(factories.anna())) == []
    answer = http.post(
        f"{till.bank.url}/v1/payment_methods/{method.method_ref}/detach", auth=("sk_test_of_the_tests", "")
    )
    assert answer.status_code == 400, "it is forgotten already"


def test_a_card_that_the_bank_has_forgotten_is_removed_all_the_same(till: Till) -> None:
    method = saved(till)
    StripeSaving().forget(saving.card_of(method))
    saving.method_remove(method=method, now=till.clock.now())
    till.look()
    assert state_of(method) == "removed"
    assert agenda.stuck() == []


def test_a_card_that_the_bank_has_forgotten_is_not_charged(till: Till) -> None:
    method, order = saved(till), till.order()
    StripeSaving().forget(saving.card_of(method))
    attempt = charge(till, order, method)
    assert (attempt.state, attempt.reason, state_of(method)) == ("failed", "card_gone", "broken")
    assert (state(order), collected(till)) == ("placed", [])


def test_removed_between_click_and_charge_nothing_is_charged(till: Till) -> None:
    method, order = saved(till), till.order()
    till.bank.knobs(error_percent=100)
    attempt = charge(till, order, method)
    till.bank.knobs(error_percent=0)
    saving.method_remove(method=method, now=till.clock.now())
    till.after(timedelta(seconds=31))
    assert (state(attempt), state(order), collected(till)) == ("expired", "placed", [])
