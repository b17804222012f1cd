"""The audit finds whatever was done to the books behind everybody's back, and says what it is."""

from __future__ import annotations

from datetime import datetime

import pytest

from lineaviva.carrier.ledger.actions import event_record
from lineaviva.carrier.ledger.queries import ledger_audit
from lineaviva.carrier.ledger.rules import Posting, topup
from lineaviva.carrier.subscriptions.actions import subscription_open
from lineaviva.carrier.subscriptions.models import Subscription
from tests.carrier.books import tampered
from tests.carrier.nightly import lines

pytestmark = pytest.mark.django_db
TABLES = {
    **{"subscription": "carrier_subscriptions_subscription", "number": "carrier_subscriptions_number"},
    **{"plan": "carrier_subscriptions_plan", "event": "carrier_ledger_event", "entry": "carrier_ledger_entry"},
}
_STRAY = "INSERT INTO {entry} (subscription_id, number, leg, debited, credited, amount_minor, origin, booked_on) "
_ODD = 'INSERT INTO {event} (subscription_id, number, kind, origin, "on", at, offering_id, amount_minor) '


@pytest.fixture
def line(now: datetime) -> Subscription:
    """10.00 topped up, 3.00 spent, 0.99 owed: three events, three entries; beside it a line like it."""
    made = [subscription_open(operator="tim", msisdn=f"+39339123456{last}", now=now)[0] for last in (7, 8)]
    for one in made:
        event_record(subscription=one, kind="topup", postings=topup(1000, 0), now=now)
        event_record(subscription=one, kind="renewed", postings=[Posting("credit", "revenue", 300)], now=now)
        event_record(subscription=one, kind="courtesy", postings=[Posting("courtesy", "revenue", 99)], now=now)
    assert ledger_audit("tim").problems == []
    return made[0]


