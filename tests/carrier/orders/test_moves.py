"""Credit moved by several at once: never twice for one reference, never more than there is, no two in a deadlock."""

from __future__ import annotations

from typing import Any

import pytest

from lineaviva.carrier.orders.actions import service_order_perform
from lineaviva.carrier.orders.models import CreditMove
from lineaviva.carrier.orders.moves import credit_move_perform
from lineaviva.carrier.orders.ports import Strict
from lineaviva.carrier.orders.queries import books_audit
from lineaviva.carrier.orders.rules import Ask, Move
from lineaviva.carrier.subscriptions.actions import subscription_open
from lineaviva.carrier.subscriptions.models import Subscription
from lineaviva.kernel.errors import Conflict, NotFound
from tests.conftest import NOON
from tests.keeper.together import together

NUMBERS = ("+393391234567", "+393391234568")


def two_lines(euros: int = 10) -> tuple[Subscription, Subscription]:
    """Each with that much credit."""
    for msisdn in NUMBERS:
        subscription_open(operator="tim", msisdn=msisdn, now=NOON)
        ask = Ask("tim", "shop", f"LV-{msisdn}", "topup", msisdn, f"topup-{euros}", euros * 100)
        service_order_perform(ask=ask, screening=Strict(), now=NOON)
    first, second = Subscription.objects.order_by("id")
    return first, second


def transfer(giver: Subscription, receiver: Subscription, minor: int, reference: str | None) -> CreditMove:
    move = Move("tim", "shop", reference, "transfer", giver.pk, minor, receiver.pk, {"reason": "x"})
    return credit_move_perform(move=move, now=NOON)


def credit() -> list[int]:
    return list(Subscription.objects.order_by("id").values_list("credit_minor", flat=True))


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("at_once")
def test_copies_of_one_transfer_move_once() -> None:
    """All of the credit goes: a copy that came later would find none, and must not be refused for it."""
    first, second = two_lines()
    done: list[int] = []
    together(4, lambda: done.append(transfer(first, second, 1000, "LV-1").pk))
    assert (len(done), len(set(done)), credit()) == (4, 1, [0, 2000])
    assert books_audit("tim").problems == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("at_once")
def test_to_and_fro_at_once() -> None:
    first, second = two_lines()
    ways = iter([(first, second), (second, first)] * 8)

    def many() -> None:
        for way in ways:
            transfer(*way, 100, None)

    together(4, many)
    assert (CreditMove.objects.count(), credit()) == (16, [1000, 1000])
    assert books_audit("tim").problems == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("at_once")
def test_never_more_than_there_is() -> None:
    first, second = two_lines()
    refused: list[str] = []

    def greedy() -> None:
        try:
            transfer(first, second, 600, None)
        except Conflict as refusal:
            refused.append(refusal.code)

    together(4, greedy)
    assert (refused, credit()) == (["credit_too_little"] * 3, [400, 1600])
    assert books_audit("tim").problems == []


@pytest.mark.django_db
def test_a_reference_is_its_clients_own() -> None:
    first, second = two_lines()
    assert transfer(first, second, 100, "LV-1").pk == transfer(first, second, 100, "LV-1").pk
    for way, minor in (((first, second), 200), ((second, first), 100)):
        with pytest.raises(Conflict, match="reference was used"):
            transfer(*way, minor, "LV-1")
    other = Move("tim", "second-shop", "LV-1", "transfer", first.pk, 200, second.pk, {"reason": "x"})
    assert credit_move_perform(move=other, now=NOON).amount_minor == 200
    assert credit() == [700, 1300]


@pytest.mark.django_db
def test_what_fails_at_the_end_moved_nothing() -> None:
    first, second = two_lines()

    def broken(_: Any) -> None:
        raise RuntimeError("killed")

    move = Move("tim", "shop", "LV-1", "transfer", first.pk, 100, second.pk)
    with pytest.raises(RuntimeError):
        credit_move_perform(move=move, now=NOON, tell=broken)
    assert (CreditMove.objects.count(), credit()) == (0, [1000, 1000])
    assert books_audit("tim").problems == []


@pytest.mark.django_db
def test_lines_of_two_operators_have_nothing_to_give_each_other() -> None:
    first, _ = two_lines()
    foreign, _ = subscription_open(operator="vodafone", msisdn=NUMBERS[0], now=NOON)
    for way in ((first, foreign), (foreign, first)):
        with pytest.raises(NotFound):
            transfer(*way, 100, None)
    assert credit()[:2] == [1000, 1000]
