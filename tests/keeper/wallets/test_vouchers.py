"""Vouchers: sold, redeemed once, made void, expired; and nobody guesses them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from lineaviva.keeper.accounts.models import AuditEntry, User
from lineaviva.keeper.books import queries as books
from lineaviva.keeper.books.models import Posting
from lineaviva.keeper.wallets import rules
from lineaviva.keeper.wallets.errors import TooManyGuesses
from lineaviva.keeper.wallets.models import Voucher, VoucherBatch, Wallet, WalletMovement
from lineaviva.keeper.wallets.queries import balance_of, batch_by_name, batches
from lineaviva.keeper.wallets.vouchers import outstanding, voucher_redeem, vouchers_expire, vouchers_void
from lineaviva.kernel.agenda.models import RateLimit
from lineaviva.kernel.clock import ROME
from lineaviva.kernel.errors import InvalidInput, LineavivaError
from lineaviva.kernel.money import Money
from tests import factories
from tests.keeper.together import together
from tests.keeper.wallets.conftest import HOME, Shop, wallet_account

UNKNOWN = "1234567890123452"


def redeem(shop: Shop, pin: str, user: User | None = None, address: str = HOME, now: datetime | None = None) -> Voucher:
    return voucher_redeem(pin=pin, user=user or shop.anna, address=address, now=now or shop.now)


def refused(shop: Shop, pin: str, **facts: Any) -> str:
    with pytest.raises(LineavivaError) as refusal:
        redeem(shop, pin, **facts)
    return refusal.value.code


# --- made and redeemed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("paid", "account"), [("till", "till:cash"), ("bank", "bank"), ("gift", "given_away")])
def test_vouchers_are_sold_and_redeemed(shop: Shop, paid: str, account: str) -> None:
    made = shop.vouchers(3, 1000, paid=paid)
    assert books.balances() == {account: 3000, "vouchers": -3000}
    assert (made.batch.expires_on, made.batch.count, len(set(made.pins))) == (date(2028, 11, 22), 3, 3)

    voucher = redeem(shop, rules.pin_grouped(made.pins[1]))
    assert (voucher.number, voucher.state, voucher.redeemed_by, voucher.redeemed_at) == (
        2,
        "redeemed",
        shop.anna,
        shop.now,
    )
    assert books.balances() == {account: 3000, "vouchers": -2000, wallet_account(shop): -1000}
    movement = WalletMovement.objects.get()
    assert (movement.kind, movement.amount_minor, movement.voucher, movement.by) == (
        "voucher",
        1000,
        voucher,
        shop.anna,
    )
    assert (shop.balance, outstanding(made.batch)) == (1000, Money(2000))
    kinds = Posting.objects.order_by("pk").values_list("key", "kind")
    batch = made.batch.pk
    assert list(kinds) == [(f"vouchers:{batch}", "voucher"), (f"voucher:{voucher.pk}", "voucher")]


def test_the_pin_is_kept_nowhere(shop: Shop) -> None:
    made = shop.vouchers(2)
    redeem(shop, made.pins[0])
    kept = [
        str(row)
        for model in (Voucher, VoucherBatch, WalletMovement, AuditEntry, Posting, RateLimit)
        for row in model._default_manager.values()
    ]
    for pin in made.pins:
        assert not any(pin in text or rules.pin_grouped(pin) in text or pin[:-4] in text for text in kept)
    assert list(Voucher.objects.order_by("number").values_list("last4", flat=True)) == [pin[-4:] for pin in made.pins]


def test_what_is_written_down_when_they_are_made(shop: Shop) -> None:
    made = shop.vouchers(2, name="  two   words ")
    entry = AuditEntry.objects.get()
    detail = {"name": "two words", "count": 2, "amount": "10.00 EUR", "paid": "till", "until": "2028-11-22"}
    assert (entry.act, entry.actor, entry.detail) == ("vouchers_make", shop.dora, detail)
    assert entry.subject == f"vouchers:{made.batch.pk}"


def test_a_second_time_is_quiet_for_the_same_person_only(shop: Shop) -> None:
    (pin,) = shop.vouchers().pins
    first = redeem(shop, pin)
    later = shop.now + timedelta(hours=1)
    assert redeem(shop, pin, now=later).redeemed_at == first.redeemed_at
    eve = factories.holder("eve@example.org")
    assert refused(shop, pin, user=eve, now=later) == "voucher_used"
    assert (shop.balance, balance_of(eve), WalletMovement.objects.count()) == (1000, Money(0), 1)


def test_the_key_belongs_to_it(shop: Shop, settings: Any) -> None:
    (pin,) = shop.vouchers().pins
    settings.VOUCHER_KEY = "another"
    assert refused(shop, pin) == "voucher_unknown"
    assert (shop.balance, Voucher.objects.get().state) == (0, "active")


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"name": " "}, "name_invalid"),
    ({"name": "x" * 61}, "name_invalid"),
    ({"minor": 0}, "amount_invalid"),
    ({"minor": -1}, "amount_invalid"),
    ({"minor": 50_001}, "amount_invalid"),
    ({"count": 0}, "count_invalid"),
    ({"count": 10_001}, "count_invalid"),
    ({"paid": "pocket"}, "paid_invalid"),
    ({"expires_on": date(2026, 11, 22)}, "expiry_invalid"),
    ({"expires_on": date(2036, 12, 31)}, "expiry_invalid"),
]


@pytest.mark.parametrize(("facts", "code"), REFUSALS)
def test_batches_that_make_no_sense(shop: Shop, facts: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        shop.vouchers(**facts)
    assert refusal.value.code == code
    assert (VoucherBatch.objects.count(), Voucher.objects.count(), Posting.objects.count()) == (0, 0, 0)


@pytest.mark.parametrize("role", ["holder", "clerk", "agent"])
def test_only_operations_make_vouchers(shop: Shop, role: str) -> None:
    made = shop.vouchers()
    eve = factories.holder("eve@example.org", role=role)
    with pytest.raises(LineavivaError) as refusal:
        shop.vouchers(name="mine", by=eve)
    assert refusal.value.code == "role_needed"
    with pytest.raises(LineavivaError) as refusal:
        vouchers_void(batch=made.batch, by=eve, reason="r", now=shop.now)
    assert refusal.value.code == "role_needed"
    assert (VoucherBatch.objects.count(), Voucher.objects.get().state) == (1, "active")


def test_a_name_is_taken_once(shop: Shop) -> None:
    shop.vouchers(2)
    with pytest.raises(LineavivaError) as refusal:
        shop.vouchers(5)
    assert refusal.value.code == "voucher_batch_exists"
    assert (Voucher.objects.count(), Posting.objects.count(), AuditEntry.objects.count()) == (2, 1, 1)


# --- void, expired --------------------------------------------------------------------------------------------------


def test_what_nobody_redeemed_is_made_void(shop: Shop) -> None:
    made = shop.vouchers(4)
    redeem(shop, made.pins[0])
    assert vouchers_void(batch=made.batch, by=shop.dora, reason=" stolen ", number=2, now=shop.now) == (1, Money(1000))
    assert refused(shop, made.pins[1]) == "voucher_void"
    assert books.balances() == {"till:cash": 3000, "vouchers": -2000, wallet_account(shop): -1000}
    assert vouchers_void(batch=made.batch, by=shop.dora, reason="lost", now=shop.now) == (2, Money(2000))
    assert books.balances() == {"till:cash": 1000, wallet_account(shop): -1000}
    details = AuditEntry.objects.filter(act="vouchers_void").order_by("pk").values_list("detail", flat=True)
    assert list(details) == [
        {"name": "christmas", "count": 1, "amount": "10.00 EUR", "reason": "stolen", "number": 2},
        {"name": "christmas", "count": 2, "amount": "20.00 EUR", "reason": "lost", "number": None},
    ]
    for number in (None, 1, 2, 9):
        with pytest.raises(LineavivaError) as refusal:
            vouchers_void(batch=made.batch, by=shop.dora, reason="again", number=number, now=shop.now)
        assert refusal.value.code == "voucher_none_active"
    assert (shop.balance, AuditEntry.objects.filter(act="vouchers_void").count()) == (1000, 2)


def test_void_wants_a_reason(shop: Shop) -> None:
    made = shop.vouchers()
    with pytest.raises(InvalidInput) as refusal:
        vouchers_void(batch=made.batch, by=shop.dora, reason=" ", now=shop.now)
    assert (refusal.value.code, Voucher.objects.get().state) == ("reason_missing", "active")


def test_what_is_not_redeemed_in_time_expires(shop: Shop) -> None:
    made = shop.vouchers(3, expires_on=date(2026, 12, 31))
    last = datetime(2026, 12, 31, 23, 59, tzinfo=ROME)
    redeem(shop, made.pins[0], now=last)
    shop.look(last)
    assert vouchers_expire(batch=made.batch, now=last) == 0
    midnight = datetime(2027, 1, 1, tzinfo=ROME)
    assert refused(shop, made.pins[1], now=midnight) == "voucher_expired"  # also before anybody has looked
    shop.look(midnight)
    made.batch.refresh_from_db()
    assert (made.batch.state, made.batch.look_at) == ("closed", None)
    assert list(Voucher.objects.order_by("number").values_list("state", flat=True)) == [
        "redeemed",
        "expired",
        "expired",
    ]
    assert books.balances() == {"till:cash": 3000, "breakage": -2000, wallet_account(shop): -1000}
    assert refused(shop, made.pins[2], now=midnight) == "voucher_expired"
    assert vouchers_expire(batch=made.batch, now=midnight + timedelta(days=9)) == 0
    assert (Posting.objects.count(), shop.balance) == (3, 1000)


def test_a_batch_of_which_nothing_is_left_closes_without_a_posting(shop: Shop) -> None:
    made = shop.vouchers(expires_on=date(2026, 12, 31))
    redeem(shop, made.pins[0])
    shop.look(datetime(2027, 1, 1, tzinfo=ROME))
    made.batch.refresh_from_db()
    assert (made.batch.state, Posting.objects.count()) == ("closed", 2)


def test_a_batch_that_is_woken_early_sleeps_on(shop: Shop) -> None:
    made = shop.vouchers()
    VoucherBatch.objects.update(look_at=shop.now)
    shop.look()
    made.batch.refresh_from_db()
    assert (made.batch.state, made.batch.look_at) == ("open", datetime(2028, 11, 23, tzinfo=ROME))


def test_batches_are_counted(shop: Shop) -> None:
    made = shop.vouchers(4)
    redeem(shop, made.pins[0])
    vouchers_void(batch=made.batch, by=shop.dora, reason="r", number=2, now=shop.now)
    shop.vouchers(1, name="easter")
    found = [(one.name, one.n_active, one.n_redeemed, one.n_void, one.n_expired) for one in batches()]
    assert found == [("easter", 1, 0, 0, 0), ("christmas", 2, 1, 1, 0)]
    assert batch_by_name(" christmas ").pk == made.batch.pk
    with pytest.raises(LineavivaError) as refusal:
        batch_by_name("new year")
    assert refusal.value.code == "voucher_batch_unknown"


def test_a_voucher_is_redeemed_by_somebody_or_not_at_all(shop: Shop) -> None:
    shop.vouchers()
    for wrong in ({"state": "redeemed"}, {"redeemed_by": shop.anna}, {"redeemed_at": shop.now}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Voucher.objects.update(**wrong)


# --- guessing -------------------------------------------------------------------------------------------------------


def test_an_account_has_five_guesses_and_five_more_an_hour(shop: Shop) -> None:
    made = shop.vouchers()
    assert [refused(shop, UNKNOWN) for _ in range(5)] == ["voucher_unknown"] * 5
    with pytest.raises(TooManyGuesses) as stopped:
        redeem(shop, made.pins[0])
    assert (stopped.value.status, stopped.value.wait) == (429, timedelta(minutes=12))
    assert refused(shop, made.pins[0], address="198.51.100.9") == "voucher_too_many"  # from wherever
    assert (shop.balance, Voucher.objects.get().state) == (0, "active")
    bo = factories.holder("bo@example.org")
    assert refused(shop, UNKNOWN, user=bo) == "voucher_unknown"
    assert redeem(shop, made.pins[0], now=shop.now + timedelta(minutes=12)).state == "redeemed"
    assert shop.balance == 1000


def test_an_address_has_twenty(shop: Shop) -> None:
    people = [factories.holder(f"eve{n}@example.org") for n in range(5)]
    told = [refused(shop, UNKNOWN, user=people[n % 5], address=f"2001:db8::{n + 1}") for n in range(21)]
    assert told == ["voucher_unknown"] * 20 + ["voucher_too_many"]
    fresh = factories.holder("fay@example.org")
    assert refused(shop, UNKNOWN, user=fresh, address="2001:db8::ffff") == "voucher_too_many"
    assert refused(shop, UNKNOWN, user=fresh, address="2001:db8:0:1::1") == "voucher_unknown"


def test_slips_of_the_finger_do_not_count(shop: Shop) -> None:
    made = shop.vouchers()
    wrong = made.pins[0][:-1] + str((int(made.pins[0][-1]) + 1) % 10)
    assert {refused(shop, typed) for typed in [wrong, "", "1234", "no PIN"] * 10} == {"pin_invalid"}
    assert RateLimit.objects.count() == 0
    assert redeem(shop, made.pins[0]).state == "redeemed"


def test_whoever_has_many_vouchers_is_not_stopped(shop: Shop) -> None:
    for pin in shop.vouchers(30, 100).pins:
        redeem(shop, pin)
    assert shop.balance == 3000


# --- at once --------------------------------------------------------------------------------------------------------

at_once = pytest.mark.django_db(transaction=True)


@at_once
def test_four_people_with_one_pin_and_one_gets_it(shop: Shop) -> None:
    (pin,) = shop.vouchers().pins
    people = [factories.holder(f"eve{n}@example.org") for n in range(4)]
    left = list(people)
    answers = together(4, lambda: redeem(shop, pin, user=left.pop()))
    codes = sorted(getattr(answer, "code", "redeemed") for answer in answers)
    assert codes == ["redeemed", "voucher_used", "voucher_used", "voucher_used"]
    assert sorted(balance_of(person).minor for person in people) == [0, 0, 0, 1000]


@at_once
def test_one_person_with_four_vouchers_and_four_clicks_each(shop: Shop) -> None:
    pins = shop.vouchers(2).pins * 2
    assert {str(answer.state) for answer in together(4, lambda: redeem(shop, pins.pop()))} == {"redeemed"}
    assert (shop.balance, Wallet.objects.count(), WalletMovement.objects.count()) == (2000, 1, 2)


@at_once
def test_redeemed_and_made_void_at_once(shop: Shop) -> None:
    made = shop.vouchers(1)
    acts = [
        lambda: redeem(shop, made.pins[0]),
        lambda: vouchers_void(batch=made.batch, by=shop.dora, reason="r", now=shop.now),
    ]
    together(2, lambda: acts.pop()())
    state = Voucher.objects.get().state
    assert (state, shop.balance) in {("redeemed", 1000), ("void", 0)}
    assert books.balances() == ({"till:cash": 1000, wallet_account(shop): -1000} if state == "redeemed" else {})


@at_once
def test_one_batch_of_a_name(shop: Shop) -> None:
    answers = together(3, lambda: shop.vouchers(2))
    assert sorted(getattr(answer, "code", "made") for answer in answers) == [
        "made",
        "voucher_batch_exists",
        "voucher_batch_exists",
    ]
    assert Voucher.objects.count() == 2


def test_others_guesses_behind_an_address_are_not_counted_for_an_account(shop: Shop) -> None:
    made = shop.vouchers()
    for n in range(4):
        other = factories.holder(f"guesser{n}@example.org")
        assert [refused(shop, UNKNOWN, user=other) for _ in range(5)] == ["voucher_unknown"] * 5
    assert [refused(shop, made.pins[0]) for _ in range(6)] == ["voucher_too_many"] * 6
    assert shop.balance == 0
    redeem(shop, made.pins[0], address="198.51.100.9")
    assert shop.balance == 1000
