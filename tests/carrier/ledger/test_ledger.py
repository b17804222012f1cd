"""The books: right by construction, refused by the database when they are not, proved by the audit."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.carrier.ledger import rules
from lineaviva.carrier.ledger.actions import transaction_post
from lineaviva.carrier.ledger.models import Entry, Transaction
from lineaviva.carrier.ledger.queries import ledger_audit
from lineaviva.carrier.ledger.rules import Posting
from lineaviva.carrier.subscriptions.actions import subscription_open
from lineaviva.carrier.subscriptions.models import Subscription


@pytest.fixture
def line(db: None, now: datetime) -> Subscription:
    return subscription_open(operator="tim", msisdn="+393391234567", now=now)[0]


# --- rules --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("postings", "expected"),
    [
        pytest.param(rules.topup(1000, 0), [("clearing", "credit", 1000)], id="top-up"),
        pytest.param(
            rules.topup(1000, 150), [("clearing", "credit", 850), ("promotion", "credit", 150)], id="top-up, promotion"
        ),
        pytest.param(rules.topup(1000, 1000), [("promotion", "credit", 1000)], id="top-up, given away"),
        pytest.param(rules.plan(999, 0), [("clearing", "revenue", 999)], id="plan"),
        pytest.param(
            rules.plan(999, 99), [("clearing", "revenue", 900), ("promotion", "revenue", 99)], id="plan, promotion"
        ),
    ],
)
def test_postings(postings: list[Posting], expected: list[tuple[str, str, int]]) -> None:
    assert [(one.debited, one.credited, one.amount_minor) for one in postings] == expected


@given(st.integers(0, 10**9), st.integers(-10, 10**9))
def test_a_sale_moves_its_whole_price_and_nothing_below_zero(face: int, off: int) -> None:
    if not 0 <= off <= face:
        with pytest.raises(ValueError, match="discount"):
            rules.topup(face, off)
        return
    postings = rules.topup(face, off)
    assert sum(one.amount_minor for one in postings) == face
    assert all(one.amount_minor > 0 for one in postings)


# --- writing ------------------------------------------------------------------------------------------------------


def test_credit_follows_its_entries(line: Subscription, now: datetime) -> None:
    for postings in (rules.topup(1000, 200), rules.plan(500, 0), [Posting("credit", "revenue", 300)]):
        transaction_post(subscription=line, kind="topup", postings=postings, now=now)
    assert line.credit_minor == 700
    line.refresh_from_db()
    assert line.credit_minor == 700
    audit = ledger_audit("tim")
    assert audit.accounts == {"clearing": 1300, "credit": -700, "promotion": 200, "revenue": -800}
    assert audit.problems == []


def test_a_transaction_without_entries_is_none(line: Subscription, now: datetime) -> None:
    with pytest.raises(ValueError, match="entry"):
        transaction_post(subscription=line, kind="topup", postings=[], now=now)
    assert not Transaction.objects.exists()


@pytest.mark.parametrize(
    "posting",
    [
        pytest.param(Posting("clearing", "credit", 0), id="nothing"),
        pytest.param(Posting("clearing", "credit", -5), id="below zero"),
        pytest.param(Posting("credit", "credit", 5), id="from an account to itself"),
        pytest.param(Posting("clearing", "cash", 5), id="an account that is not in the chart"),
    ],
)
def test_the_database_takes_no_entry_that_is_none(line: Subscription, now: datetime, posting: Posting) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        transaction_post(subscription=line, kind="topup", postings=[posting], now=now)
    line.refresh_from_db()
    assert (line.credit_minor, Transaction.objects.count(), Entry.objects.count()) == (0, 0, 0)


@pytest.mark.parametrize("table", ["carrier_ledger_entry", "carrier_ledger_transaction"])
@pytest.mark.parametrize("act", ["UPDATE {} SET subscription_id = subscription_id", "DELETE FROM {}"])
def test_the_database_changes_and_deletes_nothing(line: Subscription, now: datetime, table: str, act: str) -> None:
    transaction_post(subscription=line, kind="topup", postings=rules.topup(500, 0), now=now)
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(act.format(table))
    assert (Transaction.objects.count(), Entry.objects.count()) == (1, 1)


# --- the audit ----------------------------------------------------------------------------------------------------


def test_the_audit_finds_credit_that_no_entry_explains(line: Subscription, now: datetime) -> None:
    transaction_post(subscription=line, kind="topup", postings=rules.topup(500, 0), now=now)
    Subscription.objects.update(credit_minor=501)
    assert ledger_audit("tim").problems == [f"subscription {line.pk}: credit is 501 cents, its entries add up to 500"]


def test_the_audit_finds_credit_without_any_entry(line: Subscription) -> None:
    Subscription.objects.update(credit_minor=-1)
    assert ledger_audit("tim").problems == [f"subscription {line.pk}: credit is -1 cents, its entries add up to 0"]


def test_the_audit_finds_an_empty_transaction(line: Subscription, now: datetime) -> None:
    empty = Transaction.objects.create(subscription=line, kind="topup", at=now)
    assert ledger_audit("tim").problems == [f"transaction {empty.pk} (topup) has no entry"]


def test_the_audit_finds_an_entry_on_another_line(line: Subscription, now: datetime) -> None:
    other, _ = subscription_open(operator="tim", msisdn="+393391234568", now=now)
    posted = transaction_post(subscription=line, kind="topup", postings=rules.topup(500, 0), now=now)
    stray = Entry.objects.create(
        transaction=posted, subscription=other, debited="clearing", credited="revenue", amount_minor=5
    )
    assert ledger_audit("tim").problems == [f"entry {stray.pk} names another line than its transaction {posted.pk}"]


def test_each_operator_has_books_of_its_own(line: Subscription, now: datetime) -> None:
    other, _ = subscription_open(operator="vodafone", msisdn="+393391234567", now=now)
    transaction_post(subscription=other, kind="topup", postings=rules.topup(500, 0), now=now)
    assert ledger_audit("tim").accounts == {}
    assert ledger_audit("vodafone").accounts == {"clearing": 500, "credit": -500}
