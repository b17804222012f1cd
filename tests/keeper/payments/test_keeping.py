"""A card that its payer keeps while they pay, over real HTTP: theirs once the money is here, and never otherwise."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import payment_begin
from lineaviva.keeper.payments.models import PaymentAttempt, SavedMethod
from lineaviva.keeper.payments.queries import methods_of, money_balance
from lineaviva.keeper.payments.saving import method_remove, payment_charge
from lineaviva.sandbox import person
from tests import factories
from tests.keeper.payments.conftest import Till, balance, state

pytestmark = pytest.mark.processes
SOON = timedelta(seconds=5)


def begin(till: Till, order: ProductOrder, keep: str | None = "keep-1", provider: str = "stripe") -> PaymentAttempt:
    return payment_begin(order=order, provider=provider, keep=keep, now=till.clock.now())


def states() -> list[str]:
    return list(SavedMethod.objects.order_by("pk").values_list("state", flat=True))


def test_paid_with_3_d_secure_it_is_kept_and_charged_later(till: Till) -> None:
    order = till.order()
    attempt = begin(till, order)
    asked = SavedMethod.objects.get()
    assert (asked.state, asked.words, asked.consented_at, asked.look_at) == (
        "asked",
        "keep-1",
        till.clock.now(),
        None,
    )
    till.pay(attempt, person.THREE_D_SECURE)
    till.after(SOON)
    assert state(order) == "paid"
    [method] = methods_of(factories.anna())
    assert (method.pk, method.state, method.saved_at) == (asked.pk, "active", till.clock.now())
    assert (method.shown, method.expires_on) == ("Visa …3155", date(2034, 12, 31))
    assert (method.customer_ref[:4], method.method_ref[:3]) == ("cus_", "pm_")

    later = till.order()
    assert payment_charge(order=later, method=method, now=till.clock.now()).state == "succeeded"
    assert [each["amount"] for each in till.bank.money()["charges"]] == [500, 500]
    assert money_balance() == balance(collected=1000, held=1000)
    method_remove(method=method, now=till.clock.now())
    till.look()
    assert states() == ["removed"]


@pytest.mark.parametrize("keep", [None, ""])
def test_nobody_is_kept_who_did_not_say_so(till: Till, keep: str | None) -> None:
    till.pay(begin(till, till.order(), keep))
    till.after(SOON)
    assert states() == []


def test_who_clicks_again_as_before_has_the_same_page(till: Till) -> None:
    order = till.order()
    first = begin(till, order)
    for keep in ("keep-1", None):
        again = begin(till, order, keep)
        assert (again.pk, again.redirect_url) == (first.pk, first.redirect_url)
    assert states() == ["asked"]


def test_who_thinks_better_of_it_has_another_page_and_the_first_is_closed(till: Till) -> None:
    order = till.order()
    first = begin(till, order)
    second = begin(till, order, "")
    assert (state(first), first.pk != second.pk, states()) == ("expired", True, ["given_up"])
    assert till.pay_again_page(first).status_code == 410
    till.pay(second)
    till.after(SOON)
    assert (state(order), states()) == ("paid", ["given_up"])
    assert len(till.bank.money()["charges"]) == 1


def test_another_card_than_the_refused_one_is_kept(till: Till) -> None:
    order = till.order()
    attempt = begin(till, order)
    till.pay(attempt, person.DECLINED)
    till.after(SOON)
    assert states() == ["asked"]
    till.pay(attempt, person.SUCCESS)
    till.after(SOON)
    assert [method.last4 for method in methods_of(factories.anna())] == ["4242"]


def test_what_is_not_paid_keeps_nothing(till: Till) -> None:
    begin(till, till.order())
    till.after(timedelta(minutes=61))
    assert states() == ["given_up"]
    assert list(methods_of(factories.anna())) == []


def test_in_a_shop_there_is_no_card_to_keep(till: Till) -> None:
    order = till.order()
    first, second = begin(till, order, provider="cash"), begin(till, order, provider="cash")
    assert (first.pk, states()) == (second.pk, [])