# What is done (`{line}`: the line, `{other}`: the other) -> what is said.
DAMAGE: dict[str, tuple[str, list[str]]] = {
    "credit, a cent more": (
        "UPDATE {subscription} SET credit_minor = 701 WHERE id = {line}",
        ["subscription {line}: credit is 701 and debt 99 cents, its entries add up to 700 and 99"],
    ),
    "credit, gone": (
        "UPDATE {subscription} SET credit_minor = 0 WHERE id = {line}",
        ["subscription {line}: credit is 0 and debt 99 cents, its entries add up to 700 and 99"],
    ),
    "debt, forgotten": (
        "UPDATE {subscription} SET debt_minor = 0 WHERE id = {line}",
        ["subscription {line}: credit is 700 and debt 0 cents, its entries add up to 700 and 99"],
    ),
    "the counter of events, ahead": (
        "UPDATE {subscription} SET last_number = 4 WHERE id = {line}",
        ["subscription {line}: its events should be 1 to 4, there are 3 up to 3"],
    ),
    "the counter of events, behind": (
        "UPDATE {subscription} SET last_number = 2 WHERE id = {line}",
        ["subscription {line}: its events should be 1 to 2, there are 3 up to 3"],
    ),
    "the last event, deleted": (
        "DELETE FROM {event} WHERE subscription_id = {line} AND number = 3",
        [
            "subscription {line}: its events should be 1 to 3, there are 2 up to 2",
            "entry 3 of subscription {line} belongs to no event",
        ],
    ),
    "an event in between, deleted": (
        "DELETE FROM {event} WHERE subscription_id = {line} AND number = 2",
        [
            "subscription {line}: its events should be 1 to 3, there are 2 up to 3",
            "entry 2 of subscription {line} belongs to no event",
        ],
    ),
    "an event, renumbered": (
        "UPDATE {event} SET number = 0 WHERE subscription_id = {line} AND number = 2",
        [
            "subscription {line}: its events should be 1 to 3, there are 3 up to 3",
            "event 0 of subscription {line} (renewed) says 300 cents, its entries move 0",
            "entry 2 of subscription {line} belongs to no event",
        ],
    ),
    "an event, added": (
        _ODD + "VALUES ({line}, 4, 'changed', 'staff', '2026-11-22', '2026-11-22 12:00:00', '', 0)",
        ["subscription {line}: its events should be 1 to 3, there are 4 up to 4"],
    ),
    "an event's amount": (
        "UPDATE {event} SET amount_minor = 400 WHERE subscription_id = {line} AND number = 2",
        ["event 2 of subscription {line} (renewed) says 400 cents, its entries move 300"],
    ),
    "an entry, deleted": (
        "DELETE FROM {entry} WHERE subscription_id = {line} AND number = 2",
        [
            "subscription {line}: credit is 700 and debt 99 cents, its entries add up to 1000 and 99",
            "event 2 of subscription {line} (renewed) says 300 cents, its entries move 0",
        ],
    ),
    "an entry's amount": (
        "UPDATE {entry} SET amount_minor = 900 WHERE subscription_id = {line} AND number = 1",
        [
            "subscription {line}: credit is 700 and debt 99 cents, its entries add up to 600 and 99",
            "event 1 of subscription {line} (topup) says 1000 cents, its entries move 900",
        ],
    ),
    "an entry's account": (
        "UPDATE {entry} SET credited = 'refund' WHERE subscription_id = {line} AND number = 1",
        ["subscription {line}: credit is 700 and debt 99 cents, its entries add up to -300 and 99"],
    ),
    "an entry, moved to another line": (
        "UPDATE {entry} SET subscription_id = {other}, leg = 2 WHERE subscription_id = {line} AND number = 3",
        [
            "subscription {line}: credit is 700 and debt 99 cents, its entries add up to 700 and 0",
            "subscription {other}: credit is 700 and debt 99 cents, its entries add up to 700 and 198",
            "event 3 of subscription {line} (courtesy) says 99 cents, its entries move 0",
            "event 3 of subscription {other} (courtesy) says 99 cents, its entries move 198",
        ],
    ),
    "an entry, added to an event": (
        _STRAY + "VALUES ({line}, 1, 2, 'clearing', 'revenue', 5, 'staff', '2026-11-22')",
        ["event 1 of subscription {line} (topup) says 1000 cents, its entries move 1005"],
    ),
    "an entry without an event": (
        _STRAY + "VALUES ({line}, 9, 1, 'clearing', 'revenue', 5, 'staff', '2026-11-22')",
        ["entry 9 of subscription {line} belongs to no event"],
    ),
    "an entry of a line that there is not": (
        _STRAY + "VALUES (777777, 1, 1, 'clearing', 'revenue', 5, 'staff', '2026-11-22')",
        ["entry 1 of subscription 777777 belongs to no event"],
    ),
    "a line, deleted": (
        "DELETE FROM {subscription} WHERE id = {line}",
        [
            "events or plans of subscription {line}, which there is not",
            "a number of tim names subscription {line}, which has another",
        ],
    ),
    "a plan of a line that there is not": (
        "INSERT INTO {plan} (subscription_id, number, offering_id, name, price_minor, status, auto_renew, started_on, "
        "anchor_day, late_days) VALUES (777777, 1, 'x', 'x', 1, 'active', TRUE, '2026-11-22', 22, 0)",
        ["events or plans of subscription 777777, which there is not"],
    ),
    "a number, deleted": (
        "DELETE FROM {number} WHERE subscription_id = {line}",
        ["subscription {line} is open, and no number is its own"],
    ),
    "a number, freed": (
        "UPDATE {number} SET subscription_id = NULL WHERE subscription_id = {line}",
        ["subscription {line} is open, and no number is its own"],
    ),
    "a number, given to another line": (
        "UPDATE {number} SET subscription_id = {other} WHERE subscription_id = {line}",
        [
            "a number of tim names subscription {other}, which has another",
            "subscription {line} is open, and no number is its own",
        ],
    ),
    "a line's number": (
        "UPDATE {subscription} SET msisdn = '+393399999999' WHERE id = {line}",
        [
            "a number of tim names subscription {line}, which has another",
            "subscription {line} is open, and no number is its own",
        ],
    ),
}


@pytest.mark.parametrize(("done", "said"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_found_and_named(line: Subscription, done: str, said: list[str]) -> None:
    other = Subscription.objects.exclude(pk=line.pk).get()
    names = {**TABLES, "line": line.pk, "other": other.pk}
    tampered(done.format(**names))
    audit = ledger_audit("tim")
    assert sorted(audit.problems) == sorted(sentence.format(**names) for sentence in said)
    assert audit.balanced is False


def test_a_closed_line_may_have_lost_its_number(line: Subscription) -> None:
    tampered("UPDATE carrier_subscriptions_number SET subscription_id = NULL WHERE subscription_id = %s", line.pk)
    Subscription.objects.filter(pk=line.pk).update(status="closed")
    assert ledger_audit("tim").problems == []


def test_each_operator_has_books_of_its_own(line: Subscription) -> None:
    lines.line("vodafone", credit=500)
    assert ledger_audit("tim").accounts == {"clearing": 2000, "courtesy": 198, "credit": -1400, "revenue": -798}
    assert ledger_audit("vodafone").accounts == {"credit": -500, "promotion": 500}
    Subscription.objects.filter(operator="vodafone").update(credit_minor=0)
    assert ledger_audit("tim").problems == []
    assert len(ledger_audit("vodafone").problems) == 1


def test_empty_books_balance() -> None:
    assert (ledger_audit("tim").accounts, ledger_audit("tim").problems) == ({}, [])
