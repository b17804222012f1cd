"""What is good enough for an id, a secret and a scope."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineaviva.carrier.access import rules
from lineaviva.kernel.errors import InvalidInput


def test_a_secret_that_we_make_is_good_enough_and_never_the_same() -> None:
    made = {rules.secret_checked(rules.secret_made()) for _ in range(50)}
    assert len(made) == 50
    assert {len(secret) for secret in made} == {43}


@pytest.mark.parametrize(
    "secret",
    ["", "secret", "correct horse battery staple and some more words", "a" * 64, "abcdefghijk" * 6, "x" * 42, "é" * 64],
)
def test_what_a_person_makes_up_is_not(secret: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        rules.secret_checked(secret)
    assert (refusal.value.code, refusal.value.field) == ("secret_weak", "secret")


@pytest.mark.parametrize("client_id", ["tim-9f2c41d07be3", "abc", "0ab", "a" * 40])
def test_ids(client_id: str) -> None:
    assert rules.client_id_checked(client_id) == client_id


@pytest.mark.parametrize("client_id", ["", "ab", "-ab", "a" * 41, "Tim", "a b", "a:b", "a\0b", "tìm", "a\nb"])
def test_what_is_no_id(client_id: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        rules.client_id_checked(client_id)
    assert refusal.value.code == "client_id_invalid"


def test_scopes_are_put_in_order_and_once() -> None:
    assert rules.scopes_checked(["hub", "tim:catalog.read", "catalog.read"], "tim") == ("catalog.read", "hub")
    assert rules.spelled("tim", ("catalog.read", "hub")) == "tim:catalog.read tim:hub"


@pytest.mark.parametrize("words", [[], ["everything"], ["vodafone:hub"], ["tim:"], ["catalog.read hub"]])
def test_what_is_no_scope(words: list[str]) -> None:
    with pytest.raises(InvalidInput) as refusal:
        rules.scopes_checked(words, "tim")
    assert refusal.value.code == "scope_unknown"


def test_money_is_made_by_nobody_unless_it_was_asked_for() -> None:
    assert "balance.adjust" not in rules.RESELLER
    assert set(rules.RESELLER) < set(rules.SCOPES)


@given(st.text(), st.text())
def test_hashes_differ_as_secrets_do(one: str, other: str) -> None:
    assert (rules.hashed(one) == rules.hashed(other)) == (one == other)
