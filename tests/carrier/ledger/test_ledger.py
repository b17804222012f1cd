"""The books: right by construction, and refused by the database when they are not."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.carrier.ledger import rules
from lineaviva.carrier.ledger.actions import event_record
from lineaviva.carrier.ledger.models import Entry, Event
from lineaviva.carrier.ledger.queries import ledger_audit
from lineaviva.carrier.ledger.rules import Posting
from lineaviva.carrier.partitions import parts, table
from lineaviva.carrier.subscriptions.actions import subscription_open
from lineaviva.carrier.subscriptions.models import Subscription
from tests.keeper.together import together

NUMBER = "+393391234567"


@pytest.fixture
def line(db: None, now: datetime) -> Subscription:
    return subscription_open(operator="tim", msisdn=NUMBER, now=now)[0]


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
        pytest.param(rules.debt_payment(1000, 198), [("credit", "courtesy", 198)], id="debt"),
        pytest.param(rules.debt_payment(100, 198), [("credit", "courtesy", 100)], id="debt, in part"),
        pytest.param(rules.debt_payment(0, 198), [], id="debt, without credit"),
        pytest.param(rules.debt_payment(1000, 0), [], id="no debt"),
        pytest.param(rules.credit_out(700), [("credit", "refund", 700)], id="residual credit paid back"),
        pytest.param(rules.credit_in(700), [("refund", "credit", 700)], id="residual credit moved here"),
        pytest.param(rules.adjustment(5), [("promotion", "credit", 5)], id="given by hand"),
        pytest.param(rules.adjustment(-5), [("credit", "promotion", 5)], id="taken back by hand"),
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
    assert sum(one.effect("credit") for one in postings) == face


@given(st.integers(-(10**6), 10**9), st.integers(0, 10**9))
def test_paying_a_debt_never_takes_more_than_there_is(credit: int, debt: int) -> None:
    postings = rules.debt_payment(credit, debt)
    assert credit + sum(one.effect("credit") for one in postings) >= min(credit, 0)
    assert debt + sum(one.effect("courtesy") for one in postings) == debt - max(0, min(credit, debt))


# --- writing ------------------------------------------------------------------------------------------------------


def test_credit_and_debt_follow_their_entries(line: Subscription, now: datetime) -> None:
    for kind, postings in (
        ("topup", rules.topup(1000, 200)),
        ("plan", rules.plan(500, 0)),
        ("renewed", [Posting("credit", "revenue", 300)]),
        ("courtesy", [Posting("courtesy", "revenue", 99)]),
        ("debt_paid", rules.debt_payment(700, 99)),
        ("credit_out", rules.credit_out(1)),
    ):
        event_record(subscription=line, kind=kind, postings=postings, now=now)
    assert (line.credit_minor, line.debt_minor, line.last_number) == (600, 0, 6)
    line.refresh_from_db()
    assert (line.credit_minor, line.debt_minor, line.last_number) == (600, 0, 6)
    audit = ledger_audit("tim")
    assert audit.accounts == {
        **{"clearing": 1300, "courtesy": 0, "credit": -600, "promotion": 200},
        **{"refund": -1, "revenue": -899},
    }
    assert (audit.problems, audit.balanced) == ([], True)


def test_an_event_is_what_happened_when_and_what_it_moved(line: Subscription, now: datetime) -> None:
    event = event_record(
        subscription=line, kind="plan", postings=rules.plan(999, 99), starts_plan=True, offering_id="x", now=now
    )
    kept = Event.objects.get(subscription_id=line.pk, number=1)
    assert (kept.kind, kept.origin, kept.at, kept.on.isoformat()) == ("plan", "order", now, "2026-11-22")
    assert (kept.amount_minor, kept.plan_number, kept.offering_id) == (999, 1, "x")
    rows = Entry.objects.filter(subscription_id=line.pk, number=event.number).order_by("leg")
    assert list(rows.values_list("leg", "debited", "amount_minor", "origin", "booked_on")) == [
        (1, "clearing", 900, "order", kept.on),
        (2, "promotion", 99, "order", kept.on),
    ]


def test_what_moves_nothing_is_an_event_all_the_same(line: Subscription, now: datetime) -> None:
    event_record(subscription=line, kind="changed", origin="staff", now=now)
    assert (Event.objects.get().amount_minor, Entry.objects.count()) == (0, 0)
    assert ledger_audit("tim").problems == []


def test_events_written_at_once_are_numbered_without_a_gap(at_once: None, now: datetime) -> None:
    line, _ = subscription_open(operator="tim", msisdn=NUMBER, now=now)

    def write() -> int:
        with transaction.atomic():
            mine = Subscription.objects.select_for_update().get(pk=line.pk)
            return event_record(subscription=mine, kind="topup", postings=rules.topup(500, 0), now=now).number

    assert sorted(together(8, write)) == [1, 2, 3, 4, 5, 6, 7, 8]
    line.refresh_from_db()
    assert (line.credit_minor, line.last_number) == (4000, 8)
    assert ledger_audit("tim").problems == []


@pytest.mark.parametrize(
    "posting",
    [
        pytest.param(Posting("clearing", "credit", 0), id="nothing"),
        pytest.param(Posting("clearing", "credit", -5), id="below zero"),
        pytest.param(Posting("credit", "credit", 5), id="from an account to itself"),
        pytest.param(Posting("clearing", "cash", 5), id="an account that is not in the chart"),
        pytest.param(Posting("credit", "revenue", 5), id="credit that there is not"),
        pytest.param(Posting("clearing", "courtesy", 5), id="a debt that there is not"),
    ],
)
def test_the_database_takes_no_entry_that_is_none(line: Subscription, now: datetime, posting: Posting) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        event_record(subscription=line, kind="topup", postings=[posting], now=now)
    line.refresh_from_db()
    assert (line.credit_minor, line.last_number, Event.objects.count(), Entry.objects.count()) == (0, 0, 0, 0)


@pytest.mark.parametrize("model", [Event, Entry])
@pytest.mark.parametrize("act", ["UPDATE {} SET subscription_id = subscription_id", "DELETE FROM {}"])
def test_the_database_changes_and_deletes_nothing(
    line: Subscription, now: datetime, model: type[Event] | type[Entry], act: str
) -> None:
    event_record(subscription=line, kind="topup", postings=rules.topup(500, 0), now=now)
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(act.format(model._meta.db_table))
    assert (Event.objects.count(), Entry.objects.count()) == (1, 1)


@pytest.mark.parametrize("act", ["UPDATE {} SET subscription_id = subscription_id", "DELETE FROM {}"])
def test_nor_in_any_part_of_them(db: None, now: datetime, act: str) -> None:
    """On PostgreSQL each part is a table that can be written to as such."""
    for last in range(60):
        line, _ = subscription_open(operator="tim", msisdn=f"+3933912345{last:02d}", now=now)
        event_record(subscription=line, kind="topup", postings=rules.topup(500, 0), now=now)
    refused = 0
    for model in (Event, Entry):
        for part in parts():
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT COUNT(*) FROM {table(model, part)}")  # noqa: S608 - names of ours
                if not cursor.fetchone()[0]:
                    continue
                with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
                    cursor.execute(act.format(table(model, part)))
                refused += 1
    # Sixty lines leave a part or two empty at most.
    assert refused >= 2 * (len(parts()) - 3 if len(parts()) > 1 else 1)
    assert (Event.objects.count(), Entry.objects.count()) == (60, 60)


def test_an_event_stands_once(line: Subscription, now: datetime) -> None:
    event_record(subscription=line, kind="changed", now=now)
    Subscription.objects.update(last_number=0)
    line.refresh_from_db()
    with pytest.raises(IntegrityError), transaction.atomic():
        event_record(subscription=line, kind="changed", now=now)
    assert Event.objects.count() == 1
