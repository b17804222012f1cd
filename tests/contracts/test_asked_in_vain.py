"""What every provider must answer that is asked over a network when the network, or who is asked, fails."""

from __future__ import annotations

import pytest

from lineaviva.keeper.payments.ports import Asked, PaymentProvider
from lineaviva.kernel.errors import Temporary
from tests.conftest import NOON
from tests.contracts.rows import row
from tests.contracts.sides import URLS, Outside, back, bill, collected

# An answer that is lost is none that a description could be held to: nobody stands between.
pytestmark = [pytest.mark.processes, pytest.mark.usefixtures("bank_at_noon")]


@row("asked over the wire")
@pytest.mark.parametrize("how", ["error", "lost"])
def test_down_while_beginning(port: PaymentProvider, side: Outside, how: str) -> None:
    side.down(how)
    with pytest.raises(Temporary):
        port.begin(bill(), URLS)
    side.down("up")
    begun = port.begin(bill(), URLS)
    side.collect(begun)
    assert port.begin(bill(), URLS) == begun
    assert side.took() == [500]


@row("asked over the wire")
@pytest.mark.parametrize("how", ["error", "lost"])
@pytest.mark.parametrize("call", ["fetch", "close"])
def test_down_while_asking(port: PaymentProvider, side: Outside, how: str, call: str) -> None:
    begun, _charge = collected(port, side)
    side.down(how)
    with pytest.raises(Temporary):
        getattr(port, call)(begun.reference)
    side.down("up")
    assert getattr(port, call)(begun.reference).state == "succeeded"


@row("asked over the wire")
@pytest.mark.parametrize("how", ["error", "lost"])
def test_down_while_giving_back(port: PaymentProvider, side: Outside, how: str) -> None:
    _begun, charge = collected(port, side)
    side.down(how)
    with pytest.raises(Temporary):
        port.refund(back(charge))
    assert side.gave() == ([500] if how == "lost" else [])
    side.down("up")
    assert port.refund(back(charge)).state == "succeeded"
    assert side.gave() == [500]


@row("its own list")
@pytest.mark.parametrize("how", ["error", "lost"])
def test_down_while_listing(port: PaymentProvider, side: Outside, how: str) -> None:
    begun, charge = collected(port, side)
    side.down(how)
    with pytest.raises(Temporary):
        list(port.listing(NOON.date(), [Asked("payment", begun.reference), Asked("capture", charge)]))
