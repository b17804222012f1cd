"""ES9+ by the book: each check of SGP.22 5.6 has a test of its own name, and each refusal leaves all as it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from lineaviva.carrier.smdp import actions, ca, crypto, der, es9plus, queries, sealing, serving
from lineaviva.carrier.smdp.certs import CertificateStore, read_certificate
from lineaviva.carrier.smdp.models import Package, Session
from tests.carrier.smdp import stock
from tests.carrier.smdp.conftest import MADE
from tests.carrier.smdp.euicc import ADDRESS, CHALLENGE, Euicc, Lpa, Opened, b64, flipped, status, unb64
from tests.carrier.smdp.stock import ICCIDS, MATCHING_ID, everything, profile, released

Phones = Callable[..., Lpa]
FINE = "Executed-Success"
UNKNOWN = ca.Authority.make(crypto.NIST, now=MADE).ci.certificate.subject_key_id


def refused(code: str, act: Callable[..., Any], *details: Any) -> None:
    """It answers with this code, and nothing has changed."""
    before = everything()
    assert status(act(*details)) == code
    assert everything() == before


# --- initiateAuthentication -----------------------------------------------------------------------------------------


def test_initiate_signs_the_euiccs_challenge(lpa: Phones, certificates: CertificateStore) -> None:
    phone = lpa()
    reply = phone.initiate()
    assert status(reply) == FINE
    body = reply.body or {}
    assert set(body) == {
        *("header", "transactionId", "serverSigned1", "serverSignature1", "euiccCiPKIdToBeUsed", "serverCertificate")
    }
    signed = der.expect(unb64(body["serverSigned1"]), 0x30)
    parts = {part.tag: part.value for part in der.children(signed)}
    assert list(parts) == [0x80, 0x81, 0x83, 0x84]
    assert parts[0x80] == bytes.fromhex(body["transactionId"])
    assert (parts[0x81], parts[0x83].decode(), len(parts[0x84])) == (CHALLENGE, ADDRESS, 16)
    signature = unb64(body["serverSignature1"])
    assert signature[:3] == b"\x5f\x37\x40"
    server = certificates.servers[0]
    assert crypto.verify(server.auth.certificate.public_key, signature[3:], signed.raw)
    assert unb64(body["serverCertificate"]) == server.auth.certificate.der
    assert unb64(body["euiccCiPKIdToBeUsed"]) == b"\x04\x14" + phone.euicc.keys[0]


@pytest.mark.parametrize("asked", [ADDRESS, ADDRESS.upper(), "smdp2.TEST"])
def test_the_address_has_no_case_and_may_have_a_port(lpa: Phones, asked: str) -> None:
    phone = lpa()
    assert status(phone.initiate(smdpAddress=asked)) == FINE
    signed = der.children(der.read(unb64(phone.initiated["serverSigned1"])))
    assert der.to_utf8(signed[2]) == asked


def test_another_address_is_refused_8_8_1_3_8(lpa: Phones) -> None:
    refused("8.8.1/3.8", lambda: lpa().initiate(smdpAddress="smdp.test"))


@pytest.mark.parametrize("svn", [b"\x01\x00\x00", b"\x03\x00\x00"])
def test_another_svn_is_unsupported_8_8_3_3_1(lpa: Phones, svn: bytes) -> None:
    phone = lpa()
    refused("8.8.3/3.1", lambda: phone.initiate(euiccInfo1=b64(phone.euicc.info1(svn=svn))))


def test_no_known_ci_to_sign_under_is_unsupported_8_8_2_3_1(lpa: Phones) -> None:
    phone = lpa()
    refused("8.8.2/3.1", lambda: phone.initiate(euiccInfo1=b64(phone.euicc.info1(signing=[UNKNOWN]))))


def test_no_certificate_under_a_ci_that_it_verifies_is_unavailable_8_8_4_3_7(lpa: Phones) -> None:
    phone = lpa()
    refused("8.8.4/3.7", lambda: phone.initiate(euiccInfo1=b64(phone.euicc.info1(verification=[UNKNOWN]))))


@pytest.mark.parametrize("first", [0, 1])
def test_the_ci_is_chosen_in_the_euiccs_order(lpa: Phones, certificates: CertificateStore, first: int) -> None:
    servers = [certificates.servers[first], certificates.servers[1 - first]]
    keys = [UNKNOWN, *(server.ci.subject_key_id for server in servers)]
    phone = lpa(keys=keys)
    assert status(phone.initiate()) == FINE
    assert unb64(phone.initiated["serverCertificate"]) == servers[0].auth.certificate.der
    assert unb64(phone.initiated["euiccCiPKIdToBeUsed"])[2:] == keys[1]


def test_it_signs_under_one_ci_and_asks_for_another(lpa: Phones, certificates: CertificateStore) -> None:
    nist, brainpool = certificates.servers
    phone = lpa()
    info = phone.euicc.info1(verification=[brainpool.ci.subject_key_id], signing=[nist.ci.subject_key_id])
    assert status(phone.initiate(euiccInfo1=b64(info))) == FINE
    assert unb64(phone.initiated["serverCertificate"]) == brainpool.auth.certificate.der
    assert unb64(phone.initiated["euiccCiPKIdToBeUsed"])[2:] == nist.ci.subject_key_id


def test_each_transaction_id_and_challenge_is_new_and_no_row_is_written(lpa: Phones) -> None:
    before, phone = everything(), lpa()
    signed = []
    for _ in range(50):
        phone.initiate()
        signed.append(tuple(part.value for part in der.children(der.read(unb64(phone.initiated["serverSigned1"])))))
    assert len({one[0] for one in signed}) == len({one[3] for one in signed}) == 50
    assert everything() == before


# --- authenticateClient ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("curve", ["nist", "brainpool"])
def test_authenticate_offers_the_profile(
    request: pytest.FixtureRequest, lpa: Phones, certificates: CertificateStore, now: datetime, curve: str
) -> None:
    released(now)
    phone = lpa(request.getfixturevalue(curve))
    reply = phone.begin(MATCHING_ID)
    assert status(reply) == FINE
    body = reply.body or {}
    assert set(body) == {
        *("header", "transactionId", "profileMetadata", "smdpSigned2", "smdpSignature2", "smdpCertificate")
    }
    server = certificates.by_key_id(phone.euicc.keys[0])
    assert server is not None
    signed = unb64(body["smdpSigned2"])
    assert signed == der.write(0x30, der.write(0x80, phone.transaction_id), der.boolean(False))
    signature = unb64(body["smdpSignature2"])
    assert signature[:3] == b"\x5f\x37\x40"
    assert unb64(body["smdpCertificate"]) == server.pb.certificate.der
    assert unb64(body["profileMetadata"]) == bytes(Package.objects.get(profile__iccid=ICCIDS[0]).metadata)
    session = Session.objects.get()
    assert (session.transaction_id, session.stage) == (phone.transaction_id.hex(), "authenticated")
    assert (session.eid, session.profile.iccid) == (phone.euicc.eid, ICCIDS[0])
    # DPpb signs smdpSigned2 and the eUICC's signature, which stands in its answer.
    assert crypto.verify(server.pb.certificate.public_key, signature[3:], signed + phone.proof)
    assert profile().state == "released"


def test_the_transaction_id_is_compared_as_bytes(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    phone.initiate()
    response = b64(phone.euicc.authenticate(phone.initiated, MATCHING_ID))
    assert phone.initiated["transactionId"] == phone.initiated["transactionId"].upper()
    body = {"transactionId": phone.initiated["transactionId"].lower(), "authenticateServerResponse": response}
    assert status(phone.call("authenticateClient", body)) == FINE


def test_a_transaction_id_that_was_not_made_here_is_unknown_8_10_1_3_9(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    phone.initiate()
    for wrong in (flipped(phone.transaction_id), flipped(phone.transaction_id, 0), bytes(16), b"\1", b""):
        body = {
            "transactionId": wrong.hex(),
            "authenticateServerResponse": b64(phone.euicc.authenticate(phone.initiated, MATCHING_ID)),
        }
        refused("8.10.1/3.9", phone.call, "authenticateClient", body)


def test_a_session_has_a_time_limit_8_10_1_3_9(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    phone.initiate()
    phone.now = now + timedelta(seconds=600)
    refused("8.10.1/3.9", lambda: phone.authenticate(MATCHING_ID))
    phone.now = now + timedelta(seconds=599)
    assert status(phone.authenticate(MATCHING_ID)) == FINE
    phone.now = now + timedelta(seconds=599 + 600)
    refused("8.10.1/3.9", phone.fetch)
    refused("8.10.1/3.9", lambda: phone.cancel(0))
    phone.now = now + timedelta(seconds=599 + 599)
    assert status(phone.fetch()) == FINE


def test_a_transaction_authenticates_once_8_10_1_3_9(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    assert status(phone.begin(MATCHING_ID)) == FINE
    refused("8.10.1/3.9", lambda: phone.authenticate(MATCHING_ID))


def test_another_processs_transaction_ids_are_ours_and_another_keys_are_not(
    lpa: Phones, settings: Any, now: datetime
) -> None:
    released(now)
    phone = lpa()
    phone.initiate()
    key = settings.SMDP_KEY
    settings.SMDP_KEY = "another key, which is as long as is wanted"
    sealing.vault.cache_clear()
    sealing.session_key.cache_clear()
    serving.transaction_key.cache_clear()
    refused("8.10.1/3.9", lambda: phone.authenticate(MATCHING_ID))
    settings.SMDP_KEY = key
    sealing.vault.cache_clear()
    sealing.session_key.cache_clear()
    serving.transaction_key.cache_clear()
    assert status(phone.authenticate(MATCHING_ID)) == FINE


def test_the_eum_certificate_is_verified_8_1_2_6_1(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    refused("8.1.2/6.1", lambda: phone.begin(MATCHING_ID, eum=flipped(phone.euicc.eum)))


def test_the_eum_certificate_is_valid_at_this_time_8_1_2_6_3(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    phone.now = now + timedelta(days=36 * 365)
    refused("8.1.2/6.3", lambda: phone.begin(MATCHING_ID))


def test_the_euicc_certificate_is_verified_8_1_3_6_1(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    refused("8.1.3/6.1", lambda: phone.begin(MATCHING_ID, certificate=flipped(phone.euicc.certificate)))


def test_the_euicc_certificate_is_valid_at_this_time_8_1_3_6_3(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa(ends=now - timedelta(seconds=1))
    refused("8.1.3/6.3", lambda: phone.begin(MATCHING_ID))


def test_another_ci_is_unknown_8_11_1_3_9(
    lpa: Phones, nist: ca.Authority, stranger: ca.Authority, now: datetime
) -> None:
    released(now)
    phone = lpa(stranger, keys=[nist.ci.certificate.subject_key_id])
    refused("8.11.1/3.9", lambda: phone.begin(MATCHING_ID))


def test_an_eid_out_of_its_makers_range_is_refused_8_1_3_6_1(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa(eid="89" + "0" * 30)
    refused("8.1.3/6.1", lambda: phone.begin(MATCHING_ID))


def test_euicc_signature_1_is_verified_8_1_6_1(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    refused("8.1/6.1", lambda: phone.begin(MATCHING_ID, signature=der.write(0x5F37, bytes(64))))


def test_the_server_challenge_is_compared_8_1_6_1(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    refused("8.1/6.1", lambda: phone.begin(MATCHING_ID, challenge=bytes(16)))


def test_the_signed_transaction_id_is_compared_8_10_1_3_9(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    refused("8.10.1/3.9", lambda: phone.begin(MATCHING_ID, transaction_id=bytes(16)))


def test_the_signed_address_is_compared_8_1_6_1(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    refused("8.1/6.1", lambda: phone.begin(MATCHING_ID, address="elsewhere.test"))


def test_the_svn_is_that_of_euicc_info_1(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    refused("8.1/6.1", lambda: phone.begin(MATCHING_ID, info2=phone.euicc.info2(svn=b"\x02\x01\x00")))
    refused("8.8.3/3.1", lambda: phone.begin(MATCHING_ID, info2=phone.euicc.info2(svn=b"\x01\x01\x00")))


def test_the_cis_are_those_of_euicc_info_1_8_1_6_1(lpa: Phones, certificates: CertificateStore, now: datetime) -> None:
    released(now)
    phone = lpa()
    other = [certificates.servers[1].ci.subject_key_id]
    refused("8.1/6.1", lambda: phone.begin(MATCHING_ID, info2=phone.euicc.info2(verification=other)))
    refused("8.1/6.1", lambda: phone.begin(MATCHING_ID, info2=phone.euicc.info2(signing=other)))


@pytest.mark.parametrize(("error", "code"), [(7, "8.11.1/3.9"), (2, "8.1/4.2"), (127, "8.1/4.2")])
def test_an_euicc_that_does_not_accept_the_server_is_heard(lpa: Phones, now: datetime, error: int, code: str) -> None:
    released(now)
    phone = lpa()
    phone.initiate()
    answer = der.write(0xBF38, der.write(0xA1, der.write(0x80, phone.transaction_id), der.integer(error)))
    body = {"transactionId": phone.initiated["transactionId"], "authenticateServerResponse": b64(answer)}
    refused(code, lambda: phone.call("authenticateClient", body))


def test_an_unknown_matching_id_is_refused_8_2_6_3_8(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    for wrong in ("ABCDE-FGHIJ-KLMNO-PQRSU", MATCHING_ID.lower(), MATCHING_ID[:-1], "' OR 1=1 --", "%"):
        refused("8.2.6/3.8", phone.begin, wrong)


def test_a_profile_linked_to_another_eid_is_refused_8_1_1_3_8(lpa: Phones, now: datetime) -> None:
    right, wrong = lpa(), lpa()
    released(now, eid=right.euicc.eid)
    refused("8.1.1/3.8", lambda: wrong.begin(MATCHING_ID))
    assert status(right.begin(MATCHING_ID)) == FINE


def test_a_profile_that_is_not_released_is_not_allowed_8_2_1_2(lpa: Phones, now: datetime) -> None:
    released(now, release=False)
    refused("8.2/1.2", lambda: lpa().begin(MATCHING_ID))


def test_a_profile_that_is_installed_is_not_allowed_8_2_1_2(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    phone.download(MATCHING_ID)
    phone.notify(phone.euicc.result(phone.transaction_id, ICCIDS[0]))
    refused("8.2/1.2", lambda: phone.begin(MATCHING_ID))
    refused("8.1.1/3.8", lambda: lpa().begin(MATCHING_ID))


def test_a_cancelled_order_is_no_more_8_2_6_3_8(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    assert status(phone.begin(MATCHING_ID)) == FINE
    actions.order_cancel(operator="tim", iccid=ICCIDS[0], eid="", matching_id=None, available=True, now=now)
    refused("8.2/3.7", phone.fetch)
    refused("8.2.6/3.8", lambda: lpa().begin(MATCHING_ID))
    # Ordered anew under the same matching id: what was begun before is void all the same.
    released(now)
    refused("8.2/3.7", phone.fetch)


def test_an_order_expires_8_8_5_4_10(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    phone.now = now + timedelta(days=90) - timedelta(seconds=1)
    assert status(phone.begin(MATCHING_ID)) == FINE
    phone.now = now + timedelta(days=90)
    assert status(phone.begin(MATCHING_ID)) == "8.8.5/4.10"
    assert (profile().state, profile().failure) == ("error", "8.8.5/4.10")
    refused("8.2/1.2", lambda: phone.begin(MATCHING_ID))


def test_what_was_handed_out_does_not_end_by_the_orders_expiry(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    phone.download(MATCHING_ID)
    phone.now = now + timedelta(days=90)
    refused("8.8.5/4.10", lambda: phone.begin(MATCHING_ID))
    phone.initiated["transactionId"] = profile().transaction_id
    phone.notify(phone.euicc.result(phone.transaction_id, ICCIDS[0]))
    assert profile().state == "installed"


def test_download_attempts_are_counted_and_limited_8_8_5_6_4(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    for number in range(1, 6):
        assert status(phone.begin(MATCHING_ID)) == FINE
        assert queries.attempts(profile()) == number
    initiated, authenticated = phone.initiated, phone.authenticated
    assert status(phone.begin(MATCHING_ID)) == "8.8.5/6.4"
    assert (profile().state, profile().failure) == ("error", "8.8.5/6.4")
    phone.initiated, phone.authenticated = initiated, authenticated
    refused("8.2/3.7", phone.fetch)


def test_refused_attempts_are_not_counted(lpa: Phones, now: datetime) -> None:
    phone = lpa()
    released(now, eid=phone.euicc.eid)
    for _ in range(10):
        refused("8.1.1/3.8", lambda: lpa().begin(MATCHING_ID))
    assert status(phone.begin(MATCHING_ID)) == FINE


@pytest.mark.parametrize(
    "info",
    [
        pytest.param({"profile_version": b"\x02\x03\x00"}, id="version of the profile package"),
        pytest.param({"profile_version": b"\x03\x00\x00", "forbidden": b"\x06\x40"}, id="PPR1 forbidden"),
    ],
)
def test_an_euicc_that_cannot_have_the_profile_is_not_eligible_8_2_5_4_3(
    lpa: Phones, now: datetime, info: dict[str, Any]
) -> None:
    released(now, stock.RULED)
    phone = lpa()
    refused("8.2.5/4.3", lambda: phone.begin(MATCHING_ID, info2=phone.euicc.info2(**info)))
    fine = phone.euicc.info2(profile_version=b"\x03\x00\x00", forbidden=b"\x05\x20")
    assert status(phone.begin(MATCHING_ID, info2=fine)) == FINE


def test_an_euicc_without_the_memory_is_told_8_1_4_8(lpa: Phones, now: datetime) -> None:
    released(now, stock.BIG)
    phone = lpa()
    refused("8.1/4.8", lambda: phone.begin(MATCHING_ID, info2=phone.euicc.info2(memory=b"\x9c\x00")))
    assert status(phone.begin(MATCHING_ID, info2=phone.euicc.info2(memory=b"\x00\xa0\x00"))) == FINE
    assert status(phone.begin(MATCHING_ID, info2=phone.euicc.info2(memory=None))) == FINE


@pytest.mark.parametrize("asked", [None, ""])
def test_without_a_matching_id_the_order_of_the_eid_is_found(lpa: Phones, now: datetime, asked: str | None) -> None:
    phone = lpa()
    released(now, eid=phone.euicc.eid, matching_id="")
    assert profile().matching_id is None
    refused("8.2.6/3.8", lambda: lpa().begin(asked))
    assert status(phone.download(asked)) == FINE
    assert (profile().state, profile().eid) == ("downloaded", phone.euicc.eid)


def test_an_order_with_a_matching_id_is_not_found_without(lpa: Phones, now: datetime) -> None:
    phone = lpa()
    released(now, eid=phone.euicc.eid)
    refused("8.2.6/3.8", lambda: phone.begin(""))


# --- getBoundProfilePackage -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("curve", ["nist", "brainpool"])
def test_the_package_opens_with_the_euiccs_one_time_key_alone(
    request: pytest.FixtureRequest, lpa: Phones, certificates: CertificateStore, now: datetime, curve: str
) -> None:
    released(now)
    phone = lpa(request.getfixturevalue(curve))
    private, point = crypto.otpk_make(phone.euicc.curve)
    reply = phone.download(MATCHING_ID, otpk=point)
    assert status(reply) == FINE
    body = reply.body or {}
    assert set(body) == {"header", "transactionId", "boundProfilePackage"}
    server = certificates.by_key_id(phone.euicc.keys[0])
    assert server is not None
    package = unb64(body["boundProfilePackage"])
    opened = Opened(package, private, phone.euicc.eid, server.pb.certificate.public_key)
    assert opened.transaction_id == phone.transaction_id
    assert opened.profile == stock.upp(ICCIDS[0])
    assert opened.metadata == unb64(phone.authenticated["profileMetadata"])
    assert max(map(len, opened.segments)) <= 1020
    assert (profile().state, profile().eid) == ("downloaded", phone.euicc.eid)
    assert profile().transaction_id == phone.transaction_id.hex()
    assert Session.objects.get().stage == "delivered"


def test_each_profile_has_keys_of_its_own_and_each_download_too(lpa: Phones, now: datetime) -> None:
    found = []
    for iccid, matching_id in ((ICCIDS[0], "A"), (ICCIDS[1], "B")):
        released(now, iccid, matching_id=matching_id)
        phone = lpa()
        for _ in range(2):
            private, point = crypto.otpk_make(phone.euicc.curve)
            reply = phone.download(matching_id, otpk=point)
            pb = ca_pb(phone)
            opened = Opened(unb64((reply.body or {})["boundProfilePackage"]), private, phone.euicc.eid, pb)
            found.append((opened.keys, opened.otpk))
    assert len({otpk for _, otpk in found}) == 4
    assert len({keys for keys, _ in found}) == 2


def ca_pb(phone: Lpa) -> crypto.PublicKey:
    return read_certificate(unb64(phone.authenticated["smdpCertificate"])).public_key


def test_before_authentication_the_transaction_is_unknown_8_10_1_3_9(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    phone.initiate()
    other = lpa()
    other.begin(MATCHING_ID)
    phone.authenticated = other.authenticated
    refused("8.10.1/3.9", phone.fetch)
    refused("8.10.1/3.9", lambda: phone.cancel(0))


def test_euicc_signature_2_is_verified_8_1_6_1(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    phone.begin(MATCHING_ID)
    refused("8.1/6.1", lambda: phone.fetch(signature=der.write(0x5F37, bytes(64))))
    refused("8.1/6.1", lambda: phone.fetch(smdp_signature=der.write(0x5F37, bytes(64))))


def test_the_transaction_in_euicc_signed_2_is_compared_8_10_1_3_9(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    phone.begin(MATCHING_ID)
    refused("8.10.1/3.9", lambda: phone.fetch(transaction_id=bytes(16)))


@pytest.mark.parametrize(
    "otpk", [b"\x04" + bytes(64), b"\x02" + b"\x11" * 32, b"\x04" + b"\x11" * 63, b"\x04" + b"\xff" * 64]
)
def test_a_bad_one_time_key_is_refused_8_1_6_1(lpa: Phones, now: datetime, otpk: bytes) -> None:
    released(now)
    phone = lpa()
    phone.begin(MATCHING_ID)
    refused("8.1/6.1", lambda: phone.fetch(otpk=otpk))


def test_a_one_time_key_of_the_other_curve_is_refused_8_1_6_1(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    phone.begin(MATCHING_ID)
    refused("8.1/6.1", lambda: phone.fetch(otpk=crypto.otpk_make(crypto.BRAINPOOL)[1]))


def test_the_confirmation_code_is_wanted_8_2_7_2_2(lpa: Phones, now: datetime) -> None:
    released(now, code=stock.CODE)
    phone = lpa()
    assert status(phone.begin(MATCHING_ID)) == FINE
    signed = der.children(der.read(unb64(phone.authenticated["smdpSigned2"])))
    assert der.to_boolean(signed[1]) is True
    refused("8.2.7/2.2", phone.fetch)
    assert profile().confirmation_failures == 0
    assert status(phone.fetch(stock.CODE)) == FINE


def test_a_wrong_confirmation_code_is_counted_8_2_7_3_8_and_limited_8_2_7_6_4(lpa: Phones, now: datetime) -> None:
    released(now, code=stock.CODE)
    phone = lpa()
    assert status(phone.download(MATCHING_ID, "4321")) == "8.2.7/3.8"
    assert (profile().state, profile().confirmation_failures) == ("released", 1)
    assert status(phone.fetch("4321")) == "8.2.7/3.8"
    assert status(phone.download(MATCHING_ID, "")) == "8.2.7/6.4"
    assert (profile().state, profile().failure, profile().confirmation_failures) == ("error", "8.2.7/6.4", 3)
    refused("8.2/3.7", lambda: phone.fetch(stock.CODE))
    refused("8.2/1.2", lambda: phone.begin(MATCHING_ID))


def test_a_hash_of_the_code_from_another_transaction_is_wrong(lpa: Phones, now: datetime) -> None:
    released(now, code=stock.CODE)
    phone = lpa()
    phone.begin(MATCHING_ID)
    once = hashlib.sha256(stock.CODE.encode()).digest()
    elsewhere = hashlib.sha256(once + bytes(16)).digest()
    for wrong in (once, elsewhere):
        assert status(phone.fetch(hash_cc=wrong)) == "8.2.7/3.8"
    assert status(phone.fetch(stock.CODE)) == FINE


def test_only_the_hash_of_the_code_is_kept(lpa: Phones, now: datetime) -> None:
    released(now, code=stock.CODE)
    assert bytes(profile().confirmation_hash or b"") == hashlib.sha256(stock.CODE.encode()).digest()


def test_an_euicc_that_cannot_prepare_is_heard_8_1_4_2(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    phone.begin(MATCHING_ID)
    answer = der.write(0xBF21, der.write(0xA1, der.write(0x80, phone.transaction_id), der.integer(2)))
    body = {"transactionId": phone.initiated["transactionId"], "prepareDownloadResponse": b64(answer)}
    refused("8.1/4.2", lambda: phone.call("getBoundProfilePackage", body))


def test_a_retry_of_the_same_euicc_with_the_same_one_time_key_gets_the_same_package(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    private, point = crypto.otpk_make(phone.euicc.curve)
    first = unb64((phone.download(MATCHING_ID, otpk=point).body or {})["boundProfilePackage"])
    earlier = phone.transaction_id
    assert status(phone.begin(MATCHING_ID)) == FINE
    offered = der.children(der.read(unb64(phone.authenticated["smdpSigned2"])))
    assert [(part.tag, part.value) for part in offered[2:]] == [(0x5F49, point)]
    again = unb64((phone.fetch(otpk=point).body or {})["boundProfilePackage"])
    one = Opened(first, private, phone.euicc.eid, ca_pb(phone))
    two = Opened(again, private, phone.euicc.eid, ca_pb(phone))
    assert (one.transaction_id, two.transaction_id) == (earlier, phone.transaction_id)
    assert one.otpk == two.otpk
    assert der.children(der.read(first))[1:] == der.children(der.read(again))[1:]
    assert (profile().state, profile().transaction_id) == ("downloaded", phone.transaction_id.hex())


def test_a_retry_of_the_same_euicc_with_a_new_one_time_key_is_bound_anew(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    first = unb64((phone.download(MATCHING_ID).body or {})["boundProfilePackage"])
    private, point = crypto.otpk_make(phone.euicc.curve)
    again = unb64((phone.download(MATCHING_ID, otpk=point).body or {})["boundProfilePackage"])
    opened = Opened(again, private, phone.euicc.eid, ca_pb(phone))
    assert opened.profile == stock.upp(ICCIDS[0])
    assert [a == b for a, b in zip(der.children(der.read(first)), der.children(der.read(again)), strict=True)] == [
        *(False, False, False, False, True)
    ]


def test_a_lost_answer_may_be_asked_for_again_in_the_same_session(lpa: Phones, now: datetime) -> None:
    released(now)
    phone = lpa()
    private, point = crypto.otpk_make(phone.euicc.curve)
    phone.download(MATCHING_ID, otpk=point)
    again = phone.fetch(otpk=point)
    opened = Opened(unb64((again.body or {})["boundProfilePackage"]), private, phone.euicc.eid, ca_pb(phone))
    assert opened.profile == stock.upp(ICCIDS[0])


def test_who_comes_second_does_not_get_it_8_2_3_7(lpa: Phones, now: datetime) -> None:
    released(now)
    first, second = lpa(), lpa()
    first.begin(MATCHING_ID)
    second.begin(MATCHING_ID)
    assert status(first.fetch()) == FINE
    refused("8.2/3.7", second.fetch)
    assert profile().eid == first.euicc.eid
    refused("8.1.1/3.8", lambda: second.begin(MATCHING_ID))


def test_no_one_time_private_key_nor_profile_key_is_in_the_database_in_clear(lpa: Phones, now: datetime) -> None:
    released(now, code=stock.CODE)
    phone = lpa()
    private, point = crypto.otpk_make(phone.euicc.curve)
    reply = phone.download(MATCHING_ID, stock.CODE, otpk=point)
    opened = Opened(unb64((reply.body or {})["boundProfilePackage"]), private, phone.euicc.eid, ca_pb(phone))
    tables = [*everything().values(), list(Package.objects.values_list())]
    columns = (one for table in tables for row in table for one in row)
    rows = b"".join(bytes(one) if isinstance(one, bytes | memoryview) else repr(one).encode() for one in columns)
    for start in range(0, 48, 16):
        assert opened.keys[start : start + 16] not in rows
    assert stock.upp(ICCIDS[0])[:40] not in rows


def test_functions_that_are_none_and_notifications_that_are_none(smdp: None, now: datetime) -> None:
    assert status(es9plus.handle("getEverything", {}, now)) == "1.6/3.9"
    assert es9plus.handle("handleNotification", {}, now) == (204, None)


def test_old_sessions_go_as_new_ones_come(lpa: Phones, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    released(now)
    monkeypatch.setattr("lineaviva.carrier.smdp.offers._SWEEP_ONE_IN", 1)
    phone = lpa()
    phone.begin(MATCHING_ID)
    assert Session.objects.count() == 1
    released(now + timedelta(days=401), ICCIDS[1], matching_id="NEW")
    phone.now = now + timedelta(days=401)
    phone.begin("NEW")
    assert [session.profile.iccid for session in Session.objects.all()] == [ICCIDS[1]]


def test_what_an_euicc_is_called_makes_no_difference(lpa: Phones, nist: ca.Authority, now: datetime) -> None:
    """The EID is that of the certificate, whatever else is said."""
    released(now)
    phone = lpa()
    other = Euicc(nist, MADE)
    refused("8.1/6.1", lambda: phone.begin(MATCHING_ID, certificate=other.certificate))
