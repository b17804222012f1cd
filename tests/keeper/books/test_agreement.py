"""The books and the rows of payments, counted apart, say the same at the end of every way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from lineaviva.keeper.accounts.models import AuditEntry
from lineaviva.keeper.activation import actions as activating
from lineaviva.keeper.activation.models import Activation
from lineaviva.keeper.books import queries
from lineaviva.keeper.books.actions import post
from lineaviva.keeper.books.models import Entry, Posting
from lineaviva.keeper.books.rules import moved
from lineaviva.keeper.orders.actions import order_cancel
from lineaviva.keeper.payments import posting
from lineaviva.keeper.payments.actions import payment_settle
from lineaviva.keeper.payments.models import PaymentAttempt, Refund
from lineaviva.keeper.payments.ports import RefundStatus
from lineaviva.keeper.payments.posting import books_repair, disagreement, in_books
from lineaviva.keeper.payments.queries import money_balance
from lineaviva.keeper.payments.refunding import refund_settle
from lineaviva.kernel.money import Money
from tests.keeper.books.conftest import Purse
from tests.keeper.together import together

VAT = "sales:single_stage"


def agrees() -> bool:
    return disagreement() == [] and in_books() == money_balance() and money_balance().balanced


def cancelled_and_paid(now: datetime) -> Purse:
    purse = Purse(now)
    order_cancel(order=purse.order, by=None, now=now)
    return purse.pay()


WAYS: dict[str, tuple[Callable[[datetime], Any], dict[str, int]]] = {
    "ordered": (lambda now: Purse(now), {}),
    "paid by card": (lambda now: Purse(now).pay(), {"provider:stripe": 500, "held": -500}),
    "told twice": (lambda now: Purse(now).pay().pay(), {"provider:stripe": 500, "held": -500}),
    "active": (lambda now: Purse(now).pay().activate(), {"provider:stripe": 500, VAT: -500}),
    "active by cash": (lambda now: Purse(now, way="cash").pay().activate(), {"till:cash": 500, VAT: -500}),
    "active by PayPal": (lambda now: Purse(now, way="paypal").pay().activate(), {"provider:paypal": 500, VAT: -500}),
    "refused": (lambda now: Purse(now).pay().refuse(), {"provider:stripe": 500, "held": -500}),
    "refused and given back": (lambda now: Purse(now).pay().refuse().give_back(), {}),
    "given back twice": (lambda now: Purse(now).pay().refuse().give_back().give_back(), {}),
    "cash given back": (lambda now: Purse(now, way="cash").pay().refuse().give_back_by_hand(), {}),
    "a card's money given back by hand": (
        lambda now: Purse(now).pay().refuse().give_back_by_hand(),
        {"provider:stripe": 500, "till:cash": -500},
    ),
    "paid after it was cancelled": (cancelled_and_paid, {"provider:stripe": 500, "held": -500}),
    "and given back": (lambda now: cancelled_and_paid(now).give_back(), {}),
    "for nothing": (lambda now: Purse(now, price=500, off=500, way="cash"), {}),
    "for nothing, active": (lambda now: Purse(now, price=500, off=500, way="cash").activate(), {}),
    "for nothing, refused": (lambda now: Purse(now, price=500, off=500, way="cash").refuse().give_back(), {}),
    "with a promotion": (
        lambda now: Purse(now, price=2500, off=200).pay().activate(),
        {"provider:stripe": 2300, VAT: -2300},
    ),
    "a part is asked back": (
        lambda now: Purse(now).pay().activate().ask_back(300),
        {"provider:stripe": 500, VAT: -500},
    ),
    "a part is given back": (
        lambda now: Purse(now).pay().activate().ask_back(300).give_back(),
        {"provider:stripe": 200, VAT: -200},
    ),
    "another part too": (
        lambda now: Purse(now).pay().activate().ask_back(300).give_back().ask_back(150, "more").give_back(),
        {"provider:stripe": 50, VAT: -50},
    ),
    "all of it in parts": (
        lambda now: Purse(now).pay().activate().ask_back(300).give_back().ask_back(200, "more").give_back(),
        {},
    ),
    "a part by hand": (
        lambda now: Purse(now).pay().activate().ask_back(300).give_back_by_hand(),
        {"provider:stripe": 500, "till:cash": -300, VAT: -200},
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("way", "accounts"), WAYS.values(), ids=WAYS.keys())
def test_every_way(now: datetime, way: Callable[[datetime], Any], accounts: dict[str, int]) -> None:
    way(now)
    assert (queries.balances(), agrees()) == (accounts, True)


@pytest.mark.django_db
def test_all_of_them_together(now: datetime) -> None:
    total: dict[str, int] = {}
    for way, accounts in WAYS.values():
        way(now)
        for account, minor in accounts.items():
            total[account] = total.get(account, 0) + minor
    assert (queries.balances(), agrees()) == (dict(sorted(total.items())), True)
    assert sum(queries.balances().values()) == 0


@pytest.mark.django_db
def test_what_a_posting_says(now: datetime) -> None:
    purse = Purse(now).pay().activate().ask_back(300).give_back().ask_back(50, "more").give_back()
    code, key = purse.order.code, purse.attempt.idempotency_key
    rows = [(row.key, row.kind, row.at, row.reference, row.detail) for row in queries.postings_of(code)]
    first, second = Refund.objects.order_by("number")
    assert rows == [
        (f"payment:{key}", "payment", now, code, {"provider": "stripe", "charge": f"ch_{purse.attempt.pk}"}),
        (f"sale:{code}", "sale", now, code, {"offering": "tim:topup-5"}),
        (
            f"refund:{key}",
            "refund",
            now,
            code,
            {"provider": "stripe", "refund": f"re_{first.pk}", "reason": "kindness", "row": first.pk},
        ),
        (
            f"refund:{key}:2",
            "refund",
            now,
            code,
            {"provider": "stripe", "refund": f"re_{second.pk}", "reason": "more", "row": second.pk},
        ),
    ]


# --- at once, and killed ------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_settled_four_times_at_once(now: datetime) -> None:
    purse = Purse(now)
    together(4, lambda: payment_settle(attempt=purse.attempt, status=purse.status, now=now))
    assert (queries.balances(), agrees()) == ({"held": -500, "provider:stripe": 500}, True)
    purse.order.refresh_from_db()
    purse.refuse()
    refund = purse.refund
    together(4, lambda: refund_settle(refund=refund, status=RefundStatus("succeeded", "re_1"), now=now))
    assert (queries.balances(), agrees(), Posting.objects.count()) == ({}, True, 2)


@pytest.mark.django_db(transaction=True)
def test_activated_four_times_at_once(now: datetime) -> None:
    purse = Purse(now).pay()
    together(4, purse.activate)
    assert (queries.balances(), agrees(), Posting.objects.count()) == ({"provider:stripe": 500, VAT: -500}, True, 2)


def killed(*_: Any, **__: Any) -> None:
    """As kill -9: nothing after this statement happens."""
    raise KeyboardInterrupt


STEPS: dict[str, tuple[Callable[[datetime], Purse], Callable[[Purse], Any], list[tuple[Any, str]]]] = {
    "paying": (
        lambda now: Purse(now),
        lambda purse: purse.pay(),
        [(posting, "post"), (posting, "collected")],
    ),
    "activating": (
        lambda now: Purse(now).pay(),
        lambda purse: purse.activate(),
        [(posting, "post"), (posting, "delivered"), (activating, "order_activate")],
    ),
    "giving back": (
        lambda now: Purse(now).pay().refuse(),
        lambda purse: purse.give_back(),
        [(posting, "post"), (posting, "given_back")],
    ),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("before", "step", "places"), STEPS.values(), ids=STEPS.keys())
def test_killed_anywhere_the_books_say_what_the_rows_say(
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    before: Callable[[datetime], Purse],
    step: Callable[[Purse], Any],
    places: list[tuple[Any, str]],
) -> None:
    purse = before(now)
    kept = queries.balances()
    for owner, name in places:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, killed)
            with pytest.raises(KeyboardInterrupt):
                step(purse)
        assert (queries.balances(), agrees()) == (kept, True)
    step(purse)
    assert queries.balances() != kept
    assert agrees()


# --- what does not agree is seen ----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_row_that_was_written_past_the_actions_is_named(now: datetime) -> None:
    purse = Purse(now)
    PaymentAttempt.objects.update(state="succeeded")
    key = purse.attempt.idempotency_key
    assert disagreement() == [
        "collected: payments count 5.00 EUR, the books 0.00 EUR",
        "held: payments count 5.00 EUR, the books 0.00 EUR",
        f"payment:{key} is not in the books",
    ]


@pytest.mark.django_db
def test_a_sale_and_refunds_that_are_missing_are_named(now: datetime) -> None:
    purse = Purse(now).pay()
    type(purse.order).objects.update(state="active")
    facts = {"attempt": purse.attempt, "amount_minor": 100, "state": "succeeded", "reason": "x", "requested_at": now}
    Refund.objects.create(**facts)
    Refund.objects.create(**facts, number=2)
    key = purse.attempt.idempotency_key
    assert disagreement()[-3:] == [
        f"sale:{purse.order.code} is not in the books",
        f"refund:{key} is not in the books",
        f"refund:{key}:2 is not in the books",
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "debit", "credit", "name"),
    [
        ("payment", "provider:stripe", "held", "collected"),
        ("refund", "held", "till:cash", "refunded"),
        ("sale", "held", VAT, "delivered"),
        ("correction", "held", "difference", "held"),
    ],
)
def test_a_posting_of_nothing_that_happened_is_seen(
    now: datetime, kind: str, debit: str, credit: str, name: str
) -> None:
    post(key="x", kind=kind, entries=moved(Money(7), debit=debit, credit=credit), at=now)
    assert any(said.startswith(f"{name}: payments count 0.00 EUR, the books") for said in disagreement())


@pytest.mark.django_db
def test_fees_payouts_and_disputes_do_not_disturb_it(now: datetime) -> None:
    Purse(now).pay().activate()
    for kind, debit in (("fee", "fees:stripe"), ("payout", "bank"), ("dispute", "losses")):
        post(key=kind, kind=kind, entries=moved(Money(10), debit=debit, credit="provider:stripe"), at=now)
    assert agrees()
    assert queries.balances() == {
        **{"bank": 10, "fees:stripe": 10, "losses": 10},
        **{"provider:stripe": 470, VAT: -500},
    }


@pytest.mark.django_db
def test_currencies_are_kept_apart(now: datetime) -> None:
    Purse(now).pay()
    PaymentAttempt.objects.update(currency="USD")
    said = disagreement()
    assert "collected: payments count 0.00 EUR, the books 5.00 EUR" in said
    assert "collected: payments count 5.00 USD, the books 0.00 USD" in said


# --- repaired -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_an_old_program_wrote_meanwhile_is_posted_as_of_its_time(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(posting, "post", lambda **_: None)
        for way in WAYS.values():
            way[0](now)
    assert queries.balances() == {}
    missing = [
        said.removesuffix(" is not in the books") for said in disagreement() if said.endswith("not in the books")
    ]
    done = books_repair(now=now + timedelta(days=1))
    assert agrees()
    assert set(missing) <= set(done)
    assert len(done) == len(set(done)) == Posting.objects.count()
    assert set(Posting.objects.values_list("at", flat=True)) == {now}
    assert AuditEntry.objects.get(act="books_repair").detail == {"postings": len(done)}


@pytest.mark.django_db
def test_where_nothing_is_missing_nothing_is_posted(now: datetime) -> None:
    Purse(now).pay().activate()
    before = _postings()
    assert books_repair(now=now) == []
    assert (_postings(), AuditEntry.objects.filter(act="books_repair").count()) == (before, 0)


# --- what was before the books -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_what_was_paid_before_there_were_books_is_in_them(now: datetime) -> None:
    """The migration, over the rows as they are after every way of that time."""
    from importlib import import_module

    for name in ("paid by card", "active", "active by cash", "refused and given back", "cash given back", "refused"):
        WAYS[name][0](now)
    WAYS["a card's money given back by hand"][0](now)
    WAYS["and given back"][0](now)
    WAYS["for nothing, active"][0](now)
    before = queries.balances()
    written = _postings()
    _forget()
    assert disagreement() != []

    import_module("lineaviva.keeper.books.migrations.0003_what_was_before").put(apps, None)

    assert (queries.balances(), agrees()) == (before, True)
    assert _postings() == written
    assert all(row.detail == {"before_the_books": True} for row in Posting.objects.all())


def _postings() -> dict[str, Any]:
    return {
        row.key: (row.kind, row.at, row.reference, sorted(row.entries.values_list("account", "amount_minor")))
        for row in Posting.objects.prefetch_related("entries")
    }


def _forget() -> None:
    """As nobody can outside of a test: without the triggers."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE books_entry, books_posting")
            return
        cursor.execute("DROP TRIGGER books_entry_no_delete")
        cursor.execute("DROP TRIGGER books_posting_no_delete")
    Entry.objects.all().delete()
    Posting.objects.all().delete()


@pytest.mark.django_db
def test_an_activation_twice_is_one_sale(now: datetime) -> None:
    purse = Purse(now + timedelta(0)).pay().activate().activate()
    assert Activation.objects.filter(order=purse.order).count() == 1
    assert [row.kind for row in queries.postings_of(purse.order.code)] == ["payment", "sale"]
