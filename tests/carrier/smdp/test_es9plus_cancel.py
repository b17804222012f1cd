"""ES9+.CancelSession: what is put off waits on, what is refused ends in Error, and nobody cancels for another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from lineaviva.carrier.smdp import der
from lineaviva.carrier.smdp.models import Session
from tests.carrier.smdp.euicc import Lpa, b64, status
from tests.carrier.smdp.stock import ICCIDS, MATCHING_ID, everything, profile, released

Phones = Callable[..., Lpa]
FINE = "Executed-Success"


@pytest.fixture
def phone(lpa: Phones, now: datetime) -> Lpa:
    """It has been offered the profile."""
    released(now)
    found = lpa()
    assert status(found.begin(MATCHING_ID)) == FINE
    return found


@pytest.mark.parametrize("reason", [1, 2], ids=["postponed", "timeout"])
def test_what_is_put_off_stays_released(phone: Lpa, reason: int) -> None:
    reply = phone.cancel(reason)
    assert (status(reply), set(reply.body or {})) == (FINE, {"header"})
    assert (profile().state, profile().failure) == ("released", "")
    assert Session.objects.get().stage == "cancelled"
    assert status(phone.fetch()) == "8.10.1/3.9"
    assert status(phone.download(MATCHING_ID)) == FINE


@pytest.mark.parametrize(
    ("reason", "failure"),
    [(0, "8.8.5/3.8"), (3, "8.2.8/1.2"), (4, "8.2.9/3.11"), (5, "8.2.10/4.2"), (127, "8/4.2"), (16, "8/4.2")],
    ids=["endUserRejection", "pprNotAllowed", "metadataMismatch", "loadBppExecutionError", "undefined", "unheard of"],
)
def test_any_other_reason_ends_in_error(phone: Lpa, reason: int, failure: str) -> None:
    assert status(phone.cancel(reason)) == FINE
    assert (profile().state, profile().failure) == ("error", failure)
    assert status(phone.fetch()) == "8.10.1/3.9"
    assert status(phone.begin(MATCHING_ID)) == "8.2/1.2"


def test_what_was_handed_out_can_be_cancelled(phone: Lpa) -> None:
    assert status(phone.fetch()) == FINE
    assert status(phone.cancel(5)) == FINE
    assert (profile().state, profile().failure) == ("error", "8.2.10/4.2")


def test_what_was_handed_out_and_put_off_stays_downloaded(phone: Lpa) -> None:
    assert status(phone.fetch()) == FINE
    assert status(phone.cancel(1)) == FINE
    assert profile().state == "downloaded"
    assert status(phone.download(MATCHING_ID)) == FINE


def test_cancelled_twice_is_cancelled_once(phone: Lpa) -> None:
    assert status(phone.cancel(0)) == FINE
    before = everything()
    assert status(phone.cancel(0)) == FINE
    assert status(phone.cancel(5)) == FINE
    assert everything() == before


def test_what_is_installed_cannot_be_cancelled_away(phone: Lpa) -> None:
    assert status(phone.fetch()) == FINE
    phone.notify(phone.euicc.result(phone.transaction_id, ICCIDS[0]))
    assert status(phone.cancel(0)) == FINE
    assert (profile().state, profile().failure) == ("installed", "")


def test_who_lost_the_race_cancels_nothing_of_the_winner(phone: Lpa, lpa: Phones) -> None:
    other = lpa()
    other.begin(MATCHING_ID)
    assert status(phone.fetch()) == FINE
    assert status(other.cancel(0)) == FINE
    assert (profile().state, profile().eid) == ("downloaded", phone.euicc.eid)


@pytest.mark.parametrize("delivered", [False, True])
def test_the_signature_is_verified_8_1_6_1(phone: Lpa, lpa: Phones, delivered: bool) -> None:
    if delivered:
        phone.fetch()
    before = everything()
    assert status(phone.cancel(0, signature=der.write(0x5F37, bytes(64)))) == "8.1/6.1"
    stranger = lpa()
    stranger.initiated = phone.initiated
    assert status(stranger.cancel(0)) == "8.1/6.1"
    assert everything() == before


def test_the_smdp_oid_is_compared_8_8_3_10(phone: Lpa) -> None:
    before = everything()
    assert status(phone.cancel(0, oid="2.999.11")) == "8.8/3.10"
    assert status(phone.cancel(0, oid="2.5.29.17")) == "8.8/3.10"
    assert everything() == before


def test_an_unknown_transaction_8_10_1_3_9(phone: Lpa) -> None:
    before = everything()
    phone.initiated = {"transactionId": bytes(16).hex()}
    assert status(phone.cancel(0)) == "8.10.1/3.9"
    assert everything() == before


def test_another_transaction_is_signed_8_10_1_3_9(phone: Lpa) -> None:
    before = everything()
    body = {
        "transactionId": phone.initiated["transactionId"],
        "cancelSessionResponse": b64(phone.euicc.cancel(bytes(16), 0)),
    }
    assert status(phone.call("cancelSession", body)) == "8.10.1/3.9"
    assert everything() == before


@pytest.mark.parametrize(("error", "code"), [(5, "8.10.1/3.9"), (127, "8.1/4.2")])
def test_an_euicc_that_does_not_sign_cancels_nothing(phone: Lpa, error: int, code: str) -> None:
    before = everything()
    answer = der.write(0xBF41, der.integer(error, 0x81))
    body = {"transactionId": phone.initiated["transactionId"], "cancelSessionResponse": b64(answer)}
    assert status(phone.call("cancelSession", body)) == code
    assert everything() == before
