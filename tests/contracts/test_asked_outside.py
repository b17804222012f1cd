"""What every provider must answer that is asked over a network: paying and closing, however often it is asked.

PayPal is asked through Prism, which holds each request and each answer to PayPal's published description.
"""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from lineaviva.keeper.payments.errors import REASONS
from lineaviva.keeper.payments.ports import PaymentProvider
from lineaviva.kernel.errors import Permanent
from lineaviva.kernel.money import Money
from tests.contracts.rows import row
from tests.contracts.sides import FIVE, NOBODYS, URLS, Outside, bill, collected

pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("published")]


# --- collecting -------------------------------------------------------------------------------------------------


@row("asked over the wire")
def test_it_says_what_it_is(port: PaymentProvider) -> None:
    assert port.configured is True
    assert port.polled is True
    assert timedelta(minutes=30) < port.lifetime <= timedelta(hours=24)


@row("asked over the wire")
@pytest.mark.parametrize("language", ["zh-hans", "zh-hant", "it", "en", "xx"])
def test_begun_and_open(port: PaymentProvider, language: str) -> None:
    begun = port.begin(bill(language=language), URLS)
    assert begun.reference
    assert httpx.URL(begun.redirect_url).scheme == "http"
    status = port.fetch(begun.reference)
    assert (status.state, status.amount, status.charge_ref, status.reason) == ("open", None, "", "")
    assert status.key == "pay:K2M7F5PW:1"


@row("asked over the wire")
def test_paid(port: PaymentProvider, side: Outside) -> None:
    begun = port.begin(bill(), URLS)
    side.collect(begun)
    status = port.fetch(begun.reference)
    assert (status.state, status.amount, status.key) == ("succeeded", FIVE, "pay:K2M7F5PW:1")
    assert status.charge_ref
    assert status.charge_ref != begun.reference
    assert side.took() == [500]


@row("asked over the wire")
@pytest.mark.parametrize("amount", [Money(501), Money(12_345), Money(500, "USD")], ids=str)
def test_what_is_collected_is_what_was_asked_for(port: PaymentProvider, side: Outside, amount: Money) -> None:
    begun = port.begin(bill(amount=amount), URLS)
    side.collect(begun)
    assert port.fetch(begun.reference).amount == amount


@row("asked over the wire")
def test_begun_twice_is_one_payment(port: PaymentProvider, side: Outside) -> None:
    first = port.begin(bill(), URLS)
    assert port.begin(bill(), URLS) == first
    side.collect(first)
    assert port.begin(bill(), URLS) == first
    assert side.took() == [500]


@row("asked over the wire")
def test_another_key_is_another_payment(port: PaymentProvider) -> None:
    assert port.begin(bill(), URLS).reference != port.begin(bill(key="pay:K2M7F5PW:2"), URLS).reference


@row("asked over the wire")
def test_one_key_for_two_amounts_is_refused(port: PaymentProvider, side: Outside) -> None:
    begun = port.begin(bill(), URLS)
    with pytest.raises(Permanent):
        port.begin(bill(amount=Money(501)), URLS)
    assert port.fetch(begun.reference).state == "open"
    assert side.took() == []


@row("asked over the wire")
@pytest.mark.parametrize("happens", ["decline", "refuse_confirmation", "begin_confirmation"])
def test_not_paid_this_time(port: PaymentProvider, side: Outside, happens: str) -> None:
    reason = {"decline": side.refused, "refuse_confirmation": side.not_confirmed}.get(happens, "")
    begun = port.begin(bill(), URLS)
    getattr(side, happens)(begun)
    for _ in range(2):
        status = port.fetch(begun.reference)
        assert (status.state, status.reason, status.amount) == ("open", reason, None)
    assert not reason or reason in REASONS
    assert side.took() == []
    side.collect(begun)
    assert (port.fetch(begun.reference).state, port.fetch(begun.reference).reason) == ("succeeded", "")


# --- closing ----------------------------------------------------------------------------------------------------


@row("asked over the wire")
@pytest.mark.parametrize("times", [1, 2])
def test_closed_nothing_can_be_collected(port: PaymentProvider, side: Outside, times: int) -> None:
    begun = port.begin(bill(), URLS)
    for _ in range(times):
        status = port.close(begun.reference)
        assert (status.state, status.reason) == ("expired", "not_paid_in_time")
    side.collect(begun)
    assert port.fetch(begun.reference).state == "expired"
    assert side.took() == []


@row("asked over the wire")
def test_closed_after_a_refusal_it_has_failed(port: PaymentProvider, side: Outside) -> None:
    begun = port.begin(bill(), URLS)
    side.decline(begun)
    status = port.close(begun.reference)
    assert (status.state, status.reason) == side.refused_ends
    assert side.took() == []


@row("asked over the wire")
def test_closed_while_the_payer_confirms(port: PaymentProvider, side: Outside) -> None:
    begun = port.begin(bill(), URLS)
    side.begin_confirmation(begun)
    assert port.close(begun.reference).state == "expired"
    assert side.took() == []


@row("asked over the wire")
def test_closing_what_is_paid_finds_the_money(port: PaymentProvider, side: Outside) -> None:
    begun, charge = collected(port, side)
    status = port.close(begun.reference)
    assert (status.state, status.amount, status.charge_ref) == ("succeeded", FIVE, charge)


@row("asked over the wire")
def test_what_there_is_not(port: PaymentProvider, side: Outside) -> None:
    with pytest.raises(Permanent):
        port.fetch(NOBODYS)
    if side.nothing_ends:
        assert port.close(NOBODYS).state == side.nothing_ends
    else:
        with pytest.raises(Permanent):
            port.close(NOBODYS)
