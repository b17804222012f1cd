"""The one writer of the books, and what the database itself refuses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from lineaviva.keeper.books import queries
from lineaviva.keeper.books.actions import post
from lineaviva.keeper.books.models import Entry, Posting
from lineaviva.keeper.books.queries import AccountRow
from lineaviva.keeper.books.rules import month_read, moved
from lineaviva.kernel.errors import Conflict
from lineaviva.kernel.money import Money
from tests.keeper.together import together

FIVE = moved(Money(500), debit="provider:stripe", credit="held")


def entries() -> list[tuple[str, str, int, str]]:
    found = Entry.objects.order_by("posting_id", "account")
    return list(found.values_list("posting__key", "account", "amount_minor", "currency"))


@pytest.mark.django_db
def test_what_is_written(now: datetime) -> None:
    made = post(key="k", kind="payment", entries=FIVE, at=now, reference="K2M7F5PW", detail={"provider": "stripe"})
    row = Posting.objects.get()
    assert made == row
    assert (row.key, row.kind, row.at, row.reference) == ("k", "payment", now, "K2M7F5PW")
    assert row.detail == {"provider": "stripe"}
    assert entries() == [("k", "held", -500, "EUR"), ("k", "provider:stripe", 500, "EUR")]
    assert (queries.balances(), queries.disagreement()) == ({"held": -500, "provider:stripe": 500}, [])


@pytest.mark.django_db
def test_the_second_time_is_quiet(now: datetime) -> None:
    post(key="k", kind="payment", entries=FIVE, at=now)
    before = entries()
    later = now + timedelta(days=1)
    assert post(key="k", kind="payment", entries={**FIVE, "bank": Money(0)}, at=later, reference="other") is None
    assert (entries(), Posting.objects.get().at) == (before, now)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("payment", moved(Money(501), debit="provider:stripe", credit="held")),
        ("payment", moved(Money(500, "USD"), debit="provider:stripe", credit="held")),
        ("payment", moved(Money(500), debit="till:cash", credit="held")),
        ("refund", FIVE),
    ],
    ids=["amount", "currency", "account", "kind"],
)
def test_something_else_under_the_same_key_is_refused(now: datetime, kind: str, written: dict[str, Money]) -> None:
    post(key="k", kind="payment", entries=FIVE, at=now)
    before = entries()
    with pytest.raises(Conflict) as refused:
        post(key="k", kind=kind, entries=written, at=now)
    assert (refused.value.code, entries()) == ("posted_otherwise", before)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bank": Money(5), "held": Money(-4)}, "do not add up to zero but to {'EUR': 1}"),
        ({"bank": Money(5)}, "do not add up to zero"),
        ({"bank": Money(5), "held": Money(-5, "USD")}, "do not add up to zero but to {'EUR': 5, 'USD': -5}"),
        ({"bank": Money(5), "pocket": Money(-5)}, "names accounts that there are not: pocket"),
    ],
)
def test_what_is_not_balanced_is_never_written(now: datetime, wrong: dict[str, Money], said: str) -> None:
    with pytest.raises(ValueError, match=r"the entries of k|k names") as refused:
        post(key="k", kind="payment", entries=wrong, at=now)
    assert said in str(refused.value)
    assert not Posting.objects.exists()


@pytest.mark.django_db
def test_nothing_moved_is_nothing_written(now: datetime) -> None:
    assert post(key="k", kind="payment", entries=moved(Money(0), debit="bank", credit="held"), at=now) is None
    assert not Posting.objects.exists()


@pytest.mark.django_db
def test_several_accounts_and_currencies_in_one_posting(now: datetime) -> None:
    whole = {"bank": Money(97), "fees:stripe": Money(3), "provider:stripe": Money(-100)}
    both = {**whole, "losses": Money(5, "USD"), "difference": Money(-5, "USD")}
    assert post(key="k", kind="payout", entries=both, at=now) is not None
    assert queries.balances() == {"bank": 97, "fees:stripe": 3, "provider:stripe": -100}
    assert queries.balances("USD") == {"difference": -5, "losses": 5}
    assert queries.currencies() == {"EUR", "USD"}


@pytest.mark.django_db(transaction=True)
def test_four_at_once_are_one_posting(now: datetime) -> None:
    made = together(4, lambda: post(key="k", kind="payment", entries=FIVE, at=now))
    assert sorted(one is None for one in made) == [False, True, True, True]
    assert entries() == [("k", "held", -500, "EUR"), ("k", "provider:stripe", 500, "EUR")]


@pytest.mark.django_db
def test_undone_with_what_it_was_written_for(now: datetime) -> None:
    with transaction.atomic():
        post(key="k", kind="payment", entries=FIVE, at=now)
        transaction.set_rollback(True)
    assert (Posting.objects.count(), Entry.objects.count()) == (0, 0)


# --- the database's own rules -----------------------------------------------------------------------------------


CHANGES: dict[str, Callable[[], Any]] = {
    "an amount": lambda: Entry.objects.update(amount_minor=1),
    "an account": lambda: Entry.objects.filter(account="held").update(account="bank"),
    "a time": lambda: Posting.objects.update(at="2020-01-01T00:00Z"),
    "an entry gone": lambda: Entry.objects.filter(account="held")._raw_delete("default"),
    "a posting gone": lambda: Posting.objects.all()._raw_delete("default"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_nothing_is_ever_changed(now: datetime, change: Callable[[], Any]) -> None:
    post(key="k", kind="payment", entries=FIVE, at=now)
    before = entries()
    with pytest.raises(IntegrityError, match="the books are never changed"), transaction.atomic():
        change()
    assert (entries(), Posting.objects.get().at) == (before, now)


@pytest.mark.django_db
@pytest.mark.parametrize(("account", "minor"), [("bank", 0), ("held", 5)], ids=["of nothing", "an account twice"])
def test_entries_that_cannot_be_written(now: datetime, account: str, minor: int) -> None:
    posting = post(key="k", kind="payment", entries=FIVE, at=now)
    assert posting is not None
    with pytest.raises(IntegrityError), transaction.atomic():
        Entry.objects.create(posting=posting, account=account, amount_minor=minor)
    assert len(entries()) == 2


@pytest.mark.django_db
def test_what_was_written_past_the_writer_is_seen(now: datetime) -> None:
    posting = post(key="k", kind="payment", entries=FIVE, at=now)
    assert posting is not None
    Entry.objects.create(posting=posting, account="bank", amount_minor=7)
    Posting.objects.create(key="bare", kind="payment", at=now)
    assert queries.disagreement() == ["k is 7 off in EUR, in minor units", "bare has no entries"]


# --- reading ------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_accounts_of_a_month() -> None:
    start, end = month_read("2026-11")
    moment = timedelta(microseconds=1)
    for number, (at, minor) in enumerate([(start - moment, 100), (start, 20), (end - moment, 3), (end, 9000)]):
        post(key=f"in {number}", kind="payment", entries=moved(Money(minor), debit="till:cash", credit="held"), at=at)
    post(key="out", kind="refund", entries=moved(Money(5), debit="held", credit="till:cash"), at=start)
    assert queries.accounts(start, end) == [
        AccountRow("held", "EUR", opening=-100, debit=5, credit=23),
        AccountRow("till:cash", "EUR", opening=100, debit=23, credit=5),
    ]
    assert [row.closing for row in queries.accounts(start, end)] == [-118, 118]
    assert [entry.posting.key for entry in queries.journal(start, end)] == [
        "in 1",
        "in 1",
        "out",
        "out",
        "in 2",
        "in 2",
    ]
    assert [entry.amount_minor for entry in queries.journal(start, end)] == [20, -20, 5, -5, 3, -3]


@pytest.mark.django_db
def test_what_happened_to_one_order(now: datetime) -> None:
    post(key="b", kind="sale", entries=moved(Money(5), debit="held", credit="sales:x"), at=now, reference="A")
    post(key="a", kind="payment", entries=FIVE, at=now - timedelta(days=1), reference="A")
    post(key="c", kind="payment", entries=FIVE, at=now, reference="B")
    assert [posting.key for posting in queries.postings_of("A")] == ["a", "b"]
    assert queries.moved_by("payment", account="provider:") == 1000
    assert queries.moved_by("payment", account="provider:", currency="USD") == 0
    assert queries.sales_account("A") == ""
