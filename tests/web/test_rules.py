"""Which button, which steps, and when the page looks again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.web import rules
from lineaviva.keeper.web.rules import OrderFacts, Step

AT = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
PLACED = OrderFacts(state="placed", placed_at=AT)
PAID = replace(PLACED, state="paid", paid_at=AT + timedelta(seconds=9), attempt="succeeded", provider="stripe")
SENT = replace(PAID, activation="sent", sent_at=AT + timedelta(seconds=10))
ACTIVE = replace(SENT, state="active", activation="succeeded", active_at=AT + timedelta(seconds=11))


@pytest.mark.parametrize(
    ("state", "may_pay", "order_state", "provider", "verb"),
    [
        pytest.param("full_service", True, None, None, "renew", id="a line that lives is renewed"),
        pytest.param("receive_only", True, None, None, "renew", id="one that only receives, too"),
        pytest.param("off_recoverable", True, None, None, "ask", id="one that is off needs help"),
        pytest.param("lost", True, None, None, "ask", id="a lost one needs help"),
        pytest.param("unknown", True, None, None, "add_date", id="an unknown one needs a date"),
        pytest.param("full_service", False, None, None, "look", id="who may only read looks"),
        pytest.param("lost", False, None, None, "look", id="who may only read looks at a lost one"),
        pytest.param("full_service", True, "placed", "cash", "pay_in_shop", id="a cash order waits in the shop"),
        pytest.param("full_service", True, "placed", "stripe", "pay", id="a card order waits for its card"),
        pytest.param("full_service", True, "placed", None, "pay", id="an order without payment waits for one"),
        pytest.param("full_service", True, "paid", None, "see_order", id="a paid order is looked at"),
        pytest.param("full_service", False, "paid", None, "see_order", id="also by who may only read"),
        pytest.param("unknown", True, "paid", None, "see_order", id="an order goes before the missing date"),
    ],
)
def test_a_line_has_one_button(
    state: str, may_pay: bool, order_state: str | None, provider: str | None, verb: str
) -> None:
    found = rules.verb(state=state, may_pay=may_pay, order_state=order_state, open_provider=provider)
    assert found == verb


def test_nobody_is_told_to_pay_what_may_be_paid() -> None:
    facts = {"state": "full_service", "may_pay": True, "order_state": "placed", "open_provider": "stripe"}
    assert rules.verb(**facts, unsure=True) == "see_order"  # type: ignore[arg-type]
    assert rules.verb(**facts, profile=True, unsure=True) == "see_order"  # type: ignore[arg-type]
    assert rules.verb(**{**facts, "order_state": "paid"}, profile=True, unsure=True) == "install"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "days", "tone"),
    [
        ("full_service", 31, "live"),
        ("full_service", 30, "warn"),
        ("full_service", 8, "warn"),
        ("full_service", 7, "off"),
        ("full_service", 0, "off"),
        ("full_service", None, "live"),
        ("receive_only", 200, "warn"),
        ("off_recoverable", 5, "off"),
        ("lost", None, "lost"),
        ("unknown", None, "unknown"),
        ("of another world", 3, "unknown"),
    ],
)
def test_colour_tells_how_urgent_it_is(state: str, days: int | None, tone: str) -> None:
    assert rules.urgency(state, days) == tone


def test_each_state_has_an_icon_of_its_own() -> None:
    states = ["full_service", "receive_only", "off_recoverable", "lost", "unknown"]
    assert len({rules.icon_of(state) for state in states}) == len(states)


def test_the_worst_line_comes_first() -> None:
    soon = rules.worst_first(state="full_service", next_on=date(2026, 12, 4))
    later = rules.worst_first(state="receive_only", next_on=date(2027, 1, 4))
    unknown = rules.worst_first(state="unknown", next_on=None)
    lost = rules.worst_first(state="lost", next_on=None)
    assert sorted([lost, unknown, later, soon]) == [soon, later, unknown, lost]


# --- steps --------------------------------------------------------------------------------------------------------


def states(facts: OrderFacts) -> dict[str, str]:
    return {step.name: step.state for step in rules.steps(facts)}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(PLACED, "done now todo todo", id="placed"),
        pytest.param(PAID, "done done now todo", id="paid"),
        pytest.param(SENT, "done done now todo", id="sent"),
        pytest.param(replace(SENT, activation="unknown"), "done done unknown todo", id="unknown"),
        pytest.param(replace(SENT, activation="succeeded"), "done done done now", id="confirmed"),
        pytest.param(ACTIVE, "done done done done", id="active"),
        pytest.param(replace(PLACED, state="expired"), "done failed todo todo", id="not paid in time"),
        pytest.param(replace(PLACED, state="cancelled"), "done failed todo todo", id="cancelled"),
    ],
)
def test_the_way_of_an_order(facts: OrderFacts, expected: str) -> None:
    assert states(facts) == dict(zip(("placed", "paid", "sent", "active"), expected.split(), strict=True))


def test_a_refused_order_ends_with_the_way_of_the_money() -> None:
    failed = replace(SENT, state="failed", activation="failed")
    assert states(failed) == {"placed": "done", "paid": "done", "sent": "failed", "refund": "now"}
    back = replace(failed, state="refunded", closed_at=AT + timedelta(minutes=1))
    assert rules.steps(back)[-1] == Step("refund", "done", AT + timedelta(minutes=1))


def test_steps_carry_their_times() -> None:
    assert [step.at for step in rules.steps(ACTIVE)] == [AT + timedelta(seconds=s) for s in (0, 9, 10, 11)]
    assert [step.at for step in rules.steps(PLACED)] == [AT, None, None, None]


# --- looking again ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "moving"),
    [
        pytest.param(PLACED, False, id="nobody has begun to pay"),
        pytest.param(replace(PLACED, attempt="open", provider="stripe"), True, id="the card page is open"),
        pytest.param(replace(PLACED, attempt="open", provider="cash"), True, id="the shop may confirm"),
        pytest.param(replace(PLACED, attempt="failed", provider="stripe"), False, id="declined: the payer must act"),
        pytest.param(PAID, True, id="paid"),
        pytest.param(replace(SENT, activation="unknown"), True, id="unknown"),
        pytest.param(ACTIVE, True, id="active, the receipt is coming"),
        pytest.param(replace(ACTIVE, receipt=True), False, id="active with receipt"),
        pytest.param(replace(SENT, state="failed"), True, id="the money is on its way back"),
        pytest.param(replace(SENT, state="refunded"), False, id="refunded"),
        pytest.param(replace(PLACED, state="expired"), False, id="expired"),
        pytest.param(replace(PLACED, state="cancelled"), False, id="cancelled"),
    ],
)
def test_the_page_looks_again_only_while_something_moves_by_itself(facts: OrderFacts, moving: bool) -> None:
    assert rules.is_moving(facts) is moving
    assert (rules.next_look(facts, 0) is not None) is moving


CARD = replace(PLACED, attempt="open", provider="stripe")


@pytest.mark.parametrize(
    ("facts", "answer"),
    [
        pytest.param(PLACED, "none", id="nobody has begun to pay"),
        pytest.param(replace(PLACED, attempt="open", provider="cash"), "none", id="a shop is no bank"),
        pytest.param(CARD, "waiting", id="the bank says: not paid yet"),
        pytest.param(replace(CARD, provider="paypal"), "waiting", id="so does PayPal"),
        pytest.param(replace(CARD, reached=False), "not_asked", id="there is no payment page yet"),
        pytest.param(replace(CARD, reached=False, in_vain=True), "not_asked", id="nor can anybody have paid then"),
        pytest.param(replace(CARD, in_vain=True), "unknown", id="the bank does not say"),
        pytest.param(replace(CARD, attempt="failed"), "closed", id="declined"),
        pytest.param(replace(CARD, attempt="expired", in_vain=True), "closed", id="closed for certain"),
        pytest.param(PAID, "paid", id="paid"),
        pytest.param(replace(PAID, provider="cash"), "none", id="paid in a shop"),
    ],
)
def test_what_the_bank_has_answered(facts: OrderFacts, answer: str) -> None:
    assert rules.bank_answer(facts) == answer


def test_it_looks_every_two_seconds_and_then_ever_more_rarely() -> None:
    waits = [rules.next_look(PAID, looks) for looks in range(122)]
    assert waits[:15] == [2] * 15
    assert waits[15:20] == [5, 6, 8, 10, 14]
    assert waits[119] == 60
    assert waits[120:] == [None, None]


def test_a_shop_is_not_asked_every_two_seconds() -> None:
    assert rules.next_look(replace(PLACED, attempt="open", provider="cash"), 0) == 5


@given(st.integers(0, 400))
def test_the_wait_never_shrinks_and_never_passes_a_minute(looks: int) -> None:
    now, later = rules.next_look(PAID, looks), rules.next_look(PAID, looks + 1)
    assert now is None or 2 <= now <= 60
    assert later is None or (now is not None and later >= now)


def test_the_version_changes_with_everything_that_the_page_shows() -> None:
    facts = [
        PLACED,
        replace(PLACED, attempt="failed"),
        CARD,
        replace(CARD, reached=False),
        replace(CARD, in_vain=True),
        PAID,
        SENT,
        replace(SENT, activation="unknown"),
        replace(SENT, activation="unknown", stuck=True),
        ACTIVE,
        replace(ACTIVE, receipt=True),
    ]
    assert len({rules.version(one) for one in facts}) == len(facts)
    assert rules.version(PAID) == rules.version(replace(PAID, placed_at=AT + timedelta(days=1)))
