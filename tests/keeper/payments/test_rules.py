"""What an attempt may become, and when it is looked at."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.keeper.payments import rules
from lineaviva.keeper.payments.models import AttemptState
from tests.conftest import NOON

END = NOON + timedelta(hours=1)


@pytest.mark.parametrize(
    ("state", "news", "changes"),
    [
        ("open", "succeeded", True),
        ("open", "failed", True),
        ("open", "expired", True),
        ("failed", "succeeded", True),
        ("expired", "succeeded", True),
        ("failed", "expired", False),
        ("expired", "failed", False),
        ("failed", "failed", False),
        ("succeeded", "succeeded", False),
        ("succeeded", "failed", False),
        ("succeeded", "expired", False),
        ("succeeded", "open", False),
        ("failed", "open", False),
    ],
)
def test_which_news_change_an_attempt(state: str, news: str, changes: bool) -> None:
    assert rules.moves(state, news) is changes


def test_the_table_has_every_state_and_money_is_final() -> None:
    assert set(rules.TRANSITIONS) == set(AttemptState.values)
    assert not rules.TRANSITIONS["succeeded"]
    for state, other in product(AttemptState.values, repeat=2):
        assert other != "open" or not rules.moves(state, other)


@pytest.mark.parametrize(
    ("age", "wait"),
    [
        (timedelta(0), timedelta(seconds=4)),
        (timedelta(seconds=20), timedelta(seconds=5)),
        (timedelta(minutes=2), timedelta(seconds=30)),
        (timedelta(minutes=19), timedelta(seconds=285)),
        (timedelta(minutes=30), timedelta(minutes=5)),
        (timedelta(minutes=58), timedelta(minutes=2)),
        (timedelta(minutes=60), timedelta(seconds=4)),
        (timedelta(days=1), timedelta(seconds=4)),
    ],
    ids=str,
)
def test_the_wait_grows_with_the_age_and_ends_with_the_attempt(age: timedelta, wait: timedelta) -> None:
    now = NOON + age
    assert rules.next_look(created_at=NOON, now=now, expires_at=END) == now + wait


@given(st.integers(0, 7200))
def test_a_look_is_never_now_and_never_far(seconds: int) -> None:
    now = NOON + timedelta(seconds=seconds)
    wait = rules.next_look(created_at=NOON, now=now, expires_at=END) - now
    assert timedelta(0) < wait <= rules.LATEST_LOOK


def test_an_attempt_of_an_hour_is_asked_about_a_few_dozen_times() -> None:
    now, looks = NOON, 0
    while now < END:
        now = rules.next_look(created_at=NOON, now=now, expires_at=END)
        looks += 1
    assert (looks, now) == (32, END)


def test_keys_name_purpose_order_and_attempt() -> None:
    assert rules.key("K2M7F5PW", 3) == "pay:K2M7F5PW:3"
    assert rules.refund_key("pay:K2M7F5PW:3") == "refund:pay:K2M7F5PW:3"


@pytest.mark.parametrize(
    ("order_state", "surplus", "due"),
    [
        ("failed", False, True),
        ("refunded", False, True),
        ("paid", False, False),
        ("active", False, False),
        ("paid", True, True),
        ("active", True, True),
        ("expired", True, True),
        ("cancelled", True, True),
    ],
)
def test_money_goes_back_where_nothing_was_delivered_for_it(order_state: str, surplus: bool, due: bool) -> None:
    assert rules.refund_due(order_state=order_state, surplus=surplus) is due
