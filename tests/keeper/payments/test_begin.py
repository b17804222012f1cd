"""Beginning to pay: one attempt however often it is clicked, another way only when the first is certainly closed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pkgutil import resolve_name
from typing import Any

import pytest

from lineaviva.keeper.orders.actions import order_cancel, order_expire
from lineaviva.keeper.payments.models import PaymentAttempt
from lineaviva.keeper.payments.ports import providers
from lineaviva.keeper.payments.queries import money_balance
from lineaviva.keeper.payments.stripe.adapter import StripeProvider
from lineaviva.kernel.errors import Conflict, InvalidInput, LineavivaError
from lineaviva.sandbox import person
from tests.keeper.payments.conftest import Till, balance, state
from tests.sandbox.provider.process import http

pytestmark = pytest.mark.processes


def test_a_second_click_gives_the_same_page(till: Till) -> None:
    order = till.order()
    first, second = till.begin(order), till.begin(order)
    assert (second.pk, second.redirect_url) == (first.pk, first.redirect_url)
    assert PaymentAttempt.objects.count() == 1


@pytest.mark.parametrize(
    ("language", "says"), [("it", "Paga 5,00"), ("en", "Pay €5.00"), ("zh-hans", "支付"), ("zh-hant", "付款")]
)
def test_the_banks_page_is_in_the_holders_language(till: Till, language: str, says: str) -> None:
    order = till.order(language=language)
    page = http.get(till.begin(order).redirect_url)
    assert says in page.text.replace("\xa0", " ")
    assert order.code in page.text
    assert order.line.msisdn not in page.text
    assert f"…{order.line.msisdn[-4:]}" in page.text


def test_a_paid_order_gives_the_attempt_that_paid_it(till: Till) -> None:
    order = till.order()
    attempt = till.begin(order)
    till.pay(attempt)
    till.after(timedelta(seconds=5))
    for provider in ("stripe", "cash"):
        assert till.begin(order, provider) == attempt
    assert PaymentAttempt.objects.count() == 1


CLOSINGS: dict[str, Callable[[Till, Any], Any]] = {
    "cancelled": lambda till, order: order_cancel(order=order, by=None, now=till.clock.now()),
    "expired": lambda till, order: order_expire(order=order, now=till.clock.now()),
    "over": lambda till, order: till.clock.advance(timedelta(hours=48)),
}


@pytest.mark.parametrize("closing", CLOSINGS)
def test_a_closed_order_is_not_paid(till: Till, closing: str) -> None:
    order = till.order()
    CLOSINGS[closing](till, order)
    with pytest.raises(Conflict) as refusal:
        till.begin(order)
    assert refusal.value.code == "order_never_paid"
    assert not PaymentAttempt.objects.exists()


def test_a_cancelled_order_does_not_give_out_the_page_that_is_still_open(till: Till) -> None:
    order = till.order()
    till.begin(order)
    order_cancel(order=order, by=None, now=till.clock.now())
    with pytest.raises(Conflict):
        till.begin(order)


def test_there_is_no_such_way_to_pay(till: Till) -> None:
    order = till.order()
    with pytest.raises(InvalidInput) as refusal:
        till.begin(order, "bitcoin")
    assert (refusal.value.code, refusal.value.field) == ("provider_unknown", "provider")
    assert not PaymentAttempt.objects.exists()


@pytest.mark.parametrize(("name", "key"), [("stripe", "STRIPE_API_KEY"), ("paypal", "PAYPAL_SECRET")])
def test_without_its_key_a_way_to_pay_is_switched_off(till: Till, settings: Any, name: str, key: str) -> None:
    assert providers() == ["stripe", "paypal", "cash", "wallet"]
    setattr(settings, key, "")
    assert providers() == [other for other in ("stripe", "paypal", "cash", "wallet") if other != name]
    with pytest.raises(Conflict) as refusal:
        till.begin(till.order(), name)
    assert refusal.value.code == "provider_off"
    assert not PaymentAttempt.objects.exists()


def test_a_wrong_key_is_for_a_person_and_the_order_can_be_paid_in_cash(till: Till, settings: Any) -> None:
    settings.STRIPE_API_KEY = "sk_test_wrong"
    order = till.order()
    attempt = till.begin(order)
    assert (attempt.state, attempt.redirect_url) == ("open", "")
    till.after(timedelta(seconds=30))
    attempt.refresh_from_db()
    assert attempt.stuck_reason == "NeedsPerson: Stripe refuses the API key. Check LINEAVIVA_STRIPE_API_KEY."
    assert till.begin(order, "cash").number == 2
    assert state(attempt) == "expired"


def test_what_the_provider_refuses_has_failed_and_another_way_is_free(till: Till) -> None:
    order = till.order()
    till.bank.clock_at(till.clock.now() + timedelta(days=3))  # what we ask for has expired already, there
    attempt = till.begin(order)
    assert (attempt.state, attempt.reason, attempt.redirect_url) == ("failed", "provider_refused", "")
    till.bank.clock_at(till.clock.now())
    assert till.begin(order).number == 2


@pytest.mark.parametrize(("provider", "later"), [("stripe", timedelta(hours=1)), ("cash", timedelta(hours=48))])
def test_after_its_time_a_click_begins_anew_even_if_no_worker_runs(till: Till, provider: str, later: timedelta) -> None:
    order = till.order()
    first = till.begin(order, provider)
    type(order).objects.filter(pk=order.pk).update(expires_at=till.clock.now() + timedelta(days=9))
    till.clock.advance(later)
    till.bank.clock_at(till.clock.now())
    second = till.begin(order, provider)
    assert (second.number, second.state) == (2, "open")
    assert (state(first), first.reason) == ("expired", "not_paid_in_time")


def test_after_its_time_a_click_finds_what_was_paid(till: Till) -> None:
    order = till.order()
    first = till.begin(order)
    till.pay(first, "4000000000009441")
    till.clock.advance(timedelta(hours=2))
    assert till.begin(order) == first
    assert state(order) == "paid"


def test_a_price_of_nothing_is_paid_at_once(till: Till) -> None:
    order = till.order()
    type(order).objects.filter(pk=order.pk).update(total_minor=0)
    attempt = till.begin(order)
    assert (attempt.state, attempt.redirect_url, state(order)) == ("succeeded", "", "paid")
    assert money_balance() == balance()
    assert till.bank.money()["charges"] == []


# --- another way ------------------------------------------------------------------------------------------------


def test_from_card_to_cash_the_banks_page_is_closed_first(till: Till) -> None:
    order = till.order()
    card = till.begin(order)
    cash = till.begin(order, "cash")
    assert (cash.provider, cash.number, cash.state) == ("cash", 2, "open")
    assert (state(card), card.reason) == ("expired", "given_up")
    assert http.get(card.redirect_url).status_code == 410
    assert http.post(card.redirect_url, data={"card": person.SUCCESS}).status_code == 410
    assert till.bank.money()["charges"] == []


def test_from_cash_to_card_and_back(till: Till) -> None:
    order = till.order()
    ways = [till.begin(order, provider) for provider in ("cash", "stripe", "cash", "stripe")]
    assert [way.number for way in ways] == [1, 2, 3, 4]
    assert [state(way) for way in ways] == ["expired", "expired", "expired", "open"]


def test_whoever_has_paid_by_card_is_not_asked_for_cash(till: Till) -> None:
    order = till.order()
    card = till.begin(order)
    till.pay(card, "4000000000009441")  # and nobody tells us
    found = till.begin(order, "cash")
    assert (found, found.state, state(order)) == (card, "succeeded", "paid")


@pytest.mark.parametrize("fault", ["error_percent", "lost_answer_percent"])
def test_while_nobody_knows_there_is_no_other_way(till: Till, fault: str) -> None:
    order = till.order()
    card = till.begin(order)
    till.bank.knobs(**{fault: 100})
    with pytest.raises(Conflict) as refusal:
        till.begin(order, "cash")
    assert refusal.value.code == "payment_in_progress"
    assert state(card) == "open"
    till.bank.knobs(**{fault: 0})
    assert till.begin(order, "cash").number == 2


def test_a_card_that_was_refused_then_cash_ends_as_declined(till: Till) -> None:
    order = till.order()
    card = till.begin(order)
    till.pay(card, person.DECLINED)
    assert till.begin(order, "cash").number == 2
    assert (state(card), card.reason) == ("failed", "card_declined")


# --- killed in between ------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process dies here."""


