"""What every provider must answer that is asked over a network about money that goes back, and about its own list."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lineaviva.keeper.payments.ports import Asked, PaymentProvider, disputing
from lineaviva.keeper.payments.stripe import listing
from lineaviva.kernel.errors import Permanent
from lineaviva.kernel.money import Money
from tests.conftest import NOON
from tests.contracts.rows import row
from tests.contracts.sides import FIVE, NOBODYS, Outside, back, collected
from tests.sandbox.provider.process import Bank

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("published")]


# --- giving back ------------------------------------------------------------------------------------------------


@row("asked over the wire")
def test_given_back_once_however_often_it_is_asked(port: PaymentProvider, side: Outside) -> None:
    _begun, charge = collected(port, side)
    first = port.refund(back(charge))
    assert first.state == "succeeded"
    assert port.refund(back(charge)) == first
    assert port.refund(back(charge, first.reference)) == first
    assert side.gave() == [500]


@row("asked over the wire")
def test_given_back_it_still_counts_as_collected(port: PaymentProvider, side: Outside) -> None:
    begun, charge = collected(port, side)
    port.refund(back(charge))
    assert port.fetch(begun.reference).state == "succeeded"
    assert port.close(begun.reference).state == "succeeded"


@row("asked over the wire")
def test_given_back_in_parts_each_once(port: PaymentProvider, side: Outside) -> None:
    _begun, charge = collected(port, side)
    for number, part in ((1, Money(300)), (2, Money(200))):
        first = port.refund(back(charge, part=part, number=number))
        assert first.state == "succeeded"
        assert port.refund(back(charge, part=part, number=number)) == first
    assert side.gave() == [200, 300]
    with pytest.raises(Permanent):
        port.refund(back(charge, part=Money(1), number=3))


@row("asked over the wire")
def test_more_than_was_collected_is_not_given_back(port: PaymentProvider, side: Outside) -> None:
    _begun, charge = collected(port, side)
    with pytest.raises(Permanent):
        port.refund(back(charge, part=Money(501)))
    assert side.gave() == []


@row("asked over the wire")
@pytest.mark.parametrize("reference", ["", NOBODYS])
def test_what_there_is_not_is_not_given_back(port: PaymentProvider, side: Outside, reference: str) -> None:
    with pytest.raises(Permanent):
        port.refund(back(NOBODYS, reference))
    assert side.gave() == []


# --- its own list -----------------------------------------------------------------------------------------------


@row("its own list")
def test_its_list_has_what_was_collected_and_given_back_of_a_day(
    port: PaymentProvider, side: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "_A_PAGE", 1)
    begun, charge = collected(port, side)
    refund = port.refund(back(charge, part=Money(200)))
    asked = Asked("payment", begun.reference)
    found = list(port.listing(NOON.date(), [asked, asked]))
    assert [(each.kind, each.reference, each.amount, each.key) for each in found] == [
        ("charge", charge, FIVE, "pay:K2M7F5PW:1"),
        ("refund", refund.reference, Money(-200), "refund:pay:K2M7F5PW:1"),
    ]
    assert all(abs(each.at - NOON) < timedelta(minutes=5) for each in found)
    assert len({each.line for each in found}) == len(found)
    for other in (NOON - timedelta(days=1), NOON + timedelta(days=1)):
        assert list(port.listing(other.date(), ())) == []


@row("its own list")
def test_what_a_provider_keeps_of_a_charge_is_told_with_it(port: PaymentProvider, side: Outside) -> None:
    begun, _charge = collected(port, side)
    fees = [movement.fee for movement in port.listing(NOON.date(), [Asked("payment", begun.reference)])]
    assert fees == [Money(side.fee)]


# --- disputes ---------------------------------------------------------------------------------------------------


@row("disputes")
@pytest.mark.parametrize("end", ["won", "lost"])
def test_a_dispute_from_its_opening_to_its_end(port: PaymentProvider, side: Outside, bank: Bank, end: str) -> None:
    begun, charge = collected(port, side)
    name = bank.dispute(charge)
    teller = disputing(side.name)
    assert teller is not None
    opened = teller.dispute(name)
    assert (opened.reference, opened.charge_ref, opened.amount, opened.state) == (name, charge, FIVE, "open")
    assert opened.reason.lower() in {"fraudulent", "unauthorised"}
    assert abs(opened.opened_at - NOON) < timedelta(minutes=5)
    assert opened.answer_by is not None
    assert opened.answer_by > NOON + timedelta(days=6)
    with pytest.raises(Permanent):
        port.refund(back(charge))
    bank.decide(name, "under_review")
    assert (teller.dispute(name).state, teller.dispute(name).answer_by) == ("under_review", None)
    bank.decide(name, end)
    found = teller.dispute(name)
    assert found.state == end
    moved = sum(movement.amount.minor for movement in found.movements)
    assert moved == (-500 if end == "lost" else 0)
    assert sum(movement.fee.minor for movement in found.movements) == side.dispute_fee
    assert {movement.reference for movement in found.movements} <= {name}
    listed = [one for one in port.listing(NOON.date(), ()) if one.kind == "dispute"]
    assert [one.line for one in found.movements] == [one.line for one in listed or found.movements]
    assert side.gave() == []
    assert begun.reference


@row("disputes")
def test_what_is_not_disputed(port: PaymentProvider, side: Outside) -> None:
    teller = disputing(side.name)
    assert teller is not None
    with pytest.raises(Permanent):
        teller.dispute(NOBODYS)
