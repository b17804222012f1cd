"""Balances: staff put money in and take it out; the database keeps what was said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from lineaviva.keeper.accounts.models import AuditEntry
from lineaviva.keeper.books import queries as books
from lineaviva.keeper.books.models import Posting
from lineaviva.keeper.payments.posting import disagreement
from lineaviva.keeper.wallets.actions import movement_write, wallet_credit, wallet_debit
from lineaviva.keeper.wallets.models import Wallet, WalletMovement
from lineaviva.keeper.wallets.queries import balance_of, movements_of
from lineaviva.kernel.errors import Conflict, LineavivaError
from lineaviva.kernel.money import Money
from tests import factories
from tests.keeper.wallets.conftest import Shop, wallet_account


@pytest.mark.parametrize(("paid", "account"), [("till", "till:cash"), ("bank", "bank"), ("gift", "given_away")])
def test_money_is_put_in_and_taken_out(shop: Shop, paid: str, account: str) -> None:
    shop.credit(2500, paid=paid)
    assert books.balances() == {account: 2500, wallet_account(shop): -2500}
    taken, done = wallet_debit(
        user=shop.anna, amount=Money(700), paid=paid, reason=" paid  out ", by=shop.dora, now=shop.now
    )
    assert (taken.amount_minor, taken.after_minor, taken.reason, taken.by, done) == (
        -700,
        1800,
        "paid out",
        shop.dora,
        True,
    )
    assert (shop.balance, books.balances()) == (1800, {account: 1800, wallet_account(shop): -1800})
    acts = AuditEntry.objects.order_by("pk").values_list("act", "actor", "subject", "detail")
    who = f"user:{shop.anna.pk}"
    assert list(acts) == [
        ("wallet_credit", shop.dora.pk, who, {"amount": "25.00 EUR", "paid": paid, "reason": "transfer of 2500"}),
        ("wallet_debit", shop.dora.pk, who, {"amount": "7.00 EUR", "paid": paid, "reason": "paid out"}),
    ]


def test_twice_is_once_unless_it_is_named(shop: Shop) -> None:
    facts: dict[str, Any] = {"user": shop.anna, "amount": Money(500), "paid": "bank", "by": shop.dora}
    first, done = wallet_credit(reason="transfer", now=shop.now, **facts)
    again, done_again = wallet_credit(reason="transfer", now=shop.now + timedelta(days=40), **facts)
    assert (first, done, done_again, shop.balance) == (again, True, False, 500)
    assert wallet_credit(reason="another", now=shop.now, **facts)[1] is True
    assert wallet_credit(reason="transfer", key="CRO 1", now=shop.now, **facts)[1] is True
    assert wallet_credit(reason="transfer!", key=" CRO 1", now=shop.now, **facts)[1] is False
    assert (shop.balance, Posting.objects.count(), AuditEntry.objects.count()) == (1500, 3, 3)
    with pytest.raises(Conflict) as used:
        wallet_credit(reason="x", key="CRO 1", now=shop.now, **{**facts, "amount": Money(501)})
    assert used.value.code == "wallet_key_used"
    with pytest.raises(Conflict) as used:
        wallet_debit(reason="x", key="CRO 1", now=shop.now, **facts)
    assert (used.value.code, shop.balance) == ("wallet_key_used", 1500)


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"amount": Money(0)}, "amount_invalid"),
    ({"amount": Money(-1)}, "amount_invalid"),
    ({"amount": Money(100, "USD")}, "amount_invalid"),
    ({"reason": "  "}, "reason_missing"),
    ({"paid": "pocket"}, "paid_invalid"),
]


@pytest.mark.parametrize("act", [wallet_credit, wallet_debit])
@pytest.mark.parametrize(("facts", "code"), REFUSALS)
def test_what_makes_no_sense(shop: Shop, act: Any, facts: dict[str, Any], code: str) -> None:
    plain = {"user": shop.anna, "amount": Money(500), "paid": "bank", "reason": "r", "by": shop.dora, "now": shop.now}
    with pytest.raises(LineavivaError) as refusal:
        act(**{**plain, **facts})
    assert refusal.value.code == code
    assert (Wallet.objects.count(), Posting.objects.count(), AuditEntry.objects.count()) == (0, 0, 0)


@pytest.mark.parametrize("role", ["holder", "clerk", "agent"])
def test_only_operations_move_balances(shop: Shop, role: str) -> None:
    eve = factories.holder("eve@example.org", role=role)
    for act in (wallet_credit, wallet_debit):
        with pytest.raises(LineavivaError) as refusal:
            act(user=eve, amount=Money(100), paid="bank", reason="mine", by=eve, now=shop.now)
        assert refusal.value.code == "role_needed"
    assert (Wallet.objects.count(), Posting.objects.count()) == (0, 0)


def test_nobody_owes_us(shop: Shop) -> None:
    shop.credit(500)
    with pytest.raises(Conflict) as short:
        wallet_debit(user=shop.anna, amount=Money(501), paid="bank", reason="r", by=shop.dora, now=shop.now)
    assert (short.value.code, short.value.message) == ("wallet_short", "There is not so much: the balance is 5.00 EUR.")
    assert (shop.balance, WalletMovement.objects.count(), AuditEntry.objects.count()) == (500, 1, 1)
    wallet_debit(user=shop.anna, amount=Money(500), paid="bank", reason="r", by=shop.dora, now=shop.now)
    assert (shop.balance, books.balances()) == (0, {})


def test_what_a_person_sees(shop: Shop) -> None:
    assert (balance_of(shop.anna), list(movements_of(shop.anna))) == (Money(0), [])
    shop.credit(500)
    shop.credit(300)
    shop.credit(900, user=shop.dora)
    assert balance_of(shop.anna) == Money(800)
    assert [(one.kind, one.amount_minor, one.after_minor) for one in movements_of(shop.anna)] == [
        ("credit", 300, 800),
        ("credit", 500, 500),
    ]


# --- what the database refuses, and what the proof finds ------------------------------------------------------------


def test_movements_are_never_changed(shop: Shop) -> None:
    shop.credit(500)
    for change in (
        lambda: WalletMovement.objects.update(amount_minor=600),
        lambda: WalletMovement.objects.all()._raw_delete("default"),  # type: ignore[attr-defined]
    ):
        with pytest.raises((DatabaseError, IntegrityError)), transaction.atomic():
            change()
    assert WalletMovement.objects.get().amount_minor == 500


def test_a_balance_below_nothing_cannot_be_written(shop: Shop) -> None:
    shop.credit(500)
    with pytest.raises(IntegrityError), transaction.atomic():
        Wallet.objects.update(balance_minor=-1)


@pytest.mark.parametrize(("kind", "minor"), [("credit", -5), ("debit", 5), ("payment", 5), ("refund", -5), ("gift", 5)])
def test_a_movement_goes_its_way(shop: Shop, kind: str, minor: int) -> None:
    shop.credit(500)
    with pytest.raises(IntegrityError), transaction.atomic():
        movement_write(user_id=shop.anna.pk, key="k", kind=kind, amount=Money(minor), now=shop.now)
    assert shop.balance == 500


@pytest.mark.django_db
def test_the_proof_names_a_wallet_that_is_wrong() -> None:
    from tests.conftest import NOON

    shop = Shop(NOON)
    shop.credit(500)
    shop.vouchers(2)
    assert disagreement() == []
    Wallet.objects.update(balance_minor=600)
    assert disagreement() == [
        f"wallet of user {shop.anna.pk} has 6.00 EUR, its movements are 5.00 EUR",
        f"wallet:{shop.anna.pk} has 6.00 EUR, the books 5.00 EUR",
    ]
    Wallet.objects.update(balance_minor=500)
    movement_write(user_id=shop.anna.pk, key="k", kind="credit", amount=Money(1), now=NOON)
    assert disagreement() == [f"wallet:{shop.anna.pk} has 5.01 EUR, the books 5.00 EUR"]


def test_two_long_names_that_begin_alike_are_two(shop: Shop) -> None:
    for end in ("1", "2", "2"):
        shop.credit(500, reason="transfer", key="x" * 90 + end)
    assert shop.balance == 1000


def test_nobody_puts_in_millions(shop: Shop) -> None:
    with pytest.raises(LineavivaError) as refusal:
        shop.credit(100_000_001)
    assert (refusal.value.code, shop.balance, WalletMovement.objects.count()) == ("amount_invalid", 0, 0)