def kill_in(monkeypatch: pytest.MonkeyPatch, target: str, *, after: bool) -> None:
    """The next call of `target` kills: before anything is done, or after all of it."""
    owner, _, name = target.rpartition(".")
    real = getattr(resolve_name(owner), name)

    def dies(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.undo()
        if after:
            real(*args, **kwargs)
        raise Killed

    monkeypatch.setattr(target, dies)


STRIPE = "lineaviva.keeper.payments.stripe.adapter.StripeProvider"


@pytest.mark.parametrize("after", [False, True], ids=["before the bank hears", "after the bank did it"])
def test_killed_while_beginning(till: Till, monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    order = till.order()
    kill_in(monkeypatch, f"{STRIPE}.begin", after=after)
    with pytest.raises(Killed):
        till.begin(order)
    attempt = order.attempts.get()
    assert (attempt.state, attempt.provider_ref) == ("open", "")
    till.look()
    assert state(attempt) == "open"
    assert attempt.provider_ref == "", "its process may be alive: not yet"

    till.after(timedelta(seconds=30))
    assert state(attempt) == "open"
    url = attempt.redirect_url
    assert till.begin(order).redirect_url == url
    till.pay(attempt)
    till.after(timedelta(seconds=30))
    assert state(order) == "paid"
    assert len(till.bank.money()["charges"]) == 1


def test_killed_while_beginning_and_the_next_click_goes_on(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    order = till.order()
    kill_in(monkeypatch, f"{STRIPE}.begin", after=True)
    with pytest.raises(Killed):
        till.begin(order)
    assert till.begin(order).redirect_url != ""
    assert order.attempts.count() == 1


@pytest.mark.parametrize(
    "where",
    [
        "lineaviva.keeper.payments.actions.order_pay",
        "lineaviva.keeper.payments.actions._write",
        "lineaviva.keeper.orders.actions._move",
    ],
)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_while_settling(till: Till, monkeypatch: pytest.MonkeyPatch, where: str, after: bool) -> None:
    order = till.order()
    attempt = till.begin(order)
    till.bank.knobs(webhook_never_percent=100)
    till.pay(attempt)
    kill_in(monkeypatch, where, after=after)
    with pytest.raises(Killed):
        till.after(timedelta(seconds=5))
    assert (state(order), state(attempt)) == ("placed", "open"), "all or nothing"
    till.after(timedelta(minutes=2))  # the dead worker's lease
    assert (state(order), state(attempt)) == ("paid", "succeeded")
    assert money_balance() == balance(collected=500, held=500)


def test_given_up_by_another_click_while_the_bank_is_asked(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow first click comes back with a page after the payer has chosen cash: nobody may pay there any more."""
    order = till.order()
    real = StripeProvider.begin
    pages = []

    def slow(self: Any, bill: Any, urls: Any) -> Any:
        monkeypatch.undo()
        pages.append(real(self, bill, urls))
        assert till.begin(order, "cash").number == 2
        return pages[0]

    monkeypatch.setattr(f"{STRIPE}.begin", slow)
    first = till.begin(order)
    assert (first.number, first.state, first.redirect_url) == (1, "expired", "")
    assert http.get(pages[0].redirect_url).status_code == 410
    assert [state(attempt) for attempt in order.attempts.order_by("number")] == ["expired", "open"]


def test_refusals_are_sentences(till: Till) -> None:
    order = till.order()
    for provider in ("", "STRIPE", "cash "):
        with pytest.raises(LineavivaError) as refusal:
            till.begin(order, provider)
        assert refusal.value.message.endswith(".")
