"""Paying from a balance, and by the owner's own account: at once, once, and back by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from lineaviva.keeper.accounts.models import User
from lineaviva.keeper.books import queries as books
from lineaviva.keeper.orders.actions import order_cancel
from lineaviva.keeper.orders.models import ProductOrder
from lineaviva.keeper.payments.actions import attempt_open, attempt_reach, cash_confirm, payment_settle
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.ports import AtOnce, Bill, Return, Status, Urls, provider, providers
from lineaviva.keeper.payments.queries import owner_pays_for
from lineaviva.keeper.payments.refunding import refund_confirm, refund_request
from lineaviva.keeper.receipts.actions import receipt_issue
from lineaviva.keeper.receipts.models import CreditNote
from lineaviva.keeper.receipts.view import receipt_view
from lineaviva.keeper.wallets.adapter import WalletProvider
from lineaviva.keeper.wallets.models import WalletMovement
from lineaviva.keeper.wallets.queries import balance_of
from lineaviva.kernel import agenda
from lineaviva.kernel.errors import Conflict, LineavivaError, NeedsPerson
from lineaviva.kernel.money import Money
from tests import factories
from tests.conftest import NOON
from tests.keeper.orders import factories as orders
from tests.keeper.together import together
from tests.keeper.wallets.conftest import Shop, wallet_account

VAT = "sales:single_stage"
at_once = pytest.mark.django_db(transaction=True)


def fresh(row: Any) -> Any:
    row.refresh_from_db()
    return row


def movements() -> list[tuple[str, int, int]]:
    rows = WalletMovement.objects.order_by("pk")
    return [(one.kind, one.amount_minor, one.after_minor) for one in rows]


# --- from the balance -----------------------------------------------------------------------------------------------


def test_an_order_is_paid_from_the_balance_at_once(shop: Shop) -> None:
    shop.credit(800)
    order = shop.order()
    attempt = shop.pay(order)
    assert (attempt.state, attempt.provider, attempt.amount_minor) == ("succeeded", "wallet", 500)
    assert (attempt.charge_ref, attempt.provider_ref, attempt.redirect_url) == (f"pay:{order.code}:1", "", "")
    assert (fresh(order).state, shop.balance) == ("paid", 300)
    assert movements() == [("credit", 800, 800), ("payment", -500, 300)]
    assert WalletMovement.objects.get(kind="payment").order == order
    assert books.balances() == {"bank": 800, "held": -500, wallet_account(shop): -300}
    assert shop.activate(order).state == "active"
    assert books.balances() == {"bank": 800, VAT: -500, wallet_account(shop): -300}
    receipt = receipt_issue(order=order, now=shop.now)
    assert (receipt.facts["payment_method"], receipt.facts["payment_reference"]) == ("wallet", f"pay:{order.code}:1")


def test_any_number_of_clicks_pay_once(shop: Shop) -> None:
    shop.credit(2000)
    order = shop.order()
    assert len({shop.pay(order).pk for _ in range(4)}) == 1
    assert (shop.balance, PaymentAttempt.objects.count()) == (1500, 1)


def test_to_the_last_cent(shop: Shop) -> None:
    shop.credit(500)
    assert shop.pay(shop.order()).state == "succeeded"
    assert shop.balance == 0


@pytest.mark.parametrize("has", [0, 499])
def test_what_is_not_enough_pays_nothing(shop: Shop, has: int) -> None:
    if has:
        shop.credit(has)
    order = shop.order()
    attempt = shop.pay(order)
    assert (attempt.state, attempt.reason, fresh(order).state) == ("failed", "wallet_short", "placed")
    assert (shop.balance, len(movements())) == (has, 1 if has else 0)
    shop.credit(1000, reason="more")
    again = shop.pay(order)
    assert (again.number, again.state, shop.balance) == (2, "succeeded", has + 500)


def test_everybody_pays_from_their_own(shop: Shop) -> None:
    shop.credit(500)
    shop.credit(900, user=shop.dora)
    order = shop.order()
    shop.pay(order)
    assert (shop.balance, balance_of(shop.dora)) == (0, Money(900))


def test_an_order_that_is_refused_comes_back_by_itself(shop: Shop) -> None:
    shop.credit(500)
    order = shop.order()
    shop.pay(order)
    shop.activate(order, well=False)
    assert (order.state, shop.balance) == ("failed", 0)
    shop.look()
    refund = Refund.objects.get()
    assert (refund.state, refund.provider_ref, fresh(order).state) == (
        "succeeded",
        f"refund:pay:{order.code}:1",
        "refunded",
    )
    assert movements() == [("credit", 500, 500), ("payment", -500, 0), ("refund", 500, 500)]
    assert (shop.balance, books.balances()) == (500, {"bank": 500, wallet_account(shop): -500})
    shop.look(shop.now + timedelta(hours=1))
    assert (shop.balance, refund.attempt.order_id) == (500, order.pk)


def test_parts_of_what_was_delivered_go_back_to_it(shop: Shop) -> None:
    shop.credit(500)
    order = shop.order()
    attempt = shop.pay(order)
    shop.activate(order)
    receipt_issue(order=order, now=shop.now)
    for minor in (200, 100):
        refund_request(attempt=attempt, amount=Money(minor), reason=f"late {minor}", by=shop.dora, now=shop.now)
        shop.look()
    assert [refund.state for refund in Refund.objects.order_by("number")] == ["succeeded", "succeeded"]
    assert (shop.balance, fresh(order).state) == (300, "active")
    assert books.balances() == {"bank": 500, VAT: -200, wallet_account(shop): -300}
    notes = CreditNote.objects.order_by("pk").values_list("facts__amount_minor", "facts__payment_method")
    assert list(notes) == [(200, "wallet"), (100, "wallet")]


def test_another_way_after_it_and_before_it(shop: Shop) -> None:
    shop.credit(500)
    order = shop.order()
    cash = shop.pay(order, "cash")
    assert cash.state == "open"
    assert shop.pay(order).state == "succeeded"  # the cash code is closed first
    assert fresh(cash).state == "expired"
    with pytest.raises(LineavivaError):
        cash_confirm(code=order.code, clerk=factories.clerk(), now=shop.now)
    assert (shop.balance, fresh(order).state) == (0, "paid")


def test_an_order_that_is_closed_takes_nothing(shop: Shop) -> None:
    shop.credit(500)
    order = shop.order()
    order_cancel(order=order, by=None, now=shop.now)
    with pytest.raises(Conflict) as closed:
        shop.pay(order)
    assert (closed.value.code, shop.balance, PaymentAttempt.objects.count()) == ("order_never_paid", 500, 0)


# --- killed between any two statements ------------------------------------------------------------------------------


def test_a_click_that_was_killed_is_finished_by_the_agenda(shop: Shop) -> None:
    shop.credit(500)
    order = shop.order()
    attempt = attempt_open(order, "wallet", shop.now)
    assert (attempt.state, shop.balance) == ("open", 500)
    shop.look(shop.now + timedelta(seconds=31))
    assert (fresh(attempt).state, fresh(order).state, shop.balance) == ("succeeded", "paid", 0)


def test_one_that_comes_back_after_its_time_takes_nothing(shop: Shop) -> None:
    shop.credit(500)
    order = shop.order()
    attempt = attempt_open(order, "wallet", shop.now)
    shop.look(shop.now + timedelta(minutes=11))
    assert (fresh(attempt).state, fresh(order).state, shop.balance) == ("expired", "placed", 500)


def test_one_whose_order_was_given_up_takes_nothing(shop: Shop) -> None:
    shop.credit(500)
    order = shop.order()
    attempt = attempt_open(order, "wallet", shop.now)
    order_cancel(order=order, by=None, now=shop.now)
    assert attempt_reach(attempt=attempt, now=shop.now).state == "expired"
    assert (shop.balance, len(movements())) == (500, 1)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("where", ["order_pay", "posting.collected"])
def test_killed_while_it_is_paid_nothing_has_happened(shop: Shop, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    shop.credit(500)
    order = shop.order()

    def die(**_facts: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(f"lineaviva.keeper.payments.actions.{where}", die)
        with pytest.raises(Killed):
            shop.pay(order)
    assert (order.attempts.get().state, fresh(order).state, shop.balance, len(movements())) == (
        "open",
        "placed",
        500,
        1,
    )
    shop.look(shop.now + timedelta(seconds=31))
    assert (order.attempts.get().state, shop.balance) == ("succeeded", 0)


def test_killed_while_it_goes_back_nothing_has_happened(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.credit(500)
    order = shop.order()
    shop.pay(order)
    shop.activate(order, well=False)
    with monkeypatch.context() as patched:
        patched.setattr("lineaviva.keeper.payments.refunding.order_refund", lambda **_facts: 1 / 0)
        shop.look()
    assert (Refund.objects.get().state, shop.balance, len(movements())) == ("requested", 0, 2)
    shop.look(shop.now + timedelta(hours=1))
    assert (Refund.objects.get().state, fresh(order).state, shop.balance) == ("succeeded", "refunded", 500)


def test_a_late_success_of_another_way_is_a_surplus(shop: Shop) -> None:
    shop.credit(500)
    order = shop.order()
    card = shop.pay(order, "cash")
    PaymentAttempt.objects.filter(pk=card.pk).update(provider="stripe", state="expired")
    shop.pay(order)
    late = payment_settle(attempt=card, status=Status("succeeded", Money(500), "ch_1"), now=shop.now)
    assert (late.surplus, Refund.objects.get().attempt_id, shop.balance) == (True, card.pk, 0)


# --- at once --------------------------------------------------------------------------------------------------------


@at_once
def test_four_clicks_at_once_pay_once(shop: Shop) -> None:
    shop.credit(2000)
    order = shop.order()
    answers = together(4, lambda: shop.pay(ProductOrder.objects.get(pk=order.pk)))
    assert {str(answer.state) for answer in answers} <= {"succeeded", "open"}
    assert (shop.balance, fresh(order).state) == (1500, "paid")


@at_once
def test_two_orders_and_money_for_one(shop: Shop) -> None:
    shop.credit(700)
    left = [shop.order(), shop.order()]
    answers = together(2, lambda: shop.pay(left.pop()))
    assert sorted((str(answer.state), answer.reason) for answer in answers) == [
        ("failed", "wallet_short"),
        ("succeeded", ""),
    ]
    assert shop.balance == 200


@at_once
def test_given_back_by_two_workers_at_once(shop: Shop) -> None:
    shop.credit(500)
    order = shop.order()
    shop.pay(order)
    shop.activate(order, well=False)
    together(2, lambda: agenda.run_due(shop.now))
    assert (shop.balance, len(movements()), fresh(order).state) == (500, 3, "refunded")


# --- the owner's own account ----------------------------------------------------------------------------------------


@pytest.fixture
def owner(settings: Any, shop: Shop) -> User:
    settings.OWNER_PAYS = True
    return shop.dora


def of(user: User, shop: Shop) -> ProductOrder:
    return orders.order(line=factories.line(holder=user), by=user, now=shop.now)


def test_it_is_off_by_default(shop: Shop) -> None:
    assert "account" not in providers()
    with pytest.raises(Conflict) as off:
        shop.pay(of(shop.dora, shop), "account")
    assert (off.value.code, PaymentAttempt.objects.count()) == ("provider_off", 0)


def test_the_owner_pays_the_operator_directly(shop: Shop, owner: User) -> None:
    order = of(owner, shop)
    attempt = shop.pay(order, "account")
    assert (attempt.state, attempt.charge_ref, fresh(order).state) == ("succeeded", f"pay:{order.code}:1", "paid")
    assert books.balances() == {"held": -500, "owner": 500}
    shop.activate(order, charged=Money(485))
    assert books.balances() == {"owner": 500, VAT: -500}
    receipt = receipt_issue(order=order, now=shop.now)
    assert (receipt.facts["charged_minor"], receipt.facts["charged_currency"]) == (485, "EUR")
    rows = {row.label: row.value for row in receipt_view(receipt).section("payment").rows}
    assert rows["Addebitato dall’operatore"] == "4,85\u00a0€"


def test_what_nobody_told_is_not_on_the_receipt(shop: Shop, owner: User) -> None:
    order = of(owner, shop)
    shop.pay(order, "account")
    shop.activate(order)
    assert "charged_minor" not in receipt_issue(order=order, now=shop.now).facts


def test_what_another_way_paid_says_nothing_of_our_account(shop: Shop) -> None:
    shop.credit(500)
    order = shop.order()
    shop.pay(order)
    shop.activate(order, charged=Money(485))
    assert "charged_minor" not in receipt_issue(order=order, now=shop.now).facts


def test_it_pays_for_the_owners_people_only(shop: Shop, owner: User, settings: Any) -> None:
    order = shop.order()
    attempt = shop.pay(order, "account")
    assert (attempt.state, attempt.reason, fresh(order).state) == ("failed", "account_closed", "placed")
    assert books.balances() == {}
    settings.OWNER_PAYS_FOR = ["anna@example.org"]
    assert shop.pay(order, "account").state == "succeeded"
    shop.anna.is_active = False
    assert not owner_pays_for(shop.anna)


@pytest.mark.parametrize("role", ["holder", "clerk", "agent"])
def test_whom_it_does_not_pay_for(shop: Shop, owner: User, role: str) -> None:
    assert not owner_pays_for(factories.holder("eve@example.org", role=role))


def test_what_was_refused_was_not_charged(shop: Shop, owner: User) -> None:
    order = of(owner, shop)
    shop.pay(order, "account")
    shop.activate(order, well=False)
    shop.look()
    assert (Refund.objects.get().state, fresh(order).state, books.balances()) == ("succeeded", "refunded", {})


def test_what_was_delivered_only_the_operator_can_give_back(shop: Shop, owner: User) -> None:
    order = of(owner, shop)
    attempt = shop.pay(order, "account")
    shop.activate(order)
    receipt_issue(order=order, now=shop.now)
    refund_request(attempt=attempt, amount=Money(100), reason="late", by=owner, now=shop.now)
    shop.look()
    refund = Refund.objects.get()
    assert refund.state == "requested"
    assert refund.stuck_reason == (
        f"NeedsPerson: Order {order.code} was charged to the owner's own account: ask there for 1.00 EUR back. "
        f"When it is there, confirm it: lineaviva orders confirm-refund {order.code} --clerk E-MAIL"
    )
    refund_confirm(code=order.code, clerk=factories.clerk(), now=shop.now)
    assert books.balances() == {"owner": 400, VAT: -400}


# --- the port -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["wallet", "account"])
def test_nobody_outside_is_asked(name: str, db: None) -> None:
    port = provider(name)
    assert isinstance(port, AtOnce)
    assert not isinstance(provider("cash"), AtOnce)
    assert not isinstance(provider("stripe"), AtOnce)
    assert (port.polled, port.reconciles, port.lifetime) == (False, False, timedelta(minutes=10))
    assert (port.fetch("r").state, port.close("r").state, list(port.listing(None, ()))) == ("open", "expired", [])  # type: ignore[arg-type]
    back = Return("k", "r", Money(1), "K2M7F5PW")
    bill = Bill("k", "K2M7F5PW", Money(1), "it", "", "", "", NOON)
    for call in (lambda: port.begin(bill, Urls("", "")), lambda: port.refund(back)):
        with pytest.raises(NeedsPerson):
            call()
    with pytest.raises(LineavivaError) as webhook:
        port.parse_webhook({}, b"", None)  # type: ignore[arg-type]
    assert (webhook.value.code, webhook.value.status) == ("webhook_unknown", 404)


def test_given_back_with_the_same_key_is_once(shop: Shop) -> None:
    shop.credit(500)
    order = shop.order()
    shop.pay(order)
    back = Return("refund:test", f"pay:{order.code}:1", Money(100), order.code)
    # Only movements here: what they mean for the books is the refund's own part, so they are taken out again.
    with transaction.atomic():
        for _ in range(2):
            assert WalletProvider().give_back(back, shop.anna.pk, shop.now).reference == "refund:test"
        assert shop.balance == 100
        transaction.set_rollback(True)
    assert shop.balance == 0
