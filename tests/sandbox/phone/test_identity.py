"""Where the chip's keys come from, and further chips of the same maker."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from lineaviva.carrier.smdp import ca, crypto
from lineaviva.carrier.smdp.certs import CertificateStore, EuiccTrust
from lineaviva.kernel.eid import parse_eid
from lineaviva.kernel.errors import InvalidInput
from lineaviva.sandbox.phone import device, identity
from tests.sandbox.phone.conftest import NOW


def test_the_chip_of_a_folder_has_credentials_under_each_issuer(certs: Path) -> None:
    found = identity.read(certs)

    assert [one.ci.curve.name for one in found.credentials] == ["secp256r1", "brainpoolP256r1"]
    assert found.eid == parse_eid(found.eid) == found.credentials[1].euicc.eid()
    assert "PRIVATE" not in repr(found)
    assert "EllipticCurvePrivateKey" not in repr(found)


def test_what_is_written_is_read(certs: Path, tmp_path: Path) -> None:
    found = identity.read(certs)

    identity.write(found, tmp_path / "own")

    again = identity.read(tmp_path / "own")
    assert again.eid == found.eid
    assert [one.euicc.der for one in again.credentials] == [one.euicc.der for one in found.credentials]
    assert [crypto.otpk_number(one.key) for one in again.credentials] == [
        crypto.otpk_number(one.key) for one in found.credentials
    ]


def test_a_further_chip_is_trusted_by_the_server(certs: Path) -> None:
    found = identity.another(certs, NOW)
    trust = EuiccTrust(CertificateStore.load(certs))

    assert found.eid != identity.read(certs).eid
    assert found.eid == parse_eid(found.eid)
    for one in found.credentials:
        euicc = trust.check(one.euicc.der, one.eum.der, NOW)
        assert (euicc.eid, euicc.server.ci.subject_key_id) == (found.eid, one.ci.subject_key_id)


def test_a_further_chip_may_have_an_eid_of_ones_choice(certs: Path) -> None:
    eid = ca.new_eid()

    assert identity.another(certs, NOW, eid).eid == eid
    with pytest.raises(InvalidInput, match="32 digits"):
        identity.another(certs, NOW, "8904")


def test_two_phones_of_one_folder_are_two(certs: Path, tmp_path: Path) -> None:
    eids = {device.make(tmp_path / str(number), certs, now=NOW, another=True).chip.identity.eid for number in range(3)}

    assert len(eids) == 3


def test_an_issuer_that_the_chip_does_not_know(certs: Path) -> None:
    assert identity.read(certs).under(bytes(20)) is None


def test_the_trust_anchors_are_the_issuers(certs: Path) -> None:
    assert identity.read(certs).authorities.count("BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize("missing", ["euicc.pem", "euicc.key", "eum.pem", "ci.pem"])
def test_a_folder_that_lacks_a_piece_is_refused(missing: str, certs: Path, tmp_path: Path) -> None:
    shutil.copytree(certs / "nist", tmp_path / "nist")
    (tmp_path / "nist" / missing).unlink()

    with pytest.raises(InvalidInput, match="lineaviva smdp ca init") as refused:
        identity.read(tmp_path)

    assert refused.value.code == "phone_certs_invalid"


def test_no_further_chip_without_the_makers_key(certs: Path, tmp_path: Path) -> None:
    shutil.copytree(certs / "nist", tmp_path / "nist")
    (tmp_path / "nist" / "eum.key").unlink()

    with pytest.raises(InvalidInput, match="no key of a chip maker"):
        identity.another(tmp_path, NOW)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="There is no folder"):
        identity.read(tmp_path / "none")


def test_rubbish_beside_the_certificates_does_no_harm(certs: Path, tmp_path: Path) -> None:
    shutil.copytree(certs / "nist", tmp_path / "nist")
    (tmp_path / "nist" / "notes.txt").write_text("30 days")
    (tmp_path / "nist" / "bad.der").write_bytes(b"\x30\x03abc")
    (tmp_path / "nist" / "bad.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (tmp_path / "nist" / "bad.key").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    (tmp_path / "nist" / "large").write_bytes(bytes(100_000))

    assert identity.read(tmp_path).eid == identity.read(certs).eid


def test_a_file_of_authorities_must_be_one(folder: Path, tmp_path: Path) -> None:
    for content in (b"", b"\xff\xfe", b"no certificate"):
        (tmp_path / "ca.pem").write_bytes(content)
        with device.hold(folder, ca=tmp_path / "ca.pem") as phone, pytest.raises(Exception, match="PEM form"):
            phone.lpa(print)
    with device.hold(folder, ca=tmp_path / "none") as phone, pytest.raises(InvalidInput, match="cannot be read"):
        phone.lpa(print)
