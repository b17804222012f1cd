"""Lines go through their lives at night: each step once, with its event; a number that is freed is anybody's again."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from lineaviva.carrier.ledger.models import Event
from lineaviva.carrier.ledger.queries import ledger_audit
from lineaviva.carrier.subscriptions.actions import subscription_open
from lineaviva.carrier.subscriptions.models import Number, Plan, Subscription
from tests.carrier.nightly import lines
from tests.carrier.nightly.lines import NIGHT, at, day, events, moved, night, outcomes, row, state

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books")]


def dates(full: int, receives: int | None, kept: int | None, **columns: Any) -> dict[str, Any]:
    """Columns of a line with these last days, looked at tonight."""
    return {
        "full_service_until": day(full),
        "receive_only_until": None if receives is None else day(receives),
        "number_kept_until": None if kept is None else day(kept),
        "look_on": NIGHT,
        **columns,
    }


# The line before -> event (None: no step), phase, next look, what of it is told on this night.
STEPS: dict[str, tuple[dict[str, Any], str | None, str, date | None, str | None]] = {
    "notice of suspension": (
        *(dates(34, 64, 424), "suspension_notice", "full_service", day(35)),
        "suspension_noticed_on",
    ),
    "not before its time": (dates(40, 70, 430), None, "full_service", day(6), None),
    "it only receives": (
        *(dates(-1, 29, 389, suspension_noticed_on=day(-36)), "receive_only", "receive_only", day(30)),
        None,
    ),
    "not before its notice is old enough": (
        *(dates(-1, 29, 389, suspension_noticed_on=day(-20)), None, "full_service", day(10)),
        None,
    ),
    "straight off": (
        *(dates(-1, -1, 364, suspension_noticed_on=day(-36)), "off", "off", day(330)),
        None,
    ),
    "off": (dates(-31, -1, 359, phase="receive_only"), "off", "off", day(325), None),
    "notice of loss": (dates(-400, -370, 34, phase="off"), "loss_notice", "off", day(35), "loss_noticed_on"),
    "the number is free": (
        *(dates(-400, -370, -1, phase="off", loss_noticed_on=day(-36)), "freed", "free", None),
        None,
    ),
    "not before that notice is old enough": (
        *(dates(-400, -370, -1, phase="off", loss_noticed_on=day(-29)), None, "off", day(1)),
        None,
    ),
    "kept without end": (dates(-400, -370, None, phase="off"), None, "off", None, None),
}


def test_every_step() -> None:
    made = {name: lines.line(**facts[0]) for name, facts in STEPS.items()}
    summary = night()
    for name, line in made.items():
        _, event, phase, look_on, told = STEPS[name]
        line.refresh_from_db()
        assert (name, line.phase, line.look_on) == (name, phase, look_on)
        assert (name, events(line)) == (name, [(event, 0)] if event else [])
        if told:
            assert (name, getattr(line, told)) == (name, NIGHT)
    assert outcomes(summary) == {
        **{"tim suspension_notice": 1, "tim receive_only": 1, "tim off": 2},
        **{"tim loss_notice": 1, "tim freed": 1},
    }


def test_the_notice_names_the_day_that_it_warns_of() -> None:
    line = lines.line(**dates(34, 64, 424))
    night()
    event = Event.objects.get(subscription_id=line.pk, kind="suspension_notice")
    assert (event.on, event.until, event.at, event.amount_minor) == (NIGHT, day(35), at(NIGHT), 0)


def test_credit_survives_its_line() -> None:
    line = lines.line(credit=1234, **dates(-400, -370, -1, phase="off", loss_noticed_on=day(-36)))
    lines.offer()
    plans = [lines.plan(line, status=status) for status in ("asleep", "active")]
    summary = night()
    line.refresh_from_db()
    assert (line.status, line.phase, line.credit_minor, line.look_on) == ("closed", "free", 0, None)
    assert (events(line), moved(line)) == ([("freed", 1234)], [("credit", "refund", 1234)])
    assert [(row(plan)["status"], row(plan)["due_on"]) for plan in plans] == [("ended", None)] * 2
    assert ledger_audit("tim").accounts["refund"] == -1234
    assert summary["money"] == summary["ledger"] == {"credit_minor": 1234, "debt_minor": 0, "discount_minor": 0}


def test_what_a_line_owed_is_not_forgotten_with_it() -> None:
    line = lines.line(debt=198, **dates(-400, -370, -1, phase="off", loss_noticed_on=day(-36)))
    night()
    line.refresh_from_db()
    assert (line.status, line.debt_minor, line.credit_minor) == ("closed", 198, 0)


def test_a_number_that_is_free_is_another_line_to_whoever_takes_it() -> None:
    line = lines.line(credit=500, **dates(-400, -370, -1, phase="off", loss_noticed_on=day(-36)))
    night()
    assert Number.objects.get(msisdn=line.msisdn).subscription_id is None
    other, is_new = subscription_open(operator="tim", msisdn=line.msisdn, now=at(day(1)), extended_on=day(1))
    assert is_new
    assert (other.pk != line.pk, other.credit_minor, other.last_number, other.phase) == (True, 0, 0, "full_service")
    assert Number.objects.get(msisdn=line.msisdn).subscription_id == other.pk
    # The old line's row is history: no night touches the number again.
    Subscription.objects.filter(pk=line.pk).update(look_on=day(2), phase="off")
    night(day(2))
    assert Number.objects.get(msisdn=line.msisdn).subscription_id == other.pk


def test_a_whole_life_by_tims_own_rules() -> None:
    line, _ = subscription_open(operator="tim", msisdn="+393391234567", now=at(NIGHT), extended_on=NIGHT)
    told = []
    for _ in range(20):
        line.refresh_from_db()
        if line.look_on is None:
            break
        night(line.look_on)
    for event in Event.objects.filter(subscription_id=line.pk).order_by("number"):
        told.append((event.kind, event.on.isoformat()))
    assert told == [
        ("suspension_notice", "2027-10-19"),
        ("receive_only", "2027-11-23"),
        ("off", "2027-12-23"),
        ("loss_notice", "2028-10-19"),
        ("freed", "2028-11-23"),
    ]
    assert subscription_open(operator="tim", msisdn="+393391234567", now=at(date(2028, 11, 24)))[1] is True


def test_a_night_that_comes_too_late_costs_the_operator_days() -> None:
    """A line of which nobody took care for two years is told, and has its thirty days, twice."""
    line, _ = subscription_open(operator="tim", msisdn="+393391234567", now=at(NIGHT), extended_on=NIGHT)
    told = []
    for on in (date(2029, 1, 1), date(2029, 1, 30), date(2029, 1, 31), date(2029, 3, 1), date(2029, 3, 2)):
        before = Event.objects.count()
        night(on)
        kinds = Event.objects.filter(subscription_id=line.pk).order_by("number").values_list("kind", flat=True)
        told.append((on.isoformat(), list(kinds)[before:]))
    assert told == [
        ("2029-01-01", ["suspension_notice"]),
        ("2029-01-30", []),
        ("2029-01-31", ["receive_only", "off", "loss_notice"]),
        ("2029-03-01", []),
        ("2029-03-02", ["freed"]),
    ]


def test_the_same_steps_are_not_taken_twice() -> None:
    for facts, *_ in STEPS.values():
        lines.line(**facts)
    night()
    before = state()
    night()
    assert state() == before


@pytest.mark.parametrize("status", ["suspended", "closed"])
def test_a_line_that_a_person_blocked_grows_old_as_any_other(status: str) -> None:
    line = lines.line(status=status, **dates(34, 64, 424))
    night()
    assert events(line) == [("suspension_notice", 0)]
    line.refresh_from_db()
    assert line.status == status


def test_batches_of_one_do_the_same() -> None:
    for facts, *_ in STEPS.values():
        lines.line(credit=100, **facts)
    with lines.rolled_back():
        night()
        at_once = state()
    night(batch=1)
    assert state() == at_once
    assert Plan.objects.count() == 0
